package integrity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/trust"
)

// trustChange judges a change of the files that say whom to trust: whether what
// they become is valid, what it grants to whom, and what protection it takes
// away. Unfounded tells that the commit had no right to make it.
func (c *checker) trustChange(ctx context.Context, j *judged, unfounded bool) ([]Problem, error) {
	changes := slices.DeleteFunc(slices.Clone(j.changes), func(change git.Change) bool { return !c.isTrustFile(change.Path()) })
	if len(changes) == 0 {
		return nil, nil
	}
	before := c.signers
	if len(j.commit.Parents) > 0 {
		s, err := c.signersAt(ctx, j.commit.Parents[0])
		if err != nil {
			return nil, err
		}
		if s != nil {
			before = s
		}
	}
	var problems []Problem
	if gone := removed(changes); gone != "" {
		problems = append(problems, problem(SafeguardRemoved, "Put it back: without it nothing says whom to trust, which is not the same as to trust everybody.", "%s is removed", quoted(gone)).in(gone, 0))
	}
	after, p, err := c.signersOf(ctx, j.commit.ID)
	if p != nil || err != nil {
		if unfounded && before.policy == nil {
			return problems, err // what a stranger writes need not be valid
		}
		return append(problems, asList(p)...), err
	}
	d := compareSigners(before, after, j.at)
	if len(d.Invalid) > 0 {
		problems = append(problems, problem(PolicyInvalid, "Mend it; what was in force before stays in force.", "%s", strings.Join(d.Invalid, "; ")).in(changes[0].Path(), 0))
	}
	if unfounded && len(d.Grants) > 0 {
		problems = append(problems, problem(TrustSelfgrant, "Only those whom the trust before this commit names may change it: find out who made the change.",
			"the commit grants what its signer has no right to grant: %s", sentences(d.Grants)).in(changes[0].Path(), 0))
	}
	if len(d.Shrinks) > 0 && before.policy != nil {
		p, err := c.shrink(ctx, j, before, d.Shrinks)
		if err != nil {
			return nil, err
		}
		problems = append(problems, p.in(changes[0].Path(), 0))
	}
	return problems, nil
}

// isTrustFile reports whether a file takes part in saying whom to trust.
func (c *checker) isTrustFile(name string) bool {
	for _, p := range []string{trust.Path, c.trust.SignersPath, c.trust.KeysDir, c.trust.RevokedPath, DefaultApproversPath,
		beside(c.trust.SignersPath, DefaultRevokedName), beside(c.trust.SignersPath, DefaultX509Name)} {
		if p != "" && (name == p || strings.HasPrefix(name, p+"/") || strings.HasPrefix(p, name+"/")) {
			return true
		}
	}
	return strings.HasPrefix(name, ".holdfast/gpg/")
}

// removed names the list or trust file that goes away.
func removed(changes []git.Change) string {
	for _, change := range changes {
		base := path.Base(change.Path())
		if change.After.ID == "" && (change.Path() == trust.Path || base == path.Base(DefaultSignersPath) || change.Path() == ".holdfast") {
			return change.Path()
		}
	}
	return ""
}

// shrink holds what takes protection away, until as many have acknowledged it as
// the trust before asks for.
func (c *checker) shrink(ctx context.Context, j *judged, before *Signers, what []string) (Problem, error) {
	ref := before.policy.Ref(c.trust.Ref)
	command := "holdfast ack"
	if c.trust.Ref != "" && len(j.commit.Parents) > 0 {
		command = ackCommand(c.trust.Ref, j.commit.Parents[0], j.commit.ID)
	}
	p := problem(TrustShrink, fmt.Sprintf("If that is wanted, %d of %s who are not the author have to agree: %s", ref.Acknowledge.Count, ref.Acknowledge.Of, command),
		"protection is taken away: %s", sentences(what))
	if c.trust.Approvals == nil {
		return p, nil
	}
	said, err := c.trust.Approvals.Acknowledgers(ctx, c.question(j, before))
	if err != nil {
		return p, fmt.Errorf("acknowledgements of %s: %w", short(j.commit.ID), err)
	}
	names := before.quorum(said.By, ref.Acknowledge.Of, j.at, func(a Signer) *trust.Identity { return j.other(before, a) })
	if len(names) < ref.Acknowledge.Count {
		p.Hint = withIgnored(p.Hint, said.Ignored[:min(len(said.Ignored), maxIgnored)])
		return p, nil
	}
	p.Decision, p.Hint = Warn, "It was acknowledged by "+strings.Join(names, ", ")+"."
	return p, nil
}

