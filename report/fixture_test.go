package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/source"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares output with a file of testdata, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; if that is right, run with -update (-want +got):\n%s", path, diff)
	}
}

// written returns what an encoder writes.
func written(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: payments
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: api
          image: registry.acme.io/payments/api:1.9.2
          ports: [{name: admin, containerPort: 8080, hostPort: 8080}, {name: http, containerPort: 8081}, {name: metrics, containerPort: 9090, hostPort: 9090}]
          args:
            - |
              serve
              --debug
`

// object reads the first resource of a file.
func object(t *testing.T, path, text string) *resource.Resource {
	t.Helper()
	file := source.NewFile(path, []byte(text))
	docs, err := resource.ParseYAML(file)
	if err != nil {
		t.Fatal(err)
	}
	of := resource.Objects(docs[0])[0]
	return &resource.Resource{ID: of.ID, Root: of.Root, Origin: resource.Origin{Renderer: "manifest", File: file, Span: of.Span}}
}

// at builds a path of keys and indexes.
func at(steps ...any) (p resource.Path) {
	for _, s := range steps {
		switch s := s.(type) {
		case int:
			p = append(p, resource.Index(s))
		case string:
			p = append(p, resource.Key(s))
		}
	}
	return p
}

func broken(r *resource.Resource, rule *finding.Rule, path resource.Path, message, label string) *finding.Finding {
	f := &finding.Finding{
		Rule: rule, Message: message, Label: label, Severity: rule.Severity, Subject: r.ID,
		Path: path, Field: r.Root.Stable(path), Location: r.Locate(path), Via: r.Origin.Via,
	}
	f.Identify("")
	return f
}

var (
	runsAsRoot = &finding.Rule{
		ID: "HF-K8S-012", Title: "Containers must not run as root", Severity: finding.High,
		Why:         "Code that escapes this container is root on the node.",
		Remediation: "Set `runAsNonRoot: true`, and build the image so that it runs as another user than uid 0, because the pod does not start otherwise.",
		References:  []string{"https://kubernetes.io/docs/concepts/security/pod-security-standards/"},
		Controls:    []string{"CIS-K8s/5.2.7", "PSS/restricted"},
	}
	hostPort = &finding.Rule{ID: "HF-K8S-006", Title: "No host ports", Severity: finding.Medium, Why: "A host port passes by network policies.", Remediation: "Use a Service."}
	debugArg = &finding.Rule{ID: "HF-K8S-099", Title: "No debug flags", Severity: finding.Info, Why: "They tell too much.", Remediation: "Leave them out."}
)

// aScan returns a scan with all that reports can say.
func aScan(t *testing.T) *Scan {
	t.Helper()
	r := object(t, "apps/payments api/deployment.yaml", deployment)
	container := []any{"spec", "template", "spec", "containers", 0}
	path := func(steps ...any) resource.Path {
		return at(append(container[:len(container):len(container)], steps...)...)
	}
	rendered := object(t, "charts/wiki/templates/deployment.yaml", deployment)
	rendered.ID.Name, rendered.ID.Namespace, rendered.Origin.Renderer = "wiki", "", "helm"
	rendered.Origin.Via = []string{"charts/wiki/values.yaml", "charts/wiki/Chart.yaml"}
	rendered.Origin.Locator = func(resource.Path) (resource.Location, bool) { return resource.Location{}, false }
	overlaid := broken(r, runsAsRoot, path("securityContext", "runAsNonRoot"),
		"container `api` can run as root", "`securityContext.runAsNonRoot` is missing here")
	overlaid.Count, overlaid.Via = 2, []string{"overlays/prod/kustomization.yaml", "overlays/stage/kustomization.yaml"}
	all := []*finding.Finding{
		overlaid,
		broken(r, hostPort, path("ports", 2, "hostPort"), "container `api` takes port 9090 of the node", "is `9090`"),
		broken(r, debugArg, path("args", 0), "container `api` is started with a flag for debugging", "is here"),
		broken(rendered, runsAsRoot, path("securityContext", "runAsNonRoot"), "container `api` can run as root", "`securityContext.runAsNonRoot` is missing here"),
	}
	finding.Sort(all)
	return &Scan{
		Result: &scan.Result{
			Findings: all,
			Problems: []render.Problem{
				{Path: "apps/broken.yaml", Position: source.Position{Line: 3, Column: 5}, Message: "mapping values are not allowed here", Hint: "quote the value"},
				{Path: "overlays/qa", Message: "accumulating resources: ../../base: no such directory"},
			},
			Errors:   []string{"HF-K8S-050 on Pod a/b: no such key: spec"},
			Skipped:  []render.Skipped{{Path: "README.md", Reason: "not a manifest"}, {Path: "values.yaml", Reason: "has no apiVersion and kind"}},
			Verdicts: policy.Tally{policy.Pass: 40, policy.Fail: 4, policy.Skip: 7, policy.Unknown: 1, policy.Error: 1},
			Files:    3, Objects: 2, Renders: 1, Elapsed: 912 * time.Millisecond,
		},
		Root: "fleet", FailOn: finding.High, Policies: 54, Digest: "sha256:0f", Version: "1.2.3",
	}
}
