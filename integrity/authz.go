package integrity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/trust"
)

// Approvals finds who approved a change, and who acknowledged one that is held,
// by signed statements such as those of Statements. Whether they suffice is not
// theirs to say.
type Approvals interface {
	Approvers(ctx context.Context, q Question) (Said, error)
	Acknowledgers(ctx context.Context, q Question) (Said, error)
}

// Question is what a statement must be about to count.
type Question struct {
	Repository string // by the trust file
	Ref        string // full name; empty if it is not known
	From, To   string // the commit before the change, and the commit; of a rewrite, what was accepted, and the new tip
	Tree       string // of To
	Trust      string // digest of the trust file in force
	Signers    *Signers
	At         time.Time // when the commit was first seen: a statement that had ended before is none
}

// judged is a commit under judgement.
type judged struct {
	step    step
	commit  *git.Commit
	signer  Signer
	at      time.Time
	commits map[string]loaded
	changes []git.Change

	voucher   *git.Commit // the merge whose signer answers for the commit; nil if its own does
	approvers []Signer    // once asked for
	ignored   []string    // why statements do not count
	asked     bool
}

// authorise judges what a commit changes by the trust files in force: that of
// the mainline, and those of its parents. All of them must allow it. It returns
// the problems of the commit, those found before among them.
func (c *checker) authorise(ctx context.Context, j *judged, problems []Problem) ([]Problem, error) {
	proven := j.signer.Identity != ""
	if c.signers.policy == nil && proven {
		return problems, nil // all signers may change everything
	}
	var err error
	before := len(problems)
	if proven {
		problems, err = c.byAllTrusts(ctx, j, problems)
		if err != nil {
			return problems, err
		}
	}
	unfounded := !proven || slices.ContainsFunc(problems[min(before, len(problems)):], func(p Problem) bool { return !p.Decision.Passes() })
	more, err := c.trustChange(ctx, j, unfounded)
	return append(problems, about(j.commit.ID, more)...), err
}

