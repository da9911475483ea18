package fix_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pod = `apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  serviceAccountName: web
  containers:
  - name: web
    image: web:1
    securityContext:
      privileged: true # for now
`

// Each case is a tree, the policies whose findings are fixed, and the diff.
func TestManifests(t *testing.T) {
	named := func(name string) string { return strings.ReplaceAll(pod, "NAME", name) }
	for _, tt := range []struct {
		name, path, content string
		ids                 []string
		want, reason        string
	}{
		{"the second of several documents", "a.yaml", "# first\n---\n" + strings.Replace(named("a"), "privileged: true", "privileged: false", 1) + "--- # second\n" + named("b"), []string{"HF-K8S-004"}, `--- a/a.yaml
+++ b/a.yaml
@@ -20,4 +20,4 @@
   - name: web
     image: web:1
     securityContext:
-      privileged: true # for now
+      privileged: false # for now
`, "the first one is left alone"},
		{"an item of a List", "a.json", `{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostPID": false, "containers": []}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"hostPID": true, "containers": []}}
]}
`, []string{"HF-K8S-002"}, `--- a/a.json
+++ b/a.json
@@ -1,4 +1,4 @@
 {"apiVersion": "v1", "kind": "List", "items": [
   {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostPID": false, "containers": []}},
-  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"hostPID": true, "containers": []}}
+  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"hostPID": false, "containers": []}}
 ]}
`, "JSON too"},
		{"CRLF, and one map that several fixes add to", "a.yaml", strings.ReplaceAll(strings.Replace(named("a"), "privileged: true # for now", "runAsNonRoot: true", 1), "\n", "\r\n"), []string{"HF-K8S-015", "HF-K8S-017"},
			"--- a/a.yaml\n+++ b/a.yaml\n@@ -8,3 +8,6 @@\n     image: web:1\r\n     securityContext:\r\n       runAsNonRoot: true\r\n" +
				"+      allowPrivilegeEscalation: false\r\n+      seccompProfile:\r\n+        type: RuntimeDefault\r\n", "line endings stay, in two rounds"},
		{"a shared value", "a.yaml", `apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  serviceAccountName: web
  containers:
  - {name: a, image: "a:1", securityContext: &c {privileged: true}}
  - {name: b, image: "b:1", securityContext: *c}
`, []string{"HF-K8S-004"}, "", "an edit of the anchor would change both"},
		{"what would give rise to another finding", "a.yaml", `apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8, 0.0.0.0/0], ports: [{port: 80}]}
`, []string{"HF-K8S-167"}, `--- a/a.yaml
+++ b/a.yaml
@@ -1,4 +1,4 @@
 apiVersion: v1
 kind: Service
 metadata: {name: a, namespace: shop}
-spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8, 0.0.0.0/0], ports: [{port: 80}]}
+spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 80}]}
`, "the last range stays, for none at all would be everybody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, diff := run(t, runner(t, tt.ids...), map[string]string{tt.path: tt.content})
			if d := cmp.Diff(tt.want, diff); d != "" {
				t.Errorf("%s: %s", tt.reason, d)
			}
		})
	}
}

func TestOtherFiles(t *testing.T) {
	out, diff := run(t, runner(t, "HF-COMPOSE-011", "HF-GHA-060", "HF-DOCKER-035", "HF-DOCKER-104"), map[string]string{
		"compose.yaml":             "services:\n  # the front\n  web:\n    image: web:1 # pinned\n  db:\n    image: db:1\n    security_opt:\n      - seccomp=default.json\n",
		".github/workflows/ci.yml": "on: push\npermissions: {}\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n    steps:\n      - uses: actions/checkout@v5 # later a hash\n      - run: make\n",
		"Dockerfile":               "FROM debian:13\nMAINTAINER me@example.com\n# curl\nRUN apt-get update && \\\n    apt-get install \\\n      curl\n",
	})
	want := `--- a/.github/workflows/ci.yml
+++ b/.github/workflows/ci.yml
@@ -6,4 +6,6 @@
     timeout-minutes: 5
     steps:
       - uses: actions/checkout@v5 # later a hash
+        with:
+          persist-credentials: false
       - run: make
--- a/Dockerfile
+++ b/Dockerfile
@@ -1,6 +1,6 @@
 FROM debian:13
-MAINTAINER me@example.com
+LABEL org.opencontainers.image.authors="me@example.com"
 # curl
 RUN apt-get update && \
-    apt-get install \
+    apt-get -y install \
       curl
--- a/compose.yaml
+++ b/compose.yaml
@@ -2,7 +2,10 @@
   # the front
   web:
     image: web:1 # pinned
+    security_opt:
+      - no-new-privileges:true
   db:
     image: db:1
     security_opt:
       - seccomp=default.json
+      - no-new-privileges:true
`
	if d := cmp.Diff(want, diff); d != "" {
		t.Errorf("%s\n%v", d, out.Failed)
	}
}

// What is rendered is mended only where nothing else changes by it.
func TestSourcesThatAreShared(t *testing.T) {
	base := map[string]string{"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": strings.Replace(baseDeployment, "          image", "          securityContext: {privileged: true}\n          image", 1)}
	patch := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, securityContext: {privileged: null, procMount: Default}}]}}}\n"
	files := maps.Clone(base)
	files["prod/kustomization.yaml"] = "resources: [../base]\npatches: [{path: p.yaml}]\n"
	files["prod/p.yaml"] = patch
	out, diff := run(t, runner(t, "HF-K8S-004"), files)
	want := `--- a/base/web.yaml
+++ b/base/web.yaml
@@ -9,5 +9,5 @@
     spec:
       containers:
         - name: web # the front
-          securityContext: {privileged: true}
+          securityContext: {privileged: false}
           image: registry.example/web:1.4
`
	if d := cmp.Diff(want, diff); d != "" {
		t.Errorf("the overlay says otherwise, and so does not change: %s %v", d, out.Failed)
	}
	files = maps.Clone(base)
	files["prod/kustomization.yaml"] = "resources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"test\", \"path\": \"/spec/template/spec/containers/0/securityContext/privileged\", \"value\": true}, {\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"a\": \"b\"}}]'\n"
	out, diff = run(t, runner(t, "HF-K8S-004"), files)
	if diff != "" || len(out.Failed) == 0 {
		t.Errorf("a patch relies on the value, but it is changed: %s\n%v", diff, out.Failed)
	}
}
