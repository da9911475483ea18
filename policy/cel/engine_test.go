package cel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// newPack returns a pack with one policy for all kinds that has the given spec.
func newPack(t *testing.T, spec string) *policy.Pack {
	t.Helper()
	text := `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata: {name: ACME-X-001}
spec:
  title: Right
  severity: high
  why: Because.
  remediation: Mend it.
  match: {kinds: ["*"], groups: ["*"]}
`
	for line := range strings.Lines(strings.TrimSpace(spec)) {
		text += "  " + line
	}
	pack, err := policy.NewPack("acme", []*source.File{source.NewFile("acme.yaml", []byte(text+"\n"))})
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

// evaluate judges the first resource of a manifest. Values that are written as
// `unknown: reason` in a tag-like string "?reason" are not known.
func evaluate(t *testing.T, pack *policy.Pack, manifest string) (policy.Result, *resource.Resource) {
	t.Helper()
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	all := parse(t, manifest)
	for _, r := range all {
		forget(r.Root)
	}
	results := judge(engine, all[0], resource.NewSet(all))
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	return results[0], all[0]
}

func forget(v *resource.Value) {
	if reason, ok := strings.CutPrefix(v.Str, "?"); ok {
		reason, name, refers := strings.Cut(reason, " of ")
		*v = *resource.NewUnknown(reason, v.Span)
		if refers {
			v.Amend().Refs = []string{name}
		}
	}
	for _, item := range v.Items {
		forget(item)
	}
	for _, f := range v.Fields {
		forget(f.Value)
	}
}

const object = `apiVersion: v1
kind: Thing
metadata: {name: x, namespace: shop}
spec:
  number: 7
  text: abc
  empty:
  flag: yes
  list: [a, b, c]
  maps: [{name: one, v: 1}, {name: two, v: 2}, {name: three}]
  map: {k1: v1, k2: v2}
  gaps: [null, a, ~, b]
  holes: [{name: one, inner: [~, {v: 1}, {v: 2}]}, null]
  unknown: "?variable x"
  some: [a, "?item"]
  nested: {a: {b: "?deep"}}
`

// TestVerdictsAndPlaces is the heart: which verdict an expression gets, and
// which values it blames.
func TestVerdictsAndPlaces(t *testing.T) {
	for _, tt := range []struct {
		expression string
		want       string // the verdict; for fail, the places
	}{
		{"object.spec.number == 7", "pass"},
		{"object.spec.number == 7.0", "pass"},
		{"object.spec.flag", "pass"},
		{"object.spec.number", "error"},
		{"object.spec.absent == 1", "error"},
		{"!has(object.spec.empty)", "pass"},
		// Nor is an item that is null: what is found is where it is written.
		{"object.spec.gaps == ['a', 'b'] && object.spec.gaps[0] == 'a' && object.spec.holes.size() == 1", "pass"},
		{"object.spec.gaps.all(g, g != 'b')", "fail spec.gaps[b]"},
		{"object.spec.holes.all(h, h.inner.all(i, i.v < 2))", "fail spec.holes[one].inner[2].v"},
		{"!('empty' in object.spec) && object.?spec.?empty.orValue('none') == 'none'", "pass"},
		{"object.spec.map == {'k1': 'v1', 'k2': 'v2'} && object.spec.map.size() == 2", "pass"},
		{"object.spec.list == ['a', 'b', 'c'] && 'b' in object.spec.list && object.spec.list[2] == 'c'", "pass"},
		{"(object.spec.list + ['d']).size() == 4 && ([] + object.spec.list) == object.spec.list", "pass"},
		{"sets.contains(object.spec.list, ['a', 'c']) && object.spec.list.join('') == 'abc'", "pass"},
		{"object.spec.map.map(k, k) == ['k1', 'k2'] && object.spec.map.exists(k, v, v == 'v2')", "pass"},
		{"'abc123'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']", "pass"},
		{"object.spec.map.k1 == 'v1' ? true : object.spec.absent", "pass"},
		{"object.spec.text + 'd' == 'abcd' && type(object.spec.maps) == list && type(object.spec) == map", "pass"},

		{"object.spec.number == 8", "fail spec.number"},
		{"!has(object.spec.flag)", "fail spec.flag"},
		{"has(object.spec.empty)", "fail spec.empty"},
		{"object.spec.?absent.hasValue()", "fail spec.absent"},
		{"object.spec.?a.?b.?c.orValue(true) == false", "fail spec.a.b.c"},
		{"object.spec.number == 7 && object.spec.text == 'x' && !object.spec.flag", "fail spec.text, spec.flag"},
		{"object.spec.text == 'x' || object.spec.number == 8", "fail spec.number"},
		{"!(object.spec.flag && object.spec.number == 7)", "fail spec.number"},
		{"!(object.spec.flag || object.spec.number == 7)", "fail spec.flag, spec.number"},
		{"object.spec.flag ? object.spec.number == 8 : object.spec.text == 'abc'", "fail spec.number"},
		{"!object.spec.flag ? true : object.spec.text == 'x'", "fail spec.text"},
		{"object.spec.maps.all(m, m.?v.orValue(0) == 1)", "fail spec.maps[two].v, spec.maps[three].v"},
		{"!object.spec.maps.exists(m, m.name.startsWith('t'))", "fail spec.maps[two].name, spec.maps[three].name"},
		{"object.spec.maps.exists(m, m.name == 'four')", "fail spec.maps"},
		{"object.spec.list.all(x, x in ['a', 'c'])", "fail spec.list[b]"},
		{"object.spec.list.all(i, x, i < 2)", "fail spec.list[c]"},
		{"object.spec.map.all(k, v, v == 'v1')", "fail spec.map.k2"},
		{"object.spec.map.all(k, k == 'k1')", "fail spec.map.k2"},
		{"object.spec.maps.filter(m, has(m.v)).all(m, m.v == 1)", "fail spec.maps[two].v"},
		{"(object.spec.maps + [{'v': 1}]).all(m, m.?v.orValue(0) > 1)", "fail spec.maps[one].v, spec.maps[three].v"},
		{"object.spec.maps.all(m, object.spec.list.all(x, x == 'a'))", "fail spec.list[b], spec.list[c]"},
		{"'d' in object.spec.list", "fail spec.list"},
		{"object.spec.?list.orValue([]).size() == 0", "fail spec.list"},
		{"'d' in object.spec.?absent.orValue([])", "fail spec.absent"},
		{"object.spec.map == {}", "fail spec.map"},
		{"variables.a.?b.orValue(false)", "fail spec.b"},
		{"variables.a.?map.?k1.orValue('') == 'x' && variables.num == 7", "fail spec.map.k1"},
		{"variables.num == 8", "fail spec.number"},
		{"1 == 2", "fail kind"},

		// Unknown values: what does not depend on them is certain.
		{"object.spec.unknown == 1", "unknown"},
		{"has(object.spec.unknown)", "unknown"},
		{"object.spec.unknown || object.spec.flag", "pass"},
		{"object.spec.unknown == 1 && object.spec.number == 8", "fail spec.number"},
		{"object.spec.unknown ? true : false", "unknown"},
		{"object.spec.nested.a.b == 'x'", "unknown"},
		{"object.spec.nested == {'a': {'b': 'x'}}", "unknown"},
		{"object.spec.some == ['a', 'b']", "unknown"},
		{"object.spec.some == ['a']", "unknown"}, // false in truth: what is not looked into is safe
		{"'a' in object.spec.some", "unknown"},
		{"'b' in object.spec.some", "unknown"},
		{"object.spec.some.exists(x, x == 'a')", "pass"},
		{"object.spec.some.all(x, x == 'b')", "fail spec.some[a]"},
		{"object.spec.some.all(x, x == 'a')", "unknown"},
		{"(object.spec.some + ['x']) == ['a', 'b', 'x']", "unknown"},
		{"'b' in (object.spec.some + ['x'])", "unknown"},
		{"object.spec.some.join() == 'ab'", "unknown"},
		{"sets.intersects(object.spec.some, ['b'])", "unknown"},
		{"object.spec.some.distinct().size() == 2", "unknown"},
		{"object.spec.some.size() == 2", "pass"},
		{"object.spec.?some[?1].orValue('x') == 'x'", "unknown"},
		{"object.spec.unknown.size() == 2", "unknown"},
		{"object.spec.absent == 1 || object.spec.number == 7", "pass"},
		{"object.spec.maps[9].v == 1 && object.spec.unknown", "unknown"},
	} {
		t.Run(tt.expression, func(t *testing.T) {
			known := !strings.Contains(tt.expression, "unknown") && !strings.Contains(tt.expression, "some") && !strings.Contains(tt.expression, "nested")
			manifest := object
			if known {
				manifest, _, _ = strings.Cut(manifest, "  unknown:")
			}
			for _, trusted := range []bool{true, false} {
				pack := newPack(t, fmt.Sprintf(`
variables:
- {name: a, expression: object.spec}
- {name: num, expression: object.spec.number}
validations: [{expression: %q}]`, tt.expression))
				pack.Trusted = trusted
				result, r := evaluate(t, pack, manifest)
				got := result.Verdict.String()
				var places []string
				for _, f := range result.Failures {
					places = append(places, r.Root.Stable(f.Path))
				}
				if len(places) > 0 {
					got += " " + strings.Join(places, ", ")
				}
				if got != tt.want || (result.Verdict == policy.Error) != (result.Err != nil) || (result.Verdict == policy.Unknown) != (result.Reason != "") {
					t.Errorf("trusted %v: got %s (error %v, reason %q), want %s", trusted, got, result.Err, result.Reason, tt.want)
				}
			}
		})
	}
}

func TestConditionsStagesAndSeveralValidations(t *testing.T) {
	for _, tt := range []struct {
		reason, spec, want string
	}{
		{"a condition that holds", "matchConditions: [{name: c, expression: object.spec.flag}]\nvalidations: [{expression: 'false'}]", "fail"},
		{"a condition that does not", "matchConditions: [{name: c, expression: '!object.spec.flag'}]\nvalidations: [{expression: 'false'}]", "skip"},
		{"a condition that is not known", "matchConditions: [{name: c, expression: object.spec.unknown}]\nvalidations: [{expression: 'false'}]", "unknown"},
		{"another stage", "stages: [live]\nvalidations: [{expression: 'false'}]", "skip"},
		{"this stage", "stages: [live, declared]\nvalidations: [{expression: \"stage == 'declared'\"}]", "pass"},
		{"a failure counts more than an unknown", "validations: [{expression: object.spec.unknown}, {expression: object.spec.number == 8}]", "fail"},
		{"an unknown counts more than a pass", "validations: [{expression: object.spec.unknown}, {expression: object.spec.number == 7}]", "unknown"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if result, _ := evaluate(t, newPack(t, tt.spec), object); result.Verdict.String() != tt.want {
				t.Errorf("got %s (%v), want %s", result.Verdict, result.Err, tt.want)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	pack := newPack(t, `
validations:
- {expression: object.spec.number == 8, message: "{subject} is odd"}
- {expression: object.spec.number == 9, messageExpression: "'is ' + string(object.spec.number)"}
- {expression: object.spec.number == 10, message: fallback, messageExpression: "string(object.spec.absent)"}`)
	known, _, _ := strings.Cut(object, "  unknown:")
	result, _ := evaluate(t, pack, known)
	var got []string
	for _, f := range result.Failures {
		got = append(got, f.Message)
	}
	if diff := cmp.Diff([]string{"{subject} is odd", "is 7", "fallback"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRelations(t *testing.T) {
	pack := newPack(t, `
relations:
- {name: near, kinds: [Pod], sameNamespace: true}
- {name: all, kinds: [workloads]}
validations:
- expression: relations.near.map(p, p.metadata.name) == ['a'] && relations.all.size() == 3`)
	manifest := object + `---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: other}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: c, namespace: shop}}
---
{apiVersion: acme.dev/v1, kind: Pod, metadata: {name: d, namespace: shop}}
`
	if result, _ := evaluate(t, pack, manifest); result.Verdict != policy.Pass {
		t.Errorf("got %s, %v", result.Verdict, result.Err)
	}
	// What a relation leads to and is not known makes the verdict unknown.
	manifest = strings.Replace(manifest, "name: a,", `name: "?x",`, 1)
	if result, _ := evaluate(t, pack, manifest); result.Verdict != policy.Unknown {
		t.Errorf("got %s, %v", result.Verdict, result.Err)
	}
}

func TestPolicyMistakes(t *testing.T) {
	for _, tt := range []struct{ reason, spec, want string }{
		{"syntax", "validations:\n- expression: >-\n    object.a ==\n    && 1", "acme.yaml:13:7: Syntax error: "},
		{"an unknown name", "validations:\n- expression: 'true && objekt.a'", "acme.yaml:11:26: undeclared reference to 'objekt'"},
		{"an unknown function", "validations: [{expression: object.a.startWith('x')}]", "acme.yaml:10:48: undeclared reference to 'startWith'"},
		{"types that do not fit", "validations: [{expression: \"'a' < 1\"}]", "acme.yaml:10:35: found no matching overload for '_<_' applied to '(string, int)'"},
		{"not true or false", "validations: [{expression: \"'a'\"}]", "acme.yaml:10:31: the expression must give a bool, not a string"},
		{"a message that is no text", "validations: [{expression: 'true', messageExpression: '1'}]", "the expression must give a string, not a int"},
		{"an unknown variable", "validations: [{expression: variables.a == 1}]", "acme.yaml:10:39: there is no variable \"a\""},
		{"an unknown variable in brackets", "validations: [{expression: \"variables.?a.orValue(1) == 1 && variables['b']\"}]", "there is no variable \"b\""},
		{"lists of any length", "validations: [{expression: lists.range(1000000000).size() > 0}]", "lists.range is not available"},
		{"a variable that comes later", "variables: [{name: a, expression: variables.b}, {name: b, expression: '1'}]\nvalidations: [{expression: 'true'}]", "there is no variable \"b\""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := cel.New(newPack(t, tt.spec))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	all := newPack(t, "validations: [{expression: a}, {expression: b}]")
	if _, err := cel.New(all, all); err == nil || strings.Count(err.Error(), "acme.yaml") != 6 {
		t.Errorf("not all mistakes are listed: %v", err)
	}
}

// A policy of somebody else must not hang, whatever it says.
func TestLimits(t *testing.T) {
	loop := "true"
	for i := range 9 {
		loop = fmt.Sprintf("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(v%d, %s)", i, loop)
	}
	pack := newPack(t, fmt.Sprintf("validations: [{expression: %q}]", loop))
	start := time.Now()
	result, _ := evaluate(t, pack, "{apiVersion: v1, kind: Thing, metadata: {name: x}}")
	if result.Verdict != policy.Error {
		t.Errorf("got %s", result.Verdict)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCancellation(t *testing.T) {
	engine := builtin(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrDeadlineExceeded)
	all := parse(t, "{apiVersion: v1, kind: Pod, metadata: {name: x}}")
	for _, result := range engine.Evaluate(ctx, nil, all[0], resource.NewSet(all), policy.Declared) {
		if result.Verdict != policy.Error || !errors.Is(result.Err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %s, %v", result.Verdict, result.Err)
		}
	}
}

// Neither an error nor a message may carry a value of a Secret.
func TestSecretValuesStayInside(t *testing.T) {
	pack := newPack(t, `
validations:
- {expression: "int(object.data.password) == 1"}
- {expression: "object.data.password == ''", message: fixed, messageExpression: "'it is ' + object.data.password"}`)
	for _, spec := range []string{"", "validations: [{expression: \"int(object.data.password) == 1\"}]"} {
		if spec != "" {
			pack = newPack(t, spec)
		}
		result, r := evaluate(t, pack, "{apiVersion: v1, kind: Secret, metadata: {name: x}, data: {password: hunter2}}")
		text := fmt.Sprint(result.Err, result.Reason, result.Failures)
		for _, f := range policy.Findings(r, []policy.Result{result}, policy.Live) {
			text += f.Message + f.Label + f.Field
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("a value is told: %s", text)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	engine := builtin(t)
	text, err := os.ReadFile("testdata/unsound.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := parse(t, string(text))
	set := resource.NewSet(all)
	outcomes := make([]string, 8)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			var out strings.Builder
			for _, f := range policy.Findings(all[0], judge(engine, all[0], set), policy.Declared) {
				fmt.Fprintln(&out, f.Rule.ID, f.Message, f.Label, f.Fingerprint, f.Location.Span)
			}
			outcomes[i] = out.String()
		})
	}
	wg.Wait()
	if len(slices.Compact(outcomes)) != 1 || !strings.Contains(outcomes[0], "HF-K8S-004") {
		t.Errorf("outcomes differ: %q", outcomes)
	}
}

// TestSound keeps the policies from crying wolf: nothing is wrong with it.
func TestSound(t *testing.T) {
	text, err := os.ReadFile("testdata/sound.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := parse(t, string(text))
	for _, result := range judge(builtin(t), all[0], resource.NewSet(all)) {
		if result.Verdict != policy.Pass && result.Verdict != policy.Skip {
			t.Errorf("%s: %s %v %v", result.Policy.ID, result.Verdict, result.Failures, result.Err)
		}
	}
}
