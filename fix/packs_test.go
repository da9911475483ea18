package fix_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/fix"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/setup"
)

func builtin(t *testing.T) ([]*policy.Pack, *cel.Engine) {
	t.Helper()
	all, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	return all, engine
}

// Every failing example of a policy with fixes is mended, or says that it is not.
// What is written is no longer than it must be, and comments stay.
func TestBuiltinPolicies(t *testing.T) {
	all, engine := builtin(t)
	number := 0
	for _, pack := range all {
		failures, mended := fix.Prove(engine, pack, setup.ReadExample)
		for _, failure := range failures {
			t.Error(failure)
		}
		policies := map[string]bool{}
		for _, m := range mended {
			policies[m.Policy.ID] = true
			for _, e := range edit.Lines(m.Before.Content, m.After.Content) {
				if lost := m.Before.Content[e.Span.Start:e.Span.End]; bytes.Count(lost, []byte("#")) > strings.Count(e.New, "#") {
					t.Errorf("%s %q loses a comment: %s", m.Policy.ID, m.Example.Name, lost)
				}
			}
			if testing.Verbose() {
				t.Logf("%s %s\n%s", m.Policy.ID, m.Example.Name, edit.Unified(m.Before.Path, m.Before.Content, m.After.Content))
			}
		}
		t.Logf("%s: %d policies have fixes", pack.Name, len(policies))
		number += len(policies)
	}
	if number < leastFixes {
		t.Errorf("%d policies have fixes, want %d at least", number, leastFixes)
	}
}

const leastFixes = 850
