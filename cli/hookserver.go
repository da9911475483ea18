package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/report"
)

// serverHook judges a push, after what was there before. Both read the same input,
// and if either does not end well, nothing is taken.
const serverHook = `#!/bin/sh
` + hookMark + `
kept="$0` + keptSuffix + `"
refs=$(cat) || exit
if [ -x "$kept" ]; then
	printf '%s\n' "$refs" | "$kept" "$@" || exit
fi
if ! command -v holdfast >/dev/null; then
	echo "holdfast is not in the PATH of this server, so that no push can be judged: have whoever runs it install it" >&2
	exit 2
fi
printf '%s\n' "$refs" | holdfast hook receive FLAGS
`

// installServer writes the hook of a repository that others push to.
func (o *hookCommand) installServer(ctx context.Context, args []string, dash int) error {
	if o.preCommit || o.prePush {
		return errors.New("--server stands for another hook than --pre-commit and --pre-push: install them apart")
	}
	dirs, flags := args, []string(nil)
	if dash >= 0 {
		dirs, flags = args[:dash], args[dash:]
	}
	if len(dirs) > 1 {
		return withHint(fmt.Errorf("there is one argument too many: %q", dirs[1]), "flags of receive stand behind --")
	}
	if err := checkReceiveFlags(o.app, flags); err != nil {
		return err
	}
	dir, err := serverHooks(ctx, dirs)
	if err != nil {
		return err
	}
	return o.write(filepath.Join(dir, serverHookName), []byte(withFlags(serverHook, flags)))
}

// serverHookName is that of the hook which sees all refs of a push at once.
const serverHookName = "pre-receive"

func (o *hookCommand) uninstallServer(ctx context.Context, dirs []string) error {
	if len(dirs) > 1 {
		return fmt.Errorf("there is one argument too many: %q", dirs[1])
	}
	dir, err := serverHooks(ctx, dirs)
	if err != nil {
		return err
	}
	return o.remove(filepath.Join(dir, serverHookName))
}

// serverHooks returns where hooks of a server's repository are, if they are its own.
func serverHooks(ctx context.Context, dirs []string) (string, error) {
	dir, hooks, err := git.FindServerHooks(ctx, optional(dirs, "."))
	if err != nil {
		return "", withHint(err, "name the directory of the repository: holdfast hook install --server /srv/git/shop.git")
	}
	if hooks.Shared {
		return "", withHint(fmt.Errorf("core.hooksPath is %s for all repositories", hooks.Dir),
			"give this one its own: git --git-dir=%s config core.hooksPath hooks\nor call `holdfast hook receive` in the hook that is there", dir)
	}
	return hooks.Dir, nil
}

// checkReceiveFlags refuses what the hook could not be run with: every push would be.
func checkReceiveFlags(a *app, flags []string) error {
	o, cmd := receiving(a)
	if err := cmd.ParseFlags(flags); err != nil {
		return withHint(errors.New(report.Plain(err.Error())), "see `holdfast hook receive --help`")
	}
	if rest := cmd.Flags().Args(); len(rest) > 0 {
		return withHint(fmt.Errorf("%q is no flag of receive", rest[0]), "see `holdfast hook receive --help`")
	}
	return o.check()
}
