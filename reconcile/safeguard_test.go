package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/state"
)

// changePolicies evaluates the policies for changes.
func changePolicies(t *testing.T) policy.Evaluator {
	t.Helper()
	tree, err := source.Disk("../policy/packs", source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pack, err := policy.Load(tree, "change")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

const gated = "on: push\njobs:\n  scan:\n    runs-on: ubuntu-24.04\n    steps: [{run: holdfast scan .}]\n"

func TestStepsThatWeakenSafeguardsAreRefused(t *testing.T) {
	const workflow = ".github/workflows/ci.yml"
	f := follow(t, nil)
	f.Evaluator = changePolicies(t)
	f.polls("the root is pinned", f.root, state.Ready, "")
	sound := f.Repo.Commit("Scan", map[string]string{workflow: gated})
	f.Repo.Commit("Tidy", map[string]string{workflow: strings.Replace(gated, "holdfast scan .", "true", 1)})
	f.Repo.Commit("Put it back", map[string]string{workflow: gated})
	f.polls("a step between two sound ones takes the gate away", sound, state.Blocked, "SAFEGUARD_REMOVED")

	f.restart(func(s *config.Source) { s.Verify.Safeguards = config.WarnSafeguards })
	f.Evaluator = changePolicies(t)
	tip := f.Repo.Commit("More", nil)
	f.polls("the operator only wants to be told", tip, state.Ready, "")
	st, err := f.store.Source(t.Context(), "fleet")
	if err != nil || len(st.Problems) == 0 || !strings.Contains(st.Problems[0], "SAFEGUARD_REMOVED") {
		t.Errorf("the problems are %q, %v", st.Problems, err)
	}
}

// broken cannot evaluate anything.
type broken struct{}

func (broken) Evaluate(context.Context, []policy.Result, *resource.Resource, *resource.Set, policy.Stage) []policy.Result {
	return []policy.Result{{Policy: &policy.Policy{}, Verdict: policy.Error, Err: errors.New("no")}}
}

func TestWhatCannotBeJudgedIsHeld(t *testing.T) {
	f := follow(t, nil)
	f.polls("the root is pinned", f.root, state.Ready, "")
	f.Evaluator = broken{}
	next := f.Repo.Commit("Next", map[string]string{"CODEOWNERS": "* @a\n"})
	f.polls("a policy cannot be evaluated", f.root, state.Held, "UNVERIFIED")
	f.Evaluator = changePolicies(t)
	f.polls("it is tried again", next, state.Ready, "")
}
