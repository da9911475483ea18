package kube

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/target"
)

func TestCheckpointIsKept(t *testing.T) {
	w := newWorld(t)
	c, err := Connect(Options{Kubeconfig: w.server.Kubeconfig, InventoryNamespace: w.app.Namespace + "-kept"})
	if err != nil {
		t.Fatal(err)
	}
	if have, err := c.Checkpoint(w.ctx, "blue"); have != nil || err != nil {
		t.Errorf("before there is one: %q, %v", have, err)
	}
	for _, text := range []string{"first\n", "second\n"} { // the first one makes the namespace
		if err := c.KeepCheckpoint(w.ctx, "blue", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if have, err := c.Checkpoint(w.ctx, "blue"); string(have) != text || err != nil {
			t.Errorf("%q, %v; want %q", have, err, text)
		}
	}
	if have, err := c.Checkpoint(w.ctx, "green"); have != nil || err != nil {
		t.Errorf("another operator's: %q, %v", have, err)
	}
	for why, text := range map[string]string{"empty": "", "too large": strings.Repeat("x", maxCheckpoint+1)} {
		if err := c.KeepCheckpoint(w.ctx, "blue", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if have, err := c.Checkpoint(w.ctx, "blue"); !errors.Is(err, target.Invalid) {
			t.Errorf("%s: %d bytes, %v", why, len(have), err)
		}
	}
}
