package kube

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// An inventory is a ConfigMap with one line per object in data.items: UID or
// "-", API version, kind, namespace or "-", name. Beyond plainItems bytes the
// lines are in binaryData["items.gz"] instead.
const (
	inventoryPrefix = "holdfast-inventory-"
	plainItems      = 64 << 10
	longestItems    = 64 << 20 // unpacked; more is not an inventory of ours
	labelInventory  = "holdfast.dev/inventory"
)

var configMaps = mapping{gvr: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, namespaced: true}
var namespaces = mapping{gvr: schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}}

// ReadInventory returns what an application owns. One that was never applied
// owns nothing, and its inventory has no Version. An inventory that cannot be
// read is an error, and never an empty one.
func (c *Cluster) ReadInventory(ctx context.Context, application string) (target.Inventory, error) {
	id := c.inventoryID(application)
	live, err := c.live(ctx, configMaps, id)
	if target.KindOf(err) == target.NotFound {
		return target.Inventory{Application: application}, nil
	}
	if err != nil {
		return target.Inventory{}, err
	}
	inventory, err := decodeInventory(live)
	if err == nil && inventory.Application != application {
		err = fmt.Errorf("it is of application %q", inventory.Application)
	}
	if err != nil {
		return target.Inventory{}, &target.Error{Kind: target.Invalid, Op: "read", Object: id, Message: err.Error(),
			Hint: "bring it back from a backup; if it is deleted, objects that are no longer declared stay in the cluster"}
	}
	return inventory, nil
}

// WriteInventory stores an inventory, and returns it with its new Version. It
// fails with Conflict if the stored one is not of the Version given: then
// somebody else has applied in the meantime. The namespace is created if it
// does not exist.
func (c *Cluster) WriteInventory(ctx context.Context, inventory target.Inventory) (target.Inventory, error) {
	id := c.inventoryID(inventory.Application)
	body := &unstructured.Unstructured{Object: encodeInventory(id, inventory)}
	store := func(ctx context.Context) error {
		var stored *unstructured.Unstructured
		var err error
		if inventory.Version == "" {
			stored, err = c.dynamicFor(configMaps, id).Create(ctx, body, metav1.CreateOptions{FieldManager: FieldManager})
		} else {
			stored, err = c.dynamicFor(configMaps, id).Update(ctx, body, metav1.UpdateOptions{FieldManager: FieldManager})
		}
		if err == nil {
			inventory.Version = stored.GetResourceVersion()
		}
		return err
	}
	about := subject{op: "write", object: id}
	err := c.call(ctx, about, store)
	if target.KindOf(err) == target.NotFound && inventory.Version == "" {
		if err = c.ensureNamespace(ctx, id.Namespace); err == nil {
			err = c.call(ctx, about, store)
		}
	}
	if target.KindOf(err) == target.NotFound { // it was deleted since it was read
		err = &target.Error{Kind: target.Conflict, Op: "write", Object: id, Message: "somebody has deleted it in the meantime"}
	}
	if err != nil {
		return target.Inventory{}, err
	}
	return inventory, nil
}

// ensureNamespace creates a namespace unless it exists.
func (c *Cluster) ensureNamespace(ctx context.Context, name string) error {
	id := resource.ID{Version: "v1", Kind: "Namespace", Name: name}
	h, err := c.head(ctx, namespaces, id)
	if err != nil || h.exists {
		return err
	}
	body := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
	return c.call(ctx, subject{op: "create", object: id}, func(ctx context.Context) error {
		_, err := c.dynamicFor(namespaces, id).Create(ctx, body, metav1.CreateOptions{FieldManager: FieldManager})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}

func (c *Cluster) inventoryID(application string) resource.ID {
	return resource.ID{Version: "v1", Kind: "ConfigMap", Namespace: c.options.InventoryNamespace, Name: inventoryName(application)}
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.\-]*[a-z0-9])?$`)

// inventoryName is the name of an application where it can be part of the name
// of an object, and a hash of it otherwise.
func inventoryName(application string) string {
	if len(application) <= 200 && validName.MatchString(application) && !strings.Contains(application, "..") {
		return inventoryPrefix + application
	}
	sum := sha256.Sum256([]byte(application))
	return inventoryPrefix + "x." + hex.EncodeToString(sum[:16])
}

func encodeInventory(id resource.ID, inventory target.Inventory) map[string]any {
	var lines bytes.Buffer
	for _, item := range inventory.Items {
		fmt.Fprintf(&lines, "%s %s %s %s %s\n", orDash(item.UID), item.ID.APIVersion(), item.ID.Kind, orDash(item.ID.Namespace), item.ID.Name)
	}
	data := map[string]any{"application": inventory.Application, "revision": inventory.Revision}
	meta := map[string]any{
		"name": id.Name, "namespace": id.Namespace,
		"labels": map[string]any{labelInventory: labelValue(inventory.Application)},
	}
	if inventory.Version != "" {
		meta["resourceVersion"] = inventory.Version
	}
	body := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
	if lines.Len() <= plainItems {
		data["items"] = lines.String()
		return body
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write(lines.Bytes()) // writing to a buffer cannot fail
	_ = w.Close()
	body["binaryData"] = map[string]any{"items.gz": base64.StdEncoding.EncodeToString(packed.Bytes())}
	return body
}

func decodeInventory(live map[string]any) (target.Inventory, error) {
	inventory := target.Inventory{
		Application: stringAt(live, "data", "application"),
		Revision:    stringAt(live, "data", "revision"),
		Version:     stringAt(live, "metadata", "resourceVersion"),
	}
	lines, err := inventoryLines(live)
	if err != nil {
		return target.Inventory{}, err
	}
	for i, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		if line == "" && lines == "" {
			break
		}
		item, ok := parseItem(line)
		if !ok {
			return target.Inventory{}, fmt.Errorf("line %d of its items is damaged", i+1)
		}
		inventory.Items = append(inventory.Items, item)
	}
	inventory.Sort()
	return inventory, nil
}

func inventoryLines(live map[string]any) (string, error) {
	packed := stringAt(live, "binaryData", "items.gz")
	if packed == "" {
		lines, ok := at(live, "data", "items").(string)
		if !ok {
			return "", errors.New("it has no items")
		}
		return lines, nil
	}
	raw, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return "", errors.New("its packed items are not base64")
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return "", errors.New("its packed items are damaged")
	}
	lines, err := io.ReadAll(io.LimitReader(r, longestItems+1))
	if err != nil || len(lines) > longestItems {
		return "", errors.New("its packed items are damaged or too large")
	}
	return string(lines), nil
}

func parseItem(line string) (target.Item, bool) {
	fields := strings.Split(line, " ")
	if len(fields) != 5 {
		return target.Item{}, false
	}
	for _, f := range fields {
		if f == "" {
			return target.Item{}, false
		}
	}
	id := resource.ID{Kind: fields[2], Namespace: undash(fields[3]), Name: fields[4]}
	group, version, ok := strings.Cut(fields[1], "/")
	if ok {
		id.Group, id.Version = group, version
	} else {
		id.Version = group
	}
	return target.Item{ID: id, UID: undash(fields[0])}, true
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func undash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}
