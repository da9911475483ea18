package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Hooks is where git looks for the hooks of a work tree.
type Hooks struct {
	Dir    string // absolute; need not be there
	Shared bool   // core.hooksPath is set for all repositories of the user or the machine
}

// FindHooks asks git as its user has configured it. What is not inside of a work
// tree is an error.
func FindHooks(ctx context.Context, dir string) (Hooks, error) {
	top, err := hooksCommand(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return Hooks{}, err
	}
	hooks, err := hooksCommand(ctx, top, "rev-parse", "--git-path", "hooks") // there, because that is where hooks run
	if err != nil {
		return Hooks{}, err
	}
	if !filepath.IsAbs(hooks) {
		hooks = filepath.Join(top, hooks)
	}
	shared, err := isShared(hooksCommand(ctx, top, "config", "--show-scope", "--get", "core.hooksPath"))
	return Hooks{Dir: hooks, Shared: shared}, err
}

// isShared reads what git says of where core.hooksPath is set.
func isShared(scope string, err error) (bool, error) {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 { // it is not set
		return false, nil
	}
	scope, _, _ = strings.Cut(scope, "\t")
	return scope == "global" || scope == "system", err
}

func hooksCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return "", fmt.Errorf("%s: %w", strings.TrimSpace(string(exit.Stderr)), err)
	}
	return strings.TrimRight(string(out), "\n"), err
}
