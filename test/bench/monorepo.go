package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/reconcile"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

const branch = "refs/heads/main"

// monorepo is a repository of many applications, each an overlay over one of a
// few bases.
type monorepo struct {
	dir         string // bare repository
	apps, bases int
	commits     int
}

func newMonorepo(ctx context.Context, dir string, apps, bases int) (*monorepo, error) {
	m := &monorepo{dir: dir, apps: apps, bases: bases}
	if err := m.git(ctx, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main"); err != nil {
		return nil, err
	}
	files := map[string]string{"README.md": "All of it.\n"}
	for i := range bases {
		files[baseFile(i, "kustomization.yaml")] = "resources: [deployment.yaml, service.yaml]\n"
		files[baseFile(i, "deployment.yaml")] = strings.NewReplacer("NAME", "app", "CONTEXT", soundContext).Replace(strings.Split(serviceManifests, "---\n")[0])
		files[baseFile(i, "service.yaml")] = strings.ReplaceAll(strings.Split(serviceManifests, "---\n")[1], "NAME", "app")
	}
	for i := range apps {
		files[appFile(i, "kustomization.yaml")] = fmt.Sprintf(
			"namePrefix: app%04d-\nnamespace: team%02d\nresources: [../../%s]\npatches:\n- path: replicas.yaml\n", i, i%40, baseFile(m.baseOf(i), ""))
		files[appFile(i, "replicas.yaml")] = replicas(2)
	}
	err := m.commit(ctx, files)
	return m, err
}

func baseFile(i int, name string) string { return fmt.Sprintf("bases/base%02d/%s", i, name) }
func appFile(i int, name string) string  { return fmt.Sprintf("apps/app%04d/%s", i, name) }
func (m *monorepo) baseOf(i int) int     { return i % m.bases }

func replicas(n int) string {
	return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\n  namespace: shop\nspec:\n  replicas: %d\n", n)
}

// commit adds a commit that sets files.
func (m *monorepo) commit(ctx context.Context, files map[string]string) error {
	m.commits++
	var stream bytes.Buffer
	fmt.Fprintf(&stream, "commit %s\ncommitter Bench <bench@example.org> %d +0000\ndata 0\n", branch, 1_767_225_600+m.commits)
	if m.commits > 1 {
		fmt.Fprintf(&stream, "from %s^0\n", branch)
	}
	for name, content := range files {
		fmt.Fprintf(&stream, "M 644 inline %s\ndata %d\n%s\n", name, len(content), content)
	}
	return m.git(ctx, &stream, "fast-import", "--quiet")
}

func (m *monorepo) git(ctx context.Context, input *bytes.Buffer, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_DIR="+m.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	if input != nil {
		cmd.Stdin = input
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// follower does with a repository what the loop does up to the rendering of
// applications.
type follower struct {
	mirror    *git.Mirror
	renderers []render.Renderer
	apps      []config.Application

	deps map[string]source.Deps // by application: what its last rendering read
}

// followed is what one commit cost.
type followed struct {
	rendered []string      // names, sorted
	fetch    time.Duration // and reading the tree's directories
	match    time.Duration // finding out what the commit concerns
	render   usage         // without the processor time of workers
}

func newFollower(ctx context.Context, m *monorepo, dir string) (*follower, error) {
	mirror, err := git.OpenMirror(ctx, git.Options{Dir: dir, URL: "file://" + filepath.ToSlash(m.dir), AllowProtocols: []string{"file"}})
	if err != nil {
		return nil, err
	}
	f := &follower{mirror: mirror, renderers: setup.Renderers(), deps: map[string]source.Deps{}}
	for i := range m.apps {
		f.apps = append(f.apps, config.Application{Name: fmt.Sprintf("app%04d", i), Source: "monorepo", Path: strings.TrimSuffix(appFile(i, ""), "/")})
	}
	return f, nil
}

// follow fetches the branch and renders the applications for which what they
// read has changed.
func (f *follower) follow(ctx context.Context) (*followed, error) {
	start := time.Now()
	refs, err := f.mirror.Fetch(ctx, branch)
	if err != nil {
		return nil, err
	}
	tree, err := f.mirror.Tree(ctx, refs[branch])
	if err != nil {
		return nil, err
	}
	result := &followed{fetch: time.Since(start)}

	start = time.Now()
	var changed []config.Application
	for _, app := range f.apps {
		if deps := f.deps[app.Name]; len(deps) == 0 || !deps.Match(tree) {
			changed = append(changed, app)
			result.rendered = append(result.rendered, app.Name)
		}
	}
	slices.Sort(result.rendered)
	result.match = time.Since(start)

	result.render, err = own(func() error { return f.renderAll(ctx, tree, changed) })
	return result, err
}

func (f *follower) renderAll(ctx context.Context, tree source.Tree, apps []config.Application) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, app := range apps {
		group.Go(func() error {
			rendering, err := reconcile.Render(ctx, app, tree, f.renderers)
			if err != nil {
				return err
			}
			if len(rendering.Problems) > 0 {
				return rendering.Problems[0]
			}
			if len(rendering.Resources) != 2 {
				return fmt.Errorf("%s has %d objects, want 2", app.Name, len(rendering.Resources))
			}
			mu.Lock()
			defer mu.Unlock()
			f.deps[app.Name] = rendering.Deps
			return nil
		})
	}
	return group.Wait()
}

