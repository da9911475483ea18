package gitops

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// ownRepository is the name that Flux gives the repository of a cluster.
const ownRepository = "flux-system"

// fluxSource reports whether the source that an object refers to is at hand and
// has the path; if not, why.
func (f *finder) fluxSource(r *resource.Resource, ref *resource.Value, dir string) (reason string) {
	kind, name := ref.Get("kind").Text(), ref.Get("name").Text()
	if kind != "GitRepository" {
		return "is of " + kind + " " + name + ", which is not fetched"
	}
	namespace := ref.Get("namespace").Text()
	for _, one := range f.all {
		if one.ID.Group != "source.toolkit.fluxcd.io" || one.ID.Kind != kind || one.ID.Name != name {
			continue
		}
		if namespace != "" && one.ID.Namespace != "" && one.ID.Namespace != namespace {
			continue
		}
		if f.here(one.Root.Get("spec").Get("url").Text(), dir) || name == ownRepository && len(f.Remotes) == 0 {
			return ""
		}
		return "is of GitRepository " + name + ", which is not known to be this one"
	}
	if name == ownRepository {
		return ""
	}
	return "is of GitRepository " + name + ", which is not declared here"
}

func (f *finder) kustomization(r *resource.Resource) {
	spec := r.Root.Get("spec")
	dir, ok := clean(".", strings.TrimPrefix(spec.Get("path").Text(), "/"))
	if !ok {
		f.outOfReach(r, keys("spec", "path"), "names a path outside of the repository")
		return
	}
	if reason := f.fluxSource(r, spec.Get("sourceRef"), dir); reason != "" {
		f.outOfReach(r, keys("spec", "sourceRef"), "%s", reason)
		return
	}
	if !f.isDir(dir) {
		f.outOfReach(r, keys("spec", "path"), "names the path %s, which is not here", dir)
		return
	}
	if key := setAny(spec, "targetNamespace", "namePrefix", "nameSuffix", "images", "patches", "components", "commonMetadata", "postBuild"); key != "" {
		f.outOfReach(r, keys("spec", key), "sets %s, which is not applied: what it is applied to is judged as it is", key)
	}
	if f.kind(dir) == "kustomize" {
		f.add(r, dir, "kustomize", nil)
	}
}

func (f *finder) helmRelease(r *resource.Resource) {
	spec := r.Root.Get("spec")
	if spec.Get("chartRef") != nil {
		f.outOfReach(r, keys("spec", "chartRef"), "renders a chart of a registry, which is not fetched")
		return
	}
	chart := spec.Get("chart").Get("spec")
	dir, ok := clean(".", strings.TrimPrefix(chart.Get("chart").Text(), "/"))
	if reason := f.fluxSource(r, chart.Get("sourceRef"), dir); reason != "" {
		f.outOfReach(r, keys("spec", "chart", "spec", "sourceRef"), "%s", reason)
		return
	}
	if !ok || f.kind(dir) != "helm" {
		f.outOfReach(r, keys("spec", "chart", "spec", "chart"), "names a chart that is not here")
		return
	}
	target := spec.Get("targetNamespace").Text()
	opts := &render.Options{
		ReleaseName: cmp.Or(spec.Get("releaseName").Text(), strings.TrimPrefix(target+"-"+r.ID.Name, "-")),
		Namespace:   cmp.Or(target, r.ID.Namespace), IncludeCRDs: true,
	}
	for i, one := range items(chart.Get("valuesFiles")) {
		name, ok := clean(".", strings.TrimPrefix(one.Text(), "/"))
		if !ok || !f.isFile(name) {
			if isTrue(chart.Get("ignoreMissingValuesFiles")) {
				continue
			}
			f.outOfReach(r, keys("spec", "chart", "spec", "valuesFiles").Append(resource.Index(i)), "takes values of the file %s, which is not here", one.Text())
			return
		}
		opts.ValuesFiles = append(opts.ValuesFiles, name)
	}
	for i, one := range items(spec.Get("valuesFrom")) {
		from, values, reason := f.valuesFrom(r, one)
		if reason != "" {
			if isTrue(one.Get("optional")) {
				continue
			}
			f.outOfReach(r, keys("spec", "valuesFrom").Append(resource.Index(i)), "takes values of %s %s, %s", one.Get("kind").Text(), one.Get("name").Text(), reason)
			return
		}
		merge(opts, values, given(from, keys("data", valuesKey(one)), values))
	}
	if own := spec.Get("values"); own != nil && own.Kind == resource.Map {
		merge(opts, own, given(r, keys("spec", "values"), own))
	}
	f.add(r, dir, "helm", opts)
}

// merge adds values to those of a chart, over what is there.
func merge(opts *render.Options, root *resource.Value, from render.Given) {
	values, _ := resource.ToAny(root).(map[string]any)
	opts.Values = loader.MergeMaps(opts.Values, values)
	opts.Given = append(opts.Given, from)
}

// given tells where values are written: below a place of an object, unless what
// is there is something else, such as the text that holds them.
func given(r *resource.Resource, at resource.Path, root *resource.Value) render.Given {
	return render.Given{Root: root, Locate: func(below resource.Path) resource.Location {
		full := slices.Concat(at, below)
		there, want := r.Root.At(full), root.At(below)
		if there == nil || want == nil || !bytes.Equal(resource.EncodeJSON(there), resource.EncodeJSON(want)) {
			loc := r.Locate(at)
			loc.Exact = false
			return loc
		}
		return r.Locate(full)
	}}
}

// valuesFrom returns the values of a ConfigMap that is declared here. Those of a
// Secret are not read: rendered they could be anywhere, and be shown.
func (f *finder) valuesFrom(r *resource.Resource, ref *resource.Value) (from *resource.Resource, root *resource.Value, reason string) {
	switch {
	case ref.Get("kind").Text() != "ConfigMap":
		return nil, nil, "which are not read"
	case ref.Get("targetPath").Text() != "":
		return nil, nil, "of which it sets one by its path"
	}
	for _, one := range f.all {
		if one.ID.Group != "" || one.ID.Kind != "ConfigMap" || one.ID.Name != ref.Get("name").Text() || !sameNamespace(one.ID, r.ID) {
			continue
		}
		text := one.Root.Get("data").Get(valuesKey(ref))
		if text == nil || one.Origin.File == nil {
			continue
		}
		docs, err := resource.ParseYAML(source.NewFile(one.Origin.File.Path, []byte(text.Text())))
		if err != nil || len(docs) != 1 || docs[0].Root.Kind != resource.Map {
			return nil, nil, "which holds no values under " + valuesKey(ref)
		}
		return one, docs[0].Root, ""
	}
	return nil, nil, "which is not declared here"
}

func sameNamespace(a, b resource.ID) bool {
	return a.Namespace == "" || b.Namespace == "" || a.Namespace == b.Namespace
}

// valuesKey is the key of a ConfigMap that holds values.
func valuesKey(ref *resource.Value) string {
	return cmp.Or(ref.Get("valuesKey").Text(), "values.yaml")
}
