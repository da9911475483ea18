package cli

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/holdfast-dev/holdfast/modules"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/report"
)

// moduleFlags say whether modules of Terraform are fetched that the tree lacks.
type moduleFlags struct{ fetch, update bool }

func (f *moduleFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.fetch, "fetch-modules", false, "fetch the modules of Terraform that are called and not there, as "+modules.LockPath+" pins them; pin what is new")
	flags.BoolVar(&f.update, "update-modules", false, "fetch modules, and pin the newest that their calls allow")
}

func (f *moduleFlags) any() bool { return f.fetch || f.update }

// open returns what finds modules for a repository, and what is to be done at the end.
// Without the flags nothing is found.
func (f *moduleFlags) open(root string, say io.Writer) (render.Modules, func() error, error) {
	if !f.any() {
		return nil, func() error { return nil }, nil
	}
	fetcher, err := modules.Open(root, f.update)
	if err != nil {
		return nil, nil, err
	}
	return fetcher, func() error {
		written, err := fetcher.Save()
		if err != nil {
			return fmt.Errorf("what modules are pinned to cannot be written: %s", report.Plain(err.Error()))
		}
		if written {
			fmt.Fprintf(say, "holdfast: modules are pinned in %s; commit it\n", modules.LockPath)
		}
		return nil
	}, nil
}
