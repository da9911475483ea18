package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/operator"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

var shared testcluster.Shared

func TestMain(m *testing.M) {
	if served, err := setup.ServeWorker(os.Args); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(shared.Run(m))
}

// asProgram is the variable that makes the test binary the holdfast program.
const asProgram = "HOLDFAST_TEST_AS_PROGRAM"

// program returns a command that runs holdfast in a process of its own.
func (r *rig) program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(args, "-c", r.configFile())...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	return cmd
}

// patience is how long a test waits for what has to happen.
const patience = 60 * time.Second

// rig is one loop over one repository.
type rig struct {
	t       *testing.T
	cluster *testcluster.Cluster
	repo    *gittest.Repo
	server  *gittest.Server
	dir     string
	root    string // pinned commit
	id      string // of the rig
	apps    []string
	store   *state.Store
	log     lockedBuffer
	stop    func()
}

// newRig makes a repository with files, signed by alice. Applications are added
// with app before start.
func newRig(t *testing.T, files map[string]string) *rig {
	t.Helper()
	return newRigOn(t, shared.Cluster(t), files)
}

func newRigOn(t *testing.T, cluster *testcluster.Cluster, files map[string]string) *rig {
	t.Helper()
	r := &rig{t: t, cluster: cluster, repo: gittest.New(t), dir: t.TempDir()}
	r.repo.Name, r.repo.Email, r.repo.Key = "Alice", "alice@example.com", gittest.SSHKey(t)
	r.server = gittest.Serve(t, r.repo)
	all := map[string]string{".holdfast/allowed_signers": "alice@example.com namespaces=\"git\" " + r.repo.Key.Public + "\n"}
	for path, content := range files {
		all[path] = content
	}
	r.root = r.repo.Commit("Begin", all)
	r.id = r.root[:12]
	return r
}

// app adds an application; extra are further fields in YAML's flow style. Names
// of applications are cluster-wide, so each test makes its own.
func (r *rig) app(name, path string, extra ...string) {
	fields := append([]string{"name: " + name, "source: fleet", "cluster: test", "path: " + path}, extra...)
	r.apps = append(r.apps, "- {"+strings.Join(fields, ", ")+"}\n")
}

func (r *rig) configFile() string {
	r.t.Helper()
	path := filepath.Join(r.dir, "holdfast.yaml")
	text := fmt.Sprintf(`apiVersion: holdfast.dev/v1alpha1
kind: Config
sources:
- {name: fleet, url: %q, allowInsecureTransport: true, branch: main, interval: 300ms, verify: {root: %q}}
clusters:
- {name: test, kubeconfig: %q, inventoryNamespace: %s}
applications:
%s`, r.server.URL, r.root, r.cluster.Kubeconfig, r.namespace(), strings.Join(r.apps, ""))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// namespace is where the rig keeps inventories.
func (r *rig) namespace() string { return "holdfast-" + r.id }

// start starts the loop; it stops at the end of the test.
func (r *rig) start() {
	r.t.Helper()
	cfg, err := config.Load(r.configFile())
	if err != nil {
		r.t.Fatal(err)
	}
	policies, err := setup.LoadPolicies(setup.PolicyOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	op, err := operator.New(ctx, operator.Options{
		Config: cfg, Renderers: setup.Renderers(), Evaluator: policies, Policies: policies.Digest,
		Version: "test", Log: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.store, err = state.OpenReadOnly(cfg.StateDir); err != nil {
		r.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- op.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, op.Close(), r.store.Close()); err != nil {
			r.t.Errorf("the loop ended with: %v", err)
		}
	})
	r.t.Cleanup(r.stop)
}

// commit pushes a signed commit.
func (r *rig) commit(message string, files map[string]string) string {
	r.t.Helper()
	return r.repo.Commit(message, files)
}

// await waits for a condition.
func (r *rig) await(what string, condition func() bool) {
	r.t.Helper()
	awaitWithin(r.t, patience, what, condition, func() string {
		apps, _ := r.store.Applications(context.Background())
		sources, _ := r.store.Sources(context.Background())
		for i := range apps {
			apps[i].Deps = nil
		}
		return fmt.Sprintf("%+v\n%+v\n%s", sources, apps, r.log.String())
	})
}

func awaitWithin(t *testing.T, limit time.Duration, what string, condition func() bool, explain func() string) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("this never happened: %s\n%s", what, explain())
		}
	}
}

// awaitApp waits until an application has a status after a commit was tried.
func (r *rig) awaitApp(name string, want state.Status, commit string) state.Application {
	r.t.Helper()
	var app state.Application
	r.await(fmt.Sprintf("%s is %s at %.8s", name, want, commit), func() bool {
		var err error
		app, err = r.store.Application(context.Background(), name)
		return err == nil && app.Status == want && (commit == "" || app.Tried == commit || app.Revision == commit)
	})
	return app
}

func (r *rig) awaitSource(want state.Status, reason string) state.Source {
	r.t.Helper()
	var src state.Source
	r.await(fmt.Sprintf("the source is %s: %s", want, reason), func() bool {
		var err error
		src, err = r.store.Source(context.Background(), "fleet")
		return err == nil && src.Status == want && strings.Contains(src.Reason, reason)
	})
	return src
}

// kubectl runs kubectl and returns its output; a failure is the test's.
func (r *rig) kubectl(args ...string) string {
	r.t.Helper()
	out, err := r.cluster.Kubectl(args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// exists reports whether an object is in the cluster.
func (r *rig) exists(namespace, object string) bool {
	r.t.Helper()
	return r.kubectl("get", "-n", namespace, object, "--ignore-not-found", "-o", "name") != ""
}

// records returns the ledger's records of a kind.
func (r *rig) records(kind ledger.Kind) (out []ledger.Record) {
	r.t.Helper()
	err := ledger.Read(filepath.Join(r.dir, "state", "ledger"), func(record ledger.Record) error {
		if record.Kind == kind {
			out = append(out, record)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// verifyLedger fails the test if the ledger is not intact.
func (r *rig) verifyLedger() {
	r.t.Helper()
	report, err := ledger.Verify(filepath.Join(r.dir, "state", "ledger"), ledger.Kept{})
	if err != nil || len(report.Problems) > 0 {
		r.t.Errorf("the ledger: %v, %q", err, report.Problems)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