// change is a commit, and the applications that it concerns.
type change struct {
	what     string
	files    map[string]string
	concerns []string
}

// changes are those that must render exactly what they concern.
func (m *monorepo) changes() []change {
	three := change{what: "a commit that touches 3 applications", files: map[string]string{}}
	for _, i := range []int{1, m.apps / 2, m.apps - 1} {
		three.files[appFile(i, "replicas.yaml")] = replicas(5)
		three.concerns = append(three.concerns, fmt.Sprintf("app%04d", i))
	}
	base := change{what: "a commit that touches a base", files: map[string]string{
		baseFile(1, "service.yaml"): strings.ReplaceAll(strings.Split(serviceManifests, "---\n")[1], "NAME", "app") + "  - name: metrics\n    port: 9090\n",
	}}
	for i := range m.apps {
		if m.baseOf(i) == 1 {
			base.concerns = append(base.concerns, fmt.Sprintf("app%04d", i))
		}
	}
	none := change{what: "a commit that touches none", files: map[string]string{
		"README.md": "All of it, and more.\n", "apps/OWNERS": "everybody\n",
	}}
	return []change{three, base, none}
}

func (b *bench) monorepo(ctx context.Context) error {
	repo, err := newMonorepo(ctx, filepath.Join(b.dir, "monorepo.git"), b.apps, 20)
	if err != nil {
		return err
	}
	f, err := newFollower(ctx, repo, filepath.Join(b.dir, "mirror.git"))
	if err != nil {
		return err
	}
	defer func() { _ = f.mirror.Close() }()
	first, err := f.follow(ctx)
	if err != nil {
		return err
	}
	if len(first.rendered) != b.apps {
		return fmt.Errorf("the first commit rendered %d applications of %d", len(first.rendered), b.apps)
	}
	figures := []figure{
		{"first commit, fetched and listed", ms(first.fetch), "ms", 0, ""},
		{"first commit, rendered", first.render.elapsed.Seconds(), "s", 0, number(ms(first.render.elapsed)/float64(b.apps)) + " ms an application"},
	}
	for _, c := range repo.changes() {
		if err := repo.commit(ctx, c.files); err != nil {
			return err
		}
		next, err := f.follow(ctx)
		if err != nil {
			return err
		}
		if !slices.Equal(next.rendered, c.concerns) {
			return fmt.Errorf("%s rendered %v, want exactly %v", c.what, next.rendered, c.concerns)
		}
		figures = append(figures, figure{
			fmt.Sprintf("%s: %d rendered", c.what, len(next.rendered)), ms(next.fetch + next.match + next.render.elapsed), "ms", 0,
			fmt.Sprintf("fetch %s, match %s, render %s", number(ms(next.fetch)), number(ms(next.match)), number(ms(next.render.elapsed))),
		})
	}
	b.print(fmt.Sprintf("One repository of %d applications over 20 bases, elapsed", b.apps), figures...)
	return nil
}
