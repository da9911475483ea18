package kube

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// Plan returns what Apply and Prune would do. Each object is applied as a dry
// run by the API server, with its admission, and the answer is compared with
// what is there. Objects for which skip is true are known to be as declared,
// and are not asked for; skip may be nil.
//
// What the server refuses is in the plan, with its error. The error of Plan
// itself means that there is no plan.
func (c *Cluster) Plan(ctx context.Context, app App, declared []*resource.Resource, skip func(*resource.Resource) bool) (*target.Plan, error) {
	objects, err := c.resolve(ctx, app, declared)
	if err != nil {
		return nil, err
	}
	owned, err := c.ReadInventory(ctx, app.Name)
	if err != nil {
		return nil, err
	}
	p := planner{Cluster: c, app: app, skip: skip, created: map[string]bool{}, defined: definitions(declared)}
	if app.CreateNamespace {
		p.created[app.Namespace] = true
	}
	for _, o := range objects {
		if isNamespace(o.id) {
			p.created[o.id.Name] = true
		}
	}
	ordered := slices.Concat(stages(objects)...)
	changes := make([]target.Change, len(ordered))
	err = c.each(ctx, len(ordered), func(ctx context.Context, i int) error {
		var err error
		changes[i], err = p.change(ctx, ordered[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	deletions, err := p.deletions(ctx, owned, objects)
	if err != nil {
		return nil, err
	}
	return &target.Plan{Changes: append(changes, deletions...)}, nil
}

type planner struct {
	*Cluster
	app     App
	skip    func(*resource.Resource) bool
	created map[string]bool // namespaces that Apply creates
	defined map[schema.GroupKind]definition
}

// change plans one object. An error means that the API server could not say.
func (p *planner) change(ctx context.Context, o object) (target.Change, error) {
	change := target.Change{ID: o.id, Action: target.Create, Err: o.err}
	switch {
	case o.err != nil:
		return change, nil //nolint:nilerr // the change carries the error
	case o.pending:
		change.Reason = "its kind is defined by this plan, so it cannot be tried before"
		return change, nil
	case p.skip != nil && p.skip(o.declared):
		change.Action = target.Unchanged
		return change, nil
	}
	planned, moved, err := p.try(ctx, o, change)
	for tries := 1; moved && err == nil && tries < 3; tries++ {
		planned, moved, err = p.try(ctx, o, change)
	}
	if err != nil {
		return p.refused(planned, o, err)
	}
	return planned, nil
}

// try compares an object with what its dry run gives. It reports that the object
// has moved if somebody wrote to it in between: what differs may be theirs.
func (p *planner) try(ctx context.Context, o object, change target.Change) (_ target.Change, moved bool, _ error) {
	live, err := p.live(ctx, o.mapping, o.id)
	switch {
	case err == nil:
		change.Action = target.Update
		if change.Err = headOf(live).owned(p.app, o.id); change.Err != nil {
			return change, false, nil //nolint:nilerr // the change carries the error
		}
	case target.KindOf(err) != target.NotFound:
		return change, false, err
	}
	body, err := manifest(p.app, o)
	if err != nil {
		return change, false, err
	}
	planned, err := p.patch(ctx, o, body, true)
	if err != nil || change.Action == target.Create {
		return change, false, err
	}
	change.Fields = difference(live, planned)
	if len(change.Fields) == 0 {
		change.Action = target.Unchanged
		return change, false, nil
	}
	return change, resourceVersion(live) != resourceVersion(planned), nil
}

// refused enters an error into the plan. Some are to be expected of a dry run,
// and only mean that the object cannot be tried yet.
func (p *planner) refused(change target.Change, o object, err error) (target.Change, error) {
	_, defined := p.defined[schema.GroupKind{Group: o.id.Group, Kind: o.id.Kind}]
	kind := target.KindOf(err)
	switch {
	case kind == "" || kind == target.Retryable:
		return change, err
	case kind == target.NotFound && p.created[o.id.Namespace]:
		change.Reason = "its namespace is created by this plan, so it cannot be tried before"
	case kind == target.Invalid && defined:
		change.Reason = "the definition of its kind changes with this plan, so it cannot be tried before"
	case kind == target.Invalid && strings.Contains(err.Error(), "does not support dry run"):
		change.Reason = "an admission webhook of the cluster does not support dry runs"
	case kind == target.Immutable && replaceable(o):
		change.Reason = "it is deleted and created again, since a field that cannot be changed differs"
	default:
		change.Err = err
	}
	return change, nil
}

func (p *planner) deletions(ctx context.Context, owned target.Inventory, objects []object) ([]target.Change, error) {
	candidates, err := p.candidates(ctx, owned, declaredInventory(p.app, objects), nil)
	if err != nil {
		return nil, err
	}
	var changes []target.Change
	for _, cand := range candidates {
		if cand.fate != released {
			changes = append(changes, target.Change{ID: cand.item.ID, Action: target.Delete, Reason: cand.reason})
		}
	}
	return changes, nil
}

// patch applies a manifest on the server side, and returns the object as it is
// then. Strict validation refuses unknown fields, which would be dropped
// silently otherwise.
func (c *Cluster) patch(ctx context.Context, o object, body map[string]any, dryRun bool) (map[string]any, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, &target.Error{Kind: target.Invalid, Op: "apply", Object: o.id, Message: "it cannot be written as JSON"}
	}
	force := true
	options := metav1.PatchOptions{FieldManager: FieldManager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var answer map[string]any
	err = c.call(ctx, subject{op: "apply", object: o.id, sent: body}, func(ctx context.Context) error {
		var live *unstructured.Unstructured
		live, err := c.dynamicFor(o.mapping, o.id).Patch(ctx, o.id.Name, types.ApplyPatchType, data, options)
		if err == nil {
			answer = live.Object
		}
		return err
	})
	return answer, err
}

// resourceVersion is the version of an object that an answer is about. A dry run has that
// of the object which it would change.
func resourceVersion(object map[string]any) string {
	v, _, _ := unstructured.NestedString(object, "metadata", "resourceVersion")
	return v
}

func annotation(r *resource.Resource, name string) string {
	return r.Root.Get("metadata").Get("annotations").Get(name).Text()
}

// replaceable reports whether an object may be deleted and created again. Its
// manifest has to allow it. A namespace or definition never is: all that is in
// it would be deleted as well.
func replaceable(o object) bool {
	return annotation(o.declared, AnnotationReplace) == "true" && !isNamespace(o.id) && !isDefinition(o.id)
}
