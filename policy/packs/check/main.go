// Command check checks the expressions of the built-in policies and keeps them
// in checked.bin, in the current directory. Without it they would be parsed and
// checked by each process that uses them, which takes longer than a short scan.
package main

import (
	"fmt"
	"os"

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
	data, err := cel.Checked(builtin...)
	if err != nil {
		return err
	}
	return os.WriteFile("checked.bin", data, 0o644)
}
