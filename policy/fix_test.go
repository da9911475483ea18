package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const fixable = `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata: {name: ACME-FIX-001}
spec:
  title: T
  severity: low
  why: W
  remediation: R
  match: {kinds: [Pod]}
  validations: [{expression: "variables.containers.all(c, c.?x.?y.orValue(0) == 1)"}]
  fixes:
`

// mends returns the objects that the fixes of a policy make of one.
func mends(t *testing.T, fixes, object string, failure resource.Path) (all []string) {
	t.Helper()
	pack, err := policy.NewPack("test", []*source.File{source.NewFile("p.yaml", []byte(fixable+fixes))})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := (&policy.Example{Manifest: object}).Resources()
	if err != nil {
		t.Fatal(err)
	}
	found, err := engine.Mends(context.Background(), policy.Failing{
		Policy: "ACME-FIX-001", Path: failure, Resource: resources[0], Set: resource.NewSet(resources), Stage: policy.Declared,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		root := resources[0].Root
		for _, c := range m.Changes {
			if root, err = edit.Make(root, c); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, strings.TrimPrefix(string(resource.EncodeJSON(root.Get("spec"))), `{"containers":`))
	}
	return all
}

func TestFixes(t *testing.T) {
	const object = `{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: web, x: {z: [a]}, m: [{name: p, v: 1}]}]}}`
	at := resource.Path{resource.Key("spec"), resource.Key("containers"), resource.Index(0), resource.Key("x"), resource.Key("y")}
	for _, tt := range []struct{ name, fix, want, reason string }{
		{"set at the failing place", "{class: safe, op: set, value: 1}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{"y":1,"z":["a"]}}]}`, "the default place"},
		{"of an ancestor", "{class: safe, op: set, of: container, path: a.b, value: {c: d}}", `[{"a":{"b":{"c":"d"}},"m":[{"name":"p","v":1}],"name":"web","x":{"z":["a"]}}]}`, "maps on the way are made"},
		{"of an item", `{class: safe, op: set, of: "containers[]", path: '["a.b"]', value: 1}`, `[{"a.b":1,"m":[{"name":"p","v":1}],"name":"web","x":{"z":["a"]}}]}`, "keys with dots are quoted"},
		{"of an entry", `{class: safe, op: remove, of: "x.*"}`, "", "there is nothing at the entry to remove"},
		{"the nearest of several", "{class: safe, op: remove, of: [object, x], path: z}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{}}]}`, "x is nearer than the object"},
		{"prune", "{class: safe, op: remove, prune: true, of: x, path: z}", `[{"m":[{"name":"p","v":1}],"name":"web"}]}`, "x would be left empty"},
		{"append", "{class: safe, op: append, of: x, path: z, value: b}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{"z":["a","b"]}}]}`, ""},
		{"append what is there", "{class: safe, op: append, of: x, path: z, value: a}", "", "nothing changes"},
		{"append to nothing", "{class: safe, op: append, of: x, path: q, value: a}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{"q":["a"],"z":["a"]}}]}`, "the list is made"},
		{"add where something is", "{class: safe, op: add, of: x, path: z, value: 1}", "", "add leaves it"},
		{"replace where nothing is", "{class: safe, op: replace, value: 1}", "", "replace leaves it"},
		{"rename", "{class: safe, op: rename, of: x, path: z, to: q}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{"q":["a"]}}]}`, ""},
		{"the item of a name", "{class: safe, op: set, of: container, path: 'm[name=p].v', value: 2}", `[{"m":[{"name":"p","v":2}],"name":"web","x":{"z":["a"]}}]}`, ""},
		{"a missing item", "{class: safe, op: set, of: container, path: 'm[name=q].v', value: 2}", `[{"m":[{"name":"p","v":1},{"name":"q","v":2}],"name":"web","x":{"z":["a"]}}]}`, "it is added"},
		{"a new item", "{class: safe, op: set, of: container, path: 'm[+]', value: 2}", `[{"m":[{"name":"p","v":1},2],"name":"web","x":{"z":["a"]}}]}`, ""},
		{"an expression", "{class: safe, op: set, of: container, path: x.z, expression: \"current + [item.name, string(params.size())]\"}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{"z":["a","web","0"]}}]}`, "it sees both"},
		{"a condition that does not hold", "{class: safe, op: set, value: 1, when: current == 7}", "", ""},
		{"several edits", "{class: safe, edits: [{op: remove, of: container, path: m}, {op: remove, of: container, path: q}, {op: set, value: 1}]}", `[{"name":"web","x":{"y":1,"z":["a"]}}]}`, "what has nothing to do is left out"},
		{"an ancestor that is not there", "{class: safe, op: set, of: jobs, value: 1}", "", "the fix is for other places"},
		{"manual", "{class: manual, note: why}", `[{"m":[{"name":"p","v":1}],"name":"web","x":{"z":["a"]}}]}`, "it changes nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, mends(t, "  - "+tt.fix+"\n", object, at)); diff != "" {
				t.Errorf("%s: %s", tt.reason, diff)
			}
		})
	}
}

func TestMistakesInFixes(t *testing.T) {
	for fix, want := range map[string]string{
		"{op: set, value: 1}":                                         `"class" is missing`,
		"{class: careful, op: set, value: 1}":                         "unknown class",
		"{class: safe}":                                               "does not say what to change",
		"{class: review, op: set, value: 1}":                          `"note" is missing`,
		"{class: manual}":                                             `"note" is missing`,
		"{class: safe, op: paint, value: 1}":                          "is not an operation",
		"{class: safe, op: set}":                                      "either a value or an expression",
		"{class: safe, op: set, value: 1, expression: current}":       "either a value or an expression",
		"{class: safe, op: remove, value: 1}":                         "takes no value",
		"{class: safe, op: rename}":                                   "`to` is the new key",
		"{class: safe, op: set, value: 1, path: a..b}":                "a key is empty",
		"{class: safe, op: set, value: 1, path: 'a['}":                "not closed",
		"{class: safe, op: set, value: 1, path: 'a[x]'}":              "is no index",
		"{class: safe, op: set, value: 1, path: a.}":                  "ends in a dot",
		"{class: safe, edits: [{path: a}]}":                           `"op" is missing`,
		"{class: safe, op: set, expression: \"variables.nothing\"}":   `no variable "nothing"`,
		"{class: safe, op: set, value: 1, when: \"1 + 'a' == true\"}": "no matching overload",
	} {
		pack, err := policy.NewPack("test", []*source.File{source.NewFile("p.yaml", []byte(fixable+"  - "+fix+"\n"))})
		if err == nil {
			_, err = cel.New(pack)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", fix, err, want)
		}
	}
}
