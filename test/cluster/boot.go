package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// controlPlane is the supervisor together with a client of the API server.
type controlPlane struct {
	*supervisor
	client *kubernetes.Clientset
	status ready
}

// boot starts all components and waits until the control plane can be used.
func (c *controlPlane) boot(ctx context.Context, nodes int, began time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %s", startLimit))
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", "pki/supervisor.kubeconfig")
	if err != nil {
		return err
	}
	config.UserAgent = supervisorUser
	config.QPS = -1
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	for i, component := range c.components {
		if err := c.start(ctx, component.name); err != nil {
			return err
		}
		if i == 0 { // the others would only wait for it, and take its CPU time
			if err := c.waitAPIServer(ctx); err != nil {
				return err
			}
		}
	}
	if err := c.createObjects(ctx, nodes); err != nil {
		return err
	}
	if err := c.waitUsable(ctx, nodes); err != nil {
		return err
	}
	c.status.Seconds = time.Since(began).Seconds()
	return c.publish(ctx)
}

// publish writes the file ready anew.
func (c *controlPlane) publish(ctx context.Context) error {
	return c.call(ctx, func() error {
		c.status.PIDs = c.pids()
		return c.status.write()
	})
}

func (c *controlPlane) waitAPIServer(ctx context.Context) error {
	err := poll(ctx, func(ctx context.Context) error {
		return c.client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", apiServer, err, logTail(apiServer))
	}
	return nil
}

// createObjects makes the simulated nodes and the default storage class.
func (c *controlPlane) createObjects(ctx context.Context, nodes int) error {
	for i := range nodes {
		name := fmt.Sprintf("node-%d", i+1)
		_, err := c.client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname:     name,
				corev1.LabelOSStable:     "linux",
				corev1.LabelArchStable:   "amd64",
				corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%3+1),
			},
		}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	_, err := c.client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "standard",
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: "simulated.holdfast.dev/volume", // by the stage claim-provision
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// waitUsable waits until pods can be created and scheduled.
func (c *controlPlane) waitUsable(ctx context.Context, nodes int) error {
	return poll(ctx, func(ctx context.Context) error {
		if _, err := c.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		var waiting []string
		for _, node := range list.Items {
			if !isReady(node) {
				waiting = append(waiting, node.Name)
			}
		}
		if len(waiting) > 0 || len(list.Items) < nodes {
			return fmt.Errorf("%d of %d nodes exist, not ready: %s", len(list.Items), nodes, strings.Join(waiting, ", "))
		}
		return nil
	})
}

func isReady(node corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// poll tries until it succeeds or the context ends; then it returns the cause
// of the end and the last error.
func poll(ctx context.Context, try func(context.Context) error) error {
	const pause, limit = 50 * time.Millisecond, 5 * time.Second
	for {
		attempt, cancel := context.WithTimeout(ctx, limit)
		err := try(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}