// quorum names the persons of a role, or the one of a name, who are among those who
// signed, each once. Of tells which identity it is, nil for one that does not count.
func (s *Signers) quorum(signed []Signer, role string, at time.Time, of func(Signer) *trust.Identity) []string {
	var names []string
	for _, a := range signed {
		who := of(a)
		if _, bad := s.identify(a, at); bad != nil || !who.Person() || !who.In([]string{role}) || slices.Contains(names, who.Name) {
			continue
		}
		names = append(names, who.Name)
	}
	slices.Sort(names)
	return names
}

func sentences(all []string) string {
	const most = 8
	out := make([]string, 0, most+1)
	for _, s := range all[:min(len(all), most)] {
		out = append(out, strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?'
			}
			return r
		}, s))
	}
	if len(all) > most {
		out = append(out, fmt.Sprintf("%d more", len(all)-most))
	}
	return strings.Join(out, "; ")
}

// compareSigners says what one state of the trust files grants and takes away
// compared with another.
func compareSigners(before, after *Signers, now time.Time) trust.Difference {
	var d trust.Difference
	switch {
	case before.policy != nil && after.policy != nil:
		d = trust.Compare(before.policy, after.policy, now)
	case before.policy != nil:
		d.Invalid = append(d.Invalid, trust.Path+" is removed")
	}
	keys := func(s *Signers) map[string]string {
		out := map[string]string{}
		for wire, grants := range s.grants {
			for _, g := range grants {
				if g.file == "" && (g.before.IsZero() || now.Before(g.before)) {
					out["SSH "+wire] = g.emails[0]
				}
			}
		}
		for _, g := range s.openPGP {
			out["OpenPGP "+g.key.fingerprint()] = g.email
		}
		for _, a := range s.authorities {
			out["authority "+a.key] = "a certificate authority"
		}
		for _, g := range s.x509 {
			out["X.509 "+g.who+" "+g.digest] = g.who
		}
		return out
	}
	old, new := keys(before), keys(after)
	if before.policy == nil && after.policy != nil {
		new = keys(&Signers{grants: after.grants, openPGP: after.openPGP, authorities: after.authorities, x509: after.x509})
	}
	for _, k := range sortedKeys(old) {
		if _, stays := new[k]; !stays && !after.lists(k) {
			d.Shrinks = append(d.Shrinks, "a listed key of "+old[k]+" is gone")
		}
	}
	for _, k := range sortedKeys(new) {
		if _, known := old[k]; !known && !before.lists(k) {
			d.Grants = append(d.Grants, "a key of "+new[k]+" is listed")
		}
	}
	return d
}

