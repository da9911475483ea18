package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

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

// liveRevision knows the commit that is live, and holds its objects once drift
// has been looked at, so that a burst of changes renders once.
type liveRevision struct {
	mu     sync.Mutex
	commit string
	byKey  map[string]*resource.Resource // nil until it is needed
}

// set notes another live commit. Objects may be nil: they are rendered when
// they are needed.
func (l *liveRevision) set(commit string, objects []*resource.Resource) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commit, l.byKey = commit, nil
	if objects != nil {
		l.index(objects)
	}
}

func (l *liveRevision) index(objects []*resource.Resource) {
	l.byKey = make(map[string]*resource.Resource, len(objects))
	for _, res := range objects {
		l.byKey[res.ID.Key()] = res
	}
}

// Declared returns an object as the live revision declares it, or nil if it
// does not.
func (r *Reconciler) Declared(ctx context.Context, id resource.ID) (*resource.Resource, error) {
	r.live.mu.Lock()
	defer r.live.mu.Unlock()
	if r.live.byKey == nil {
		tree, err := r.Trees.Tree(ctx, r.live.commit)
		if err != nil {
			return nil, err
		}
		rendering, err := Render(ctx, r.App, tree, r.Renderers)
		if err != nil {
			return nil, err
		}
		if len(rendering.Problems) > 0 {
			return nil, fmt.Errorf("the live revision does not render any more: %w", rendering.Problems[0])
		}
		resolved, err := r.Cluster.Resolve(ctx, r.kubeApp(r.live.commit), rendering.Resources)
		if err != nil {
			return nil, err
		}
		r.live.index(resolved)
	}
	return r.live.byKey[id.Key()], nil
}

// declaredTimeout bounds how long a watch waits for the values to show.
const declaredTimeout = 20 * time.Second

// declaredValue is Declared for watches, which need it only to show values.
func (r *Reconciler) declaredValue(id resource.ID) *resource.Value {
	ctx, cancel := context.WithTimeout(context.Background(), declaredTimeout)
	defer cancel()
	declared, err := r.Declared(ctx, id)
	if err != nil || declared == nil {
		return nil
	}
	return declared.Root
}
