package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// healTries is how often additions are taken out of an object that changes at
// the same time, before the one who writes is reported instead.
const healTries = 5

// HealOptions say how an object is healed.
type HealOptions struct {
	// Live is the object in which the drift was seen. With it, the first
	// attempt needs no request to read the object. It may be nil.
	Live map[string]any

	// DeleteExtra allows that an object is deleted because Git does not
	// declare it.
	DeleteExtra bool

	// Observe gets the server's answer to what was applied, as in
	// ApplyOptions. It may be nil.
	Observe func(id resource.ID, declared *resource.Resource, answer map[string]any)
}

// Heal takes one object back to what Git declares. Fields that were added are
// removed by a JSON patch that holds only for the version of the object in
// which they were found; fields that were changed or removed, and missing
// objects, are applied again. An extra object is left alone unless
// DeleteExtra is set.
//
// The error is a Conflict if somebody else keeps changing the object.
func (c *Cluster) Heal(ctx context.Context, app App, d drift.Drift, declared *resource.Resource, o HealOptions) error {
	if d.Kind == drift.Extra {
		return c.healExtra(ctx, app, d, o)
	}
	if declared == nil {
		return &target.Error{Kind: target.Invalid, Op: "heal", Object: d.Object, Message: "it is not declared"}
	}
	objects, err := c.resolve(ctx, app, []*resource.Resource{declared})
	if err != nil {
		return err
	}
	obj := objects[0]
	if obj.err != nil {
		return obj.err
	}
	live := o.Live
	if len(additions(d.Changes)) > 0 {
		if live, err = c.removeAdditions(ctx, app, obj, d, live); err != nil {
			return err
		}
	}
	if live == nil || len(additions(d.Changes)) < len(d.Changes) {
		if live, err = c.reapply(ctx, app, obj); err != nil {
			return err
		}
	}
	if o.Observe != nil {
		o.Observe(obj.id, obj.declared, live)
	}
	return nil
}

func (c *Cluster) reapply(ctx context.Context, app App, o object) (map[string]any, error) {
	live, err := c.head(ctx, o.mapping, o.id)
	if err != nil {
		return nil, err
	}
	if err := live.owned(app, o.id); err != nil {
		return nil, err
	}
	if live.deleting {
		return nil, &target.Error{Kind: target.Retryable, Op: "heal", Object: o.id, Message: "it is being deleted; it is created again when it is gone"}
	}
	body, err := manifest(app, o)
	if err != nil {
		return nil, err
	}
	return c.patch(ctx, o, body, false)
}

func (c *Cluster) healExtra(ctx context.Context, app App, d drift.Drift, o HealOptions) error {
	if !o.DeleteExtra {
		return nil
	}
	item := target.Item{ID: d.Object, UID: d.UID}
	cand, err := c.candidate(ctx, app.Name, item, DefaultProtected())
	if err != nil {
		return err
	}
	switch {
	case cand.fate == doomed:
		return c.delete(ctx, cand.mapping, d.Object, cand.uid, metav1.DeletePropagationBackground)
	case cand.reason != "":
		return &target.Error{Kind: target.Refused, Op: "delete", Object: d.Object, Message: cand.reason}
	}
	return nil
}

// removeAdditions takes fields that were added out of the live object. When it
// has changed since, the fields are looked up again in its new state, where
// some may be gone already. It returns the object as it is then.
func (c *Cluster) removeAdditions(ctx context.Context, app App, o object, d drift.Drift, live map[string]any) (map[string]any, error) {
	for try := 1; ; try++ {
		reread := live == nil
		if reread {
			var err error
			if live, err = c.live(ctx, o.mapping, o.id); err != nil {
				return nil, err
			}
		}
		now := headOf(live)
		if err := now.owned(app, o.id); err != nil {
			return nil, err
		}
		if d.UID != "" && d.UID != now.uid {
			return nil, &target.Error{Kind: target.Conflict, Op: "heal", Object: o.id, Message: "it was deleted and created again in the meantime"}
		}
		pointers := pointersTo(live, additions(d.Changes), reread)
		if len(pointers) == 0 {
			return live, nil
		}
		answer, err := c.removePointers(ctx, o, now.version, pointers)
		if target.KindOf(err) == target.Conflict && try < healTries {
			live = nil
			continue
		}
		return answer, err
	}
}

