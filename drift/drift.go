// Package drift compares what Git declares with what runs, without asking the
// API server anything.
//
//	Baseline  what is remembered of an object when it was applied: a hash of
//	          the manifest, the fields that we own, and a hash of the server's
//	          answer projected on those fields
//	Drift     an object that differs: changed, missing or extra
//	Change    one field of it: changed, removed or added, by which manager
//	Rule      fields that a known controller may add
//	Risk      how much a change deserves to be seen first
//	Fights    fields that are healed again and again
//
// The server's own answer is the measure, so defaults, normalised quantities
// and the rewrites of webhooks need no prediction.
//
// # What is compared
//
// Values: every field that we owned at the apply must still hash to what the
// server answered. Quantities are compared by amount. Which one changed is told
// by a short hash per field; what Git declares there comes from the manifest.
//
// Additions: fields outside our set that another manager owns, unless a Rule
// allows them or they only spell out a default of the API. Our own set at the
// apply counts, never the one of today: an apply in our name must not hide.
// metadata.managedFields is written by clients, so it is not trusted either: a
// field that nobody owns is an addition if it was not in the server's answer
// and our own entry is gone, or the field is dangerous.
//
// Ownership: a field that another manager wrote while its value stayed equal,
// or was changed and changed back, is no drift. It is listed as Lost, so that
// the next apply takes it back.
//
// status, finalizers and the bookkeeping of the server are never compared. Of
// Secrets, only metadata is: no hash of a secret value is kept. Their data is
// judged by who owns it and when we wrote it last, or, where a live object with
// its data is given, by comparison with the manifest.
package drift

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
)

// Kind is what happened to an object.
type Kind string

// The kinds of drift.
const (
	Changed Kind = "changed" // fields differ
	Missing Kind = "missing" // in Git and not in the cluster
	Extra   Kind = "extra"   // in the cluster and not in Git
)

// Drift is an object that is not as Git declares it.
type Drift struct {
	Kind    Kind
	Object  resource.ID
	UID     string
	Changes []Change  // sorted by field; for Changed only
	Lost    []string  // fields that agree and that another manager wrote
	Seen    time.Time // when it was seen here

	// Applied and Generation are metadata.generation right after our apply and
	// now. They are 0 where unknown.
	Applied, Generation int64
}

// Operation is what happened to a field.
type Operation string

// The operations.
const (
	FieldChanged Operation = "changed"
	FieldRemoved Operation = "removed"
	FieldAdded   Operation = "added"
)

// Change is one field that differs. Values of sensitive fields are masked.
type Change struct {
	Operation Operation
	Path      resource.Path // in the live object; of a removed field, where it was
	Field     string        // Path with list items named by their keys
	Declared  any           // nil for an added field
	Live      any           // nil for a removed field

	// Manager is the field manager that wrote the field last, with its kind of
	// request and time. The client chose the name: a hint, not an identity. It
	// is empty for removed fields, since a removal leaves no owner, and for
	// fields whose owner was erased.
	Manager     string
	Verb        string // Apply or Update
	Time        time.Time
	Subresource string // such as scale
}

// MarshalJSON keeps the steps of Path: a key is a string, an index a number
// with the name of the item.
func (c Change) MarshalJSON() ([]byte, error) {
	steps := make([]any, len(c.Path))
	for i, s := range c.Path {
		if steps[i] = s.Name; s.IsIndex() {
			steps[i] = []any{s.Index(), s.Name}
		}
	}
	type plain Change
	return json.Marshal(struct {
		plain
		Path []any
	}{plain(c), steps})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (c *Change) UnmarshalJSON(data []byte) error {
	type plain Change
	var v struct {
		plain
		Path []json.RawMessage
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*c = Change(v.plain)
	c.Path = nil
	for _, raw := range v.Path {
		step, err := unmarshalStep(raw)
		if err != nil {
			return fmt.Errorf("path of a change: %w", err)
		}
		c.Path = append(c.Path, step)
	}
	return nil
}

func unmarshalStep(raw []byte) (resource.Step, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var key string
		err := json.Unmarshal(raw, &key)
		return resource.Key(key), err
	}
	var (
		index uint32
		name  string
	)
	if err := json.Unmarshal(raw, &[]any{&index, &name}); err != nil {
		return resource.Step{}, err
	}
	step := resource.Index(int(index))
	step.Name = name
	return step, nil
}
