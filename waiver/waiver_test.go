package waiver_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
	"github.com/holdfast-dev/holdfast/waiver"
)

const list = `# risks that we accept
apiVersion: holdfast.dev/v1alpha1
kind: WaiverList
waivers:
- id: W-0031
  policy: HF-K8S-012
  match:
    resource: apps/Deployment/payments/legacy-batch
    path: containers[worker]
    environments: [stage]
  treatment: mitigate
  reason: Vendor image needs uid 0
  owner: team-payments
  ticket: SEC-1234
  expires: 2026-12-15   # ask the vendor
`

func decode(t testing.TB, text string) *waiver.List {
	t.Helper()
	l, err := waiver.Decode(source.NewFile(waiver.Path, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func day(text string) time.Time {
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return at
}

// root is a finding that the list covers.
func root(severity finding.Severity) *finding.Finding {
	f := &finding.Finding{
		Rule: &finding.Rule{ID: "HF-K8S-012"}, Severity: severity,
		Subject: resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "payments", Name: "legacy-batch"},
		Field:   "spec.template.spec.containers[worker].securityContext.runAsNonRoot",
	}
	f.Identify("")
	f.SetMaterial(nil)
	return f
}

func TestMistakesAreToldAtOnce(t *testing.T) {
	text := `apiVersion: holdfast.dev/v1
kind: WaiverList
waivers:
- id: W-1
  polizy: HF-K8S-012
  policy: all of them
  match: {resource: api}
  treatment: acept
  owner: x
  expires: 2026-13-45
- id: W-1
  policy: HF-K8S-012
  match: {paths: x}
  reason: r
  owner: x
  expires: never
  digests: [zz]
`
	_, err := waiver.Decode(source.NewFile("w.yaml", []byte(text)))
	mistakes, ok := errors.AsType[strict.Errors](err)
	if !ok {
		t.Fatal(err)
	}
	want := []string{
		`w.yaml:1:13: apiVersion is "holdfast.dev/v1", and must be holdfast.dev/v1alpha1`,
		`w.yaml:4:3: field "reason" is missing in waivers[0]`,
		`w.yaml:5:3: unknown field "polizy" in waivers[0]`,
		`w.yaml:6:11: "all of them" cannot be the id of a policy`,
		`w.yaml:7:21: "api" is not a resource`,
		`w.yaml:8:14: waivers[0].treatment is "acept", and must be accept or mitigate or false-positive or transfer`,
		`w.yaml:10:12: waivers[0].expires: "2026-13-45" is not a date: write YEAR-MONTH-DAY, such as 2026-12-15`,
		`w.yaml:11:7: another waiver has the id "W-1"`,
		`w.yaml:13:10: field "resource" is missing in waivers[1].match`,
		`w.yaml:13:11: unknown field "paths" in waivers[1].match`,
		`w.yaml:16:12: waivers[1].expires: "never" is not a date: write YEAR-MONTH-DAY, such as 2026-12-15`,
		`w.yaml:17:13: "zz" is not a digest`,
	}
	if len(mistakes) != len(want) {
		t.Errorf("%d mistakes, want %d", len(mistakes), len(want))
	}
	for i, m := range mistakes {
		if got, _, _ := strings.Cut(m.Error(), "\n"); i >= len(want) || got != want[i] {
			t.Errorf("mistake %d: %s", i, got)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		reason       string
		old, new     string // in the list
		change       func(*finding.Finding)
		environments []string
		want         bool
	}{
		{reason: "all fits", environments: []string{"base", "stage"}, want: true},
		{reason: "another environment", environments: []string{"prod"}},
		{reason: "no environment is known"},
		{reason: "no environment is asked for", old: "    environments: [stage]\n", want: true},
		{reason: "another policy", change: func(f *finding.Finding) { f.Rule = &finding.Rule{ID: "HF-K8S-013"} }, environments: []string{"stage"}},
		{reason: "another container", change: func(f *finding.Finding) { f.Field = "spec.template.spec.containers[web].x" }, environments: []string{"stage"}},
		{reason: "a part of a name is no name", change: func(f *finding.Finding) { f.Field = "spec.initcontainers[worker].x" }, environments: []string{"stage"}},
		{reason: "another namespace", change: func(f *finding.Finding) { f.Subject.Namespace = "shop" }, environments: []string{"stage"}},
		{reason: "patterns", old: "HF-K8S-012", new: "HF-K8S-*", environments: []string{"stage"}, want: true},
		{
			reason: "a pattern does not cross a slash", old: "apps/Deployment/payments/legacy-batch", new: "apps/*/legacy-batch",
			environments: []string{"stage"},
		},
		{
			reason: "the core group is left out", old: "apps/Deployment/payments/legacy-batch", new: "Pod/payments/x",
			change:       func(f *finding.Finding) { f.Subject = resource.ID{Kind: "Pod", Namespace: "payments", Name: "x"} },
			environments: []string{"stage"}, want: true,
		},
		{
			reason: "so is the namespace of what has none", old: "apps/Deployment/payments/legacy-batch", new: "rbac.authorization.k8s.io/ClusterRole/x",
			change: func(f *finding.Finding) {
				f.Subject = resource.ID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "x"}
			},
			environments: []string{"stage"}, want: true,
		},
		{
			reason: "what another platform has, by its key", old: "apps/Deployment/payments/legacy-batch", new: "dockerfile:Dockerfile/build/Dockerfile",
			change: func(f *finding.Finding) {
				f.Subject = resource.ID{Platform: resource.Dockerfile, Kind: "Dockerfile", Name: "build/Dockerfile"}
			},
			environments: []string{"stage"}, want: true,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			f := root(finding.Medium)
			if tt.change != nil {
				tt.change(f)
			}
			w := decode(t, strings.Replace(list, tt.old, tt.new, 1)).Waivers[0]
			if got := w.Covers(f, tt.environments); got != tt.want {
				t.Errorf("covers: %v", got)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		old, new string
		severity finding.Severity
		now      string
		want     error
	}{
		{reason: "in time", severity: finding.Medium, now: "2026-12-01 00:00:00"},
		{reason: "on the last day", severity: finding.Medium, now: "2026-12-15 23:59:59"},
		{reason: "after it", severity: finding.Medium, now: "2026-12-16 00:00:00", want: waiver.ErrExpired},
		{reason: "medium: 90 days", severity: finding.Medium, now: "2026-09-16 00:00:00"},
		{reason: "not 91", severity: finding.Medium, now: "2026-09-15 23:00:00", want: waiver.ErrTooLong},
		{reason: "low: 180 days", severity: finding.Low, now: "2026-06-18 00:00:00"},
		{reason: "high without a digest", severity: finding.High, now: "2026-12-01 00:00:00", want: waiver.ErrUnsealed},
		{reason: "high and a pattern", old: "HF-K8S-012", new: "HF-K8S-*", severity: finding.High, now: "2026-12-01 00:00:00", want: waiver.ErrTooBroad},
		{reason: "high: 30 days", severity: finding.High, now: "2026-11-01 00:00:00", want: waiver.ErrTooLong},
		{reason: "critical: 14 days", severity: finding.Critical, now: "2026-11-30 00:00:00", want: waiver.ErrTooLong},
		{
			reason: "the digest of another value", old: "  ticket:", new: "  digests: [0123456789abcdef]\n  ticket:",
			severity: finding.Low, now: "2026-12-01 00:00:00", want: waiver.ErrLapsed,
		},
		{
			reason: "the digest of this one", old: "  ticket:", new: "  digests: [" + waiver.Digest(root(finding.High)) + "]\n  ticket:",
			severity: finding.Critical, now: "2026-12-01 00:00:00",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := decode(t, strings.Replace(list, tt.old, tt.new, 1)).Waivers[0]
			if err := w.Holds(root(tt.severity), day(tt.now)); !errors.Is(err, tt.want) {
				t.Errorf("holds: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestNotices(t *testing.T) {
	expires := decode(t, list).Waivers[0].Expires
	for now, want := range map[string]int{
		"2026-11-30 00:00:00": 0, "2026-12-01 12:00:00": 14, "2026-12-07 00:00:00": 14,
		"2026-12-08 00:00:00": 7, "2026-12-13 00:00:00": 7, "2026-12-14 00:00:00": 1, "2026-12-15 20:00:00": 1,
	} {
		if got := expires.Notice(day(now)); got != want {
			t.Errorf("%s: notice %d, want %d", now, got, want)
		}
	}
}

func TestDigestFollowsTheValue(t *testing.T) {
	absent, set, secret := root(finding.High), root(finding.High), root(finding.High)
	set.SetMaterial(&resource.Value{Kind: resource.Bool})
	secret.Sensitive = true
	secret.SetMaterial(&resource.Value{Kind: resource.String, Str: "hunter2"})
	if waiver.Digest(absent) == waiver.Digest(set) {
		t.Error("another value has the same digest")
	}
	if secret.Material != "" {
		t.Error("a secret value is in the digest")
	}
}

func TestAppendAndSeal(t *testing.T) {
	w := &waiver.Waiver{
		ID: "W-0032", Policy: "HF-K8S-004", Match: waiver.Match{Resource: "apps/Deployment//api"}, Treatment: waiver.Accept,
		Reason: `says "no: #1"`, Owner: "me", Digests: []string{"0123456789abcdef"}, Expires: waiver.Date{Time: day("2026-12-01 00:00:00")},
	}
	for name, before := range map[string]*waiver.List{
		"no file": nil, "a file": decode(t, list),
		"an empty list": decode(t, "apiVersion: holdfast.dev/v1alpha1\nkind: WaiverList\nwaivers: []\n"),
		"indented":      decode(t, strings.Replace(list, "waivers:\n- id: W-0031\n", "waivers:\n  - id: W-0031\n", 1)[:strings.Index(list, "  policy")+2]+"    policy: HF-K8S-012\n    match: {resource: a/b}\n    reason: r\n    owner: o\n    expires: 2026-01-01\n# the end\n"),
	} {
		text, err := waiver.Append(before, w)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		after := decode(t, string(text))
		if last := after.Waivers[len(after.Waivers)-1]; !last.Same(w) {
			t.Errorf("%s: came back as %+v from\n%s", name, last, text)
		}
	}
	for name, text := range map[string]string{
		"flow":         "apiVersion: holdfast.dev/v1alpha1\nkind: WaiverList\nwaivers: [{id: W-1, policy: HF-A-1, match: {resource: a/b}, reason: r, owner: o, expires: 2026-01-01}]\n",
		"not the last": "apiVersion: holdfast.dev/v1alpha1\nwaivers:\n- {id: W-1, policy: HF-A-1, match: {resource: a/b}, reason: r, owner: o, expires: 2026-01-01}\nkind: WaiverList\n",
	} {
		if _, err := waiver.Append(decode(t, text), w); !errors.Is(err, waiver.ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := decode(t, list)
	for _, digests := range [][]string{{"0123456789abcdef"}, {"0123456789abcdef", "fedcba9876543210"}} {
		edits, err := waiver.Seal(before, &before.Waivers[0], digests)
		if err != nil {
			t.Fatal(err)
		}
		text, err := source.Apply(before.File.Content, edits)
		if err != nil {
			t.Fatal(err)
		}
		before = decode(t, string(text))
		if got := before.Waivers[0].Digests; strings.Join(got, " ") != strings.Join(digests, " ") || !strings.Contains(string(text), "# ask the vendor") {
			t.Errorf("sealed:\n%s", text)
		}
	}
}

func known(id string) bool { return strings.HasPrefix(id, "HF-") }

func TestIgnores(t *testing.T) {
	text := `# holdfast:ignore HF-A-001 until=2026-12-15 reason="above, with \ and = in it"

# another comment
key: value # holdfast:ignore HF-B-001,HF-B-002 until=2026-12-15 reason=short
other: "see holdfast:ignore in the guide"
nothing: here # holdfast: is fine
 // holdfast:ignore HF-C-001 reason="HCL" until=2026-12-15
last: 1
`
	all, mistakes := waiver.ParseIgnores(source.NewFile("a.yaml", []byte(text)), known)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	type short struct {
		ids, reason string
		line        int
	}
	var got []short
	for _, one := range all {
		got = append(got, short{strings.Join(one.Policies, " "), one.Reason, one.Line})
	}
	want := []short{{"HF-A-001", `above, with \ and = in it`, 4}, {"HF-B-001 HF-B-002", "short", 4}, {"HF-C-001", "HCL", 8}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %+v", got)
	}
}

func TestIgnoreMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`# holdfast:ignore HF-A-001 until=2026-12-15`:                          `a.yaml:1:3: the comment has no reason: reason="…"`,
		`# holdfast:ignore HF-A-001 reason=x`:                                  `a.yaml:1:3: the comment has no date: until=…`,
		`# holdfast:ignore HF-A-001 until=soon reason=x`:                       `a.yaml:1:34: "soon" is not a date: write YEAR-MONTH-DAY, such as 2026-12-15`,
		`# holdfast:ignore K8S-1 until=2026-12-15 reason=x`:                    `a.yaml:1:19: there is no policy "K8S-1"`,
		`# holdfast:ignore until=2026-12-15 reason=x`:                          `a.yaml:1:19: the comment names no policy`,
		`# holdfast:ignore`:                                                    `a.yaml:1:18: the comment names no policy`,
		`# holdfast:ignroe HF-A-001`:                                           `a.yaml:1:12: holdfast:ignroe is not known`,
		`# holdfast:ignore HF-A-001 until=2026-12-15 reason=x for ever`:        `a.yaml:1:54: "for" is not understood in the comment`,
		`# holdfast:ignore HF-A-001 until=2026-12-15 until=2027-1-1 reason=""`: `a.yaml:1:45: "until" stands twice in the comment`,
	} {
		all, mistakes := waiver.ParseIgnores(source.NewFile("a.yaml", []byte(text)), known)
		if len(all) > 0 || len(mistakes) == 0 {
			t.Errorf("%s: was taken", text)
			continue
		}
		got, _, _ := strings.Cut(mistakes[0].Error(), "\n")
		if strings.Contains(want, "a.yaml:1:3:") {
			_, message, _ := strings.Cut(got, ": ") // where in the comment does not matter
			got = "a.yaml:1:3: " + message
		}
		if got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestIgnoreHolds(t *testing.T) {
	file := source.NewFile("a.yaml", []byte("a: 1 # holdfast:ignore HF-K8S-012 until=2026-12-15 reason=x\n"))
	all, _ := waiver.ParseIgnores(file, known)
	for _, tt := range []struct {
		severity finding.Severity
		now      string
		want     error
	}{
		{finding.Medium, "2026-12-15 12:00:00", nil},
		{finding.Medium, "2026-12-16 00:00:00", waiver.ErrExpired},
		{finding.High, "2026-12-15 12:00:00", waiver.ErrTooBroad},
		{finding.Low, "2026-01-01 00:00:00", waiver.ErrTooLong},
	} {
		if err := all[0].Holds(root(tt.severity), day(tt.now)); !errors.Is(err, tt.want) {
			t.Errorf("%s at %s: %v, want %v", tt.severity, tt.now, err, tt.want)
		}
	}
}

func FuzzIgnores(f *testing.F) {
	f.Add([]byte("a: 1 # holdfast:ignore HF-A-001 until=2026-12-15 reason=\"x\"\n"))
	f.Add([]byte("# holdfast:ignore \"\n#holdfast:ignore a,,b =\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := source.NewFile("a", text)
		all, _ := waiver.ParseIgnores(file, known)
		for _, one := range all {
			if one.Reason == "" || len(one.Policies) == 0 || one.Line < 1 || one.Line > file.Lines() {
				t.Errorf("%+v", one)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(list))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := waiver.Decode(source.NewFile("a", text))
		if err != nil || len(l.Waivers) == 0 {
			return
		}
		if edits, err := waiver.Seal(l, &l.Waivers[0], []string{"0123456789abcdef"}); err == nil {
			if _, err := source.Apply(text, edits); err != nil {
				t.Error(err)
			}
		}
	})
}
