package kube

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// mapping is how the API server serves a kind.
type mapping struct {
	gvr        schema.GroupVersionResource
	namespaced bool
	status     bool // has a status subresource, so a declared status is ignored
}

// mapper finds out how kinds are served. It asks for one group and version at
// a time, when it is first needed, and asks once more when a kind is not in the
// answer it has. In contrast to the mappers that fetch all groups at once, a
// group that fails to answer is an error here and never an unknown kind.
type mapper struct {
	cluster *Cluster
	rest    rest.Interface
	mu      sync.Mutex
	known   map[schema.GroupVersion]*groupVersion
}

type groupVersion struct {
	mu    sync.Mutex // held while asking, so that many callers ask once
	kinds map[string]mapping
}

// validGroup keeps names that would lead to other paths of the API away.
var validGroup = regexp.MustCompile(`^[a-z0-9]*([-.][a-z0-9]+)*$`)

// lookup returns the mapping of a kind. The error is NotFound if the cluster
// serves no such kind, and Retryable if it could not say.
func (m *mapper) lookup(ctx context.Context, id resource.ID) (mapping, error) {
	gv := schema.GroupVersion{Group: id.Group, Version: id.Version}
	if !validGroup.MatchString(id.Group) || !validGroup.MatchString(id.Version) {
		return mapping{}, unknownKind(id)
	}
	if gv.Version == "" {
		return m.anyVersion(ctx, id)
	}
	g := m.group(gv)
	g.mu.Lock()
	defer g.mu.Unlock()
	if found, ok := g.kinds[id.Kind]; ok {
		return found, nil
	}
	kinds, err := m.ask(ctx, gv)
	if err != nil {
		return mapping{}, err
	}
	g.kinds = kinds
	found, ok := kinds[id.Kind]
	if !ok {
		return mapping{}, unknownKind(id)
	}
	return found, nil
}

// anyVersion finds the mapping of a kind in whatever version serves it,
// preferred ones first.
func (m *mapper) anyVersion(ctx context.Context, id resource.ID) (mapping, error) {
	versions, err := m.versions(ctx, id.Group)
	if err != nil {
		return mapping{}, err
	}
	for _, version := range versions {
		id.Version = version
		found, err := m.lookup(ctx, id)
		if target.KindOf(err) != target.NotFound {
			return found, err
		}
	}
	id.Version = ""
	return mapping{}, unknownKind(id)
}

// served is lookup for objects that may have been stored under a version that
// is no longer served.
func (m *mapper) served(ctx context.Context, id resource.ID) (mapping, error) {
	found, err := m.lookup(ctx, id)
	if target.KindOf(err) == target.NotFound && id.Version != "" {
		id.Version = ""
		return m.lookup(ctx, id)
	}
	return found, err
}

// forget drops what is known of a group, after its definition has changed.
func (m *mapper) forget(group string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for gv := range m.known {
		if gv.Group == group {
			delete(m.known, gv)
		}
	}
}

func (m *mapper) group(gv schema.GroupVersion) *groupVersion {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[schema.GroupVersion]*groupVersion{}
	}
	g := m.known[gv]
	if g == nil {
		g = &groupVersion{}
		m.known[gv] = g
	}
	return g
}

func (m *mapper) ask(ctx context.Context, gv schema.GroupVersion) (map[string]mapping, error) {
	var list metav1.APIResourceList
	err := m.cluster.call(ctx, subject{op: "ask for the kinds of " + gv.String()}, func(ctx context.Context) error {
		return m.rest.Get().AbsPath(apiPath(gv.Group, gv.Version)).Do(ctx).Into(&list)
	})
	if target.KindOf(err) == target.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kinds := map[string]mapping{}
	for _, r := range list.APIResources {
		if strings.Contains(r.Name, "/") || !slices.Contains(r.Verbs, "get") {
			continue
		}
		kinds[r.Kind] = mapping{gvr: gv.WithResource(r.Name), namespaced: r.Namespaced}
	}
	for kind, k := range kinds {
		k.status = slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == k.gvr.Resource+"/status" })
		kinds[kind] = k
	}
	return kinds, nil
}

func (m *mapper) versions(ctx context.Context, group string) ([]string, error) {
	if group == "" {
		return []string{"v1"}, nil
	}
	var answer metav1.APIGroup
	err := m.cluster.call(ctx, subject{op: "ask for the versions of " + group}, func(ctx context.Context) error {
		return m.rest.Get().AbsPath(apiPath(group, "")).Do(ctx).Into(&answer)
	})
	if target.KindOf(err) == target.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	versions := []string{answer.PreferredVersion.Version}
	for _, v := range answer.Versions {
		if v.Version != versions[0] {
			versions = append(versions, v.Version)
		}
	}
	return versions, nil
}

// ready reports whether the API server says that it has started up fully.
// Before that, a kind it does not know may only be one that it has not loaded.
func (m *mapper) ready(ctx context.Context) bool {
	return m.cluster.call(ctx, subject{op: "ask whether the API server is ready"}, func(ctx context.Context) error {
		return m.rest.Get().AbsPath("/readyz").Do(ctx).Error()
	}) == nil
}

func apiPath(group, version string) string {
	if group == "" {
		return strings.TrimSuffix("/api/"+version, "/")
	}
	return strings.TrimSuffix("/apis/"+group+"/"+version, "/")
}

func unknownKind(id resource.ID) error {
	name := id.Kind
	if v := id.APIVersion(); v != "" {
		name = v + " " + name
	}
	return &target.Error{Kind: target.NotFound, Op: "find the kind of", Object: id,
		Message: "the cluster serves no " + name, Hint: "install its CustomResourceDefinition, or correct apiVersion and kind"}
}
