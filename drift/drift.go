// Package drift compares what Git declares with what runs, without asking the
// API server anything.
//
//	Baseline  what is remembered of an object when it was applied: a hash of
//	          the manifest, the fields that we own, and a hash of the server's
//	          answer projected on those fields
//	Drift     an object that differs: changed, missing or extra
//	Change    one field of it: changed, removed or added, by which manager
//
// The server's own answer is the measure, so defaults, normalised quantities
// and the rewrites of webhooks need no prediction. A field that we own and
// another manager wrote is lost from our set; a field outside our set that is
// owned by a manager who is not a known controller is an addition.
package drift

import (
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
	Changes []Change  // sorted by path; for Changed only
	Seen    time.Time // when it was seen here
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
	// is empty for removed fields, since a removal leaves no owner.
	Manager  string
	Verb     string // Apply or Update
	Time     time.Time
	Subfield string // subresource, such as scale
}
