package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
)

type ackCommand struct {
	stating
	reason string
}

func newAck(a *app) *cobra.Command {
	o := &ackCommand{stating: stating{app: a}}
	cmd := &cobra.Command{
		Use:   "ack REF OLD NEW",
		Short: "Acknowledge a rewrite, or another change that is held, by a signature",
		Long: `Acknowledge that a branch goes from one commit to another, though that is held: it was
rewritten, went back, or takes away protection. What is held names the command with its
commits. It is released when as many have agreed as the trust file of OLD asks for; who
made the change is not one of them.

The signature is made by ssh-keygen with your own key, and names the repository, the
ref, both commits, the reason and when it ends. It is kept in refs/holdfast/statements.

Exit codes: 0 written, 2 not.`,
		Example: `  holdfast ack refs/heads/main 4be1c77 9d02ab1 --reason "a secret was purged" --push origin`,
		Args:    takes(3, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), fullRef(args[0]), args[1], args[2])
		},
	}
	o.register(cmd, "7d")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why the change is right, on one line")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (o *ackCommand) run(ctx context.Context, ref, oldName, newName string) (err error) {
	expires, err := o.until()
	if err != nil {
		return err
	}
	if err := o.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.repo.Close()) }()
	old, err := resolveOne(ctx, o.repo, oldName)
	if err != nil {
		return withHint(err, "fetch it first: git fetch origin %s", report.Plain(oldName))
	}
	now, err := resolveOne(ctx, o.repo, newName)
	if err != nil {
		return withHint(err, "fetch it first: git fetch origin %s", report.Plain(newName))
	}
	if err := o.trustOf(ctx, old); err != nil {
		return err
	}
	moved, err := integrity.Moved(ctx, o.repo, old, now)
	if err != nil {
		return err
	}
	rule := o.policy.Ref(ref)
	if rule.Rewrite == "deny" && !o.grows(ctx, old, now) {
		return withHint(fmt.Errorf("%s allows no rewrite of %s, whoever agrees", o.policy.File(), report.Plain(ref)), "put the branch back to %.12s", old)
	}
	p := o.printer()
	p.Printf("%s: %s.", report.Plain(ref), report.Plain(moved))
	blob, who, err := o.sign(ctx, integrity.Statement{
		Kind: integrity.Acknowledgement, Repository: o.policy.Repository, Ref: ref,
		Old: old, New: now, Reason: o.reason, Made: o.now, Expires: expires,
	})
	if err != nil {
		return err
	}
	if !who.In([]string{rule.Acknowledge.Of}) {
		return withHint(fmt.Errorf("it would not count: %s is not one of %s", who.Name, rule.Acknowledge.Of), "nothing was written")
	}
	p.Printf("Acknowledged by %s until %s; %d of %s have to agree.", who.Name, moment(expires), rule.Acknowledge.Count, rule.Acknowledge.Of)
	return o.publish(ctx, [][]byte{blob}, "acknowledge "+ref)
}

// grows reports whether a branch that goes from one commit to another loses nothing.
func (o *ackCommand) grows(ctx context.Context, old, now string) bool {
	ok, err := o.repo.IsAncestor(ctx, old, now)
	return ok && err == nil
}
