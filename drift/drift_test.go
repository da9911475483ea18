package drift

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// answered is what an API server answers to the apply of a Deployment.
const answered = `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": {
    "name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7", "generation": 3,
    "labels": {"app": "web"},
    "managedFields": [{
      "manager": "holdfast", "operation": "Apply", "apiVersion": "apps/v1", "time": "2026-11-22T14:00:00Z", "fieldsType": "FieldsV1",
      "fieldsV1": {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
          "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {},
            "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}, "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}},
            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            "f:resources": {"f:limits": {"f:cpu": {}}},
            "f:securityContext": {"f:capabilities": {"f:drop": {}}}}},
          "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}}
        }}}
      }
    }]
  },
  "spec": {"replicas": 2, "revisionHistoryLimit": 10, "template": {"spec": {
    "dnsPolicy": "ClusterFirst", "injected": "by a webhook",
    "containers": [{"name": "web", "image": "registry/web:1", "imagePullPolicy": "IfNotPresent",
      "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
      "ports": [{"containerPort": 80, "protocol": "TCP"}],
      "resources": {"limits": {"cpu": "100m"}},
      "securityContext": {"capabilities": {"drop": ["ALL"]}}}],
    "volumes": [{"name": "tmp", "emptyDir": {}}]
  }}},
  "status": {"replicas": 0}
}`

