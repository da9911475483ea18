// Package target is the contract for the places where resources live.
//
//	Inventory  the objects that an application owns, with their UIDs; written
//	           as old ∪ new before anything is applied, so that a crash loses
//	           nothing
//	Plan       what an apply would change, by the server's own dry run
//	Change     one object of a plan, with its fields
//	Applied    what an apply did, object by object
//	Pruned     what a prune deleted and what it left alone, with the reason
//	Health     how an object or an application is: Healthy, Progressing,
//	           Degraded, Suspended, Missing or Unknown
//	Error      what failed, at which object and field, and of which kind; the
//	           kind says what to do next: try again, look again, ask for
//	           rights, correct the manifest
package target

import (
	"errors"

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
	Err    error   // why the target refuses it; nil for what would be accepted
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

// Err returns the refusals of all changes as one error, or nil.
func (p *Plan) Err() error {
	var all []error
	for _, c := range p.Changes {
		all = append(all, c.Err)
	}
	return errors.Join(all...)
}

// Applied is what an apply did.
type Applied struct {
	Results  []Result  // in apply order
	Owned    Inventory // as stored: what was owned before, and what is declared now
	Declared Inventory // what is declared now; what Owned has beyond it is for Prune
}

// Result is what happened to one object.
type Result struct {
	ID      resource.ID
	UID     string
	Action  Action
	Skipped bool // known to be as declared, so the target was not asked
	Err     error
}

// Err returns the failures of all objects as one error, or nil.
func (a *Applied) Err() error {
	var all []error
	for _, r := range a.Results {
		all = append(all, r.Err)
	}
	return errors.Join(all...)
}

// Counts returns how many objects had each action. Failed ones have none.
func (a *Applied) Counts() map[Action]int {
	counts := map[Action]int{}
	for _, r := range a.Results {
		if r.Err == nil {
			counts[r.Action]++
		}
	}
	return counts
}

// Pruned is what a prune did.
type Pruned struct {
	Deleted  []resource.ID
	Kept     []Kept    // no longer declared, and still there
	Released []Kept    // no longer declared, and not ours: struck from the inventory
	Owned    Inventory // as stored afterwards
}

// Kept is an object that a prune left alone.
type Kept struct {
	ID     resource.ID
	Reason string
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

// Well reports whether a state is as good as it will get: nobody has to wait
// for more, and nothing failed.
func (s State) Well() bool { return s == Healthy || s == Suspended }

// Health is the state of one object and why it is so.
type Health struct {
	ID      resource.ID
	State   State
	Message string
	Final   bool // waiting alone will not change the state
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
