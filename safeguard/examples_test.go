package safeguard_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/source"
)

// load returns the pack of policies for changes, and what judges by it.
func load(t testing.TB) (*policy.Pack, *cel.Engine) {
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
	return pack, engine
}

func TestExamplesOfThePack(t *testing.T) {
	pack, engine := load(t)
	for _, failure := range policy.Test(engine, pack, func(_ resource.Platform, file *source.File) ([]*resource.Resource, error) {
		return safeguard.ReadExample(file)
	}) {
		t.Error(failure)
	}
}
