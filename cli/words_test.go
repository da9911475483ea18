package cli

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

func TestWritePlan(t *testing.T) {
	id := func(kind, name string) resource.ID {
		return resource.ID{Group: "apps", Version: "v1", Kind: kind, Namespace: "shop", Name: name}
	}
	plan := &target.Plan{Changes: []target.Change{
		{ID: id("Deployment", "new"), Action: target.Create},
		{ID: id("Deployment", "web"), Action: target.Update, Fields: []target.Field{
			{Path: "spec.replicas", From: 2, To: 3}, {Path: "spec.paused", To: "\x1b[2J"},
		}},
		{ID: id("Deployment", "same"), Action: target.Unchanged},
		{ID: id("StatefulSet", "db"), Action: target.Update, Err: errors.New("spec is immutable\n\x1b[31mby the server")},
		{ID: id("Deployment", "old"), Action: target.Delete, Reason: "no longer declared"},
	}}
	var out bytes.Buffer
	writePlan(report.NewPrinter(&out, 0, false), plan)
	want := `+ Deployment shop/new
~ Deployment shop/web
    spec.replicas: 2 -> 3
    spec.paused: (absent) -> "\u001b[2J"
! StatefulSet shop/db
    spec is immutable
    [31mby the server
- Deployment shop/old
    no longer declared
1 to create, 2 to change, 1 to delete, 1 unchanged.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestKindsAreNamedAsForKubectl(t *testing.T) {
	object := func(group, kind string) resource.ID {
		return resource.ID{Group: group, Kind: kind, Name: "x"}
	}
	tests := []struct {
		written string
		id      resource.ID
		want    bool
	}{
		{"Deployment", object("apps", "Deployment"), true},
		{"deployments", object("apps", "Deployment"), true},
		{"deploy", object("apps", "Deployment"), true},
		{"deployment.apps", object("apps", "Deployment"), true},
		{"deployment.extensions", object("apps", "Deployment"), false},
		{"deployment", object("apps", "StatefulSet"), false},
		{"networkpolicies", object("networking.k8s.io", "NetworkPolicy"), true},
		{"ingresses", object("networking.k8s.io", "Ingress"), true},
		{"gateways.gateway.networking.k8s.io", object("gateway.networking.k8s.io", "Gateway"), true},
		{"endpoints", object("", "Endpoints"), true},
		{"svc", object("", "Service"), true},
		{"pods.", object("", "Pod"), true},
	}
	for _, test := range tests {
		if got := isNamed(test.id, test.written, "x"); got != test.want {
			t.Errorf("%q for %v: %v, want %v", test.written, test.id, got, test.want)
		}
		if isNamed(test.id, test.written, "y") {
			t.Errorf("%q matches another name", test.written)
		}
	}
}

func TestAgo(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s ago": -time.Second, "90s ago": 90 * time.Second, "90m ago": 90 * time.Minute, "30h ago": 30 * time.Hour, "9d ago": 9 * 24 * time.Hour,
	} {
		if got := ago(time.Now().Add(-d)); got != want {
			t.Errorf("%v ago is %q, want %q", d, got, want)
		}
	}
	if got := ago(time.Time{}); got != "never" {
		t.Errorf("no time is %q", got)
	}
}
