package catalogue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-dev/holdfast/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(prepared{m}, map[string]func(){
		"holdfast": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// base is the directory with the keys and the repository that rows start from.
var base string

// prepared makes the base once for all rows.
type prepared struct{ *testing.M }

func (p prepared) Run() int {
	dir, err := os.MkdirTemp("", "holdfast-catalogue-")
	if err == nil {
		defer os.RemoveAll(dir)
		base = dir
		err = makeBase(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the base repository cannot be made:", err)
		return 1
	}
	return p.M.Run()
}

func makeBase(dir string) error {
	for _, sub := range []string{"keys", "repo"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	cmd := exec.Command("bash", "-c", `. "$CATALOGUE_WORDS/prelude.sh"; . "$CATALOGUE_WORDS/base.sh"`)
	cmd.Dir = filepath.Join(dir, "repo")
	cmd.Env = append(os.Environ(), environment(dir, cwd)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// environment is what scripts see besides: no configuration of the user.
func environment(dir, words string) []string {
	return []string{
		"CATALOGUE=" + dir, "CATALOGUE_WORDS=" + words, "HOME=" + filepath.Join(dir, "none"), "HOLDFAST_CACHE=" + filepath.Join(dir, "cache"),
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8", "TZ=UTC",
	}
}

// TestRows runs each row: an attack with real programs, and the verdict on it.
func TestRows(t *testing.T) {
	for _, program := range []string{"git", "ssh-keygen", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, v := range environment(base, cwd) {
				name, value, _ := strings.Cut(v, "=")
				env.Setenv(name, value)
			}
			env.Cd = filepath.Join(env.WorkDir, "repo")
			return os.CopyFS(env.Cd, os.DirFS(filepath.Join(base, "repo")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"attack": attack, "verdict": verdict},
	})
}

// attack [FILE] runs a script with the words of prelude.sh.
func attack(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) > 1 {
		ts.Fatalf("usage: attack [file]")
	}
	file := "attack.sh"
	if len(args) > 0 {
		file = args[0]
	}
	ts.Check(ts.Exec("bash", "-c", `. "$CATALOGUE_WORDS/prelude.sh"; . "$0"`, filepath.Join(ts.Getenv("WORK"), file)))
}

// verdict DECISION [CODE...] [-- verify arguments] runs holdfast verify, and compares
// its decision, and all codes that it gives.
func verdict(ts *testscript.TestScript, negated bool, args []string) {
	want, verify := args, []string{"base..refs/heads/main", "--ref", "refs/heads/main"}
	if i := slices.Index(args, "--"); i >= 0 {
		want, verify = args[:i], args[i+1:]
	}
	if negated || len(want) == 0 {
		ts.Fatalf("usage: verdict decision [code...] [-- arguments of verify...]")
	}
	err := ts.Exec("holdfast", append([]string{"verify", "-o", "json"}, verify...)...)
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		ts.Fatalf("%v", err)
	}
	code := 0
	if failed {
		code = exit.ExitCode()
	}
	var got struct {
		Decision string
		Problems []struct{ Code, Decision, Message string }
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile("stdout"))))
	if err := dec.Decode(&got); err != nil {
		ts.Fatalf("exit code %d and no verdict: %v\n%s", code, err, ts.ReadFile("stderr"))
	}
	var codes []string
	for _, p := range got.Problems {
		codes = append(codes, p.Code)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	expected := slices.Sorted(slices.Values(want[1:]))
	passes := got.Decision == "allow" || got.Decision == "warn"
	if got.Decision != want[0] || !slices.Equal(codes, expected) || passes != (code == 0) {
		var text strings.Builder
		for _, p := range got.Problems {
			fmt.Fprintf(&text, "\n%s %s: %s", p.Decision, p.Code, p.Message)
		}
		ts.Fatalf("%s %v with exit code %d; want %s %v%s", got.Decision, codes, code, want[0], expected, text.String())
	}
}
