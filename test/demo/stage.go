package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

//go:embed all:repository
var files embed.FS

// patience is how long an act waits for what must happen.
const patience = 90 * time.Second

// stage is where the story is played.
type stage struct {
	*teardown
	binary  string
	dir     string
	cluster *testcluster.Cluster
	repo    *gittest.Repo
	server  *gittest.Server
	loop    *exec.Cmd
	people  map[string]*gittest.Key
	good    string // the last commit that has to be live
}

// teardown lets the helpers of tests work outside of a test.
type teardown struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
	root     string
}

// failure ends the story.
type failure struct{ error }

func (t *teardown) Helper()                  {}
func (t *teardown) Name() string             { return "demo" }
func (t *teardown) Context() context.Context { return t.ctx }
func (t *teardown) Cleanup(f func())         { t.cleanups = append(t.cleanups, f) }
func (t *teardown) Log(...any)               {}
func (t *teardown) Logf(string, ...any)      {}
func (t *teardown) Failed() bool             { return false }
func (t *teardown) Error(args ...any)        { t.Fatal(args...) }
func (t *teardown) Errorf(f string, args ...any) {
	t.Fatalf(f, args...)
}
func (t *teardown) Fatal(args ...any) {
	panic(failure{errors.New(strings.TrimSpace(fmt.Sprintln(args...)))})
}
func (t *teardown) Fatalf(f string, args ...any) {
	panic(failure{fmt.Errorf(f, args...)})
}
func (t *teardown) Skip(args ...any)            { t.Fatal(args...) }
func (t *teardown) Skipf(f string, args ...any) { t.Fatalf(f, args...) }

