package integrity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/trust"
)

// A rewrite is released by those whom the trust file of the accepted commit names, or
// by that file itself where somebody replaces a commit of their own by the same
// content. Then the new history is verified from where it parts from the old one, by
// the trust of the accepted commit throughout: a rewrite says nothing about whom to
// trust.

// rewritten judges a branch that did not only grow, of which p tells.
func (c *checker) rewritten(ctx context.Context, old, tip string, p Problem) error {
	accepted := c.result.Accepted
	released, err := c.release(ctx, old, tip, &p)
	c.add(p)
	if !released || err != nil {
		return err
	}
	before := len(c.result.Problems)
	err = c.replacement(ctx, old, tip)
	c.result.Accepted = accepted
	if err == nil && worst(c.result.Problems[before:]).Passes() {
		c.result.Accepted = tip // nothing in between was acknowledged
	}
	return err
}

// release finds out whether a rewrite is acknowledged, and says so in its problem.
func (c *checker) release(ctx context.Context, old, tip string, p *Problem) (bool, error) {
	if c.result.Rewrite == nil || c.trust.Base != "" {
		return false, nil // what was accepted is gone, and with it whom to ask
	}
	if err := c.startList(ctx, old); err != nil {
		return false, err
	}
	policy := c.policy()
	if policy == nil || c.trust.Ref == "" {
		return false, nil
	}
	for _, logged := range c.trust.Logged {
		for i, in := range []string{old, tip} {
			if kept, err := c.contains(ctx, in, logged); err != nil {
				return false, err
			} else if kept {
				break
			} else if i == 1 {
				p.Hint = fmt.Sprintf("Put the branch back: %s, which was accepted as well, is in neither history.", short(logged))
				return false, nil
			}
		}
	}
	rule := policy.Ref(c.trust.Ref)
	if rule.Rewrite == "deny" {
		p.Decision, p.Hint = Deny, fmt.Sprintf("Put the branch back and add what is new on top: %s allows no rewrite of %s.", policy.File(), quoted(c.trust.Ref))
		return false, nil
	}
	who, err := c.replacedByAuthor(ctx, rule, old, tip)
	if who != "" || err != nil {
		c.acknowledged(p, []string{who}, []string{fmt.Sprintf("the same content, by the same signer, within %s", rule.AutoAcknowledge)})
		return who != "", err
	}
	var said Said
	if c.trust.Approvals != nil {
		now, err := c.h.Commit(ctx, tip)
		if err != nil {
			return false, err
		}
		said, err = c.trust.Approvals.Acknowledgers(ctx, Question{
			Repository: policy.Repository, Ref: c.trust.Ref, From: old, To: tip, Tree: now.Tree,
			Trust: policy.Digest(), Signers: c.signers, At: c.seen(tip),
		})
		if err != nil {
			return false, fmt.Errorf("acknowledgements of %s: %w", short(tip), err)
		}
	}
	makers := map[string]bool{}
	if len(said.By) > 0 {
		if makers, err = c.makers(ctx, old, tip); err != nil {
			return false, err
		}
	}
	names := c.signers.quorum(said.By, rule.Acknowledge.Of, c.seen(tip), func(a Signer) *trust.Identity {
		if who := c.signers.identity(a); who != nil && !makers[who.Name] {
			return who
		}
		return nil
	})
	if len(names) < rule.Acknowledge.Count {
		p.Hint = withIgnored(fmt.Sprintf("Put the branch back and add what is new on top. If it is right as it is, %d of %s who did not make it have to agree, and %d did%s: %s",
			rule.Acknowledge.Count, rule.Acknowledge.Of, len(names), list(names), ackCommand(c.trust.Ref, old, tip)), said.Ignored[:min(len(said.Ignored), maxIgnored)])
		return false, nil
	}
	var reasons []string
	for _, a := range said.By {
		if who := c.signers.identity(a); who != nil && slices.Contains(names, who.Name) && !slices.Contains(reasons, a.reason) {
			reasons = append(reasons, a.reason)
		}
	}
	c.acknowledged(p, names, reasons)
	return true, nil
}

func (c *checker) acknowledged(p *Problem, names, reasons []string) {
	p.Decision = Warn
	p.Hint = "It was acknowledged by " + strings.Join(names, ", ") + "."
	if len(reasons) > 0 {
		shown := make([]string, len(reasons))
		for i, r := range reasons {
			shown[i] = quoted(r)
		}
		p.Hint = "It was acknowledged by " + strings.Join(names, ", ") + ": " + strings.Join(shown, ", ") + "."
	}
	c.result.Rewrite.Acknowledged, c.result.Rewrite.Reasons = names, reasons
}

