package gitops

import (
	"cmp"
	"path"
	"regexp"
	"strings"

	"helm.sh/helm/v4/pkg/strvals"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// app is an Application: the object that it is written in, and what it says. The
// two differ for those that an ApplicationSet makes.
type app struct {
	by   *resource.Resource
	root *resource.Value
}

func (a app) name() string { return a.root.Get("metadata").Get("name").Text() }

// where is the nearest place of a value that the object has.
func (a app) where(at resource.Path) resource.Path {
	if a.by.Root != a.root {
		return append(keys("spec", "template"), at...)
	}
	return at
}

func (f *finder) application(a app) {
	spec := a.root.Get("spec")
	if one := spec.Get("source"); one != nil {
		f.argoSource(a, one, keys("spec", "source"), nil)
		return
	}
	all := items(spec.Get("sources"))
	refs := map[string]*resource.Value{}
	for _, one := range all {
		if ref := one.Get("ref").Text(); ref != "" {
			refs[ref] = one
		}
	}
	for i, one := range all {
		if one.Get("ref").Text() == "" || one.Get("path").Text() != "" {
			f.argoSource(a, one, keys("spec", "sources").Append(resource.Index(i)), refs)
		}
	}
}

func (f *finder) argoSource(a app, src *resource.Value, at resource.Path, refs map[string]*resource.Value) {
	skip := func(key, format string, args ...any) {
		f.outOfReach(a.by, a.where(at.Append(resource.Key(key))), format, args...)
	}
	if chart := src.Get("chart").Text(); chart != "" {
		skip("chart", "renders the chart %s of a registry, which is not fetched", chart)
		return
	}
	if src.Get("plugin") != nil {
		skip("plugin", "is rendered by a plugin, which is not run")
		return
	}
	dir, ok := clean(".", strings.TrimPrefix(src.Get("path").Text(), "/"))
	switch {
	case !ok:
		skip("path", "names a path outside of the repository")
		return
	case !f.here(src.Get("repoURL").Text(), dir):
		skip("repoURL", "is of a repository that is not known to be this one")
		return
	case !f.isDir(dir):
		skip("path", "names the path %s, which is not here", dir)
		return
	}
	switch f.kind(dir) {
	case "kustomize":
		if key := setAny(src.Get("kustomize"), "namePrefix", "nameSuffix", "images", "replicas", "commonLabels", "commonAnnotations", "namespace", "patches", "components"); key != "" {
			f.outOfReach(a.by, a.where(append(at.Append(resource.Key("kustomize")), resource.Key(key))), "sets kustomize.%s, which is not applied: the overlay is judged as it is", key)
		}
		f.add(a.by, dir, "kustomize", nil)
	case "helm":
		f.argoChart(a, src, at, dir, refs)
	}
}

// argoChart adds a chart with the values of an Application: files, then values,
// then parameters.
func (f *finder) argoChart(a app, src *resource.Value, at resource.Path, dir string, refs map[string]*resource.Value) {
	skip := func(format string, args ...any) {
		f.outOfReach(a.by, a.where(at.Append(resource.Key("helm"))), format, args...)
	}
	helm := src.Get("helm")
	opts := &render.Options{
		ReleaseName: cmp.Or(helm.Get("releaseName").Text(), a.name()),
		Namespace:   cmp.Or(helm.Get("namespace").Text(), a.root.Get("spec").Get("destination").Get("namespace").Text()),
		IncludeCRDs: !isTrue(helm.Get("skipCrds")),
		KubeVersion: helm.Get("kubeVersion").Text(),
	}
	if opts.KubeVersion != "" && !strings.HasPrefix(opts.KubeVersion, "v") {
		opts.KubeVersion = "v" + opts.KubeVersion
	}
	for _, one := range items(helm.Get("apiVersions")) {
		opts.APIVersions = append(opts.APIVersions, one.Text())
	}
	for _, one := range items(helm.Get("valueFiles")) {
		name, reason := f.valuesFile(one.Text(), dir, refs)
		switch {
		case reason == "" && f.isFile(name):
			opts.ValuesFiles = append(opts.ValuesFiles, name)
		case reason == "" && isTrue(helm.Get("ignoreMissingValueFiles")):
		default:
			skip("takes values of the file %s, %s", one.Text(), cmp.Or(reason, "which is not here"))
			return
		}
	}
	if len(items(helm.Get("fileParameters"))) > 0 {
		skip("takes parameters from files, which are not read")
		return
	}
	if err := inline(a, helm, at.Append(resource.Key("helm")), opts); err != "" {
		skip("has values that cannot be read: %s", err)
		return
	}
	f.add(a.by, dir, "helm", opts)
}

// valuesFile returns the path of a values file, or why it cannot be read.
func (f *finder) valuesFile(name, dir string, refs map[string]*resource.Value) (found, reason string) {
	if strings.Contains(name, "://") {
		return "", "which is not fetched"
	}
	if rest, ok := strings.CutPrefix(name, "$"); ok {
		ref, file, _ := strings.Cut(rest, "/")
		src := refs[ref]
		found, ok = clean(".", file)
		switch {
		case src == nil:
			return "", "whose source is not declared"
		case !ok:
			return "", "which is outside of the repository"
		case !f.here(src.Get("repoURL").Text(), path.Dir(found)):
			return "", "which is in a repository that is not known to be this one"
		}
		return found, ""
	}
	found, ok := clean(dir, name)
	if !ok {
		return "", "which is outside of the repository"
	}
	return found, ""
}

// inline adds the values that an Application has in itself.
func inline(a app, helm *resource.Value, at resource.Path, opts *render.Options) (problem string) {
	if object := helm.Get("valuesObject"); object != nil && object.Kind == resource.Map {
		merge(opts, object, given(a.by, a.where(at.Append(resource.Key("valuesObject"))), object))
	} else if text := helm.Get("values").Text(); text != "" {
		docs, err := resource.ParseYAML(source.NewFile(a.by.Origin.File.Path, []byte(text)))
		switch {
		case err != nil || len(docs) > 1:
			return "they are not one YAML document"
		case len(docs) == 1 && docs[0].Root.Kind == resource.Map:
			merge(opts, docs[0].Root, given(a.by, a.where(at.Append(resource.Key("values"))), docs[0].Root))
		case len(docs) == 1 && docs[0].Root.Kind != resource.Null:
			return "they are not a map"
		}
	}
	for _, one := range items(helm.Get("parameters")) {
		name, value := one.Get("name").Text(), one.Get("value")
		if name == "" {
			continue
		}
		if opts.Values == nil {
			opts.Values = map[string]any{}
		}
		set, text := strvals.ParseInto, ""
		if isTrue(one.Get("forceString")) {
			set = strvals.ParseIntoString
		}
		if value != nil {
			text = value.Str
		}
		if err := set(name+"="+commas.ReplaceAllString(text, `$1\,`), opts.Values); err != nil {
			return "the parameter " + name + " cannot be set"
		}
	}
	return ""
}

// commas are those that would end a value of a parameter.
var commas = regexp.MustCompile(`([^\\]|^),`)
