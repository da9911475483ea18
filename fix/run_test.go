package fix_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/fix"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

func TestMain(m *testing.M) {
	if served, err := setup.ServeWorker(os.Args); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	os.Exit(m.Run())
}

// runner fixes what some policies find; without ids, what all of them find.
func runner(t testing.TB, ids ...string) *fix.Runner {
	t.Helper()
	policies, err := setup.LoadPolicies(setup.PolicyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	renderers := setup.Renderers()
	return &fix.Runner{
		Policies: policies,
		Judge: func(ctx context.Context, tree source.Tree, changed []string) (*fix.Judged, error) {
			scanner := scan.Scanner{
				Renderers: renderers, Evaluator: policies, Options: render.Options{IncludeCRDs: true}, Keep: true, Changed: changed,
				Fixer: &fix.Fixer{Policies: policies, Read: setup.ReadExample, Tree: tree},
			}
			result, err := scanner.Run(ctx, tree, ".")
			if err != nil {
				return nil, err
			}
			return &fix.Judged{Findings: result.Findings, All: result.All, Resources: result.Resources,
				On: func(f *finding.Finding) (*resource.Resource, *resource.Set, policy.Stage) {
					s := result.Sites[f]
					return s.Resource, s.Set, s.Stage
				}}, nil
		},
		Wanted: func(f *finding.Finding) bool {
			return f.Fix.Class != finding.Manual && (len(ids) == 0 || slices.Contains(ids, f.Rule.ID))
		},
	}
}

// run fixes a tree, and once more, which must change nothing.
func run(t testing.TB, r *fix.Runner, files map[string]string) (*fix.Outcome, string) {
	t.Helper()
	out, err := r.Run(context.Background(), source.Memory(files))
	if err != nil {
		t.Fatal(err)
	}
	after := map[string]string{}
	for name, content := range files {
		after[name] = content
	}
	var diff strings.Builder
	for _, name := range out.Paths() {
		diff.WriteString(edit.Unified(name, []byte(files[name]), out.Files[name]))
		after[name] = string(out.Files[name])
	}
	again, err := r.Run(context.Background(), source.Memory(after))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range again.Paths() {
		t.Errorf("a second run changes\n%s", edit.Unified(name, []byte(after[name]), again.Files[name]))
	}
	return out, diff.String()
}

const baseDeployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web # the front
          image: registry.example/web:1.4
`

func TestSources(t *testing.T) {
	kustomize := map[string]string{
		"base/kustomization.yaml":          "resources: [web.yaml]\n",
		"base/web.yaml":                    baseDeployment,
		"overlays/prod/kustomization.yaml": "namespace: prod\nresources: [../../base]\nimages: [{name: registry.example/web, newTag: \"1.5\"}]\npatches:\n- path: host.yaml\n",
		"overlays/prod/host.yaml":          "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      hostNetwork: true # for now\n      hostPID: true\n",
	}
	chart := map[string]string{
		"chart/Chart.yaml":  "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.yaml": "# values\nsecurityContext: {} # of the container\nhostPID: true # why\n",
		"chart/templates/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostIPC: true
      hostPID: {{ .Values.hostPID }}
      {{- if .Values.more }}
      restartPolicy: Always
      {{- end }}
      containers:
        - name: web
          image: registry.example/web:1.4
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
`,
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		ids   []string
		want  string
	}{
		{"a value that an overlay renders from the base", kustomize, []string{"HF-K8S-015"}, `--- a/base/web.yaml
+++ b/base/web.yaml
@@ -10,3 +10,5 @@
       containers:
         - name: web # the front
           image: registry.example/web:1.4
+          securityContext:
+            allowPrivilegeEscalation: false
`},
		{"values of a patch", kustomize, []string{"HF-K8S-002"}, `--- a/overlays/prod/host.yaml
+++ b/overlays/prod/host.yaml
@@ -4,5 +4,5 @@
 spec:
   template:
     spec:
-      hostNetwork: true # for now
-      hostPID: true
+      hostNetwork: false # for now
+      hostPID: false
`},
		{"literal lines of a template, and values", chart, []string{"HF-K8S-002", "HF-K8S-015", "HF-K8S-022"}, `--- a/chart/templates/web.yaml
+++ b/chart/templates/web.yaml
@@ -7,7 +7,8 @@
   template:
     metadata: {labels: {app: web}}
     spec:
-      hostIPC: true
+      automountServiceAccountToken: false
+      hostIPC: false
       hostPID: {{ .Values.hostPID }}
       {{- if .Values.more }}
       restartPolicy: Always
--- a/chart/values.yaml
+++ b/chart/values.yaml
@@ -1,3 +1,3 @@
 # values
-securityContext: {} # of the container
-hostPID: true # why
+securityContext: {allowPrivilegeEscalation: false} # of the container
+hostPID: false # why
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, diff := run(t, runner(t, tt.ids...), tt.files)
			if d := cmp.Diff(tt.want, diff); d != "" {
				t.Errorf("%s\n%s\nfailed: %v", d, diff, out.Failed)
			}
		})
	}
}
