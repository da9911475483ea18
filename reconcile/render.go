package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Rendering is what an application is at a commit.
type Rendering struct {
	Resources []*resource.Resource
	Problems  []render.Problem
	Impure    []string
	Deps      source.Deps // everything that was read, looked for or listed
	Digest    string      // of all objects; the same for the same objects in any order
}

// Render renders an application from a tree. What is wrong with its files is
// in Problems; the error is for what may pass with time.
func Render(ctx context.Context, app config.Application, tree source.Tree, renderers []render.Renderer) (*Rendering, error) {
	recorder := source.Record(tree)
	result, err := render.App(ctx, recorder, app.Path, renderOptions(app), renderers)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		result = &render.Result{Problems: []render.Problem{render.AsProblem(app.Path, err)}}
	}
	return &Rendering{
		Resources: result.Resources, Problems: result.Problems, Impure: result.Impure,
		Deps: recorder.Deps(), Digest: digestOf(result.Resources),
	}, nil
}

func renderOptions(app config.Application) render.Options {
	return render.Options{
		Namespace: app.Namespace, ReleaseName: orElse(app.Helm.Release, app.Name), ValuesFiles: app.Helm.ValuesFiles,
		IncludeCRDs: app.Helm.IncludeCRDs == nil || *app.Helm.IncludeCRDs,
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (r *run) render(ctx context.Context) (err error) {
	r.rendering, err = Render(ctx, r.App, r.tree, r.Renderers)
	return err
}

// optionsKey identifies everything besides files on which the fate of a
// revision depends.
func (r *Reconciler) optionsKey() string {
	data, err := json.Marshal(struct {
		App      config.Application
		Policies string
	}{r.App, r.Policies})
	if err != nil {
		return "" // matches nothing, so everything is done anew
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func digestOf(all []*resource.Resource) string {
	sums := make([]string, len(all))
	for i, r := range all {
		sums[i] = digestOfOne(r)
	}
	slices.Sort(sums)
	h := sha256.New()
	_, _ = io.WriteString(h, strings.Join(sums, "\n"))
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func digestOfOne(r *resource.Resource) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", r.ID.Key(), r.ID.Version)
	h.Write(resource.EncodeJSON(r.Root))
	return hex.EncodeToString(h.Sum(nil))
}

// declaredCache holds the rendering of the live revision while drift is being
// looked at, so that a burst of changes renders once.
type declaredCache struct {
	commit string
	byKey  map[string]*resource.Resource
}

// Declared returns the object with a key as the live revision declares it, or
// nil if it does not.
func (r *Reconciler) Declared(ctx context.Context, commit, key string) (*resource.Resource, error) {
	if r.declared.commit != commit {
		tree, err := r.Trees.Tree(ctx, commit)
		if err != nil {
			return nil, err
		}
		rendering, err := Render(ctx, r.App, tree, r.Renderers)
		if err != nil {
			return nil, err
		}
		if len(rendering.Problems) > 0 {
			return nil, errors.New("the live revision does not render any more: " + rendering.Problems[0].Error())
		}
		resolved, err := r.Cluster.Resolve(ctx, r.kubeApp(commit), rendering.Resources)
		if err != nil {
			return nil, err
		}
		r.remember(commit, resolved)
	}
	return r.declared.byKey[key], nil
}

func (r *Reconciler) remember(commit string, resolved []*resource.Resource) {
	byKey := make(map[string]*resource.Resource, len(resolved))
	for _, res := range resolved {
		byKey[res.ID.Key()] = res
	}
	r.declared = declaredCache{commit, byKey}
}
