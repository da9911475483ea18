// Package target is the contract for the places where resources live.
//
//	Inventory  the objects that an application owns, with their UIDs; written
//	           as old ∪ new before anything is applied, so that a crash loses
//	           nothing
//	Plan       what an apply would change, by the server's own dry run
//	Change     one object of a plan, with its fields
//	Applied    what an apply did
//	Health     how an object or an application is: Healthy, Progressing,
//	           Degraded, Suspended, Missing or Unknown
package target

import (
	"github.com/holdfast-dev/holdfast/resource"
)

// Action is what happens to an object.
type Action string

// The actions.
const (
	Create    Action = "create"
	Update    Action = "update"
	Unchanged Action = "unchanged"
	Delete    Action = "delete"
)

// Item is one object of an inventory.
type Item struct {
	ID  resource.ID
	UID string // empty until it was applied
}

// Inventory lists what an application owns.
type Inventory struct {
	Application string
	Revision    string // commit that was last applied in full
	Items       []Item // sorted by ID.Key
	Version     string // of the stored inventory: a precondition for its next write
}

// Plan is what an apply would change.
type Plan struct {
	Changes []Change // in apply order; deletions last
}

// Change is one object of a plan.
type Change struct {
	ID     resource.ID
	Action Action
	Fields []Field // for Update; values of sensitive fields are masked
	Reason string  // why an object cannot be planned or will not be pruned
}

// Field is one field that a plan changes. A nil value means absent.
type Field struct {
	Path     string
	From, To any
}

// Counts returns how many objects each action has.
func (p *Plan) Counts() map[Action]int {
	counts := map[Action]int{}
	for _, c := range p.Changes {
		counts[c.Action]++
	}
	return counts
}

// State is how an object is.
type State string

// The states of health.
const (
	Healthy     State = "Healthy"
	Progressing State = "Progressing"
	Degraded    State = "Degraded"
	Suspended   State = "Suspended"
	Missing     State = "Missing"
	Unknown     State = "Unknown"
)

// Health is the state of one object and why it is so.
type Health struct {
	ID      resource.ID
	State   State
	Message string
}

// Worst returns the state of a whole from the states of its parts: Degraded
// before Missing, Unknown, Progressing, Suspended and Healthy.
func Worst(all []Health) State {
	order := []State{Degraded, Missing, Unknown, Progressing, Suspended}
	for _, s := range order {
		for _, h := range all {
			if h.State == s {
				return s
			}
		}
	}
	return Healthy
}