// byAllTrusts judges a commit whose signature is good.
func (c *checker) byAllTrusts(ctx context.Context, j *judged, problems []Problem) ([]Problem, error) {
	all := []*Signers{c.signers}
	for _, parent := range j.commit.Parents {
		s, err := c.signersAt(ctx, parent)
		if err != nil {
			return problems, err
		}
		if s != nil && s.policy != nil && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for i, s := range all {
		if i > 0 { // the mainline's were asked already
			proof := j.proof()
			if _, p := verifySignature(proof.Payload, proof.Signature, s, j.at); p != nil {
				p.Message += ", by the trust of the commit before it"
				p.Hint = "Rebase onto the branch: what is built on an older commit is judged by its trust as well."
				return append(problems, about(j.commit.ID, []Problem{*p})...), nil
			}
		}
		who, p := s.identify(j.signer, j.at)
		if p != nil {
			return append(problems, about(j.commit.ID, []Problem{*p})...), nil
		}
		more, err := c.byTrust(ctx, j, s, who, &problems)
		if err != nil {
			return problems, err
		}
		for _, p := range about(j.commit.ID, more) {
			if !slices.Contains(problems, p) {
				problems = append(problems, p)
			}
		}
	}
	return problems, nil
}

// identify tells which identity of the trust file a signer is, whose key must
// not be revoked nor have ended.
func (s *Signers) identify(signer Signer, at time.Time) (*trust.Identity, *Problem) {
	at = latest(at, signer.seen)
	who := s.identity(signer)
	if who == nil {
		p := problem(KeyUnknown, "Have the identity added to the trust file by somebody who may; it counts from the next commit on.",
			"%s is no identity of %s", quoted(signer.Identity), s.policy.File())
		return nil, &p
	}
	if r, revoked := s.policy.Revoked(signer.Key, at); revoked {
		p := problem(KeyRevoked, "Sign again with a key that is valid. What was first seen before the revocation stays good.",
			"the key %s of %s is revoked%s: %s", signer.Key, who.Name, since(r.From), quoted(r.Reason))
		return nil, &p
	}
	for _, k := range who.Keys {
		if k.ID() == signer.Key && (at.Before(k.From) || !k.Until.IsZero() && !at.Before(k.Until)) {
			p := problem(KeyExpired, "Sign again with a key that is valid; dates in the commit do not count, only when it was first seen.",
				"the key %s of %s was not valid at %s (%s:%d)", signer.Key, who.Name, stamp(at), s.policy.File(), k.Line).in(s.policy.File(), k.Line)
			return nil, &p
		}
	}
	return who, nil
}

func (s *Signers) identity(signer Signer) *trust.Identity {
	for _, email := range signer.emails {
		if who := s.policy.Owner(email); who != nil {
			return who
		}
	}
	return nil
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + stamp(t)
}

// byTrust judges a commit by one trust file.
func (c *checker) byTrust(ctx context.Context, j *judged, s *Signers, who *trust.Identity, problems *[]Problem) ([]Problem, error) {
	switch {
	case who.Has(trust.Forge):
		*problems = slices.DeleteFunc(*problems, func(p Problem) bool { return p.Code == IDAuthor })
		return c.byForge(ctx, j, s, who)
	case who.Has(trust.Bot):
		p, err := c.byBot(ctx, j, who)
		if p != nil || err != nil {
			return asList(p), err
		}
	case who.Has(trust.Applier):
		*problems = c.applied(j, s, *problems)
	}
	return c.byRules(ctx, j, s, who)
}

// applied lets an applier commit what somebody else wrote. One who could have
// signed it is a reason to look.
func (c *checker) applied(j *judged, s *Signers, problems []Problem) []Problem {
	if j.signer.Owns(j.commit.Author.Email) {
		return problems
	}
	known := s.policy.Owner(j.commit.Author.Email) != nil || s.emails[j.commit.Author.Email]
	out := problems[:0:0]
	for _, p := range problems {
		if p.Code == IDAuthor {
			if !known {
				continue
			}
			p.Decision = Warn
		}
		out = append(out, p)
	}
	for i := range c.result.Verified {
		if c.result.Verified[i].Commit == j.commit.ID {
			c.result.Verified[i].AuthorUnverified = true
		}
	}
	return out
}

const hintForge = "Merge by a signature of a person, or have it approved with holdfast approve."

// byForge judges a commit by a forge, which may merge, and squash what persons
// have approved as it is.
func (c *checker) byForge(ctx context.Context, j *judged, s *Signers, who *trust.Identity) ([]Problem, error) {
	refuse := func(format string, args ...any) ([]Problem, error) {
		return []Problem{problem(AuthzForge, hintForge, format, args...)}, nil
	}
	switch {
	case len(j.commit.Parents) > 1 && len(j.changes) == 0:
		return nil, nil
	case len(j.commit.Parents) > 1:
		return refuse("%s merges, and changes %s on the way", who.Name, pathsOf(j.changes))
	case len(j.commit.Parents) == 0:
		return refuse("%s begins a history", who.Name)
	}
	if _, err := c.approversOf(ctx, j, s); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(j.approvers, func(a Signer) bool { return j.other(s, a).Person() }) {
		p := problem(AuthzForge, j.hint(hintForge), "%s signs content: a forge merges, and squashes what somebody but its author has approved", who.Name)
		return []Problem{p}, nil
	}
	return c.byRules(ctx, j, s, nil)
}

// other returns who gave an approval or acknowledgement by a trust file, or nil if
// that is nobody, or one of those who made the commit.
func (j *judged) other(s *Signers, a Signer) *trust.Identity {
	who := s.identity(a)
	for _, maker := range []*trust.Identity{s.identity(j.signer), s.policy.Owner(j.commit.Author.Email), s.policy.Owner(j.commit.Committer.Email)} {
		if who == nil || maker != nil && maker.Name == who.Name {
			return nil
		}
	}
	return who
}

// hint adds to a hint why statements do not count that seem to be about the commit.
func (j *judged) hint(text string) string { return withIgnored(text, j.ignored) }

func withIgnored(hint string, ignored []string) string {
	if len(ignored) == 0 {
		return hint
	}
	return hint + " What is there does not count: " + strings.Join(ignored, "; ") + "."
}

// byRules judges each changed path by all rules that hold for it, as a change of who.
func (c *checker) byRules(ctx context.Context, j *judged, s *Signers, who *trust.Identity) ([]Problem, error) {
	var hit []*trust.PathRule
	paths := map[*trust.PathRule][]git.Change{}
	for _, change := range j.changes {
		holding := s.policy.Rules(change.Path())
		if len(holding) == 0 && c.isTrustFile(change.Path()) {
			holding = s.policy.Rules(trust.Path) // a list that is kept elsewhere
		}
		for _, rule := range holding {
			if paths[rule] == nil {
				hit = append(hit, rule)
			}
			paths[rule] = append(paths[rule], change)
		}
	}
	var problems []Problem
	for _, rule := range hit {
		verdict, _ := s.policy.Judge(rule, who, nil)
		var counted []string
		if verdict != trust.Allowed {
			signers, err := c.approversOf(ctx, j, s)
			if err != nil {
				return nil, err
			}
			var approvers []*trust.Identity
			for _, a := range signers {
				if id := j.other(s, a); id != nil {
					approvers = append(approvers, id)
				}
			}
			verdict, counted = s.policy.Judge(rule, who, approvers)
		}
		switch verdict {
		case trust.Forbidden:
			problems = append(problems, problem(AuthzPath, j.hint("Have it merged by a signature of one of them, or approved with holdfast approve."),
				"%s may not change %s: that is for %s", name(who, j), pathsOf(paths[rule]), strings.Join(rule.Who, ", ")).in(paths[rule][0].Path(), 0))
		case trust.TooFew:
			problems = append(problems, problem(AuthzThreshold, j.hint("Identities are counted, not keys, and the author is not one of them. Have it merged by the signature of another one, or approved with holdfast approve."),
				"%s needs %d approvals by %s beside its author, and has %d%s", pathsOf(paths[rule]), max(rule.Approvals, 1), strings.Join(rule.Who, ", "), len(counted), list(counted)).in(paths[rule][0].Path(), 0))
		}
	}
	return problems, nil
}

func name(who *trust.Identity, j *judged) string {
	if who == nil {
		return quoted(j.signer.Identity)
	}
	return who.Name
}

func list(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// pathsOf names what is changed, the first few of it.
func pathsOf(changes []git.Change) string {
	const most = 5
	var names []string
	for _, change := range changes[:min(len(changes), most)] {
		names = append(names, quoted(change.Path()))
	}
	if len(changes) > most {
		names = append(names, fmt.Sprintf("%d more", len(changes)-most))
	}
	return strings.Join(names, ", ")
}

func asList(p *Problem) []Problem {
	if p == nil {
		return nil
	}
	return []Problem{*p}
}

// approversOf finds who approved a commit: by a signed merge that brought it, or
// by a statement.
func (c *checker) approversOf(ctx context.Context, j *judged, s *Signers) ([]Signer, error) {
	if j.asked {
		return j.approvers, nil
	}
	for _, id := range mergesOf(j) {
		merge, err := j.commits[id].parse(id)
		if err != nil {
			continue // it is denied
		}
		signer, p := verifySignature(merge.Payload, merge.Signature, c.signers, c.seen(id))
		if p == nil && signer.Owns(merge.Committer.Email) && !intoAnother(merge.Subject(), c.trust.Ref) {
			j.approvers = append(j.approvers, signer)
		}
	}
	if c.trust.Approvals != nil {
		more, err := c.trust.Approvals.Approvers(ctx, c.question(j, s))
		if err != nil {
			return nil, fmt.Errorf("approvals of %s: %w", short(j.commit.ID), err)
		}
		j.approvers = append(j.approvers, more.By...)
		j.ignored = more.Ignored[:min(len(more.Ignored), maxIgnored)]
	}
	// Who approves is judged as who commits: by what is in force now.
	j.approvers = slices.DeleteFunc(j.approvers, func(a Signer) bool {
		_, p := c.signers.identify(a, j.at)
		return p != nil
	})
	j.asked = true
	return j.approvers, nil
}

func (c *checker) question(j *judged, s *Signers) Question {
	q := Question{
		Repository: s.policy.Repository, Ref: c.trust.Ref, To: j.commit.ID, Tree: j.commit.Tree,
		Trust: s.policy.Digest(), Signers: c.signers, At: j.at,
	}
	if len(j.commit.Parents) > 0 {
		q.From = j.commit.Parents[0]
	}
	return q
}

// mergesOf returns the merge of the mainline that brought a commit by another than its
// first parent. A merge elsewhere approves nothing: who takes a branch up into their own
// does not say that it may go into this one.
func mergesOf(j *judged) []string {
	tip := j.step.tip
	if m := j.commits[tip]; m.err != nil || len(m.parents) < 2 || tip == j.commit.ID {
		return nil
	}
	after := map[string]bool{j.commit.ID: true} // the commit, and what descends from it
	for _, id := range j.step.commits {         // parents before children
		m := j.commits[id]
		if m.err != nil || id == tip {
			continue
		}
		if slices.ContainsFunc(m.parents, func(parent string) bool { return after[parent] }) {
			after[id] = true
		}
	}
	parents := j.commits[tip].parents
	if !after[parents[0]] && slices.ContainsFunc(parents[1:], func(parent string) bool { return after[parent] }) {
		return []string{tip}
	}
	return nil
}

// intoAnother reports whether the subject of a merge, as Git writes it, says that it was
// made on another branch than the one that is judged: somebody brought their own branch
// up to date, and the branch was moved to it.
func intoAnother(subject, ref string) bool {
	branch, known := strings.CutPrefix(ref, "refs/heads/")
	i := strings.LastIndex(subject, " into ")
	written := slices.ContainsFunc([]string{"Merge branch", "Merge remote-tracking branch", "Merge tag", "Merge commit"},
		func(start string) bool { return strings.HasPrefix(subject, start) })
	if !known || i < 0 || !written {
		return false
	}
	target := strings.Trim(subject[i+len(" into "):], "'")
	return target != "" && target != branch && !strings.Contains(target, " ")
}
