package kube

import (
	"context"

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
	annotations map[string]string
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
			annotations: meta.Annotations,
		}
		return nil
	})
	return h, err
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
