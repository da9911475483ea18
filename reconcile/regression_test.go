package reconcile

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/state"
)

func TestWhatWasFixedAndIsBackIsHeld(t *testing.T) {
	log, err := ledger.Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	f := &finding.Finding{
		Rule: &finding.Rule{ID: "HF-K8S-012"}, Severity: finding.High, Message: "it runs as root",
		Subject: resource.ID{Kind: "Pod", Name: "web"},
	}
	f.Identify("")
	r := &run{Reconciler: &Reconciler{App: config.Application{Name: "web"}, Ledger: log, Log: slog.New(slog.DiscardHandler)}}
	revision := func(commit string, found ...*finding.Finding) {
		r.rev = Revision{Commit: strings.Repeat(commit, 40)}
		r.judgement.Findings, r.waived.Findings = found, nil
	}
	live := func() {
		r.rememberFixed()
		r.st.Known = nil
		for _, f := range r.judgement.Findings {
			r.st.Known = append(r.st.Known, f.Fingerprint)
		}
	}
	revision("a", f)
	if err := r.holdRegressions(); err != nil {
		t.Fatalf("it was always there: %v", err)
	}
	live()
	revision("b")
	live()
	revision("c", f)
	var stop *stopError
	if err := r.holdRegressions(); !errors.As(err, &stop) || stop.status != state.Held || !strings.Contains(stop.reason, "REGRESSION") || !strings.Contains(stop.details[0], "bbbbbbbbbbbb had fixed") {
		t.Fatalf("it is back: %v", err)
	}
	f.Severity = finding.Medium
	if err := r.holdRegressions(); err != nil {
		t.Errorf("it is not severe: %v", err)
	}
	f.Severity = finding.Critical
	r.App.Gate.Mode = config.Audit
	if err := r.holdRegressions(); err != nil {
		t.Errorf("the gate only watches: %v", err)
	}
	r.App.Gate.Mode = config.Enforce
	r.waived.Findings = []*finding.Finding{f}
	if err := r.holdRegressions(); err != nil {
		t.Errorf("it is waived: %v", err)
	}
	live()
	revision("d", f)
	if err := r.holdRegressions(); err != nil {
		t.Errorf("it was let through before: %v", err)
	}
}
