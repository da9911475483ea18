package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/state"
)

// configFlag is the flag of all commands that need holdfast.yaml.
type configFlag struct{ path string }

func (c *configFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.path, "config", "c", "holdfast.yaml", "configuration `file`")
}

func (c *configFlag) load() (*config.Config, error) {
	cfg, err := config.Load(c.path)
	var mistakes config.Errors
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, withHint(fmt.Errorf("there is no configuration at %s", c.path), "name it with -c, or see docs/guide.md for a first one")
	case errors.As(err, &mistakes):
		return nil, fmt.Errorf("the configuration has %d mistakes:\n%w", len(mistakes), err)
	}
	return cfg, err
}

// open loads the configuration and opens the state of its loop for reading.
func (c *configFlag) open() (*config.Config, *state.Store, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := state.OpenReadOnly(cfg.StateDir)
	return cfg, store, err
}
