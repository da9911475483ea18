package target_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

func configMap(name string) resource.ID {
	return resource.ID{Version: "v1", Kind: "ConfigMap", Namespace: "web", Name: name}
}

func TestInventoryUnionKeepsWhatIsKnown(t *testing.T) {
	old := target.Inventory{Application: "web", Items: []target.Item{{ID: configMap("a"), UID: "1"}, {ID: configMap("c"), UID: "3"}}}
	newer := configMap("c")
	newer.Version = "v2"
	union := old.Union([]resource.ID{newer, configMap("b"), configMap("b")})
	want := []target.Item{{ID: configMap("a"), UID: "1"}, {ID: configMap("b")}, {ID: newer, UID: "3"}}
	if diff := cmp.Diff(want, union.Items); diff != "" {
		t.Errorf("union (-want +got):\n%s", diff)
	}
	if old.Items[1].ID.Version != "v1" {
		t.Error("the old inventory was changed")
	}
	rest := union.Minus(target.Inventory{}.Union([]resource.ID{configMap("a"), configMap("b")}))
	if diff := cmp.Diff([]target.Item{{ID: newer, UID: "3"}}, rest); diff != "" {
		t.Errorf("minus (-want +got):\n%s", diff)
	}
}

func TestErrorsTellWhatToDo(t *testing.T) {
	failure := &target.Error{
		Kind: target.Invalid, Op: "apply", Object: configMap("a"),
		Problems: []target.Problem{{Field: "data", Detail: "is required"}, {Detail: "is too large"}}, Hint: "split it",
	}
	if got, want := failure.Error(), "cannot apply ConfigMap web/a: data: is required; is too large; split it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	joined := errors.Join(errors.New("other"), fmt.Errorf("step: %w", failure))
	if !errors.Is(joined, target.Invalid) || errors.Is(joined, target.Retryable) || target.KindOf(joined) != target.Invalid {
		t.Errorf("the kind of %v is lost", joined)
	}
	threshold := error(&target.ThresholdError{Would: 9, Of: 10, Limit: "50 %"})
	if !errors.Is(threshold, target.Refused) || !errors.Is(target.ErrEmpty, target.Refused) { //nolint:staticcheck // SA1032 takes the constant for the error that is judged
		t.Error("a held prune is not a refusal")
	}
}

func TestWorst(t *testing.T) {
	tests := []struct {
		states []target.State
		want   target.State
		reason string
	}{
		{nil, target.Healthy, "nothing can be ill"},
		{[]target.State{target.Healthy, target.Suspended}, target.Suspended, "a suspended part is worth knowing"},
		{[]target.State{target.Progressing, target.Missing, target.Suspended}, target.Missing, "missing is worse than slow"},
		{[]target.State{target.Missing, target.Degraded}, target.Degraded, "degraded is the worst"},
	}
	for _, test := range tests {
		var all []target.Health
		for _, s := range test.states {
			all = append(all, target.Health{State: s})
		}
		if got := target.Worst(all); got != test.want {
			t.Errorf("%v: got %s, want %s: %s", test.states, got, test.want, test.reason)
		}
	}
}
