package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/policy/remote"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
)

func newPolicyPull(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pull reference",
		Short: "Fetch a pack from a repository or a registry, and print what pins it",
		Long: `Fetch a pack of policies and print the reference that stands for exactly what it is
now, for --pack and for policies.packs in holdfast.yaml. The reference that is given
may name a branch or a tag. What was fetched is kept in the user's cache, by its
digest, and needs no network from then on.

Logins to registries are those of Docker, for the same host alone. Nothing of a pack
is executed.

Exit codes: 0 fetched, 2 it cannot be fetched, or its policies cannot be read.`,
		Example: "  holdfast policy pull 'git+https://host.example/team/packs.git//kubernetes?ref=main'\n" +
			"  holdfast policy pull oci://registry.example/team/pack:v1",
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := remote.Parse(args[0])
			if err != nil {
				return err
			}
			store, err := remote.UserStore()
			if err != nil {
				return err
			}
			pinned, err := store.Pull(cmd.Context(), ref)
			if err != nil {
				return err
			}
			// What nobody can use is not worth pinning.
			if _, err := loadPolicies(setup.PolicyOptions{NoBuiltin: true, Packs: []string{pinned.String()}}); err != nil {
				return err
			}
			p := a.printer()
			p.Printf("%s", report.Plain(pinned.String()))
			return p.Err()
		},
	}
}

// withPinHint says how a reference is pinned, if it is not.
func withPinHint(err error) error {
	if not, ok := errors.AsType[*remote.NotPinnedError](err); ok {
		return withHint(err, "use what `holdfast policy pull %s` prints", shellWord(not.Ref.String()))
	}
	return err
}
