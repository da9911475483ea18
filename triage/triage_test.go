package triage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
	"github.com/holdfast-dev/holdfast/triage"
	"github.com/holdfast-dev/holdfast/waiver"
)

type ctx = context.Context

func decode(t testing.TB, text string) *waiver.List {
	t.Helper()
	list, err := waiver.Decode(source.NewFile(waiver.Path, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestStatuses(t *testing.T) {
	fresh, old, moved, baseline, waived := problem("W-9", finding.High), problem("W-8", finding.High),
		problem("W-7", finding.High), problem("W-6", finding.High), problem("W-1", finding.Medium)
	list := decode(t, head+entry("W-1"))
	out := triage.Run(triage.Input{
		Findings: []*finding.Finding{fresh, old, moved, baseline, waived}, Now: time.Now(), Complete: true,
		Matching: &identity.Matching{
			Was: map[string]string{old.Fingerprint: old.Fingerprint, moved.Fingerprint: "hf1:before"},
			New: []string{fresh.Fingerprint, baseline.Fingerprint, waived.Fingerprint}, Gone: []string{"hf1:gone"},
		},
		Baseline: triage.NewBaseline([]*finding.Finding{baseline, problem("W-5", finding.Low)}),
		Waivers:  list, Approvals: triage.Unproven(list),
	})
	want := []triage.Status{triage.New, triage.Old, triage.Old, triage.InBaseline, triage.Waived}
	for i, e := range out.All {
		if e.Status != want[i] {
			t.Errorf("finding %d is %s, want %s", i, e.Status, want[i])
		}
	}
	if out.All[1].Was != "" || out.All[2].Was != "hf1:before" {
		t.Error("the fingerprint of before is not told")
	}
	if len(out.Shown) != 1 || len(out.Hidden) != 3 || out.Gone != 1 || out.Mended != 1 || !out.Compared {
		t.Errorf("outcome %+v", out)
	}
}

// TestOneCauseOfSeveralStatuses: what is waived for one overlay is not for the
// other, though one edit mends both.
func TestOneCauseOfSeveralStatuses(t *testing.T) {
	stage, prod := problem("W-1", finding.Medium), problem("W-1", finding.Medium)
	prod.Via = []string{"overlays/prod/kustomization.yaml"}
	list := decode(t, head+entry("W-1"))
	out := triage.Run(triage.Input{
		Findings: []*finding.Finding{stage, prod}, Now: time.Now(), Waivers: list, Approvals: triage.Unproven(list),
	})
	if len(out.Shown) != 1 || out.Shown[0].Finding != prod || len(out.Hidden) != 1 || out.Hidden[0].Finding != stage {
		t.Errorf("shown %v, hidden %v", out.Shown, out.Hidden)
	}
}

func TestFindingsAboutWaivers(t *testing.T) {
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	change := func(old, new string) *waiver.List {
		return decode(t, head+strings.Replace(entry("W-1"), old, new, 1))
	}
	for _, tt := range []struct {
		reason   string
		list     *waiver.List
		severity finding.Severity
		complete bool
		none     bool // no finding that it is about
		want     string
	}{
		{reason: "all is well", list: change("", ""), severity: finding.Medium, complete: true},
		{reason: "unused", list: change("", ""), none: true, complete: true, want: "HF-WAIVER-001"},
		{reason: "unused, but not all was judged", list: change("", ""), none: true},
		{reason: "expired", list: change(day(7), day(-1)), severity: finding.Low, want: "HF-WAIVER-002"},
		{reason: "expired and unused", list: change(day(7), day(-1)), none: true, complete: true, want: "HF-WAIVER-002"},
		{reason: "too long", list: change(day(7), day(100)), severity: finding.Medium, want: "HF-WAIVER-003"},
		{reason: "not for a lesser one", list: change(day(7), day(100)), severity: finding.Low},
		{reason: "lapsed", list: change(waiver.Digest(problem("W-1", finding.High)), "0123456789abcdef"), severity: finding.Low, want: "HF-WAIVER-004"},
		{reason: "not sealed", list: change("  digests: ["+waiver.Digest(problem("W-1", finding.High))+"]\n", ""), severity: finding.High, want: "HF-WAIVER-005"},
		{reason: "too broad", list: change("HF-K8S-001", "HF-K8S-*"), severity: finding.High, want: "HF-WAIVER-005"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			in := triage.Input{Now: time.Now(), Complete: tt.complete, Waivers: tt.list, Approvals: triage.Unproven(tt.list)}
			if !tt.none {
				in.Findings = append(in.Findings, problem("W-1", tt.severity))
			}
			var got []string
			for _, e := range triage.Run(in).Shown {
				if strings.HasPrefix(e.Rule.ID, "HF-WAIVER-") {
					got = append(got, e.Rule.ID)
				} else if tt.want == "" {
					t.Errorf("it is %s: %s", e.Status, e.Note)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("found %v, want %q", got, tt.want)
			}
		})
	}
}

func TestBaselineOnlyShrinks(t *testing.T) {
	a, b, c := problem("A", finding.High), problem("B", finding.High), problem("C", finding.High)
	text := func(all ...*finding.Finding) string {
		content, err := triage.NewBaseline(all).Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for _, tt := range []struct {
		reason   string
		judged   string
		trusted  map[string]string // nil: nothing is trusted
		compared bool
		want     []triage.Status // of a, b and c
	}{
		{"as it is", text(a, b), nil, false, []triage.Status{triage.InBaseline, triage.InBaseline, triage.New}},
		{"the first one", text(a, b), map[string]string{}, false, []triage.Status{triage.InBaseline, triage.InBaseline, triage.New}},
		{"one that grew", text(a, b), map[string]string{triage.BaselinePath: text(b, c)}, false, []triage.Status{triage.New, triage.InBaseline, triage.New}},
		{"a first one, where there is more to compare with", text(a), map[string]string{}, true, []triage.Status{triage.New, triage.New, triage.New}},
		{"one that cannot be read before", text(a), map[string]string{triage.BaselinePath: "{"}, false, []triage.Status{triage.New, triage.New, triage.New}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			in := triage.Input{Findings: []*finding.Finding{a, b, c}, Now: time.Now()}
			if tt.compared {
				in.Matching = &identity.Matching{New: []string{a.Fingerprint, b.Fingerprint, c.Fingerprint}}
			}
			from := triage.Context{Judged: source.Memory(map[string]string{triage.BaselinePath: tt.judged})}
			if tt.trusted != nil {
				from.Trusted = func(ctx) (source.Tree, error) { return source.Memory(tt.trusted), nil }
			}
			if problems, err := in.Load(t.Context(), from); err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			var got []triage.Status
			for _, e := range triage.Run(in).All {
				got = append(got, e.Status)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("statuses %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMistakesAreProblems(t *testing.T) {
	in := triage.Input{Findings: []*finding.Finding{problem("W-1", finding.High)}, Now: time.Now()}
	problems, err := in.Load(t.Context(), triage.Context{Judged: source.Memory(map[string]string{
		waiver.Path:         head + "- {id: W-1, polizy: x}\n",
		triage.BaselinePath: `{"apiVersion": "holdfast.dev/v1alpha1", "kind": "Baseline", "findings": [{"fingerprint": "x"}]}`,
	})})
	if err != nil {
		t.Fatal(err)
	}
	at := func(p render.Problem) string { return p.Error() }
	if len(problems) < 3 || !strings.HasPrefix(at(problems[0]), ".holdfast/waivers.yaml:4:3: ") ||
		at(problems[len(problems)-1]) != `.holdfast/baseline.json:1:90: "x" is not a fingerprint` {
		t.Errorf("problems %v", problems)
	}
	if triage.Run(in).All[0].Status != triage.New {
		t.Error("what cannot be read counts")
	}
}

func TestExpiring(t *testing.T) {
	list := decode(t, head+entry("W-1"))
	out := triage.Run(triage.Input{
		Findings: []*finding.Finding{problem("W-1", finding.Medium), problem("W-1", finding.Medium)},
		Now:      time.Now(), Waivers: list, Approvals: triage.Unproven(list),
	})
	if due := out.Expiring(time.Now()); len(due) != 1 || due[0].By != "W-1" {
		t.Errorf("due: %v", due)
	}
}

func FuzzBaseline(f *testing.F) {
	content, err := triage.NewBaseline([]*finding.Finding{problem("A", finding.High)}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := triage.DecodeBaseline(source.NewFile("b.json", data))
		if err != nil {
			if _, ok := errors.AsType[strict.Errors](err); !ok {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		if _, err := b.Encode(); err != nil {
			t.Error(err)
		}
	})
}
