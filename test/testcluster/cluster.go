package testcluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options are those of one control plane.
type Options struct {
	Dir       string // of the control plane; empty: a temporary one
	Nodes     int    // simulated nodes; 0: three
	Audit     bool   // record every request, see Cluster.AuditLog
	KeepState bool   // go on with what the last control plane in Dir has left
}

// Cluster is a control plane that runs.
type Cluster struct {
	Dir        string // credentials, state, logs
	URL        string // of the API server, on the loopback interface
	Kubeconfig string // path of the administrator's

	binary string
	stdin  io.Closer // the control plane ends when it is closed
	stderr *bytes.Buffer
	done   chan error // gets the result of the process, once
}

const (
	startLimit = 3 * time.Minute // on a busy machine
	stopLimit  = 15 * time.Second
)

// Start runs a control plane until the end of the test. It skips the test in
// short mode.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	skipIfShort(t)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Shared is one control plane for all tests of a package. It starts when the
// first test asks for it:
//
//	var shared testcluster.Shared
//
//	func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
type Shared struct {
	Options Options

	once      sync.Once
	temporary string // directory to remove at the end
	cluster   *Cluster
	err       error
}

// Cluster returns the control plane. It skips the test in short mode.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	skipIfShort(t)
	s.once.Do(func() {
		o := s.Options
		if o.Dir == "" {
			if s.temporary, s.err = os.MkdirTemp("", "holdfast-cluster-"); s.err != nil { //nolint:usetesting // it outlives the test that comes first
				return
			}
			o.Dir = s.temporary
		}
		s.cluster, s.err = start(t, o)
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster
}

// Run runs the tests of a package and then stops the control plane, if one was
// started. It returns the exit code.
func (s *Shared) Run(m *testing.M) int {
	code := m.Run()
	if s.cluster != nil {
		if err := s.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if s.temporary != "" {
		_ = os.RemoveAll(s.temporary)
	}
	return code
}

func skipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a control plane")
	}
}

// start gives up building in time for the test to report it.
func start(t testing.TB, o Options) (*Cluster, error) {
	ctx := context.Background()
	if test, ok := t.(*testing.T); ok {
		if deadline, ok := test.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-10*time.Second))
			defer cancel()
		}
	}
	binary, err := Binary(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	return up(binary, o)
}

// up starts the control plane and waits for the line that says it is ready.
func up(binary string, o Options) (*Cluster, error) {
	args := []string{"up", "--with-parent", "--dir", o.Dir}
	if o.Nodes > 0 {
		args = append(args, "--nodes", strconv.Itoa(o.Nodes))
	}
	if o.Audit {
		args = append(args, "--audit")
	}
	if o.KeepState {
		args = append(args, "--keep-state")
	}
	cmd := exec.Command(binary, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: o.Dir, binary: binary, stdin: stdin, stderr: &bytes.Buffer{}, done: make(chan error, 1)}
	cmd.Stderr = c.stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	limit := time.AfterFunc(startLimit, func() { _ = cmd.Process.Kill() })
	_, readyErr := bufio.NewReader(stdout).ReadString('\n')
	timely := limit.Stop()
	go func() { c.done <- cmd.Wait() }()
	if readyErr != nil {
		stdin.Close()
		err := <-c.done
		if !timely {
			err = fmt.Errorf("not ready after %s", startLimit)
		}
		return nil, fmt.Errorf("control plane in %s: %w\n%s", o.Dir, err, c.stderr)
	}
	var ready struct{ URL, Kubeconfig string }
	data, err := os.ReadFile(filepath.Join(o.Dir, "ready"))
	if err == nil {
		err = json.Unmarshal(data, &ready)
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	c.URL, c.Kubeconfig = ready.URL, ready.Kubeconfig
	return c, nil
}

// Stop ends the control plane before the end of the test. A second call does
// nothing. The error has what the control plane complained of, if it failed.
func (c *Cluster) Stop() error {
	if c.stdin == nil {
		return nil
	}
	c.stdin.Close()
	c.stdin = nil
	select {
	case err := <-c.done:
		if err != nil {
			return fmt.Errorf("control plane in %s: %w\n%s", c.Dir, err, c.stderr)
		}
		return nil
	case <-time.After(stopLimit):
		return fmt.Errorf("control plane in %s still runs %s after it was told to end", c.Dir, stopLimit)
	}
}

// StopComponent kills a component, as a crash would, and returns when it has
// ended: kube-apiserver, kube-controller-manager, kube-scheduler or kwok. What
// the others do meanwhile is up to them.
func (c *Cluster) StopComponent(name string) error { return c.control("stop", name) }

// StartComponent starts a component that was stopped. It returns when the API
// server is ready; of the others, when the process runs. After a long stop of
// the API server the others take up to a minute and a half to ask again, as
// anywhere; a test that cannot wait restarts them too.
func (c *Cluster) StartComponent(name string) error { return c.control("start", name) }

func (c *Cluster) control(verb, name string) error {
	_, err := output(exec.Command(c.binary, "ctl", "--dir", c.Dir, verb, name))
	return err
}

// KubectlCommand returns the real kubectl as the administrator, for callers
// who need its environment or its standard input.
func (c *Cluster) KubectlCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(c.binary, append([]string{"kubectl"}, args...)...)
	// The home directory, so that the user's own preferences and caches do not count.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig, "HOME="+c.Dir)
	return cmd
}

// Kubectl runs kubectl as the administrator and returns its standard output.
// The error has what it wrote to standard error.
func (c *Cluster) Kubectl(args ...string) (string, error) {
	return output(c.KubectlCommand(args...))
}

// Apply runs kubectl apply for the manifests in a namespace.
func (c *Cluster) Apply(namespace, manifests string) error {
	cmd := c.KubectlCommand("apply", "--namespace", namespace, "-f", "-")
	cmd.Stdin = strings.NewReader(manifests)
	_, err := output(cmd)
	return err
}

// Namespace creates a namespace for the test and returns its name. It is
// deleted at the end of the test, without waiting for that.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test-%x", time.Now().UnixNano())
	if _, err := c.Kubectl("create", "namespace", name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Kubectl("delete", "namespace", name, "--wait=false"); err != nil {
			t.Log(err)
		}
	})
	return name
}

// UserKubeconfig writes a kubeconfig for a user, who has no rights but those
// that are bound to the name or to the groups, and returns its path.
func (c *Cluster) UserKubeconfig(t testing.TB, user string, groups ...string) string {
	t.Helper()
	config, err := output(exec.Command(c.binary, "kubeconfig", "--dir", c.Dir, "--user", user, "--groups", strings.Join(groups, ",")))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Processes returns the process id of each component that runs, by name.
func (c *Cluster) Processes() (map[string]int, error) {
	var ready struct{ PIDs map[string]int }
	data, err := os.ReadFile(filepath.Join(c.Dir, "ready"))
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(data, &ready)
	return ready.PIDs, err
}

func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args[1:], " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
