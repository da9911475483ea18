package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/state"
)

// configFlag is the flag of all commands that need holdfast.yaml.
type configFlag struct{ path string }

func (c *configFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.path, "config", "c", "holdfast.yaml", "configuration `file`")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// errNoConfig is what load returns when there is no file.
var errNoConfig = errors.New("there is no configuration")

func (c *configFlag) load() (*config.Config, error) {
	cfg, err := config.Load(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("%w at %s", errNoConfig, report.Plain(c.path)), "name it with -c, or see docs/guide.md for a first one")
	}
	if mistakes, ok := errors.AsType[config.Errors](err); ok {
		return nil, fmt.Errorf("the configuration has %s:\n%w", report.Plural(len(mistakes), "mistake", "mistakes"), err)
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, pathError(c.path, err)
	}
	return cfg, err
}

// open loads the configuration and opens the state of its loop.
func (c *configFlag) open() (*config.Config, *state.Store, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := state.OpenReadOnly(cfg.StateDir)
	return cfg, store, err
}

// ledgerDir returns the directory of the configuration's ledger, which must be
// there.
func (c *configFlag) ledgerDir() (string, error) {
	cfg, err := c.load()
	if err != nil {
		return "", err
	}
	return cfg.LedgerDir(), checkLedgerDir(cfg.LedgerDir())
}

func checkLedgerDir(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("there is no ledger in %s", dir), "has `holdfast run` been started with this configuration?")
	}
	return nil
}

// checkApplication reports a name that the configuration does not have. No
// name is right where all are meant.
func checkApplication(cfg *config.Config, name string) error {
	if name == "" || cfg.Application(name) != nil {
		return nil
	}
	return withHint(fmt.Errorf("there is no application %q in %s", name, cfg.File.Path), "known: %s", strings.Join(applicationNames(cfg), ", "))
}

func applicationNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Applications))
	for i, a := range cfg.Applications {
		names[i] = a.Name
	}
	return names
}

// completeApplication offers the names of the configuration to a shell.
func (c *configFlag) completeApplication(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := c.load()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return applicationNames(cfg), cobra.ShellCompDirectiveNoFileComp
}

// policyFlags are the flags of all commands that judge files.
type policyFlags struct{ setup.PolicyOptions }

func (p *policyFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&p.Packs, "pack", nil, "also use the policies in this `directory`, or of a pinned git+https:// or oci:// reference (repeatable)")
	cmd.Flags().StringSliceVar(&p.Disable, "disable", nil, "leave out the policy with this `id` (repeatable)")
	cmd.Flags().StringArrayVar(&p.Params, "param", nil, "give a `param` of a policy a value, as id.name=value (repeatable)")
	cmd.Flags().BoolVar(&p.NoBuiltin, "no-builtin", false, "leave out the built-in policies")
	_ = cmd.MarkFlagDirname("pack")
}

// loadPolicies reads and compiles packs. Mistakes carry paths inside of their
// pack, so the error says which directories were read.
func loadPolicies(opts setup.PolicyOptions) (*setup.Policies, error) {
	policies, err := setup.LoadPolicies(opts)
	return policies, describeMistakes(opts.Packs, err)
}

// describeMistakes says where mistakes in policies are, and how many.
func describeMistakes(packs []string, err error) error {
	_, inFile := errors.AsType[*policy.FileError](err)
	_, syntax := errors.AsType[*resource.SyntaxError](err)
	if !inFile && !syntax {
		return withPinHint(err)
	}
	return fmt.Errorf("the policies in %s have %s:\n%w",
		strings.Join(packs, ", "), report.Plural(len(mistakes(err)), "mistake", "mistakes"), err)
}

// mistakes takes joined errors apart.
func mistakes(err error) (all []error) {
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return []error{err}
	}
	for _, e := range joined.Unwrap() {
		all = append(all, mistakes(e)...)
	}
	return all
}

// configuredPolicies are those that the loop uses.
func configuredPolicies(cfg *config.Config) (*setup.Policies, error) {
	return loadPolicies(policyOptions(cfg))
}

func policyOptions(cfg *config.Config) setup.PolicyOptions {
	return setup.PolicyOptions{
		NoBuiltin: cfg.Policies.Builtin != nil && !*cfg.Policies.Builtin,
		Packs:     cfg.Policies.Packs, Disable: cfg.Policies.Disable, Params: cfg.Policies.Params,
	}
}
