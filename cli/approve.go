package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
)

// maxApproved is how many commits are approved at once: what nobody can read, nobody
// can approve.
const maxApproved = 100

type approveCommand struct {
	stating
	ref string
}

func newApprove(a *app) *cobra.Command {
	o := &approveCommand{stating: stating{app: a}}
	cmd := &cobra.Command{
		Use:   "approve FROM..TIP",
		Short: "Approve the commits of a branch by a signature",
		Long: `Approve what TIP has and FROM has not, where FROM is the branch that is to take it in:
each commit of somebody else, and if TIP is built on FROM and nothing of it is yours,
also all of it as one commit, so that a forge may squash it. An approval holds for the
very content, for that branch, and as long as the trust file of FROM is the one in force.

The signature is made by ssh-keygen with your own key. It is kept in
refs/holdfast/statements.

Exit codes: 0 written, 2 not, 3 there is nothing to approve.`,
		Example: "  holdfast approve origin/main..feature --push origin\n  holdfast approve origin/main..feature --key ~/.ssh/id_ed25519 --expires 36h",
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.register(cmd, "30d")
	cmd.Flags().StringVar(&o.ref, "ref", "", "full `name` of the branch that is to take it in; by default that of FROM")
	return cmd
}

func (o *approveCommand) run(ctx context.Context, revisions string) (err error) {
	fromName, tipName, isRange := strings.Cut(revisions, "..")
	if !isRange || fromName == "" || strings.HasPrefix(tipName, ".") {
		return withHint(errors.New("it is not said what is approved"), "write FROM..TIP, such as origin/main..feature")
	}
	expires, err := o.until()
	if err != nil {
		return err
	}
	if err := o.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.repo.Close()) }()
	from, err := resolveOne(ctx, o.repo, fromName)
	if err != nil {
		return err
	}
	tip, err := resolveOne(ctx, o.repo, orHead(tipName))
	if err != nil {
		return err
	}
	if o.ref == "" {
		if o.ref = branchOf(ctx, o.repo, fromName); o.ref == "" {
			return withHint(fmt.Errorf("%s is no branch", report.Plain(fromName)), "say with --ref which branch is to take it in, such as refs/heads/main")
		}
	}
	o.ref = fullRef(o.ref)
	if err := o.trustOf(ctx, from); err != nil {
		return err
	}
	approved, err := o.changes(ctx, from, tip)
	if err != nil {
		return err
	}
	return o.approve(ctx, approved, integrity.Statement{
		Kind: integrity.Approval, Repository: o.policy.Repository, Ref: o.ref, Trust: o.policy.Digest(), Made: o.now, Expires: expires,
	})
}

func orHead(name string) string {
	if name == "" {
		return "HEAD"
	}
	return name
}

// approved is a change that is approved: a commit, or all of them as one.
type approved struct {
	from, tree string
	commit     *git.Commit // nil if it is all of them
}

// changes lists what there is to approve.
func (o *approveCommand) changes(ctx context.Context, from, tip string) ([]approved, error) {
	ids, err := o.repo.Range(ctx, from, tip)
	if err != nil {
		return nil, err
	}
	var all []approved
	for _, id := range ids {
		commit, err := o.repo.Commit(ctx, id)
		if err != nil {
			return nil, err
		}
		if len(commit.Parents) == 1 { // merges are signed by whoever makes them
			all = append(all, approved{commit.Parents[0], commit.Tree, commit})
		}
	}
	if len(all) > maxApproved {
		return nil, withHint(fmt.Errorf("%d commits are more than anybody reads at once", len(all)), "approve it in parts")
	}
	direct, err := o.repo.IsAncestor(ctx, from, tip)
	if err != nil || !direct || len(ids) < 2 {
		return all, err
	}
	last, err := o.repo.Commit(ctx, tip)
	if err != nil {
		return nil, err
	}
	return append(all, approved{from: from, tree: last.Tree}), nil
}

// approve signs each change but those of the signer's own.
func (o *approveCommand) approve(ctx context.Context, changes []approved, about integrity.Statement) error {
	p := o.printer()
	var blobs [][]byte
	signer := ""
	own := 0
	for _, c := range changes {
		if c.commit == nil && own > 0 {
			continue // a part of it is the signer's own
		}
		st := about
		st.From, st.Tree = c.from, c.tree
		blob, who, err := o.sign(ctx, st)
		if err != nil {
			return err
		}
		signer = who.Name
		if c.commit == nil {
			p.Printf("%-12s all of it as one commit", "")
			blobs = append(blobs, blob)
			continue
		}
		line := fmt.Sprintf("%.12s %s (%s)", c.commit.ID, report.Plain(c.commit.Subject()), report.Plain(c.commit.Author.Email))
		if o.policy.Owner(c.commit.Author.Email) == who || o.policy.Owner(c.commit.Committer.Email) == who {
			p.Printf("%s: your own, which you cannot approve", line)
			own++
			continue
		}
		p.Printf("%s", line)
		blobs = append(blobs, blob)
	}
	if len(blobs) == 0 {
		p.Printf("There is nothing that you could approve.")
		return exitWith(ExitNothing)
	}
	p.Printf("Approved by %s for %s until %s.", signer, report.Plain(about.Ref), moment(about.Expires))
	return o.publish(ctx, blobs, "approve for "+about.Ref)
}
