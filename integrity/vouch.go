package integrity

import (
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/trust"
)

// vouched lets who merges a branch answer for its commits that nobody known has
// signed, if the rule for the ref says so: they are judged as if the merger had made
// them. It returns the merger, and what is left to be told.
func (c *checker) vouched(s step, problems []Problem) (Signer, *git.Commit, []Problem) {
	policy := c.policy()
	if policy == nil || policy.Ref(c.trust.Ref).UnsignedSide != trust.Vouch || len(c.commits[s.tip].parents) < 2 {
		return Signer{}, nil, problems
	}
	for _, p := range problems {
		if !p.Decision.Passes() && p.Code != SigMissing && p.Code != KeyUnknown {
			return Signer{}, nil, problems
		}
	}
	merge, err := c.commits[s.tip].parse(s.tip)
	if err != nil {
		return Signer{}, nil, problems
	}
	at := c.seen(s.tip)
	signer, p := verifySignature(merge.Payload, merge.Signature, c.signers, at)
	if p != nil || !signer.Owns(merge.Committer.Email) {
		return Signer{}, nil, problems
	}
	who, p := c.signers.identify(signer, at)
	if p != nil || !who.Person() {
		return Signer{}, nil, problems
	}
	told := make([]Problem, len(problems))
	for i, p := range problems {
		if !p.Decision.Passes() {
			p.Decision, p.Hint = Warn, "By its merge, "+who.Name+" vouches for it."
		}
		told[i] = p
	}
	return signer, merge, told
}

// proof is the commit whose signature proves who answers for the one under judgement:
// itself, or the merge by which somebody vouches for it.
func (j *judged) proof() *git.Commit {
	if j.voucher != nil {
		return j.voucher
	}
	return j.commit
}

// mayMove judges by the rule for the ref who puts commits on it.
func (c *checker) mayMove(s step) []Problem {
	policy := c.policy()
	if policy == nil || c.trust.Base != "" { // who is to take it in is not known yet
		return nil
	}
	allowed := policy.Ref(c.trust.Ref).Who
	if len(allowed) == 0 {
		return nil
	}
	tip, err := c.commits[s.tip].parse(s.tip)
	if err != nil {
		return nil // it is denied
	}
	signer, p := verifySignature(tip.Payload, tip.Signature, c.signers, c.seen(s.tip))
	if p != nil {
		return nil // that is told already
	}
	if who := c.signers.identity(signer); who.In(allowed) {
		return nil
	}
	refused := problem(AuthzPath, "Have it merged by a signature of one of them.",
		"%s may not put commits on %s: that is for %s", quoted(signer.Identity), quoted(c.trust.Ref), strings.Join(allowed, ", "))
	return about(s.tip, []Problem{refused})
}
