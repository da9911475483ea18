package testcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var shared = Shared{Options: Options{Audit: true}}

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }

// workload returns a Deployment, StatefulSet or DaemonSet.
func workload(kind, name, image, extra string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: %s
metadata: {name: %s}
spec:
  selector: {matchLabels: {app: %[2]s}}
%[4]s
  template:
    metadata: {labels: {app: %[2]s}}
    spec: {containers: [{name: main, image: %[3]q}]}
`, kind, name, image, extra)
}

func job(name, image string) string {
	return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata: {name: %s}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: %q}]}
`, name, image)
}

func TestWorkloadsSettle(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	const claim = `  serviceName: db
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`
	tests := map[string]struct {
		manifest string
		wait     []string
		reason   string
	}{
		"deployment":  {workload("Deployment", "web", "app:1", "  replicas: 3"), []string{"wait", "deployment/web", "--for=condition=Available"}, "pods run and are ready"},
		"statefulset": {workload("StatefulSet", "db", "db:1", claim), []string{"rollout", "status", "statefulset/db"}, "claims are bound to volumes made for them"},
		"daemonset":   {workload("DaemonSet", "agent", "agent:1", ""), []string{"rollout", "status", "daemonset/agent"}, "nodes carry no taints"},
		"job":         {job("migrate", "migrate:1"), []string{"wait", "job/migrate", "--for=condition=Complete"}, "pods of jobs complete"},
		"broken job":  {job("broken", "broken:1"), []string{"wait", "job/broken", "--for=condition=Failed"}, "a broken pod that must not restart fails"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := c.Apply(namespace, test.manifest); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Kubectl(append(test.wait, "-n", namespace, "--timeout=60s")...); err != nil {
				t.Errorf("%s: %v", test.reason, err)
			}
		})
	}
}

