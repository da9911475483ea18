package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/setup"
)

// secretFlags say where a scan looks for secrets.
type secretFlags struct {
	none    bool
	history string
}

// wholeHistory stands for all that any ref leads to.
const wholeHistory = "--all"

func (o *secretFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.none, "no-secrets", false, "do not look for secrets in files; policies about secrets in objects stay")
	f.StringVar(&o.history, "history", "",
		"look for secrets in every version of every file instead: of all branches and tags, or of a `range` such as main..HEAD")
	f.Lookup("history").NoOptDefVal = wholeHistory
	for _, other := range []string{"no-secrets", "new-from", "staged", "changed"} {
		cmd.MarkFlagsMutuallyExclusive("history", other)
	}
}

// detector returns what finds secrets, or nil. Its rules are built in, so that
// they go with those of the built-in packs, unless a history is asked for.
func (o *secretFlags) detector(policies setup.PolicyOptions) *secret.Detector {
	if o.none || policies.NoBuiltin && o.history == "" {
		return nil
	}
	return &secret.Detector{Without: policies.Disable}
}

// search looks into the history around the scope.
func (o *secretFlags) search(ctx context.Context, s *scope, scanner scan.Scanner) (*scan.Result, error) {
	if s.repo == nil {
		repo, err := git.OpenLocal(git.LocalOptions{WorkTree: s.tree.Revision().Source})
		if err != nil {
			return nil, withHint(errors.New("there is no Git work tree that has a history"), "run it inside of one")
		}
		s.repo = repo
	}
	s.narrow = true // what is in the tree is not looked at
	from, to, err := o.revisions(ctx, s.repo)
	if err != nil {
		return nil, err
	}
	return scanner.History(ctx, s.repo, from, to)
}

// revisions resolves the range: both are "" for the whole history.
func (o *secretFlags) revisions(ctx context.Context, repo *git.Local) (from, to string, err error) {
	if o.history == wholeHistory {
		head, err := repo.Head(ctx)
		if err == nil && head == "" {
			err = errors.New("there is no commit yet")
		}
		return "", "", err
	}
	older, newer, ranged := strings.Cut(o.history, "..")
	if strings.HasPrefix(newer, ".") {
		return "", "", withHint(fmt.Errorf("--history: %q is not a range", o.history), "write it as older..newer, or name one revision for all that it has")
	}
	if !ranged {
		newer = o.history
	}
	if ranged {
		if from, err = repo.Resolve(ctx, cmp.Or(older, "HEAD")); err != nil {
			return "", "", err
		}
	}
	to, err = repo.Resolve(ctx, cmp.Or(newer, "HEAD"))
	return from, to, err
}
