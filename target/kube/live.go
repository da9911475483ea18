package kube

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// Live returns an object as it is in the cluster. The error is NotFound if
// there is none, or no such kind. Of Secrets it holds the values.
func (c *Cluster) Live(ctx context.Context, id resource.ID) (map[string]any, error) {
	m, err := c.mapper.served(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.live(ctx, m, id)
}

// LiveResource is Live as a resource for policies, without values of Secrets.
func (c *Cluster) LiveResource(ctx context.Context, id resource.ID) (*resource.Resource, error) {
	live, err := c.Live(ctx, id)
	if err != nil {
		return nil, err
	}
	return FromLive(live), nil
}

func (c *Cluster) live(ctx context.Context, m mapping, id resource.ID) (map[string]any, error) {
	var live map[string]any
	err := c.call(ctx, subject{op: "read", object: id}, func(ctx context.Context) error {
		answer, err := c.dynamicFor(m, id).Get(ctx, id.Name, metav1.GetOptions{})
		if err == nil {
			live = answer.Object
		}
		return err
	})
	return live, err
}

// head is what has to be known of a live object before it is written.
type head struct {
	exists      bool
	uid         string
	version     string // resourceVersion
	application string // the value of our label
	deleting    bool
	generation  int64
	labels      map[string]string
	annotations map[string]string
	fields      string // what we own, as the server writes it
}

// head reads the metadata of an object. That there is none is no error.
func (c *Cluster) head(ctx context.Context, m mapping, id resource.ID) (head, error) {
	var h head
	err := c.call(ctx, subject{op: "read", object: id}, func(ctx context.Context) error {
		meta, err := c.metadataFor(m, id).Get(ctx, id.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			h = head{}
			return nil
		}
		if err != nil {
			return err
		}
		h = head{
			exists: true, uid: string(meta.UID), version: meta.ResourceVersion,
			application: meta.Labels[LabelApplication], deleting: meta.DeletionTimestamp != nil,
			generation: meta.Generation, labels: meta.Labels, annotations: meta.Annotations,
		}
		for _, m := range meta.ManagedFields {
			if m.Manager == FieldManager && m.Operation == metav1.ManagedFieldsOperationApply && m.Subresource == "" && m.FieldsV1 != nil {
				h.fields = canonical(m.FieldsV1.GetRawBytes())
			}
		}
		return nil
	})
	return h, err
}

// headOf is head for an object that was read as a whole.
func headOf(live map[string]any) head {
	h := head{
		exists: true, uid: stringAt(live, "metadata", "uid"), version: stringAt(live, "metadata", "resourceVersion"),
		application: stringAt(live, "metadata", "labels", LabelApplication),
		deleting:    stringAt(live, "metadata", "deletionTimestamp") != "",
		labels:      stringMapAt(live, "metadata", "labels"), annotations: stringMapAt(live, "metadata", "annotations"),
	}
	h.generation, _ = at(live, "metadata", "generation").(int64)
	managers, _ := at(live, "metadata", "managedFields").([]any)
	for _, m := range managers {
		entry, ok := m.(map[string]any)
		if ok && stringAt(entry, "manager") == FieldManager && stringAt(entry, "operation") == "Apply" && stringAt(entry, "subresource") == "" {
			text, _ := json.Marshal(entry["fieldsV1"]) // it was decoded from JSON
			h.fields = canonical(text)
		}
	}
	return h
}

// canonical returns a JSON document with sorted keys.
func canonical(text []byte) string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return ""
	}
	text, _ = json.Marshal(v) // it was decoded from JSON
	return string(text)
}

// sameAs reports whether an apply changed nothing. The version tells, unless a
// controller wrote the status between the two reads; then the generation does,
// and the labels and annotations that we declare.
func (h head) sameAs(after head, body map[string]any) bool {
	if h.version == after.version {
		return true
	}
	if h.generation == 0 || h.generation != after.generation || h.fields != after.fields || h.uid != after.uid {
		return false
	}
	return sameFor(stringMapAt(body, "metadata", "labels"), h.labels, after.labels) &&
		sameFor(stringMapAt(body, "metadata", "annotations"), h.annotations, after.annotations)
}

// sameFor reports whether two maps agree on the keys of a third.
func sameFor(keys, a, b map[string]string) bool {
	for key := range keys {
		if a[key] != b[key] {
			return false
		}
	}
	return true
}

// owned returns an error if the object belongs to another application.
func (h head) owned(app App, id resource.ID) error {
	if h.application == "" || h.application == labelValue(app.Name) {
		return nil
	}
	return &target.Error{Kind: target.NotOwned, Op: "apply", Object: id,
		Message: "it belongs to application " + h.application,
		Hint:    "declare it in one application only, or remove its label " + LabelApplication}
}

// each calls do for all indexes below n, some at a time.
func (c *Cluster) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.options.Concurrency)
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return group.Wait()
}
