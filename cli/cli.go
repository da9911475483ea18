// Package cli is the command line: one file for each command, and one place
// that maps errors to exit codes.
//
//	0  allowed: nothing is wrong, or nothing that blocks
//	1  problems, drift, or a blocked revision
//	2  could not decide: usage, configuration, a partial scan, a crash
//	3  nothing to scan
//
// Findings go to standard output; progress and logs to standard error. Text
// from files, Git, clusters and the ledger is untrusted: it passes through
// report.Plain, or is written as JSON by report.WriteJSON, before a terminal sees it.
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

// exitWith returns the error that ends a command with a code.
func exitWith(code int) error {
	if code == ExitOK {
		return nil
	}
	return exitError{code}
}

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
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = errors.New("interrupted before the end")
	}
	writeError(streams.Err, err)
	return ExitUndecided
}

// writeError writes an error and its hint, line by line: what they quote may
// come from anywhere.
func writeError(w io.Writer, err error) {
	text := err.Error()
	if hint, ok := errors.AsType[hintError](err); ok {
		for line := range strings.Lines(hint.hint) {
			text += "\n  " + strings.TrimSpace(line)
		}
	}
	prefix := "holdfast: "
	for _, line := range plainLines(text) {
		fmt.Fprintln(w, prefix+line)
		prefix = ""
	}
}

// plainLines returns the lines of untrusted text without what acts on a
// terminal.
func plainLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(report.Plain(lines[i]), " ")
	}
	return lines
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
	root := newGroup("holdfast", "Secure GitOps in one binary")
	root.Long = rootHelp
	root.Version = Version()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetVersionTemplate(versionLine())
	// A group can be run, and yet not be used without one of its commands.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if not .HasAvailableSubCommands}}", 1))
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.PersistentFlags().StringVar(&a.color, "color", "auto", "colour the output: auto, always or never")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkColor() }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(errors.New(report.Plain(err.Error())), "see `%s --help`", cmd.CommandPath())
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
		{"files", newScan(a)}, {"files", newFix(a)}, {"files", newExplain(a)}, {"files", newPolicy(a)},
		{"files", newBaseline(a)}, {"files", newWaive(a)}, {"files", newHook(a)}, {"files", newTrust(a)}, {"files", newVerify(a)},
		{"files", newApprove(a)}, {"files", newAck(a)},
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

// newGroup returns a command that only holds others. Called by itself, or with
// a command that it does not have, it has not done what it was called for: a
// misspelt command in a script must not look like success.
func newGroup(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := fmt.Errorf("unknown command %q for `%s`", args[0], cmd.CommandPath())
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return withHint(err, "did you mean `%s %s`?", cmd.CommandPath(), near[0])
			}
			return withHint(err, "see `%s --help`", cmd.CommandPath())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.ErrOrStderr())
			if err := cmd.Help(); err != nil {
				return err
			}
			return exitError{ExitUndecided}
		},
		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(commands...)
	return cmd
}

// takes limits the number of a command's arguments.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch n := len(args); {
		case n < least:
			return withHint(errors.New("an argument is missing"), "usage: %s", cmd.UseLine())
		case n > most:
			return withHint(fmt.Errorf("there is one argument too many: %q", args[most]), "usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// optional returns the only argument, or what stands for it.
func optional(args []string, otherwise string) string {
	if len(args) == 0 {
		return otherwise
	}
	return args[0]
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

func (a *app) checkColor() error {
	switch a.color {
	case "auto", "always", "never":
		return nil
	}
	return withHint(fmt.Errorf("--color cannot be %q", a.color), "use auto, always or never")
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
