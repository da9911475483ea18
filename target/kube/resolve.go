package kube

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// object is a declared object with what the cluster knows of its kind.
type object struct {
	id       resource.ID
	declared *resource.Resource
	mapping  mapping
	pending  bool  // its kind is defined by a CustomResourceDefinition of the same set
	err      error // its kind is unknown
}

// Resolve gives every declared object its full ID: namespaced objects without a
// namespace get that of the application, and cluster-scoped ones have none. It
// returns copies that share their trees. Objects of a kind that neither the
// cluster nor a CustomResourceDefinition among them knows stay as they are.
//
// An object with generateName gets a name that ends in a hash of its manifest:
// it stays the same object until Git changes it, and is a new one then. So a
// Job that is meant to run at each deployment runs at each change.
//
// Two objects with one ID are an error, and so is one without a name.
func (c *Cluster) Resolve(ctx context.Context, app App, declared []*resource.Resource) ([]*resource.Resource, error) {
	objects, err := c.resolve(ctx, app, declared)
	if err != nil {
		return nil, err
	}
	all := make([]*resource.Resource, len(objects))
	for i, o := range objects {
		all[i] = o.declared
	}
	return all, nil
}

func (c *Cluster) resolve(ctx context.Context, app App, declared []*resource.Resource) ([]object, error) {
	defined := definitions(declared)
	objects := make([]object, 0, len(declared))
	unknown := map[schema.GroupVersionKind]error{} // asked once each
	for _, r := range declared {
		o := object{id: r.ID, declared: r}
		gvk := schema.GroupVersionKind{Group: r.ID.Group, Version: r.ID.Version, Kind: r.ID.Kind}
		var m mapping
		err := unknown[gvk]
		if err == nil {
			m, err = c.mapper.lookup(ctx, r.ID)
		}
		crd, pending := defined[schema.GroupKind{Group: r.ID.Group, Kind: r.ID.Kind}]
		switch {
		case err == nil:
			o.mapping = m
		case target.KindOf(err) != target.NotFound:
			return nil, err
		case pending:
			unknown[gvk] = err
			o.mapping, o.pending = mapping{namespaced: crd.namespaced}, true
		default:
			unknown[gvk] = err
			o.err = unknownKind(r.ID)
			objects = append(objects, o)
			continue
		}
		o.id.Namespace = namespaceOf(app, r.ID, o.mapping.namespaced)
		o.id.Name = nameOf(r)
		if o.id != r.ID {
			named := *r
			named.ID = o.id
			o.declared = &named
		}
		objects = append(objects, o)
	}
	return objects, distinct(objects)
}

func namespaceOf(app App, id resource.ID, namespaced bool) string {
	switch {
	case !namespaced:
		return ""
	case id.Namespace != "":
		return id.Namespace
	case app.Namespace != "":
		return app.Namespace
	}
	return "default"
}

const (
	generatedHash   = 8  // hexadecimal digits
	longestBaseName = 55 // with the hash, names have to fit into a label
)

// nameOf returns the name of an object, generated from its manifest if it asks
// for that.
func nameOf(r *resource.Resource) string {
	base := r.Root.Get("metadata").Get("generateName").Text()
	if r.ID.Name != "" || base == "" {
		return r.ID.Name
	}
	sum := sha256.Sum256(resource.EncodeJSON(r.Root))
	return base[:min(len(base), longestBaseName)] + hex.EncodeToString(sum[:])[:generatedHash]
}

func distinct(objects []object) error {
	var all []error
	first := map[string]object{}
	for _, o := range objects {
		if o.id.Name == "" {
			all = append(all, &target.Error{Kind: target.Invalid, Op: "apply", Object: o.id, Problems: []target.Problem{{Field: "metadata.name", Detail: "is required" + place(o)}}})
			continue
		}
		key := o.id.Key()
		if other, ok := first[key]; ok {
			all = append(all, &target.Error{Kind: target.Invalid, Op: "apply", Object: o.id, Message: "it is declared twice" + place(other) + place(o), Hint: "remove one of them"})
		}
		first[key] = o
	}
	return errors.Join(all...)
}

func place(o object) string {
	loc := o.declared.Locate(nil)
	if loc.File == nil {
		return ""
	}
	return ", at " + loc.File.Path + ":" + strconv.Itoa(loc.Position().Line)
}

// definition is what a declared CustomResourceDefinition says of its kind.
type definition struct {
	namespaced bool
	crd        resource.ID
}

func definitions(declared []*resource.Resource) map[schema.GroupKind]definition {
	all := map[schema.GroupKind]definition{}
	for _, r := range declared {
		if !isDefinition(r.ID) {
			continue
		}
		spec := r.Root.Get("spec")
		gk := schema.GroupKind{Group: spec.Get("group").Text(), Kind: spec.Get("names").Get("kind").Text()}
		all[gk] = definition{namespaced: spec.Get("scope").Text() == "Namespaced", crd: r.ID}
	}
	return all
}

func isDefinition(id resource.ID) bool {
	return id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition"
}

func isNamespace(id resource.ID) bool { return id.Group == "" && id.Kind == "Namespace" }

var validLabel = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?$`)

// labelValue returns the name of an application as a label value. Names that
// are too long, or hold what labels cannot, end in a hash.
func labelValue(name string) string {
	if validLabel.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	prefix := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(name, "-")
	if len(prefix) > 50 {
		prefix = prefix[:50]
	}
	return "x" + prefix + "-" + hex.EncodeToString(sum[:5])
}
