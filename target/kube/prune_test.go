package kube

import (
	"errors"
	"testing"

	"github.com/holdfast-dev/holdfast/target"
)

func TestPruneTerms(t *testing.T) {
	tests := []struct {
		reason     string
		terms      PruneTerms
		doomed, of int
		limit      string
	}{
		{"nothing to delete", PruneTerms{}, 0, 0, ""},
		{"half is the default limit, and is allowed", PruneTerms{}, 5, 10, ""},
		{"more than half is not", PruneTerms{}, 6, 10, "50 %"},
		{"50 objects are the default limit", PruneTerms{}, 51, 1000, "50 objects"},
		{"a limit of one's own", PruneTerms{MaxCount: 2}, 3, 1000, "2 objects"},
		{"a percentage of one's own", PruneTerms{MaxPercent: 10}, 2, 10, "10 %"},
		{"no limits", PruneTerms{MaxCount: -1, MaxPercent: -1}, 1000, 1000, ""},
		{"a person has agreed", PruneTerms{Confirmed: true}, 1000, 1000, ""},
	}
	for _, test := range tests {
		candidates := make([]candidate, test.doomed, test.doomed+2)
		candidates = append(candidates, candidate{fate: kept}, candidate{fate: released})
		err := test.terms.allow(candidates, test.of)
		var threshold *target.ThresholdError
		if errors.As(err, &threshold) != (test.limit != "") || threshold != nil && (threshold.Limit != test.limit || threshold.Would != test.doomed) {
			t.Errorf("%s: got %v", test.reason, err)
		}
	}
}
