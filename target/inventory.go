package target

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
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

// Sort brings the items into their order and drops repeated ones; of two with
// one key, the one that has a UID stays.
func (v *Inventory) Sort() {
	slices.SortStableFunc(v.Items, func(a, b Item) int {
		if c := strings.Compare(a.ID.Key(), b.ID.Key()); c != 0 {
			return c
		}
		return strings.Compare(b.UID, a.UID)
	})
	v.Items = slices.CompactFunc(v.Items, func(a, b Item) bool { return a.ID.Key() == b.ID.Key() })
}

// Find returns the item with the key of id.
func (v Inventory) Find(id resource.ID) (Item, bool) {
	i, ok := v.search(id.Key())
	if !ok {
		return Item{}, false
	}
	return v.Items[i], true
}

// Union returns v with the objects of ids as well. Known ones keep their UID
// and take the API version of ids.
func (v Inventory) Union(ids []resource.ID) Inventory {
	items := slices.Clone(v.Items)
	for _, id := range ids {
		if i, ok := v.search(id.Key()); ok {
			items[i].ID.Version = id.Version
		} else {
			items = append(items, Item{ID: id})
		}
	}
	v.Items = items
	v.Sort()
	return v
}

// Minus returns the items that other has not.
func (v Inventory) Minus(other Inventory) []Item {
	var rest []Item
	for _, item := range v.Items {
		if _, ok := other.Find(item.ID); !ok {
			rest = append(rest, item)
		}
	}
	return rest
}

// Equal reports whether both say the same. The Version, which tells when it
// was said, does not count.
func (v Inventory) Equal(other Inventory) bool {
	return v.Application == other.Application && v.Revision == other.Revision && slices.Equal(v.Items, other.Items)
}

func (v Inventory) search(key string) (int, bool) {
	return slices.BinarySearchFunc(v.Items, key, func(item Item, key string) int {
		return strings.Compare(item.ID.Key(), key)
	})
}
