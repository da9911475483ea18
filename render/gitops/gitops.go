// Package gitops reads what objects of Argo CD and Flux say to render, as units
// with options of their own.
//
//	Application     Argo CD: a path, and values or parameters for a chart there
//	ApplicationSet  Argo CD: Applications from a list, or from what is in Git
//	Kustomization   Flux: a path
//	HelmRelease     Flux: a chart in Git, and its values
//	Reach           the files at hand, and the repository that they are
//	out of reach    said of everything else, at the place that names it: charts of
//	                registries, other repositories, clusters as generators
//
// A repository is at hand if its URL is that of a remote of the work tree. Where
// no remote is known, a repository is taken for the one at hand if it has the
// path, which must not be the root: every repository has that. A GitRepository of
// Flux that no object declares is at hand if it is called flux-system, as the one
// is from which a cluster reads itself.
//
// What an object says is not trusted: paths stay in the tree, templates of
// ApplicationSets are filled in and never run, and the number of units is limited.
package gitops

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// MaxUnits bounds what the objects of one tree can have rendered.
const MaxUnits = 300

// Reach is what can be rendered from.
type Reach struct {
	Tree    source.Tree
	Remotes []string // URLs of the repository that Tree is of; none if it cannot be told
}

// Found is what objects say to render.
type Found struct {
	Units   []render.Unit // in the order of the objects
	Skipped []render.Skipped
}

// Find reads the objects of Argo CD and Flux among some resources. References
// between objects lead to all that are known.
func Find(reach Reach, some, all []*resource.Resource) Found {
	f := &finder{Reach: reach, all: all}
	for _, r := range some {
		f.object(r)
	}
	return f.found
}

// Is reports whether a resource says what to render.
func Is(r *resource.Resource) bool {
	switch r.ID.Group {
	case "argoproj.io":
		return r.ID.Kind == "Application" || r.ID.Kind == "ApplicationSet"
	case "kustomize.toolkit.fluxcd.io":
		return r.ID.Kind == "Kustomization"
	case "helm.toolkit.fluxcd.io":
		return r.ID.Kind == "HelmRelease"
	}
	return false
}

type finder struct {
	Reach
	all   []*resource.Resource
	found Found
}

func (f *finder) object(r *resource.Resource) {
	if r.ID.Platform != "" || r.Origin.File == nil || !Is(r) {
		return
	}
	switch r.ID.Kind {
	case "Application":
		f.application(app{r, r.Root})
	case "ApplicationSet":
		f.applicationSet(r)
	case "Kustomization":
		f.kustomization(r)
	case "HelmRelease":
		f.helmRelease(r)
	}
}

// outOfReach says of a value of an object that it cannot be followed.
func (f *finder) outOfReach(r *resource.Resource, at resource.Path, format string, args ...any) {
	loc := r.Locate(at)
	if loc.File == nil {
		loc = resource.Location{File: r.Origin.File}
	}
	f.found.Skipped = append(f.found.Skipped, render.Skipped{
		Path: loc.File.Path, Position: loc.Position(), Reason: "out of reach: " + r.ID.String() + " " + fmt.Sprintf(format, args...),
	})
}

// add adds a unit that an object says to render.
func (f *finder) add(r *resource.Resource, dir, renderer string, opts *render.Options) {
	via := []string{r.Origin.File.Path}
	for _, name := range r.Origin.Via {
		if !slices.Contains(via, name) {
			via = append(via, name)
		}
	}
	f.found.Units = append(f.found.Units, render.NewUnit(dir, renderer, opts, via))
}

// here reports whether a URL is that of the repository at hand, as far as it can
// be told, and has the path.
func (f *finder) here(url, dir string) bool {
	if len(f.Remotes) > 0 {
		return slices.ContainsFunc(f.Remotes, func(remote string) bool { return sameRepository(remote, url) })
	}
	return dir != "." && f.isDir(dir)
}

func (f *finder) isDir(dir string) bool {
	_, err := f.Tree.ReadDir(dir)
	return err == nil
}

func (f *finder) isFile(name string) bool {
	_, err := f.Tree.ReadFile(name)
	return err == nil
}

// sameRepository compares URLs without what differs between ways to reach one
// repository: scheme, user, port, a last .git or slash.
func sameRepository(a, b string) bool { return plainURL(a) != "" && plainURL(a) == plainURL(b) }

func plainURL(url string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(url), "://")
	if !ok { // user@host:path
		rest = strings.Replace(scheme, ":", "/", 1)
		if !strings.Contains(scheme, ":") {
			return "" // a path of one machine
		}
	}
	host, name, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	host = strings.ToLower(host[strings.LastIndexByte(host, '@')+1:])
	host, _, _ = strings.Cut(host, ":")
	name = strings.TrimSuffix(strings.Trim(name, "/"), ".git")
	return host + "/" + strings.ToLower(name)
}

// clean returns the path of the tree that an object names, relative to dir or,
// where it begins with a slash, to the root. It reports false for one that leads
// out of the tree.
func clean(dir, name string) (string, bool) {
	if rest, absolute := strings.CutPrefix(name, "/"); absolute {
		dir, name = ".", strings.TrimLeft(rest, "/")
	}
	joined := path.Join(dir, name)
	if name == "" {
		joined = path.Clean(dir)
	}
	return joined, joined != ".." && !strings.HasPrefix(joined, "../") && !strings.ContainsAny(name, "\x00\\")
}

// kind tells by which renderer a directory is rendered: "" for plain manifests.
func (f *finder) kind(dir string) string {
	entries, _ := f.Tree.ReadDir(dir)
	has := func(names ...string) bool {
		return slices.ContainsFunc(entries, func(e source.Entry) bool { return e.Mode != source.ModeDir && slices.Contains(names, e.Name) })
	}
	switch {
	case has("Chart.yaml"):
		return "helm"
	case has("kustomization.yaml", "kustomization.yml", "Kustomization"):
		return "kustomize"
	}
	return ""
}

// keys returns a path of keys.
func keys(names ...string) (all resource.Path) {
	for _, name := range names {
		all = append(all, resource.Key(name))
	}
	return all
}

// items returns the items of a list, or none.
func items(v *resource.Value) []*resource.Value {
	if v == nil {
		return nil
	}
	return v.Items
}

// isTrue reports whether a value is true.
func isTrue(v *resource.Value) bool { return v != nil && v.Kind == resource.Bool && v.Bool }

// setAny returns the first of some keys of a map that is set to something.
func setAny(v *resource.Value, names ...string) string {
	for _, name := range names {
		if one := v.Get(name); one != nil && one.Kind != resource.Null && (one.Kind < resource.List || len(one.Items)+len(one.Fields) > 0) && (one.Kind != resource.String || one.Str != "") {
			return name
		}
	}
	return ""
}