func (t *teardown) TempDir() string {
	dir, err := os.MkdirTemp(t.root, "")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (t *teardown) close() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// recover turns a failure into the error of the program.
func (t *teardown) recover(err *error) {
	if r := recover(); r != nil {
		f, ok := r.(failure)
		if !ok {
			panic(r)
		}
		*err = f.error
	}
}

func newStage(ctx context.Context, binary string) *stage {
	return &stage{teardown: &teardown{ctx: ctx}, binary: binary, people: map[string]*gittest.Key{}}
}

// open starts everything.
func (s *stage) open() {
	var err error
	if s.binary, err = filepath.Abs(s.binary); err != nil {
		s.Fatal(err)
	}
	if s.root, err = os.MkdirTemp("", "holdfast-demo-"); err != nil {
		s.Fatal(err)
	}
	s.dir = s.root
	s.Cleanup(func() { _ = os.RemoveAll(s.root) })

	began := time.Now()
	s.cluster = testcluster.Start(s, testcluster.Options{})
	s.tell("A Kubernetes control plane runs at %s, ready after %.1f s.", s.cluster.URL, time.Since(began).Seconds())
	s.repository()
	s.tell("A Git server runs at %s. Alice and Bob may sign; Mallory may push, and has no key that counts.", s.server.URL)
	s.configure()
	s.startLoop()
}

func (s *stage) repository() {
	for _, name := range []string{"alice", "bob", "mallory"} {
		s.people[name] = gittest.SSHKey(s)
	}
	s.repo = gittest.New(s)
	s.server = gittest.Serve(s, s.repo)
	content := map[string]string{}
	err := fs.WalkDir(files, "repository", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := files.ReadFile(path)
		content[strings.TrimPrefix(path, "repository/")] = string(data)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	var signers strings.Builder
	for _, name := range []string{"alice", "bob"} {
		fmt.Fprintf(&signers, "%s@example.com namespaces=\"git\" %s\n", name, s.people[name].Public)
	}
	content[".holdfast/allowed_signers"] = signers.String()
	s.good = s.commit("alice", "Found the platform", content)
}

var configuration = template.Must(template.New("").Parse(`apiVersion: holdfast.dev/v1alpha1
kind: Config
sources:
- name: fleet
  url: {{.URL}}
  allowInsecureTransport: true # a test server on loopback
  branch: main
  interval: 500ms
  verify: {root: {{.Root}}}
clusters:
- name: demo
  kubeconfig: {{.Kubeconfig}}
applications:
- {name: platform,  source: fleet, cluster: demo, path: platform}
- {name: guestbook, source: fleet, cluster: demo, path: apps/guestbook,          dependsOn: [platform], health: {timeout: 60s}}
- {name: shop-dev,  source: fleet, cluster: demo, path: apps/shop/overlays/dev,  dependsOn: [platform]}
- {name: shop-prod, source: fleet, cluster: demo, path: apps/shop/overlays/prod, dependsOn: [platform]}
- {name: wiki,      source: fleet, cluster: demo, path: charts/wiki, namespace: wiki, dependsOn: [platform]}
`))

func (s *stage) configure() {
	var b bytes.Buffer
	err := configuration.Execute(&b, map[string]string{"URL": s.server.URL, "Root": s.good, "Kubeconfig": s.cluster.Kubeconfig})
	if err == nil {
		err = os.WriteFile(s.config(), b.Bytes(), 0o600)
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) config() string { return filepath.Join(s.dir, "holdfast.yaml") }

func (s *stage) startLoop() {
	log, err := os.Create(filepath.Join(s.dir, "holdfast.log"))
	if err != nil {
		s.Fatal(err)
	}
	s.loop = exec.Command(s.binary, "run", "-c", s.config())
	s.loop.Stdout, s.loop.Stderr = log, log
	if err := s.loop.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = s.loop.Process.Signal(os.Interrupt)
		_ = s.loop.Wait()
		_ = log.Close()
	})
	s.tell("The loop runs: holdfast run -c holdfast.yaml")
}

// commit commits files as a person, signed with the person's key, and pushes.
func (s *stage) commit(person, message string, content map[string]string) string {
	s.repo.Name, s.repo.Email = strings.ToUpper(person[:1])+person[1:], person+"@example.com"
	s.repo.Key = s.people[person]
	s.repo.Time = time.Now().Truncate(time.Second)
	return s.repo.Commit(message, content)
}

// edit replaces text in a file of the repository and returns the new content.
func (s *stage) edit(path, old, replacement string) map[string]string {
	data, err := os.ReadFile(s.repo.Path(path))
	if err != nil {
		s.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		s.Fatalf("%s does not hold %q", path, old)
	}
	return map[string]string{path: strings.Replace(string(data), old, replacement, 1)}
}

// holdfast runs a command and returns its output and exit code.
func (s *stage) holdfast(args ...string) (string, int) {
	cmd := exec.CommandContext(s.ctx, s.binary, append(args, "-c", s.config())...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// show runs a command as the audience would, and returns its output.
func (s *stage) show(args ...string) string {
	out, code := s.holdfast(args...)
	s.tell("\n$ holdfast %s", strings.Join(args, " "))
	s.tell("%s", strings.TrimRight(out, "\n"))
	if code > 1 {
		s.Fatalf("holdfast %s ended with exit code %d", strings.Join(args, " "), code)
	}
	return out
}

// status is what `holdfast status --json` says.
type status struct {
	Sources      []struct{ Name, Status, Reason, Accepted, Seen string }
	Applications []struct {
		Name, Status, Reason, Revision, Tried string
		Details                               []string
	}
}

func (s *stage) status() (st status) {
	out, _ := s.holdfast("status", "--json")
	_ = json.Unmarshal([]byte(out), &st) // not written yet: ask again
	return st
}

// await waits until a condition holds. It asks again and again, since the loop
// is another process.
func (s *stage) await(what string, condition func() bool) {
	deadline := time.Now().Add(patience)
	for !condition() {
		if s.ctx.Err() != nil {
			s.Fatal("interrupted")
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "holdfast.log"))
			out, _ := s.holdfast("status")
			s.Fatalf("this never happened: %s\n\n%s\n%s", what, out, log)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// awaitApplication waits until an application has a status at a commit.
func (s *stage) awaitApplication(name, want, commit string) {
	s.await(fmt.Sprintf("%s is %s at %.8s", name, want, commit), func() bool {
		for _, a := range s.status().Applications {
			if a.Name == name {
				return a.Status == want && (a.Revision == commit || a.Tried == commit)
			}
		}
		return false
	})
}

func (s *stage) awaitSource(want, reason string) {
	s.await(fmt.Sprintf("source fleet is %s because of %s", want, reason), func() bool {
		for _, src := range s.status().Sources {
			return src.Status == want && strings.Contains(src.Reason, reason)
		}
		return false
	})
}

// live returns a field of a live object.
func (s *stage) live(namespace, object, jsonpath string) string {
	out, err := s.cluster.Kubectl("get", "-n", namespace, object, "-o", "jsonpath="+jsonpath)
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func (s *stage) check(what string, ok bool) {
	if !ok {
		s.Fatalf("this is not so: %s", what)
	}
	s.tell("  ✓ %s", what)
}

func (s *stage) tell(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func (s *stage) title(n int, title string) {
	s.tell("\n━━ %d. %s %s", n, title, strings.Repeat("━", max(0, 76-len(title))))
}

func (s *stage) invite() {
	s.tell(`
Everything still runs. In another terminal:

  export KUBECONFIG=%s
  %s status -c %s
  git clone %s

Ctrl-C ends it and removes %s.`, s.cluster.Kubeconfig, s.binary, s.config(), s.server.URL, s.dir)
}
