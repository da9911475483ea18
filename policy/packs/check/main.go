// Command check reads the built-in policies, and keeps in the current directory
// what each process that uses them would otherwise take longer to find out than a
// short scan lasts:
//
//	index.txt    what each policy applies to, and its guard, so that few have to be decoded
//	checked.bin  their expressions, parsed and checked
package main

import (
	"fmt"
	"os"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	builtin, err := packs.Builtin()
	if err != nil {
		return err
	}
	known, err := policy.NewIndex(cel.Guard, builtin...)
	if err != nil {
		return err
	}
	index, err := known.MarshalText()
	if err != nil {
		return err
	}
	checked, err := cel.Checked(builtin...)
	if err != nil {
		return err
	}
	if err := os.WriteFile("index.txt", index, 0o644); err != nil {
		return err
	}
	return os.WriteFile("checked.bin", checked, 0o644)
}