const manifest = `
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: web
        image: web:1 # the webhook adds the registry
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 0.1}}
        securityContext: {capabilities: {drop: [ALL]}}
      volumes: [{name: tmp, emptyDir: {}}]
`

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func declaredRoot(t testing.TB, text string) *resource.Value {
	t.Helper()
	docs, err := resource.ParseYAML(source.NewFile("web.yaml", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return docs[0].Root
}

func baseline(t testing.TB, response string) Baseline {
	t.Helper()
	b, err := NewBaseline("hash", object(t, response), "holdfast")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// entry adds an entry to managedFields.
func entry(name, rest, fields string) [2]string {
	return [2]string{`"managedFields": [{`, `"managedFields": [{"manager": "` + name + `", "operation": "Update", "apiVersion": "apps/v1",
		"time": "2026-11-22T15:00:00Z"` + rest + `, "fieldsV1": ` + fields + `}, {`}
}

func TestCompare(t *testing.T) {
	const container = "spec.template.spec.containers[web]"
	tests := []struct {
		reason string
		edits  [][2]string // old and new texts
		want   []string
		lost   []string
	}{
		{"nothing has happened", nil, nil, nil},
		{"status, bookkeeping and defaults of a newer server are no drift",
			[][2]string{{`"replicas": 0`, `"replicas": 2`}, {`"resourceVersion": "7"`, `"resourceVersion": "8"`}, {`"dnsPolicy"`, `"newDefault": 1, "dnsPolicy"`}}, nil, nil},
		{"the value of our field differs, and we own it still: an apply in our name",
			[][2]string{{`registry/web:1`, `evil:1`}}, []string{"changed " + container + ".image web:1 -> evil:1 by holdfast"}, nil},
		{"the manager that owns the field now is named",
			[][2]string{{`"replicas": 2`, `"replicas": 5`}, entry("kubectl", `, "subresource": "scale"`, `{"f:spec": {"f:replicas": {}}}`), {`"f:spec": {"f:replicas": {}, "f:template"`, `"f:spec": {"f:template"`}},
			[]string{"changed spec.replicas 2 -> 5 by kubectl scale"}, nil},
		{"lost ownership with an equal value is no drift",
			[][2]string{entry("kubectl", ``, `{"f:spec": {"f:replicas": {}}}`), {`"f:spec": {"f:replicas": {}, "f:template"`, `"f:spec": {"f:template"`}}, nil, []string{"spec.replicas"}},
		{"a list item is removed as a whole", [][2]string{{`, {"name": "B", "value": "2"}`, ``}}, []string{"removed " + container + ".env[B]"}, nil},
		{"the order of our items counts",
			[][2]string{{`{"name": "A", "value": "1"}, {"name": "B", "value": "2"}`, `{"name": "B", "value": "2"}, {"name": "A", "value": "1"}`}},
			[]string{"changed " + container + ".env by holdfast"}, nil},
		{"the items of others in between do not",
			[][2]string{{`{"name": "A", "value": "1"}, `, `{"name": "A", "value": "1"}, {"name": "N", "value": "x"}, `}, entry("kubectl-edit", ``, `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:env":{"k:{\"name\":\"N\"}":{".":{},"f:name":{},"f:value":{}}}}}}}}}`)},
			[]string{"added " + container + ".env[N] by kubectl-edit"}, nil},
		{"the same key twice is a change, since the last one wins when the pod runs",
			[][2]string{{`{"name": "B", "value": "2"}`, `{"name": "B", "value": "2"}, {"name": "B", "value": "evil"}`}},
			[]string{"changed " + container + ".env[B] by holdfast"}, nil},
		{"a quantity of the same amount", [][2]string{{`"cpu": "100m"`, `"cpu": 0.1`}}, nil, nil},
		{"a quantity of another amount", [][2]string{{`"cpu": "100m"`, `"cpu": "1"`}}, []string{"changed " + container + ".resources.limits.cpu 0.1 -> 1 by holdfast"}, nil},
		{"a field owned by a stranger outside our set",
			[][2]string{{`"dnsPolicy"`, `"hostNetwork": true, "dnsPolicy"`}, entry("kubectl-edit", ``, `{"f:spec":{"f:template":{"f:spec":{"f:hostNetwork":{}}}}}`)},
			[]string{"added spec.template.spec.hostNetwork true by kubectl-edit"}, nil},
		{"in our name it is an addition as well: our set of the apply counts",
			[][2]string{{`"dnsPolicy"`, `"hostNetwork": true, "dnsPolicy"`}, {`"f:template": {"f:spec": {`, `"f:template": {"f:spec": {"f:hostNetwork": {},`}},
			[]string{"added spec.template.spec.hostNetwork true by holdfast"}, nil},
		{"a dangerous field without owner: somebody has edited managedFields",
			[][2]string{{`"dnsPolicy"`, `"hostNetwork": true, "dnsPolicy"`}}, []string{"added spec.template.spec.hostNetwork true"}, nil},
		{"a container without owner",
			[][2]string{{`"containers": [`, `"containers": [{"name": "x", "image": "x"}, `}}, []string{"added spec.template.spec.containers[x]"}, nil},
		{"content for a field that we declare empty, without owner",
			[][2]string{{`"emptyDir": {}`, `"emptyDir": {"medium": "Memory"}`}}, []string{"changed spec.template.spec.volumes[tmp].emptyDir by holdfast"}, nil},
		{"our entry is gone, so everything without owner that was not in the answer counts",
			[][2]string{{`"manager": "holdfast"`, `"manager": "other"`}, {`"dnsPolicy"`, `"newDefault": 1, "dnsPolicy"`}},
			[]string{"removed metadata.managedFields", "added spec.template.spec.newDefault 1"},
			[]string{"metadata.labels.app", "spec.replicas", container + ".env[A].name", container + ".env[A].value", container + ".env[B].name", container + ".env[B].value",
				container + ".image", container + ".name", container + ".ports[80].containerPort", container + ".resources.limits.cpu",
				container + ".securityContext.capabilities.drop", "spec.template.spec.volumes[tmp].emptyDir", "spec.template.spec.volumes[tmp].name"}},
		{"another writer used a version of the API with other names for fields",
			[][2]string{{`"dnsPolicy"`, `"odd": 1, "dnsPolicy"`}, {`"managedFields": [{`, `"managedFields": [{"manager": "old", "operation": "Update", "apiVersion": "apps/v1beta1", "time": "2026-11-22T15:00:00Z", "fieldsV1": {"f:spec": {"f:other": {}}}}, {`}},
			[]string{"added spec.template.spec.odd 1"}, nil},
		{"a known controller's annotation",
			[][2]string{{`"labels": {"app": "web"}`, `"labels": {"app": "web"}, "annotations": {"deployment.kubernetes.io/revision": "4"}`}, entry("kube-controller-manager", `, "subresource": "status"`, `{"f:metadata":{"f:annotations":{".":{},"f:deployment.kubernetes.io/revision":{}}},"f:status":{"f:replicas":{}}}`)}, nil, nil},
		{"the same among older writers that the server has joined",
			[][2]string{{`"labels": {"app": "web"}`, `"labels": {"app": "web"}, "annotations": {"deployment.kubernetes.io/revision": "4", "x": "y"}`}, entry("ancient-changes", ``, `{"f:metadata":{"f:annotations":{".":{},"f:deployment.kubernetes.io/revision":{},"f:x":{}}}}`)},
			[]string{"added metadata.annotations.x y by ancient-changes"}, nil},
		{"a stale owner of something that is gone", [][2]string{entry("kubectl-edit", ``, `{"f:spec":{"f:paused":{}}}`)}, nil, nil},
		{"recreated", [][2]string{{`"uid": "u1"`, `"uid": "u2"`}}, []string{"changed metadata.uid u1 -> u2 by holdfast"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			text := answered
			for _, e := range tt.edits {
				if !strings.Contains(text, e[0]) {
					t.Fatalf("there is no %q to edit", e[0])
				}
				text = strings.Replace(text, e[0], e[1], 1)
			}
			result, err := Compare(baseline(t, answered), declaredRoot(t, manifest), object(t, text), KnownControllers())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, describe(result.Changes)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.lost, result.Lost); diff != "" {
				t.Errorf("lost (-want +got):\n%s", diff)
			}
			if len(tt.edits) > 0 && len(tt.want) > 0 && Digest(object(t, text)) == Digest(object(t, answered)) {
				t.Error("the digest does not tell the difference")
			}
		})
	}
}

// describe has one line per change; values only if they are short.
func describe(changes []Change) (lines []string) {
	short := func(v any) string {
		if text := string(appendCanonical(nil, v)); len(text) <= 12 {
			return strings.Trim(text, `"`)
		}
		return ""
	}
	for _, c := range changes {
		line := string(c.Operation) + " " + c.Field
		declared, live := short(c.Declared), short(c.Live)
		switch {
		case c.Operation == FieldChanged && declared != "" && live != "" && declared[0] != '{' && declared[0] != '[':
			line += " " + declared + " -> " + live
		case c.Operation == FieldAdded && live != "" && live[0] != '{':
			line += " " + live
		}
		if c.Manager != "" {
			line += " by " + strings.TrimSpace(c.Manager+" "+c.Subresource)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestBaselineSurvivesJSON(t *testing.T) {
	b := baseline(t, answered)
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var again Baseline
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, again, cmp.Comparer(func(a, b Fields) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, value := range []string{"registry/web", "webhook", "ALL", "100m"} {
		if strings.Contains(string(data), value) {
			t.Errorf("the baseline has a value, %q: %s", value, data)
		}
	}
	t.Logf("%d bytes of JSON", len(data))
}

func TestChangeSurvivesJSON(t *testing.T) {
	item := resource.Index(3)
	item.Name = "web"
	c := Change{Operation: FieldChanged, Path: resource.Path{resource.Key("spec"), item, resource.Key("")}, Field: "spec[web].", Declared: "a", Live: "b",
		Manager: "m", Verb: "Update", Time: time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC), Subresource: "scale"}
	data, err := json.Marshal(Drift{Changes: []Change{c}})
	if err != nil {
		t.Fatal(err)
	}
	var again Drift
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Change{c}, again.Changes, cmp.Comparer(func(a, b resource.Step) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestObjectsThatCannotBeCompared(t *testing.T) {
	b := baseline(t, answered)
	for reason, edit := range map[string][2]string{
		"another API version names fields otherwise": {`"apiVersion": "apps/v1", "kind"`, `"apiVersion": "apps/v2", "kind"`},
		"managedFields are no field set":             {`"f:replicas": {}`, `"f:replicas": 1`},
		"an element of no known kind":                {`"f:replicas": {}`, `"x:replicas": {}`},
	} {
		if _, err := Compare(b, nil, object(t, strings.Replace(answered, edit[0], edit[1], 1)), nil); !errors.Is(err, ErrObject) {
			t.Errorf("%s: error %v", reason, err)
		}
	}
	if _, err := NewBaseline("hash", object(t, answered), "other"); !errors.Is(err, ErrObject) {
		t.Errorf("a response that says nothing of us: error %v", err)
	}
}

func TestSameEqualSetsShareMemory(t *testing.T) {
	if baseline(t, answered).Owned != baseline(t, strings.Replace(answered, "web:1", "web:2", 1)).Owned {
		t.Error("two objects of one shape have two sets")
	}
}

func TestQuantities(t *testing.T) {
	same := [][]any{{"100m", "0.1", 0.1, "1e-1", ".1"}, {"1Gi", "1024Mi", float64(1 << 30)}, {"1k", "1000", int64(1000), "1E3"}, {"1E", "1e18"}}
	for i, group := range same {
		want, _ := parseQuantity(group[0])
		for _, v := range group {
			if got, ok := parseQuantity(v); !ok || got != want {
				t.Errorf("%v is %q, want %q", v, got, want)
			}
		}
		if other, _ := parseQuantity(same[(i+1)%len(same)][0]); other == want {
			t.Errorf("%v and %v are the same", group, same[(i+1)%len(same)])
		}
	}
	for _, v := range []any{"", "x", "1x", "1e999999999", "--1", "1 Gi", true, nil, "1e+"} {
		if got, ok := parseQuantity(v); ok {
			t.Errorf("%v is the quantity %s", v, got)
		}
	}
}

func TestRiskSorts(t *testing.T) {
	change := func(live any, path ...string) Change {
		c := Change{Operation: FieldAdded, Live: live}
		for _, key := range path {
			c.Path = append(c.Path, resource.Key(key))
		}
		return c
	}
	sidecar := map[string]any{"name": "x", "image": "x", "securityContext": map[string]any{"privileged": true}}
	descending := [][]Change{
		{change(true, "spec", "hostNetwork"), change(sidecar, "spec", "containers"), change("x", "metadata", "labels", "pod-security.kubernetes.io/enforce"), change("x", "rules", "verbs")},
		{change("x", "spec", "image")},
		{change("x", "data", "privileged"), change("x", "spec", "env", "value")},
		{change("x", "spec", "paused")},
		{change(int64(3), "spec", "replicas"), change("1", "spec", "resources", "limits", "cpu")},
		{change("x", "metadata", "labels", "privileged")},
	}
	last := 101
	for _, group := range descending {
		for _, c := range group {
			if got := Risk(c); got != Risk(group[0]) || got >= last {
				t.Errorf("risk of %s is %d, below %d and like that of %s expected", c.Path, got, last, group[0].Path)
			}
		}
		last = Risk(group[0])
	}
}

func TestFights(t *testing.T) {
	start := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	object := resource.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	by := func(manager, field string) []Change { return []Change{{Field: field, Manager: manager}} }
	type seen struct {
		minute  int
		changes []Change
		fight   bool
	}
	tests := []struct {
		reason string
		seen   []seen
	}{
		{"the third time is a fight", []seen{{0, by("a", "x"), false}, {1, by("a", "x"), false}, {2, by("a", "x"), true}, {3, by("a", "x"), true}}},
		{"slow ones are not", []seen{{0, by("a", "x"), false}, {6, by("a", "x"), false}, {12, by("a", "x"), false}, {18, by("a", "x"), false}}},
		{"neither are different fields or managers", []seen{{0, by("a", "x"), false}, {1, by("b", "x"), false}, {2, by("a", "y"), false}, {3, by("a", "x"), false}}},
		{"nor tries to heal the same drift", []seen{{0, by("a", "x"), false}, {0, by("a", "x"), false}, {0, by("a", "x"), false}}},
		{"an object that keeps disappearing", []seen{{0, nil, false}, {1, nil, false}, {2, nil, true}}},
		{"after a pause it begins anew", []seen{{0, by("a", "x"), false}, {1, by("a", "x"), false}, {2, by("a", "x"), true}, {13, by("a", "x"), false}}},
	}
	for _, tt := range tests {
		var f Fights
		for i, s := range tt.seen {
			fight, ok := f.Observe(Drift{Object: object, Changes: s.changes, Seen: at(s.minute)}, at(s.minute))
			if ok != s.fight {
				t.Errorf("%s: step %d: fight %v: %v", tt.reason, i, ok, fight)
			}
			if ok && s.changes != nil && !strings.Contains(fight.String(), "Deployment shop/web") {
				t.Errorf("%s: %s", tt.reason, fight)
			}
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "x", true}, {"x", "x", true}, {"x", "xy", false}, {"x*", "xy", true}, {"*y", "xy", true}, {"a*b*c", "a.b.c", true},
		{"a*b*c", "a.c.b", false}, {"*", "", true}, {"aa*aa", "aaa", false}, {"metadata.annotations.v*k/*", "metadata.annotations.v1.k/x", true},
	} {
		if got := glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("glob(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
}

// fuzzObject reads an object as the API machinery would hand it over.
func fuzzObject(data []byte) (map[string]any, bool) {
	var o map[string]any
	return o, json.Unmarshal(data, &o) == nil
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:a":{"k:{\"b\":1,\"a\":\"x\"}":{".":{}},"v:\"x\"":{},"i:3":{}}}`))
	f.Add([]byte(`{"k:{\"a\":1.0}":{},"k:{\"a\":1}":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := parseText(data)
		if err != nil {
			if !errors.Is(err, errFields) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		text := newFields(set).String()
		again, err := parseText([]byte(text))
		if err != nil {
			t.Fatalf("%s becomes %s, which cannot be read: %v", data, text, err)
		}
		if twice := newFields(again).String(); twice != text {
			t.Fatalf("%s becomes %s, which becomes %s", data, text, twice)
		}
		if again.slots() != set.slots() {
			t.Fatalf("%s has %d slots, then %d", data, set.slots(), again.slots())
		}
	})
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte(answered), []byte(strings.Replace(answered, "web:1", "web:2", 1)))
	f.Add([]byte(answered), []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"uid":"u1"}}`))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Secret","metadata":{"uid":"u","managedFields":[{"manager":"holdfast","operation":"Apply","fieldsV1":{"f:data":{"f:k":{}}}}]},"data":{"k":"x"}}`),
		[]byte(`{"apiVersion":"v1","kind":"Secret","metadata":{"uid":"u","managedFields":[]},"type":"Opaque","data":{"l":"planted"}}`))
	rules := KnownControllers()
	f.Fuzz(func(t *testing.T, before, after []byte) {
		response, ok := fuzzObject(before)
		live, ok2 := fuzzObject(after)
		if !ok || !ok2 {
			return
		}
		b, err := NewBaseline("hash", response, "holdfast")
		if err != nil {
			return
		}
		same, err := Compare(b, nil, response, rules)
		if err != nil {
			t.Fatalf("the response cannot be compared with itself: %v", err)
		}
		if i := slices.IndexFunc(same.Changes, func(c Change) bool { return c.Operation != FieldAdded }); i >= 0 || len(same.Lost) > 0 {
			t.Fatalf("the response differs from itself: %v, lost %v", describe(same.Changes), same.Lost)
		}
		result, err := Compare(b, nil, live, rules)
		if err != nil {
			return
		}
		again, err := Compare(b, nil, live, rules)
		if err != nil || !cmp.Equal(result.Lost, again.Lost) || !slices.Equal(describe(result.Changes), describe(again.Changes)) {
			t.Fatalf("two comparisons differ: %v, %v, %v", result, again, err)
		}
		if text(live["kind"]) == "Secret" && !strings.Contains(text(live["apiVersion"]), "/") {
			for _, c := range result.Changes {
				if len(c.Path) > 0 && c.Path[0].Name == "data" && (c.Live != nil && c.Live != hidden || c.Declared != nil && c.Declared != hidden) {
					t.Fatalf("a value of a Secret is shown: %v", c)
				}
			}
		}
		if _, err := json.Marshal(Drift{Changes: result.Changes}); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	o := object(b, answered)
	b.ReportAllocs()
	for b.Loop() {
		Digest(o)
	}
}

func BenchmarkCompare(b *testing.B) {
	base, o, rules := baseline(b, answered), object(b, answered), KnownControllers()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compare(base, nil, o, rules); err != nil {
			b.Fatal(err)
		}
	}
}
