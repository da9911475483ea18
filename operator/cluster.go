package operator

import (
	"context"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target/kube"
)

// cluster is a connection with its watches.
type cluster struct {
	*kube.Cluster
	watcher *kube.Watcher
}

func (o *Operator) connect(cfg config.Cluster) (*cluster, error) {
	connected, err := Connect(cfg, o.Version)
	if err != nil {
		return nil, err
	}
	queue := func(app string, e event) {
		if l := o.loops[app]; l != nil {
			l.drifts.add(e)
		}
	}
	watcher := connected.NewWatcher(kube.WatchOptions{
		OnDrift: func(app string, d drift.Drift, live map[string]any) {
			queue(app, event{key: d.Object.Key(), drift: &d, live: live})
		},
		OnAgree: func(app string, id resource.ID) { queue(app, event{key: id.Key()}) },
		OnTrouble: func(what string, err error) {
			o.Log.Warn("watch is interrupted", "cluster", cfg.Name, "what", what, "error", err)
		},
	})
	return &cluster{connected, watcher}, nil
}

func (c *cluster) run(ctx context.Context) error { return c.watcher.Run(ctx) }
