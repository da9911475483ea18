package admission_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/source"
)

// TestThereAndBack reads all that was exported as a pack, and judges all examples
// by it: the verdicts must be those of the policies that were exported.
func TestThereAndBack(t *testing.T) {
	engine, exported, examples := builtin(t)
	var files []*source.File
	for _, x := range exported {
		text, err := x.YAML()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, source.NewFile(x.Policy.Metadata.Name+".yaml", text))
	}
	pack, err := policy.NewPack("back", files)
	if err != nil {
		t.Fatal(err)
	}
	back, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	if len(pack.Policies) != len(exported) {
		t.Errorf("%d policies came back, want %d", len(pack.Policies), len(exported))
	}
	for _, p := range pack.Policies {
		if id := strings.ToUpper(p.ID); exported[id] == nil || p.Title == "" || p.Severity.String() != exported[id].Policy.Metadata.Annotations["holdfast.dev/severity"] {
			t.Errorf("%s came back with the title %q and severity %s", p.ID, p.Title, p.Severity)
		}
	}
	fails := map[policy.Verdict]bool{policy.Fail: true}
	for _, e := range examples {
		text, err := json.Marshal(e.object)
		if err != nil {
			t.Fatal(err)
		}
		want, err := verdictsOf(engine, text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := verdictsOf(back, text)
		if err != nil {
			t.Fatal(err)
		}
		for id, x := range exported {
			imported, ok := got[x.Policy.Metadata.Name]
			if e.policy.ID == id && !ok && len(x.Left) == 0 && e.of.Verdict == policy.Fail {
				t.Errorf("%s: is not judged", e)
			}
			if ok && (fails[imported] != fails[want[id]] || imported == policy.Error || imported == policy.Unknown) {
				t.Errorf("%s: %s is %s, and was %s", e, id, imported, want[id])
			}
		}
	}
}