// operation is one operation of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// removePointers removes fields of an object, if it still has the version. The
// patch replaces resourceVersion by the same, so that the API server reports
// an object that has changed as a conflict.
func (c *Cluster) removePointers(ctx context.Context, o object, version string, pointers []string) (map[string]any, error) {
	patch := []operation{{Op: "replace", Path: "/metadata/resourceVersion", Value: version}}
	for _, p := range pointers {
		patch = append(patch, operation{Op: "remove", Path: p})
	}
	data, err := json.Marshal(patch)
	if err != nil {
		return nil, &target.Error{Kind: target.Invalid, Op: "heal", Object: o.id, Message: "its patch cannot be written as JSON"}
	}
	var answer map[string]any
	err = c.call(ctx, subject{op: "heal", object: o.id}, func(ctx context.Context) error {
		live, err := c.dynamicFor(o.mapping, o.id).Patch(ctx, o.id.Name, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: FieldManager})
		if err == nil {
			answer = live.Object
		}
		return err
	})
	return answer, err
}

func additions(changes []drift.Change) []drift.Change {
	var added []drift.Change
	for _, c := range changes {
		if c.Operation == drift.FieldAdded {
			added = append(added, c)
		}
	}
	return added
}

// pointersTo returns the JSON pointers of added fields, as far as they are in
// the live object. Items of a list come last to first, so that the removal of
// one does not move the others. In an object that was read again,
// an item without identity is an addition only if it has the value that was seen.
func pointersTo(live map[string]any, added []drift.Change, reread bool) []string {
	var found [][]pointerStep
	for _, change := range added {
		steps, value, ok := locate(live, change.Path)
		if !ok || len(steps) == 0 || !removable(steps) {
			continue
		}
		if reread && anonymous(change.Path) && !reflect.DeepEqual(value, change.Live) {
			continue
		}
		found = append(found, steps)
	}
	slices.SortFunc(found, func(a, b []pointerStep) int { return -comparePointers(a, b) })
	var pointers []string
	for i, steps := range found {
		if !covered(steps, found, i) {
			pointers = append(pointers, pointer(steps))
		}
	}
	return pointers
}

type pointerStep struct {
	key   string
	index int // -1 for a key
}

// locate finds the place of a path in a live object. Items of lists are found
// by their identity where they have one, since they may have moved.
func locate(live any, path resource.Path) (steps []pointerStep, value any, ok bool) {
	for _, s := range path {
		if !s.IsIndex() {
			m, ok := live.(map[string]any)
			if !ok {
				return nil, nil, false
			}
			if live, ok = m[s.Name]; !ok {
				return nil, nil, false
			}
			steps = append(steps, pointerStep{s.Name, -1})
			continue
		}
		list, ok := live.([]any)
		if !ok {
			return nil, nil, false
		}
		i, ok := indexOf(list, s)
		if !ok {
			return nil, nil, false
		}
		live = list[i]
		steps = append(steps, pointerStep{"", i})
	}
	return steps, live, true
}

// anonymous reports whether a path leads through an item of a list that is only
// known by its position.
func anonymous(path resource.Path) bool {
	return slices.ContainsFunc(path, func(s resource.Step) bool {
		return s.IsIndex() && (s.Name == "" || s.Name == strconv.Itoa(s.Index()))
	})
}

func indexOf(list []any, s resource.Step) (int, bool) {
	i := s.Index()
	if i < len(list) && (s.Name == "" || itemName(list[i], i) == s.Name) {
		return i, true
	}
	if s.Name == "" {
		return 0, false
	}
	i = slices.IndexFunc(list, func(item any) bool { return itemName(item, -1) == s.Name })
	return i, i >= 0
}

// removable keeps what identifies an object, and our own label, from being
// taken for an addition.
func removable(steps []pointerStep) bool {
	switch pointer(steps) {
	case "/apiVersion", "/kind", "/metadata", "/spec", "/status", "/metadata/name", "/metadata/namespace",
		"/metadata/labels/" + escapePointer(LabelApplication):
		return false
	}
	return steps[0].key != "status"
}

// covered reports whether a field is below another one that is removed, or is
// the same.
func covered(steps []pointerStep, all [][]pointerStep, self int) bool {
	for i, other := range all {
		if i != self && len(other) <= len(steps) && slices.Equal(other, steps[:len(other)]) && (len(other) < len(steps) || i < self) {
			return true
		}
	}
	return false
}

func comparePointers(a, b []pointerStep) int {
	return slices.CompareFunc(a, b, func(a, b pointerStep) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.index, b.index))
	})
}

func pointer(steps []pointerStep) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteByte('/')
		if s.index >= 0 {
			b.WriteString(strconv.Itoa(s.index))
		} else {
			b.WriteString(escapePointer(s.key))
		}
	}
	return b.String()
}

func escapePointer(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
