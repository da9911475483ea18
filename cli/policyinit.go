package cli

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// firstPolicy is what a pack begins with.
//
//go:embed first-policy.yaml
var firstPolicy []byte

const firstPolicyName = "ACME-IMG-001-registry.yaml"

func newPolicyInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init [directory]",
		Short: "Write a first policy with its examples, to be changed",
		Long: `Write a first policy with its examples into a directory, which is "policies" by
default. It passes ` + "`holdfast policy test`" + `, and is meant to be changed. Nothing is
overwritten.

Exit codes: 0 written, 2 it cannot be written.`,
		Example: "  holdfast policy init\n  holdfast policy init security/policies",
		Args:    takes(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.policyInit(optional(args, "policies")) },
	}
}

func (a *app) policyInit(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as a checkout makes it
		return pathError(dir, err)
	}
	path := filepath.Join(dir, firstPolicyName)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as a checkout makes it
	if errors.Is(err, fs.ErrExist) {
		return withHint(fmt.Errorf("%s is there already", path), "name another directory, or remove it")
	}
	if err != nil {
		return pathError(path, err)
	}
	_, err = file.Write(firstPolicy)
	if err := errors.Join(err, file.Close()); err != nil {
		return pathError(path, err)
	}
	word := shellWord(dir)
	return a.say("Wrote %s.\nTry it:\n  holdfast policy test %s\n  holdfast scan --pack %s", path, word, word)
}