// lists reports whether the trust file itself has a key, as compareSigners names it.
func (s *Signers) lists(key string) bool {
	wire, ok := strings.CutPrefix(key, "SSH ")
	return ok && slices.ContainsFunc(s.grants[wire], func(g grant) bool { return g.file != "" })
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// signersAt returns the signers at a commit, the parent of one that is judged;
// nil if there are none that are valid, in which case the mainline's alone count.
func (c *checker) signersAt(ctx context.Context, commit string) (*Signers, error) {
	if commit == c.adopted {
		return c.signers, nil
	}
	if s, known := c.footing[commit]; known {
		return s, nil
	}
	s, _, err := c.signersOf(ctx, commit)
	if err != nil {
		return nil, err
	}
	if c.footing == nil || len(c.footing) > maxFootings {
		c.footing = map[string]*Signers{}
	}
	c.footing[commit] = s
	return s, nil
}

// maxFootings bounds how many commits' signers are remembered.
const maxFootings = 10_000

// signersOf reads the signers of a commit, or takes them from an earlier commit
// that had the same files.
func (c *checker) signersOf(ctx context.Context, commit string) (*Signers, *Problem, error) {
	const what = "whom to trust is not valid"
	tree, err := c.h.Tree(ctx, commit)
	if err != nil {
		p, err := c.fault(commit, ObjMalformed, "the commit's tree is not accepted", err)
		return nil, p, err
	}
	files, err := c.listFiles(tree)
	if errors.Is(err, fs.ErrNotExist) {
		err = &FileError{c.trust.SignersPath, errors.New("does not exist")}
	}
	if err != nil {
		p, err := c.fault(commit, PolicyInvalid, what, err)
		return nil, p, err
	}
	if c.files != nil && slices.Equal(files, c.files) && files[0].id != "" {
		return c.signers, nil, nil
	}
	var key strings.Builder
	for _, f := range files {
		fmt.Fprintf(&key, "%d %s %s\n", f.kind, f.path, f.id)
	}
	if s, known := c.byFiles[key.String()]; known {
		return s, nil, nil
	}
	s, err := loadSigners(tree, files)
	if err != nil {
		p, err := c.fault(commit, PolicyInvalid, what, err)
		return nil, p, err
	}
	s = c.inForce(s)
	if c.byFiles == nil {
		c.byFiles = map[string]*Signers{}
	}
	if !strings.Contains(key.String(), " \n") { // all have ids
		c.byFiles[key.String()] = s
	}
	return s, nil, nil
}

// succeeds checks that the trust file of a mainline commit may follow the one in
// force, whatever the commits in between said.
func (c *checker) succeeds(ctx context.Context, commit string, next *Signers) (*Problem, error) {
	refuse := func(code Code, hint, format string, args ...any) (*Problem, error) {
		p := problem(code, hint, format, args...)
		p.Commit = commit
		return &p, nil
	}
	const hint = "Mend it; what was in force before stays in force."
	policy, now := next.policy, c.seen(commit)
	if before := c.policy(); before != nil {
		if policy == nil {
			return refuse(PolicyInvalid, hint, "%s is removed: that is not the same as to trust everybody", before.File())
		}
		if d := trust.Compare(before, policy, now); len(d.Invalid) > 0 {
			return refuse(PolicyInvalid, hint, "%s: %s", policy.File(), sentences(d.Invalid))
		}
	}
	if policy == nil {
		return nil, nil
	}
	if want := c.trust.Repository; want != "" && want != policy.Repository {
		return refuse(PolicyInvalid, "Look whether this is the repository that you meant.", "%s is that of the repository %s, not of %s", policy.File(), quoted(policy.Repository), quoted(want))
	}
	return c.hasRoots(ctx, commit, policy)
}

// hasRoots checks that a commit contains the roots that a trust file names.
func (c *checker) hasRoots(ctx context.Context, commit string, policy *trust.Trust) (*Problem, error) {
	for _, root := range policy.Roots {
		ok, err := c.h.IsAncestor(ctx, root, commit)
		if isGone(err) {
			ok, err = false, nil
		}
		if err != nil {
			return nil, err
		}
		if !ok && root != commit {
			p := problem(HistRewrite, hintRewrite, "the root %s, which %s names, is not part of the history", short(root), policy.File())
			p.Commit = commit
			return &p, nil
		}
	}
	return nil, nil
}

// policy returns the trust file in force on the mainline, or nil.
func (c *checker) policy() *trust.Trust {
	if c.signers == nil {
		return nil
	}
	return c.signers.policy
}
