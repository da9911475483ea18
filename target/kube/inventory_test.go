package kube

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

func TestInventoryRoundTrip(t *testing.T) {
	tests := []struct {
		count  int
		packed bool
		reason string
	}{
		{0, false, "an application that owns nothing"},
		{3, false, "a small one can be read with kubectl"},
		{10_000, true, "a large one is packed"},
	}
	for _, test := range tests {
		inventory := target.Inventory{Application: "web", Revision: "abc"}
		for i := range test.count {
			id := resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "web", Name: fmt.Sprint("api-", i)}
			uid := fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761%(1<<32), i)
			if i%3 == 0 {
				id, uid = resource.ID{Version: "v1", Kind: "Namespace", Name: fmt.Sprint("n", i)}, ""
			}
			inventory.Items = append(inventory.Items, target.Item{ID: id, UID: uid})
		}
		inventory.Sort()
		body := encodeInventory(resource.ID{Namespace: "holdfast-system", Name: "x"}, inventory)
		if packed := stringAt(body, "binaryData", "items.gz"); (packed != "") != test.packed {
			t.Errorf("%s: packed is %t", test.reason, packed != "")
		} else if len(packed) > 700_000 {
			t.Errorf("%s: %d bytes do not fit into a ConfigMap", test.reason, len(packed))
		}
		got, err := decodeInventory(body)
		if err != nil {
			t.Fatalf("%s: %v", test.reason, err)
		}
		if diff := cmp.Diff(inventory, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestDamagedInventoryIsNotEmpty(t *testing.T) {
	tests := []struct {
		body   dict
		reason string
	}{
		{dict{"data": dict{"application": "web"}}, "the items are gone"},
		{dict{}, "all data is gone"},
		{dict{"data": dict{"items": "- v1 ConfigMap web\n"}}, "a line lacks a field"},
		{dict{"data": dict{"items": "- v1 ConfigMap web a\n\n- v1 ConfigMap web b\n"}}, "a line is empty"},
		{dict{"binaryData": dict{"items.gz": "H4sI"}}, "the packed items are cut off"},
		{dict{"binaryData": dict{"items.gz": "%"}}, "the packed items are no base64"},
	}
	for _, test := range tests {
		if got, err := decodeInventory(test.body); err == nil {
			t.Errorf("%s: got %d items and no error", test.reason, len(got.Items))
		}
	}
}

func TestInventoryNames(t *testing.T) {
	seen := map[string]string{}
	for _, app := range []string{"web", "team/web", "team-web", "Web", "..", strings.Repeat("w", 300), strings.Repeat("w", 301), ""} {
		name := inventoryName(app)
		if !validName.MatchString(name) || len(name) > 253 {
			t.Errorf("%q gives the name %q", app, name)
		}
		if label := labelValue(app); !validLabel.MatchString(label) {
			t.Errorf("%q gives the label %q", app, label)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q share %q", app, other, name)
		}
		seen[name] = app
	}
}

func FuzzDecodeInventory(f *testing.F) {
	f.Add("- v1 ConfigMap web a\n", "")
	f.Add("u apps/v1 Deployment web a\n", "")
	f.Add("", "H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA==")
	f.Fuzz(func(t *testing.T, items, packed string) {
		body := dict{"data": dict{"items": items}, "binaryData": dict{"items.gz": packed}}
		inventory, err := decodeInventory(body)
		if err != nil {
			return
		}
		again, err := decodeInventory(encodeInventory(resource.ID{}, inventory))
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if diff := cmp.Diff(inventory.Items, again.Items); diff != "" {
			t.Errorf("(-read +read again):\n%s", diff)
		}
	})
}
