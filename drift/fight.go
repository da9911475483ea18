package drift

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
)

// Fight is a field that drifts again and again, since another writer takes back
// whatever is healed. To go on healing would only take turns.
type Fight struct {
	Object  resource.ID
	Field   string // empty for an object that keeps disappearing
	Manager string // the other writer; empty if it only removes
	Count   int    // how often the field drifted within the window
	Since   time.Time
}

// String tells who fights over what.
func (f Fight) String() string {
	what := f.Object.String()
	if f.Field != "" {
		what = f.Field + " of " + what
	}
	who := f.Manager
	if who == "" {
		who = "an unknown writer"
	}
	return fmt.Sprintf("%s fights with us over %s: %d times since %s", who, what, f.Count, f.Since.UTC().Format(time.RFC3339))
}

// Fights counts how often the same field drifts by the same other writer. The
// zero value is ready for use. It is not safe for concurrent use.
type Fights struct {
	Limit  int           // a field that drifted so often within Window is fought over; 0 means 3
	Window time.Duration // 0 means 10 minutes

	seen map[fightKey][]time.Time
}

type fightKey struct{ object, field, manager string }

// Observe counts a drift that is about to be healed, and returns the fight that
// it belongs to, if there is one: the longest, if there are several. The same
// drift, by its time, counts once however often it is tried to heal it.
func (f *Fights) Observe(d Drift, now time.Time) (Fight, bool) {
	if f == nil {
		return Fight{}, false
	}
	limit, window := f.Limit, f.Window
	if limit <= 0 {
		limit = 3
	}
	if window <= 0 {
		window = 10 * time.Minute
	}
	f.forget(now.Add(-window))
	changes := d.Changes
	if len(changes) == 0 {
		changes = []Change{{}}
	}
	var worst Fight
	for _, c := range changes {
		times := f.count(fightKey{d.Object.Key(), c.Field, c.Manager}, d.Seen)
		if len(times) > worst.Count || len(times) == worst.Count && strings.Compare(c.Field, worst.Field) < 0 {
			worst = Fight{Object: d.Object, Field: c.Field, Manager: c.Manager, Count: len(times), Since: times[0]}
		}
	}
	return worst, worst.Count >= limit
}

func (f *Fights) count(key fightKey, seen time.Time) []time.Time {
	if f.seen == nil {
		f.seen = map[fightKey][]time.Time{}
	}
	times := f.seen[key]
	if !slices.ContainsFunc(times, seen.Equal) {
		times = append(times, seen)
		f.seen[key] = times
	}
	return times
}

func (f *Fights) forget(before time.Time) {
	for key, times := range f.seen {
		times = slices.DeleteFunc(times, before.After)
		if len(times) == 0 {
			delete(f.seen, key)
		} else {
			f.seen[key] = times
		}
	}
}
