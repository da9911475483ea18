package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Ignored returns those of some paths of the work tree that git ignores, and that
// are not in the index in spite of it.
func (l *Local) Ignored(ctx context.Context, paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	cmd := l.m.command(ctx, l.m.environment(), "check-ignore", "-z", "--stdin")
	// A path that begins with ":" would be a pattern; behind "./" it is a path.
	cmd.Stdin = strings.NewReader("./" + strings.Join(paths, "\x00./") + "\x00")
	out, err := cmd.Output()
	failure, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case exited && failure.ExitCode() == 1: // none is
		return nil, nil
	case exited:
		return nil, fmt.Errorf("git check-ignore: %s", l.m.remote.clean(string(failure.Stderr)))
	case err != nil:
		return nil, err
	}
	ignored := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for i := range ignored {
		ignored[i] = strings.TrimPrefix(ignored[i], "./")
	}
	return ignored, nil
}