// ackCommand is how a change is acknowledged.
func ackCommand(ref, from, to string) string {
	return fmt.Sprintf("holdfast ack %s %s %s --reason '…' --push origin", plainRef(ref), from, to)
}

// plainRef is a ref as part of a command, quoted if a shell might see more in it.
func plainRef(ref string) string {
	if strings.ContainsFunc(ref, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+@", r)
	}) {
		return quoted(ref)
	}
	return ref
}

// replacedByAuthor names the person who replaced the tip, and only that, by a commit
// with the same content in time, if the rule allows it.
func (c *checker) replacedByAuthor(ctx context.Context, rule trust.Ref, old, tip string) (string, error) {
	if rule.AutoAcknowledge <= 0 || old == c.trust.Root || c.known(old).IsZero() || c.seen(tip).Sub(c.known(old)) > rule.AutoAcknowledge {
		return "", nil
	}
	before, err := c.h.Commit(ctx, old)
	if err != nil {
		return "", err
	}
	after, err := c.h.Commit(ctx, tip)
	if err != nil {
		return "", err
	}
	if before.Tree != after.Tree || !slices.Equal(before.Parents, after.Parents) {
		return "", nil
	}
	var names []string
	for _, commit := range []*git.Commit{before, after} {
		signer, problems := VerifyCommit(commit, c.signers, c.seen(commit.ID))
		if !worst(problems).Passes() {
			return "", nil
		}
		who, bad := c.signers.identify(signer, c.seen(commit.ID))
		if bad != nil || !who.Person() {
			return "", nil
		}
		names = append(names, who.Name)
	}
	if names[0] != names[1] {
		return "", nil
	}
	return names[0], nil
}

// makers names those who made the new commits, as far as they say: their committers,
// and the authors of what is not as it was before. Who they are is verified later.
func (c *checker) makers(ctx context.Context, old, tip string) (map[string]bool, error) {
	ids, err := c.h.Range(ctx, old, tip)
	if err != nil {
		return nil, err
	}
	unchanged := map[string]bool{}
	for _, l := range c.result.Rewrite.Lost {
		unchanged[l.Now] = l.Fate == Unchanged
	}
	makers := map[string]bool{}
	err = c.h.Commits(ctx, ids, func(id string, commit *git.Commit, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it does not pass when it is verified
		}
		emails := []string{commit.Committer.Email}
		if !unchanged[id] {
			emails = append(emails, commit.Author.Email)
		}
		for _, email := range emails {
			if who := c.policy().Owner(email); who != nil {
				makers[who.Name] = true
			}
		}
		return nil
	})
	return makers, err
}

// replacement verifies the commits that came in place of others.
func (c *checker) replacement(ctx context.Context, old, tip string) error {
	c.trust.Base = old
	line, err := c.h.FirstParents(ctx, old, tip)
	if err != nil {
		return err
	}
	if len(line) > 0 {
		first, err := c.h.Commit(ctx, line[0])
		if err != nil {
			return err
		}
		part := ""
		if len(first.Parents) > 0 {
			part = first.Parents[0]
		}
		if err := c.since(ctx, old, part, tip); err != nil {
			return err
		}
	}
	return c.sameTrust(ctx, old, tip)
}

// sameTrust holds a rewrite after which others are trusted than before: those who
// were removed would be back.
func (c *checker) sameTrust(ctx context.Context, old, tip string) error {
	if p, err := c.hasRoots(ctx, tip, c.policy()); p != nil || err != nil {
		c.add(asList(p)...)
		return err
	}
	tree, err := c.h.Tree(ctx, tip)
	if err != nil {
		return err
	}
	files, err := c.listFiles(tree)
	if err == nil && slices.Equal(files, c.files) && !slices.ContainsFunc(files, func(f signerFile) bool { return f.id == "" }) {
		return nil
	}
	if err != nil {
		p, err := c.fault(tip, PolicyInvalid, "the list of signers is invalid", err)
		c.add(asList(p)...)
		return err
	}
	what := "other files say whom to trust"
	after, p, err := c.signersOf(ctx, tip)
	if err != nil || p != nil {
		c.add(about(tip, asList(p))...)
		return err
	}
	if d := compareSigners(c.signers, after, c.seen(tip)); d.String() != "" {
		what = sentences(slices.Concat(d.Shrinks, d.Grants, d.Invalid))
	}
	c.add(about(tip, []Problem{problem(TrustShrink, "Rewrite the branch so that whom to trust is as it was, and change that by a commit on top.",
		"the rewrite changes whom to trust compared with %s: %s", short(old), what)})...)
	return nil
}
