package finding_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var path = resource.Path{resource.Key("spec"), resource.Key("containers"), resource.Index(0), resource.Key("image")}

// base returns the finding that the tests change.
func base() *finding.Finding {
	return &finding.Finding{
		Rule:     &finding.Rule{ID: "HF-K8S-012", Severity: finding.High},
		Message:  "container `api` can run as root",
		Severity: finding.High,
		Subject:  resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "payments", Name: "api"},
		Path:     path,
		Field:    "spec.containers[api].image",
		Location: resource.Location{
			File: source.NewFile("apps/api.yaml", []byte("a: 1\nb: 2\n")), Span: source.Span{Start: 5, End: 9}, Exact: true,
		},
	}
}

func identified(change func(*finding.Finding), discriminator string) *finding.Finding {
	f := base()
	if change != nil {
		change(f)
	}
	f.Identify(discriminator)
	return f
}

func TestFingerprint(t *testing.T) {
	want := identified(nil, "").Fingerprint
	if !regexp.MustCompile(`^hf1:[0-9a-f]{32}$`).MatchString(want) {
		t.Fatalf("fingerprint %q is not hf1: and 128 bits", want)
	}
	tests := []struct {
		name, reason  string
		same          bool
		discriminator string
		change        func(*finding.Finding)
	}{
		{name: "path of the file", reason: "files are renamed", same: true,
			change: func(f *finding.Finding) { f.Location.File = source.NewFile("other.yaml", f.Location.File.Content) }},
		{name: "place in the file", reason: "lines are added above", same: true,
			change: func(f *finding.Finding) { f.Location.Span = source.Span{Start: 0, End: 4} }},
		{name: "no file", reason: "live objects have none", same: true,
			change: func(f *finding.Finding) { f.Location = resource.Location{} }},
		{name: "position in the list", reason: "items are reordered", same: true,
			change: func(f *finding.Finding) { f.Path = slices.Clone(path); f.Path[2] = resource.Index(3) }},
		{name: "message", reason: "texts are improved", same: true, change: func(f *finding.Finding) { f.Message = "other" }},
		{name: "severity", reason: "severities are tuned", same: true, change: func(f *finding.Finding) { f.Severity = finding.Low }},
		{name: "API version", reason: "one object is read under several", same: true, change: func(f *finding.Finding) { f.Subject.Version = "v2" }},
		{name: "overlay", reason: "a finding is the same at every stage", same: true, change: func(f *finding.Finding) { f.Via = []string{"prod"} }},
		{name: "field", reason: "two values are two findings", change: func(f *finding.Finding) { f.Field = "spec.containers[web].image" }},
		{name: "rule", reason: "two rules are two findings", change: func(f *finding.Finding) { f.Rule = &finding.Rule{ID: "HF-K8S-013"} }},
		{name: "group", reason: "another kind", change: func(f *finding.Finding) { f.Subject.Group = "extensions" }},
		{name: "namespace", reason: "another object", change: func(f *finding.Finding) { f.Subject.Namespace = "stage" }},
		{name: "name", reason: "another object", change: func(f *finding.Finding) { f.Subject.Name = "web" }},
		{name: "discriminator", reason: "it exists to tell apart", discriminator: "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := identified(tt.change, tt.discriminator).Fingerprint
			if (got == want) != tt.same {
				t.Errorf("same fingerprint = %v, want %v, because %s", got == want, tt.same, tt.reason)
			}
		})
	}
}

// Names come from files and may hold any character: moving a part of one field
// into the next must not give the same digest.
func TestFingerprintSeparatesParts(t *testing.T) {
	a := identified(func(f *finding.Finding) { f.Field = "x\x00y" }, "")
	b := identified(func(f *finding.Finding) { f.Field = "x" }, "y\x00")
	c := identified(func(f *finding.Finding) { f.Field = "x" }, "y")
	if a.Fingerprint == b.Fingerprint || a.Fingerprint == c.Fingerprint || b.Fingerprint == c.Fingerprint {
		t.Error("different parts give one fingerprint")
	}
}

