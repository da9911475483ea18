package packs_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
)

func TestExamples(t *testing.T) {
	all, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range all {
		for _, failure := range policy.Test(engine, pack) {
			t.Error(failure)
		}
	}
}
