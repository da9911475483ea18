package terraform

import (
	"cmp"
	"context"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

func corpus(b testing.TB, name string) source.Tree {
	dir := os.Getenv("HOLDFAST_CORPORA")
	if dir == "" {
		b.Skip("set HOLDFAST_CORPORA to the directory of the corpora")
	}
	tree, err := source.Disk(path.Join(dir, name), source.DiskOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return tree
}

// The floor is what parsing alone costs, of each file once.
func BenchmarkCorpora(b *testing.B) {
	for _, name := range strings.Split(cmp.Or(os.Getenv("HOLDFAST_BENCH"), "terragoat,terraform-aws-vpc"), ",") {
		tree := corpus(b, name)
		b.Run(name+"/parse", func(b *testing.B) {
			for b.Loop() {
				_ = source.Walk(tree, ".", func(name string, e source.Entry) error {
					if path.Ext(name) == ".tf" {
						content, _ := tree.ReadFile(name)
						_, _ = hclsyntax.ParseConfig(content, name, hcl.InitialPos)
					}
					return nil
				})
			}
		})
		b.Run(name+"/render", func(b *testing.B) {
			for b.Loop() {
				r := New()
				units, _, err := render.Discover(tree, ".", []render.Renderer{r})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, u := range units {
					result, err := r.Render(context.Background(), tree, u.Path, render.Options{})
					if err != nil {
						b.Fatal(err)
					}
					n += len(result.Resources)
				}
				b.ReportMetric(float64(n), "resources")
			}
		})
	}
}