func TestCause(t *testing.T) {
	exact := func(*finding.Finding) {}
	inexact := func(f *finding.Finding) { f.Location.Exact = false }
	unknown := func(f *finding.Finding) { f.Location.Exact, f.Location.Span = false, source.Span{} }
	nowhere := func(f *finding.Finding) { f.Location = resource.Location{} }
	container := func(name string) func(*finding.Finding) {
		return func(f *finding.Finding) {
			f.Path = slices.Clone(path)
			f.Path[2] = resource.Index(1)
			f.Field = "spec.containers[" + name + "].image"
		}
	}
	tests := []struct {
		name, reason string
		place        func(*finding.Finding)
		change       func(*finding.Finding)
		same         bool
	}{
		{"overlays", "one base is mended once", exact, func(f *finding.Finding) { f.Subject.Namespace = "stage"; f.Via = []string{"stage"} }, true},
		{"a template's items", "one template is mended once", exact, container("b"), true},
		{"another field at one place", "two absent fields are two edits", exact,
			func(f *finding.Finding) {
				f.Path = slices.Clone(path)
				f.Path[3] = resource.Key("tag")
			}, false},
		{"another place", "two edits", exact, func(f *finding.Finding) { f.Location.Span.Start = 0 }, false},
		{"another file", "two edits", exact, func(f *finding.Finding) { f.Location.File = source.NewFile("b.yaml", nil) }, false},
		{"another rule", "two edits", exact, func(f *finding.Finding) { f.Rule = &finding.Rule{ID: "HF-K8S-013"} }, false},
		{"overlays, object known", "one base is mended once", inexact, func(f *finding.Finding) { f.Subject.Namespace = "stage" }, true},
		{"items, object known", "all items have the object's place", inexact, container("b"), false},
		{"objects, file known", "all objects have the file's place", unknown, func(f *finding.Finding) { f.Subject.Name = "web" }, false},
		{"objects, nothing known", "nothing says that one edit mends both", nowhere, func(f *finding.Finding) { f.Subject.Name = "web" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := identified(tt.place, "")
			b := identified(func(f *finding.Finding) { tt.place(f); tt.change(f) }, "")
			if (a.Cause == b.Cause) != tt.same {
				t.Errorf("same cause = %v, want %v, because %s", a.Cause == b.Cause, tt.same, tt.reason)
			}
		})
	}
	if a, b := identified(nil, ""), identified(nil, "2"); a.Cause == b.Cause {
		t.Error("the discriminator does not tell causes apart")
	}
}

func TestHidden(t *testing.T) {
	key := func(names ...string) (p resource.Path) {
		for _, n := range names {
			p = append(p, resource.Key(n))
		}
		return p
	}
	tests := []struct {
		name string
		f    finding.Finding
		want bool
	}{
		{"plain value", finding.Finding{Subject: resource.ID{Kind: "Pod"}, Path: key("spec")}, false},
		{"Secret data", finding.Finding{Subject: resource.ID{Kind: "Secret"}, Path: key("data", "a")}, true},
		{"name of a Secret, whose line may hold all of it", finding.Finding{Subject: resource.ID{Kind: "Secret"}, Path: key("metadata", "name")}, true},
		{"Secret of another group", finding.Finding{Subject: resource.ID{Group: "example.org", Kind: "Secret"}}, false},
		{"kubectl's copy", finding.Finding{Subject: resource.ID{Kind: "Pod"}, Path: key("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")}, true},
		{"said to be", finding.Finding{Subject: resource.ID{Kind: "Pod"}, Sensitive: true}, true},
	}
	for _, tt := range tests {
		if got := tt.f.Hidden(); got != tt.want {
			t.Errorf("%s: Hidden() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestShortID(t *testing.T) {
	for fingerprint, want := range map[string]string{
		"hf1:7d3f0c9a11112222333344445555aaaa": "7d3f-0c9a",
		"hf1:7d3f0c9":                          "7d3f0c9",
		"":                                     "",
	} {
		if got := (&finding.Finding{Fingerprint: fingerprint}).ShortID(); got != want {
			t.Errorf("ShortID of %q = %q, want %q", fingerprint, got, want)
		}
	}
}

func TestSort(t *testing.T) {
	at := func(severity finding.Severity, path string, start int, rule, via string) *finding.Finding {
		f := base()
		f.Severity, f.Rule = severity, &finding.Rule{ID: rule}
		f.Location.File, f.Location.Span.Start = source.NewFile(path, nil), start
		f.Via = []string{via}
		f.Identify("")
		return f
	}
	nowhere := base()
	nowhere.Severity, nowhere.Location = finding.Low, resource.Location{}
	want := []*finding.Finding{
		at(finding.Critical, "z.yaml", 9, "HF-B-002", ""),
		at(finding.High, "a.yaml", 2, "HF-B-002", ""),
		at(finding.High, "a.yaml", 10, "HF-A-001", ""),
		at(finding.High, "a.yaml", 10, "HF-B-002", "prod"),
		at(finding.High, "a.yaml", 10, "HF-B-002", "stage"),
		at(finding.High, "b.yaml", 1, "HF-A-001", ""),
		nowhere,
		at(finding.Low, "a.yaml", 1, "HF-A-001", ""),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		got := slices.Clone(want)
		random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		finding.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatal("the order depends on the one before")
		}
	}
}

func TestSeverity(t *testing.T) {
	for s := finding.Info; s <= finding.Critical; s++ {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back finding.Severity
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
		if parsed, err := finding.ParseSeverity(s.String()); err != nil || parsed != s {
			t.Errorf("ParseSeverity(%q) = %v, %v", s, parsed, err)
		}
	}
	for _, name := range []string{"", "HIGH", "severe", "severity(9)"} {
		s := finding.High
		if err := s.UnmarshalText([]byte(name)); err == nil || s != finding.High {
			t.Errorf("UnmarshalText(%q) = %v, changed to %v", name, err, s)
		}
	}
	if _, err := json.Marshal(finding.Severity(9)); err == nil {
		t.Error("a severity without a name was written")
	}
	if got := finding.Severity(9).String(); got != "severity(9)" {
		t.Errorf("String() = %q", got)
	}
}
