package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/setup"
)

func TestMain(m *testing.M) {
	if served, err := setup.ServeWorker(os.Args); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(cli.ExitUndecided)
		}
		return
	}
	testscript.Main(ownCache{m}, map[string]func(){
		"holdfast": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// ownCache lets tests keep nothing where the user's scans do.
type ownCache struct{ *testing.M }

func (m ownCache) Run() int {
	dir, err := os.MkdirTemp("", "holdfast-cache-")
	if err == nil {
		err = os.Setenv("HOLDFAST_CACHE", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return cli.ExitUndecided
	}
	defer os.RemoveAll(dir)
	return m.M.Run()
}

// TestScripts runs the transcripts in testdata/script: each is a command line
// with its exit code, and what a person sees. With UPDATE=1 the expected
// outputs are written anew, to be read before they are committed.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "KUBECONFIG"} {
				env.Setenv(name, "")
			}
			env.Setenv("HOLDFAST_CACHE", os.Getenv("HOLDFAST_CACHE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"loop":    loop,
			"replace": replace,
			"day":     day,
			"pin":     pin,
			"serve":   serve(t),
		},
	})
}

// exits N holdfast args... runs a program that must exit with N. What it wrote
// is in $WORK/out and $WORK/err, without what differs from run to run.
func exits(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("the exit code is %d, want %d", got, want)
	}
	for _, name := range []string{"stdout", "stderr"} {
		file := filepath.Join(ts.Getenv("WORK"), strings.TrimPrefix(name, "std"))
		ts.Check(os.WriteFile(file, []byte(steady(ts.ReadFile(name))), 0o600))
	}
}

var unsteady = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`in \d+ ms|in \d+\.\d s`), "in 0 ms"},
	{regexp.MustCompile(`\d+[smhd] ago`), "0s ago"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ`), "2026-01-01 00:00:00Z"},
	{regexp.MustCompile(`(until|ends|on) 20\d\d-\d\d-\d\d`), "$1 2026-01-01"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:0"},
	{regexp.MustCompile(`ref=[0-9a-f]{40}`), "ref=0"},
	{regexp.MustCompile(`holdfast-ledger\+[0-9a-f]{8}`), "holdfast-ledger+00000000"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{43}=`), "HASH="},
	{regexp.MustCompile(`/[^ :]*/script-[^/ ]+`), "$$WORK"},
	{regexp.MustCompile(`127\.0\.0\.1[:_]\d{4,5}`), "$$HOST"},
	{regexp.MustCompile(`repo@[0-9a-f]{12}`), "repo@0"},
}

// steady replaces times and digests.
func steady(text string) string {
	for _, u := range unsteady {
		text = u.pattern.ReplaceAllString(text, u.instead)
	}
	return text
}

// serve DIR serves the files of a directory as a repository, at the host $HOST.
func serve(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, negated bool, args []string) {
		if negated || len(args) != 1 {
			ts.Fatalf("usage: serve directory")
		}
		files := map[string]string{}
		root := ts.MkAbs(args[0])
		ts.Check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(p)
			name, err2 := filepath.Rel(root, p)
			files[filepath.ToSlash(name)] = string(content)
			return errors.Join(err, err2)
		}))
		repo := gittest.New(t)
		repo.Commit("one", files)
		u, err := url.Parse(gittest.Serve(t, repo).URL)
		ts.Check(err)
		ts.Setenv("HOST", u.Host)
	}
}

// replace FILE OLD NEW changes the text of a file.
func replace(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 3 {
		ts.Fatalf("usage: replace file old new")
	}
	before := ts.ReadFile(args[0])
	after := strings.Replace(before, args[1], args[2], 1)
	if before == after {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o600))
}

// day NAME N sets a variable to the date in N days, in UTC.
func day(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: day name days")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Setenv(args[0], time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly))
}

// loop DIR prepares in DIR/state what a loop leaves behind.
func loop(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: loop directory")
	}
	ts.Check(writeLoop(ts.MkAbs(args[0]), plainTexts))
}

// pin NAME sets a variable to the last line of standard output.
func pin(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: pin name")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	ts.Setenv(args[0], lines[len(lines)-1])
}
