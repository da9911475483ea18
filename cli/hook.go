package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
)

type hookCommand struct {
	*app
	preCommit bool
	prePush   bool
	server    bool
}

func newHook(a *app) *cobra.Command {
	o := &hookCommand{app: a}
	install := &cobra.Command{
		Use:   "install [--server [DIR]] [-- flags of scan or receive...]",
		Short: "Make Git scan what is committed or pushed, or a server judge what it is sent",
		Long: `Make Git scan what is committed (--pre-commit, the default) or pushed (--pre-push),
and refuse it if something new blocks or cannot be judged. Git's core.hooksPath is
respected. A hook that is there already stays, and runs first. What follows -- is
given to every scan.

Nobody is held up who does not want to be: git commit --no-verify passes by. The
gate is where it is enforced; or the server, where --server makes the repository in
DIR judge each push by ` + "`holdfast hook receive`" + `, to which what follows -- is given.

Exit codes: 0 installed, 2 the hooks cannot be written.`,
		Example: "  holdfast hook install --pre-commit --pre-push\n  holdfast hook install -- --fail-on medium --pack policies\n" +
			"  holdfast hook install --server /srv/git/shop.git -- --topic 'refs/heads/topic/*'",
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if o.server {
				return o.installServer(cmd.Context(), args, dash)
			}
			if len(args) > 0 && dash != 0 {
				return withHint(fmt.Errorf("there is one argument too many: %q", args[0]), "flags of scan stand behind --")
			}
			return o.install(cmd.Context(), args)
		},
	}
	uninstall := &cobra.Command{
		Use:   "uninstall [--server [DIR]]",
		Short: "Remove the hooks that install wrote, and put back what was there",
		Long: `Remove the hooks that install wrote, and put back what was there before. Without
flags, all of them; with --server, that of the repository in DIR.

Exit codes: 0 they are not there any more, 2 they cannot be removed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.server {
				return o.uninstallServer(cmd.Context(), args)
			}
			if err := takes(0, 0)(cmd, args); err != nil {
				return err
			}
			return o.uninstall(cmd.Context())
		},
	}
	for _, cmd := range []*cobra.Command{install, uninstall} {
		cmd.Flags().BoolVar(&o.preCommit, "pre-commit", false, "the hook that judges what is staged")
		cmd.Flags().BoolVar(&o.server, "server", false, "the pre-receive hook of a repository that others push to, in DIR")
		cmd.Flags().BoolVar(&o.prePush, "pre-push", false, "the hook that judges what the remote does not have")
	}
	return newGroup("hook", "Scan before Git commits or pushes, and judge what a server is sent", install, uninstall, newReceive(a))
}

// hookMark is a line of every hook that is ours.
const hookMark = "# Written by `holdfast hook install`; `holdfast hook uninstall` removes it."

// keptSuffix names the hook that was there before.
const keptSuffix = ".before-holdfast"

// hookHead runs what was there before, and refuses if nobody can judge.
const hookHead = `#!/bin/sh
` + hookMark + `
kept="$0` + keptSuffix + `"
if [ -x "$kept" ]; then
	"$kept" "$@" || exit
fi
if ! command -v holdfast >/dev/null; then
	echo "holdfast is not in PATH, so that nothing can be judged: install it, or pass by with --no-verify" >&2
	exit 2
fi
`

// hookScans are the scans of the hooks, with FLAGS for those of the user. That
// there was nothing to judge is no reason to refuse a push.
var hookScans = map[string]string{
	"pre-commit": "exec holdfast scan --staged FLAGS >&2\n",
	"pre-push": `set --
for name in '@{push}' "refs/remotes/$remote/HEAD" "refs/remotes/$remote/main" "refs/remotes/$remote/master"; do
	if commit=$(git rev-parse --verify --quiet "$name^{commit}" 2>/dev/null); then
		set -- --new-from "$commit"
		break
	fi
done
holdfast scan "$@" FLAGS >&2
code=$?
[ "$code" -ne 3 ] || code=0
exit "$code"
`,
}

func withFlags(script string, flags []string) string {
	words := make([]string, len(flags))
	for i, flag := range flags {
		words[i] = shellWord(flag)
	}
	return strings.Replace(script, " FLAGS", strings.TrimRight(" "+strings.Join(words, " "), " "), 1)
}

func hookScript(name string, flags []string) []byte {
	scan := withFlags(hookScans[name], flags)
	if name == "pre-push" {
		scan = "remote=$1\n" + scan
	}
	return []byte(hookHead + scan)
}

func (o *hookCommand) names(otherwise ...string) (names []string) {
	if o.preCommit {
		names = append(names, "pre-commit")
	}
	if o.prePush {
		names = append(names, "pre-push")
	}
	if names == nil {
		return otherwise
	}
	return names
}

// dir returns where hooks are, if they are those of this repository alone.
func (o *hookCommand) dir(ctx context.Context) (string, error) {
	hooks, err := git.FindHooks(ctx, ".")
	if err != nil {
		return "", withHint(err, "run it inside of a Git work tree")
	}
	if hooks.Shared {
		return "", withHint(fmt.Errorf("core.hooksPath is %s for all repositories", hooks.Dir),
			"give this one its own: git config --local core.hooksPath .git/hooks\nor call `holdfast scan --staged` in the hook that is there")
	}
	return hooks.Dir, nil
}

func (o *hookCommand) install(ctx context.Context, flags []string) error {
	dir, err := o.dir(ctx)
	if err != nil {
		return err
	}
	for _, name := range o.names("pre-commit") {
		if err := o.write(filepath.Join(dir, name), hookScript(name, flags)); err != nil {
			return err
		}
	}
	return nil
}

// write installs one hook. One that is not ours stays, and runs first.
func (o *hookCommand) write(file string, script []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // as git makes it
		return pathError(filepath.Dir(file), err)
	}
	kept, err := o.keep(file)
	if err != nil {
		return err
	}
	if err := replaceFile(file, script); err != nil {
		return pathError(file, err)
	}
	note := ""
	if kept {
		note = "; the hook that was there runs first"
	}
	return o.say("installed %s"+note, file)
}

// keep moves a hook out of the way that is not ours.
func (o *hookCommand) keep(file string) (bool, error) {
	before := file + keptSuffix
	_, err := os.Lstat(before)
	kept := err == nil
	switch ours, err := isOurs(file); {
	case errors.Is(err, fs.ErrNotExist) || err == nil && ours:
		return kept, nil
	case err != nil:
		return false, err
	case kept:
		return false, withHint(fmt.Errorf("%s is not ours, and %s keeps another one", file, filepath.Base(before)),
			"put both into one file, and delete %s", before)
	}
	return true, os.Rename(file, before)
}

// isOurs reports whether a hook is one that install wrote. A link is not.
func isOurs(file string) (bool, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, fmt.Errorf("%s is a directory", file)
	}
	if !info.Mode().IsRegular() {
		return false, nil
	}
	content, err := os.ReadFile(file)
	return bytes.Contains(content, []byte(hookMark)), err
}

// replaceFile writes a program at once, so that git never runs half of it.
func replaceFile(file string, content []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(file), ".holdfast-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(0o755), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

func (o *hookCommand) uninstall(ctx context.Context) error {
	dir, err := o.dir(ctx)
	if err != nil {
		return err
	}
	for _, name := range o.names("pre-commit", "pre-push") {
		if err := o.remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// remove removes one hook, if it is ours, and puts back the one before it.
func (o *hookCommand) remove(file string) error {
	ours, err := isOurs(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !ours {
		return nil
	}
	if err != nil {
		return err
	}
	note := ""
	err = os.Rename(file+keptSuffix, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.Remove(file)
	case err == nil:
		note = "; the hook that was there before is back"
	}
	if err != nil {
		return pathError(file, err)
	}
	return o.say("removed %s"+note, file)
}
