package render

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// App renders the application at path with the first renderer that detects it:
// by convention kustomize, helm, manifest. A result with problems is not the
// whole application, and must not be applied.
func App(ctx context.Context, tree source.Tree, path string, opts Options, renderers []Renderer) (*Result, error) {
	if _, err := tree.Stat(path); err != nil {
		if source.IsNotExist(err) {
			return nil, Problem{
				Path: path, Message: "the path of the application does not exist",
				Hint: "Correct the path, or remove the application.",
			}
		}
		return nil, err
	}
	for _, r := range renderers {
		if !r.Detect(tree, path) {
			continue
		}
		result, err := r.Render(ctx, tree, path, opts)
		if err != nil {
			return nil, err
		}
		result.Problems = append(result.Problems, foreign(result.Resources)...)
		result.Problems = append(result.Problems, duplicates(result.Resources, opts.Namespace)...)
		SortProblems(result.Problems)
		return result, nil
	}
	// Manifests may lie deeper: the last renderer is the one that looks there.
	if len(renderers) == 0 {
		return nil, fmt.Errorf("%s: no renderer is given", path)
	}
	return renderers[len(renderers)-1].Render(ctx, tree, path, opts)
}

// foreign reports resources that are for no cluster.
func foreign(all []*resource.Resource) (problems []Problem) {
	for _, r := range all {
		if r.ID.Platform != resource.Kubernetes && r.Origin.File != nil {
			problems = append(problems, Problem{
				Path: r.Origin.File.Path, Position: r.Origin.File.Position(r.Origin.Span.Start),
				Message: fmt.Sprintf("%s is for %s, and not for a cluster", r.ID, r.ID.Platform),
				Hint:    "Correct the path of the application.",
			})
		}
	}
	return problems
}

// duplicates reports objects that are declared twice: which one would win
// depends on the order of files. Objects without a namespace are those of the
// application's.
func duplicates(all []*resource.Resource, namespace string) []Problem {
	first := map[string]*resource.Resource{}
	var problems []Problem
	for _, r := range all {
		id := r.ID
		if id.Namespace == "" {
			id.Namespace = namespace
		}
		if id.Name == "" {
			continue // its name is made by the API server
		}
		earlier, ok := first[id.Key()]
		if !ok {
			first[id.Key()] = r
			continue
		}
		at, other := place(r), place(earlier)
		problems = append(problems, Problem{
			Path: at.File.Path, Position: at.Position(),
			Message: fmt.Sprintf("%s is declared twice; the other is at %s:%d", r.ID, other.File.Path, other.Position().Line),
			Hint:    "Remove one of the two.",
		})
	}
	return problems
}

// place is where a resource says its name, or the nearest that is known.
func place(r *resource.Resource) resource.Location {
	return r.Locate(resource.Path{resource.Key("metadata"), resource.Key("name")})
}
