// Package cli is the command line: one file for each command, and one place
// that maps errors to exit codes.
//
//	0  allowed: nothing is wrong, or nothing that blocks
//	1  problems, drift, or a blocked revision
//	2  could not decide: usage, configuration, a partial scan, a crash
//	3  nothing to scan
//
// Findings go to standard output; progress and logs to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/holdfast-dev/holdfast/report"
)

// Exit codes, the same for every command and format.
const (
	ExitOK        = 0
	ExitProblems  = 1
	ExitUndecided = 2
	ExitNothing   = 3
)

// Streams are the standard streams of one invocation.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// exitError ends a command with a code after everything was said already.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// hintError adds what to do next to an error, on lines of its own.
type hintError struct {
	error
	hint string
}

func (e hintError) Unwrap() error { return e.error }

func withHint(err error, format string, args ...any) error {
	return hintError{err, fmt.Sprintf(format, args...)}
}

// Main runs one command line and returns its exit code. It can be called from
// a test like a program.
func Main(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.code
	}
	fmt.Fprintf(streams.Err, "holdfast: %v\n", err)
	var hint hintError
	if errors.As(err, &hint) {
		for line := range strings.Lines(hint.hint) {
			fmt.Fprintf(streams.Err, "  %s\n", strings.TrimSpace(line))
		}
	}
	return ExitUndecided
}

// app is what all commands share.
type app struct {
	Streams
	color string
}

const rootHelp = `Holdfast is secure GitOps in one binary: Git says what should run and who may
say so; Holdfast proves it, keeps it, and records it.

Exit codes, for every command:
  0  nothing is wrong, or nothing that blocks
  1  problems, drift, or a blocked revision
  2  could not decide: usage, configuration, a partial scan
  3  nothing to scan`

func newRoot(streams Streams) *cobra.Command {
	a := &app{Streams: streams}
	root := &cobra.Command{
		Use:           "holdfast",
		Short:         "Secure GitOps in one binary",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.PersistentFlags().StringVar(&a.color, "color", "auto", "colour the output: auto, always or never")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(err, "see `%s --help`", cmd.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: "files", Title: "Files and policies:"},
		&cobra.Group{ID: "loop", Title: "The loop:"},
		&cobra.Group{ID: "memory", Title: "Memory:"},
	)
	for _, c := range []struct {
		group string
		cmd   *cobra.Command
	}{
		{"files", newScan(a)}, {"files", newExplain(a)}, {"files", newPolicy(a)},
		{"loop", newRun(a)}, {"loop", newStatus(a)}, {"loop", newPlan(a)}, {"loop", newDrift(a)}, {"loop", newRollback(a)},
		{"loop", newDoctor(a)},
		{"memory", newHistory(a)}, {"memory", newWhy(a)}, {"memory", newLedger(a)},
	} {
		c.cmd.GroupID = c.group
		root.AddCommand(c.cmd)
	}
	root.AddCommand(newVersion(a))
	return root
}

// printer returns a printer for standard output.
func (a *app) printer() *report.Printer {
	return report.NewPrinter(a.Out, a.width(), a.colored())
}

// terminal reports whether standard output is one.
func (a *app) terminal() bool {
	f, ok := a.Out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) width() int {
	if f, ok := a.Out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return report.DefaultWidth
}

// colored follows --color, NO_COLOR, FORCE_COLOR or CLICOLOR_FORCE, TERM=dumb
// and the terminal, in this order.
func (a *app) colored() bool {
	switch {
	case a.color == "always":
		return true
	case a.color == "never", os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("FORCE_COLOR") != "", os.Getenv("CLICOLOR_FORCE") != "":
		return true
	case os.Getenv("TERM") == "dumb":
		return false
	}
	return a.terminal()
}