func TestBrokenImageExceedsProgressDeadline(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	if err := c.Apply(namespace, workload("Deployment", "web", "example/broken:2", "  progressDeadlineSeconds: 3")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl("wait", "deployment/web", "-n", namespace, "--for=condition=Progressing=False", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		`deployment/web {.status.conditions[?(@.type=="Progressing")].reason}`: "ProgressDeadlineExceeded",
		`deployment/web {.status.conditions[?(@.type=="Available")].status}`:   "False",
		`deployment/web {.status.readyReplicas}`:                               "",
		`pods {.items[0].status.containerStatuses[0].state.waiting.reason}`:    "CrashLoopBackOff",
		`pods {.items[0].status.conditions[?(@.type=="Ready")].status}`:        "False",
	} {
		object, field, _ := strings.Cut(path, " ")
		got, err := c.Kubectl("get", object, "-n", namespace, "-o", "jsonpath="+field)
		if err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestAPIServerStopsAndStarts(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	if _, err := c.Kubectl("create", "configmap", "kept", "-n", namespace, "--from-literal=a=b"); err != nil {
		t.Fatal(err)
	}
	if err := c.StopComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl("get", "configmap", "kept", "-n", namespace); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a stopped API server: got %v, want a refused connection", err)
	}
	if err := c.StopComponent("kube-apiserver"); err == nil {
		t.Error("stopped what does not run")
	}
	if err := c.StartComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Kubectl("get", "configmap", "kept", "-n", namespace, "-o", "jsonpath={.data.a}"); err != nil || got != "b" {
		t.Errorf("after the start: %q, %v", got, err)
	}
	// The other components must find it again.
	if err := c.Apply(namespace, workload("Deployment", "later", "app:1", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl("wait", "deployment/later", "-n", namespace, "--for=condition=Available", "--timeout=60s"); err != nil {
		t.Error(err)
	}
}

func TestControllersStopAndStart(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	const controllers = "kube-controller-manager"
	if err := c.StopComponent(controllers); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(namespace, workload("Deployment", "web", "app:1", "")); err != nil {
		t.Fatal(err)
	}
	if pids, err := c.Processes(); err != nil || pids[controllers] != 0 || len(pids) != 3 {
		t.Errorf("processes while one is stopped: %v, %v", pids, err)
	}
	if got, err := c.Kubectl("get", "deployment/web", "-n", namespace, "-o", "jsonpath={.status.observedGeneration}"); err != nil || got != "" {
		t.Errorf("somebody saw the deployment: generation %q, %v", got, err)
	}
	if err := c.StartComponent(controllers); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl("wait", "deployment/web", "-n", namespace, "--for=condition=Available", "--timeout=60s"); err != nil {
		t.Error(err)
	}
	if err := c.StartComponent("kube-proxy"); err == nil || !strings.Contains(err.Error(), "choose one of") {
		t.Errorf("an unknown component: %v", err)
	}
}

func TestCrashedComponentRunsAgain(t *testing.T) {
	c := shared.Cluster(t)
	const scheduler = "kube-scheduler"
	before, err := c.Processes()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(before[scheduler], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a new "+scheduler, func() bool {
		now, err := c.Processes()
		return err == nil && now[scheduler] != 0 && now[scheduler] != before[scheduler]
	})
}

func TestEditIsKubectlEdit(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	if err := c.Apply(namespace, workload("Deployment", "web", "app:1", "  replicas: 1")); err != nil {
		t.Fatal(err)
	}
	editor := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\nsed -i 's/image: app:1/image: app:2/' \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	edit := c.KubectlCommand("edit", "deployment/web", "-n", namespace)
	edit.Env = append(edit.Env, "EDITOR="+editor, "KUBE_EDITOR="+editor)
	if out, err := edit.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := c.Kubectl("get", "deployment/web", "-n", namespace, "-o", "json", "--show-managed-fields")
	if err != nil {
		t.Fatal(err)
	}
	var deployment struct {
		Metadata struct {
			ManagedFields []struct {
				Manager  string
				FieldsV1 json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &deployment); err != nil {
		t.Fatal(err)
	}
	for _, entry := range deployment.Metadata.ManagedFields {
		if entry.Manager == "kubectl-edit" && strings.Contains(string(entry.FieldsV1), `"f:image"`) {
			return
		}
	}
	t.Errorf("kubectl-edit does not own the image: %+v", deployment.Metadata.ManagedFields)
}

func TestAuditLogCountsRequests(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	if _, err := c.Kubectl("create", "configmap", "seen", "-n", namespace); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the event of the request", func() bool {
		events, err := c.AuditLog()
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(events, func(e AuditEvent) bool {
			return e.Verb == "create" && e.ObjectRef != nil && e.ObjectRef.Namespace == namespace && e.ObjectRef.Name == "seen" &&
				strings.HasPrefix(e.UserAgent, "kubectl/v1.") && e.User.Username == "admin" && e.ResponseStatus.Code == 201
		})
	})
}

func TestUserHasNoRights(t *testing.T) {
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	kubeconfig := c.UserKubeconfig(t, "alice", "developers")
	list := []string{"get", "pods", "-n", namespace, "--kubeconfig", kubeconfig}
	if _, err := c.Kubectl(list...); err == nil || !strings.Contains(err.Error(), `User "alice" cannot list`) {
		t.Fatalf("got %v, want forbidden", err)
	}
	if _, err := c.Kubectl("create", "rolebinding", "read", "-n", namespace, "--clusterrole=view", "--group=developers"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the role to take effect", func() bool {
		_, err := c.Kubectl(list...)
		return err == nil
	})
}

func TestStateOutlivesRestart(t *testing.T) {
	dir := t.TempDir()
	first := Start(t, Options{Dir: dir, Nodes: 1})
	if _, err := first.Kubectl("create", "configmap", "kept"); err != nil {
		t.Fatal(err)
	}
	// A second control plane in the same directory would ruin the first.
	if _, err := up(first.binary, Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "runs in "+dir+" already") {
		t.Errorf("a second start: %v", err)
	}
	config, err := os.ReadFile(first.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	second := Start(t, Options{Dir: dir, Nodes: 1, KeepState: true})
	if second.URL != first.URL {
		t.Errorf("the URL was %s and is %s", first.URL, second.URL)
	}
	old := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(old, config, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Kubectl("get", "configmap", "kept", "--kubeconfig", old); err != nil {
		t.Errorf("with the credentials of before: %v", err)
	}
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}

	third := Start(t, Options{Dir: dir, Nodes: 1})
	if _, err := third.Kubectl("get", "configmap", "kept"); err == nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("without KeepState: got %v, want NotFound", err)
	}

	// Killed without a chance to clean up, it must leave nothing behind.
	pids, err := third.Processes()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(parent(t, pids["kwok"]), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for name, pid := range pids {
		waitFor(t, "the end of "+name, func() bool { return ended(pid) })
	}
	if err := third.Stop(); err == nil {
		t.Error("no error although the control plane was killed")
	}
}

func TestRefusesAddressesOfTheNetwork(t *testing.T) {
	c := shared.Cluster(t)
	for _, addr := range []string{"0.0.0.0", "10.1.2.3", "::", "localhost"} {
		out, err := exec.Command(c.binary, "up", "--dir", t.TempDir(), "--addr", addr).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "loopback") {
			t.Errorf("--addr %s: %v: %s", addr, err, out)
		}
	}
}

// waitFor polls, as what is waited for tells nobody.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
