package integrity

import (
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
)

// VerifyTag judges an annotated tag that was found under a full ref name: it
// must carry that name, name a commit, and be signed by its tagger. Whether
// the commit itself may be trusted is for Check to say.
func VerifyTag(ref string, t *git.Tag, signers *Signers, seen time.Time) (Signer, []Problem) {
	var problems []Problem
	if "refs/tags/"+t.Name != ref {
		problems = append(problems, problem(TagName, "Delete the ref on the server and create the tag anew under its own name.",
			"the tag object is named %s, but it is served as %s", quoted(t.Name), quoted(ref)))
	}
	if t.ObjectType != "commit" {
		problems = append(problems, problem(TagTarget, "Tag the commit itself.", "the tag names a %s, not a commit", quoted(t.ObjectType)))
	}
	signer, p := verifySignature(t.Payload, t.Signature, signers, seen)
	switch {
	case p != nil:
		problems = append(problems, *p)
	case !signer.Owns(t.Tagger.Email):
		problems = append(problems, problem(IDCommitter, "Set user.email to the address that the signing key is listed with, and tag again.",
			"the tagger is given as %s, but the signature is by %s", quoted(t.Tagger.Email), quoted(signer.Identity)))
		problems = append(problems, lookalike(t.Tagger.Email, signers)...)
	}
	if p == nil && signers.policy != nil {
		problems = append(problems, asList(signers.mayTag(ref, signer, seen))...)
	}
	problems = append(problems, confusable("tagger", t.Tagger)...)
	return signer, about(t.ID, problems)
}

// mayTag judges by the trust file who signs a tag: a person, and one whom the rule
// for the ref names, if it names anybody.
func (s *Signers) mayTag(ref string, signer Signer, seen time.Time) *Problem {
	who, p := s.identify(signer, seen)
	if p != nil {
		return p
	}
	allowed := s.policy.Ref(ref).Who
	if !who.Person() || len(allowed) > 0 && !who.In(allowed) {
		of := "persons"
		if len(allowed) > 0 {
			of = strings.Join(allowed, ", ")
		}
		p := problem(AuthzPath, "Have the tag signed by one of them.", "%s may not sign %s: that is for %s", who.Name, quoted(ref), of)
		return &p
	}
	return nil
}

// TagState is what a tag's ref was seen to be. The zero value means that there
// is no such ref.
type TagState struct {
	Object string // id the ref points to: the tag object, or the commit of a lightweight tag
	Target string // id of the commit
	Signed bool   // an annotated tag with a signature
}

// CheckTag compares a tag with what it was when it was last seen. Tags never
// change: the memory is kept even when the ref is gone, so that a tag that
// comes back as something else is recognised.
func CheckTag(ref string, prev, now TagState) []Problem {
	if prev == (TagState{}) || prev == now {
		return nil
	}
	if now == (TagState{}) {
		return []Problem{problem(TagDeleted, "Push the tag again as it was, or choose another version.",
			"the tag %s is gone; it was %s", quoted(ref), short(prev.Target))}
	}
	var problems []Problem
	downgraded := prev.Signed && !now.Signed
	if downgraded {
		problems = append(problems, problem(TagDowngrade, "Push the signed tag again (object "+short(prev.Object)+").",
			"the tag %s was signed and no longer is", quoted(ref)))
	}
	if prev.Target != now.Target || prev.Object != now.Object && !downgraded {
		problems = append(problems, problem(TagMoved, "Restore the tag, and release what is new under a new name.",
			"the tag %s moved from %s to %s", quoted(ref), describe(prev), describe(now)))
	}
	return about(now.Object, problems)
}

func describe(s TagState) string {
	if s.Object == s.Target {
		return "commit " + short(s.Target)
	}
	return "commit " + short(s.Target) + " (tag object " + short(s.Object) + ")"
}
