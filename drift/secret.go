package drift

import (
	"encoding/base64"

	"github.com/holdfast-dev/holdfast/resource"
)

// secret judges the data of a Secret. Without its values, a key of ours that
// another manager took over, or our own entry being newer than our apply, is a
// change. With them, the manifest decides, where it is known.
func (c *comparison) secret() {
	data, _ := c.live["data"].(map[string]any)
	full := c.live["type"] != nil // which every Secret has, and its metadata alone has not
	declared := declaredData(c.declared)
	found := len(c.changes)
	for _, e := range childrenOf(c.owned.child("f:data")) {
		value, present := data[e.name]
		owner, kept := c.dataOwner(e.name)
		switch want, known := declared[e.name]; {
		case full && !present, !full && !kept && owner == nil:
			c.data(FieldRemoved, e.name, nil)
		case full && known:
			if value != want {
				c.data(FieldChanged, e.name, c.owner(dataPath(e.name)))
			}
		case !kept:
			c.data(FieldChanged, e.name, owner)
		}
	}
	c.addedData(data, full)
	if c.ours != nil && c.ours.time.After(c.base.Written) && len(c.changes) == found && !(full && declared != nil) {
		c.record(FieldChanged, resource.Path{resource.Key("data")}, hidden, hidden, c.ours)
	}
}

func (c *comparison) addedData(data map[string]any, full bool) {
	ours := c.owned.child("f:data")
	for i := range c.meta.managers {
		by := &c.meta.managers[i]
		for _, e := range childrenOf(by.set.child("f:data")) {
			_, present := data[e.name]
			if (present || !full) && ours.child(e.id) == nil && !allows(c.rules, by, c.meta.kind, "data."+e.name) {
				c.data(FieldAdded, e.name, by)
			}
		}
	}
	for _, key := range sortedKeys(data) {
		id := "f:" + key
		if owner, kept := c.dataOwner(key); ours.child(id) == nil && owner == nil && !kept && !c.base.knows(leafPrint(dataKey(key), hidden)) {
			c.data(FieldAdded, key, nil)
		}
	}
}

func (c *comparison) data(op Operation, key string, by *manager) {
	var declared, live any
	if op != FieldAdded {
		declared = hidden
	}
	if op != FieldRemoved {
		live = hidden
	}
	c.record(op, dataKey(key), declared, live, by)
}

// dataOwner returns the other manager that owns a key, and whether we still do.
func (c *comparison) dataOwner(key string) (other *manager, kept bool) {
	for i := range c.meta.managers {
		e := &c.meta.managers[i]
		if e.set.child("f:data").child("f:"+key) == nil {
			continue
		}
		if e == c.ours {
			kept = true
		} else if other == nil {
			other = e
		}
	}
	return other, kept
}

// secretPrints returns the prints of the keys of a Secret that nobody owns,
// without their values.
func secretPrints(m meta, response map[string]any) []string {
	data, _ := response["data"].(map[string]any)
	c := comparison{meta: m}
	var all []string
	for key := range data {
		if owner, _ := c.dataOwner(key); owner == nil {
			all = append(all, string(leafPrint(dataKey(key), hidden)))
		}
	}
	return all
}

func dataKey(key string) resource.Path {
	return resource.Path{resource.Key("data"), resource.Key(key)}
}

func dataPath(key string) []element {
	return []element{{kind: 'f', id: "f:data", name: "data"}, {kind: 'f', id: "f:" + key, name: key}}
}

// declaredData returns data and stringData of a manifest as data, and nil if
// the manifest has neither.
func declaredData(manifest any) map[string]any {
	m, _ := manifest.(map[string]any)
	data, _ := m["data"].(map[string]any)
	stringData, _ := m["stringData"].(map[string]any)
	if data == nil && stringData == nil {
		return nil
	}
	all := make(map[string]any, len(data)+len(stringData))
	for key, value := range data {
		all[key] = value
		if decoded, err := base64.StdEncoding.DecodeString(text(value)); err == nil {
			all[key] = base64.StdEncoding.EncodeToString(decoded)
		}
	}
	for key, value := range stringData {
		all[key] = base64.StdEncoding.EncodeToString([]byte(text(value)))
	}
	return all
}

func childrenOf(s *fieldSet) []child {
	if s == nil {
		return nil
	}
	return s.children
}
