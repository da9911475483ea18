package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// A checkpoint of a ledger is kept in a ConfigMap beside the inventories.
const (
	checkpointPrefix = "holdfast-checkpoint-"
	checkpointField  = "checkpoint"
	maxCheckpoint    = 64 << 10
)

// Checkpoint returns the checkpoint of a ledger that the cluster keeps by a name; nil
// if it keeps none.
func (c *Cluster) Checkpoint(ctx context.Context, name string) ([]byte, error) {
	id := c.checkpointID(name)
	live, err := c.live(ctx, configMaps, id)
	if target.KindOf(err) == target.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, _, err := unstructured.NestedString(live, "data", checkpointField)
	if err != nil || text == "" || len(text) > maxCheckpoint {
		return nil, &target.Error{Kind: target.Invalid, Op: "read", Object: id, Message: fmt.Sprintf("it holds no checkpoint (%v)", err),
			Hint: "bring it back from a backup"}
	}
	return []byte(text), nil
}

// KeepCheckpoint stores a checkpoint by a name. The namespace is created if it does not
// exist.
func (c *Cluster) KeepCheckpoint(ctx context.Context, name string, checkpoint []byte) error {
	id := c.checkpointID(name)
	body := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": id.Name, "namespace": id.Namespace},
		"data":     map[string]any{checkpointField: string(checkpoint)},
	}}
	about := subject{op: "write", object: id}
	update := func(ctx context.Context) error {
		_, err := c.dynamicFor(configMaps, id).Update(ctx, body, metav1.UpdateOptions{FieldManager: FieldManager})
		return err
	}
	create := func(ctx context.Context) error {
		_, err := c.dynamicFor(configMaps, id).Create(ctx, body, metav1.CreateOptions{FieldManager: FieldManager})
		return err
	}
	err := c.call(ctx, about, update)
	if target.KindOf(err) != target.NotFound {
		return err
	}
	if err = c.call(ctx, about, create); target.KindOf(err) != target.NotFound {
		return err
	}
	if err := c.ensureNamespace(ctx, id.Namespace); err != nil {
		return err
	}
	return c.call(ctx, about, create)
}

func (c *Cluster) checkpointID(name string) resource.ID {
	return resource.ID{Version: "v1", Kind: "ConfigMap", Namespace: c.options.InventoryNamespace, Name: checkpointPrefix + name}
}
