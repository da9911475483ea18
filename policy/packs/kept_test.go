package packs_test

import (
	"bytes"
	"context"
	"os"
	"reflect"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

func TestKeptIsCurrent(t *testing.T) {
	builtin, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	known, err := policy.NewIndex(cel.Guard, builtin...)
	if err != nil {
		t.Fatal(err)
	}
	index, err := known.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	checked, err := cel.Checked(builtin...)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"index.txt": index, "checked.bin": checked} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the policies say: run `go generate ./policy/packs` (%v)", name, err)
		}
	}
}

// TestKeptJudgesAlike judges every example of every policy by all policies: as
// they are kept in the program, and as if they were anybody's, which leaves them
// to cel-go. Neither guards, nor expressions that were checked before, nor our own
// evaluation may change a verdict or a place.
func TestKeptJudgesAlike(t *testing.T) {
	builtin, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range builtin {
		pack.Checked, pack.Trusted = "", false
	}
	plain, err := cel.New(builtin...)
	if err != nil {
		t.Fatal(err)
	}
	indexed, err := packs.Indexed()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := cel.New(indexed...)
	if err != nil {
		t.Fatal(err)
	}
	passedOver := 0
	for _, pack := range builtin {
		for _, p := range pack.Policies {
			for i := range p.Examples {
				e := &p.Examples[i]
				all, err := e.Read(p.Platform, setup.ReadExample)
				if err != nil {
					t.Fatal(err)
				}
				set := resource.NewSet(all)
				for _, r := range all {
					want := plain.Evaluate(context.Background(), nil, r, set, e.Stage)
					got := kept.Evaluate(context.Background(), nil, r, set, e.Stage)
					if len(got) != len(want) {
						t.Fatalf("%s %q: %d policies apply, not %d", p.ID, e.Name, len(got), len(want))
					}
					for j := range want {
						over := got[j].Policy.File == nil
						if over {
							passedOver++
						}
						// What is passed over passes, without asking whether it was to be asked about.
						alike := got[j].Verdict == want[j].Verdict ||
							over && got[j].Verdict == policy.Pass && want[j].Verdict == policy.Skip && len(want[j].Policy.Conditions) > 0
						if got[j].Policy.ID != want[j].Policy.ID || !alike || !reflect.DeepEqual(got[j].Failures, want[j].Failures) {
							t.Errorf("%s %q: %s says %s at %v, and %s at %v when it is anybody's (%v)", p.ID, e.Name, want[j].Policy.ID,
								got[j].Verdict, got[j].Failures, want[j].Verdict, want[j].Failures, want[j].Err)
						}
					}
				}
			}
		}
	}
	if passedOver == 0 {
		t.Error("no guard has kept a policy from being asked")
	}
}

// TestMissingIsJudgedOnce holds that the outcome for what has none of a policy's keys is
// kept for all objects of its shape, and for no others.
func TestMissingIsJudgedOnce(t *testing.T) {
	indexed, err := packs.Indexed()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(indexed...)
	if err != nil {
		t.Fatal(err)
	}
	failures := func(pod string) []policy.Failure {
		docs, err := resource.ParseYAML(source.NewFile("pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: "+pod+"\n")))
		if err != nil {
			t.Fatal(err)
		}
		r := &resource.Resource{ID: resource.Objects(docs[0])[0].ID, Root: docs[0].Root}
		for _, result := range engine.Evaluate(context.Background(), nil, r, resource.NewSet([]*resource.Resource{r}), policy.Declared) {
			if result.Policy.ID == "HF-K8S-019" {
				return result.Failures
			}
		}
		t.Fatal("the policy does not apply")
		return nil
	}
	first, second := failures("{containers: [{name: a}]}"), failures("{containers: [{name: b, image: c}]}")
	if len(first) != 1 || len(second) != 1 || &first[0].Path[0] != &second[0].Path[0] {
		t.Errorf("two of a shape are judged by themselves: %v, %v", first, second)
	}
	for pod, want := range map[string]int{
		"{containers: [{name: a}, {name: b}]}":                   2,
		"{containers: [{name: a}], initContainers: [{name: b}]}": 2,
		"{containers: []}": 0,
		"{containers: [{name: a, securityContext: {readOnlyRootFilesystem: true}}]}":            0,
		"{os: {name: windows}, containers: [{name: a}]}":                                        0,
		"{containers: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]}":                 5, // no outcome is kept
		"{containers: [{name: a}, {name: b, securityContext: {readOnlyRootFilesystem: true}}]}": 1,
	} {
		for range 2 {
			if got := failures(pod); len(got) != want {
				t.Errorf("%s: %v", pod, got)
			}
		}
	}
}
