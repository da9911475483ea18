package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// The limits of a prune where its terms name none.
const (
	DefaultMaxCount   = 50
	DefaultMaxPercent = 50
)

// PruneTerms limit what a prune may delete. The zero value has safe defaults.
type PruneTerms struct {
	MaxCount   int      // objects; 0 for DefaultMaxCount, below 0 for no limit
	MaxPercent int      // of the objects owned; 0 for DefaultMaxPercent, below 0 for no limit
	Protected  []string // kinds that are never deleted; nil for DefaultProtected
	Foreground bool     // wait for dependants before an object goes
	Confirmed  bool     // a person has agreed to pass the limits
	Remove     bool     // the application itself is removed, so that nothing is declared on purpose
}

// DefaultProtected returns the kinds that hold what cannot be brought back.
func DefaultProtected() []string {
	return []string{"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim"}
}

// fate is what becomes of an object that is no longer declared.
type fate int

const (
	doomed   fate = iota // deleted
	kept                 // still ours, and left alone
	released             // gone or not ours: struck from the inventory
)

type candidate struct {
	item    target.Item
	mapping mapping
	uid     string
	fate    fate
	reason  string
}

// Prune deletes what is owned and no longer declared, in the reverse order of
// an apply, and stores the inventory without it. It finds out everything before
// it deletes anything: if one object cannot be read, or a limit is passed
// (*target.ThresholdError), or nothing is declared (target.ErrEmpty), then
// nothing is deleted.
//
// An object is deleted only if it has the label of the application and the UID
// that was recorded when it was created.
func (c *Cluster) Prune(ctx context.Context, owned, declared target.Inventory, terms PruneTerms) (*target.Pruned, error) {
	result := &target.Pruned{Owned: owned}
	if len(declared.Items) == 0 && len(owned.Items) > 0 && !terms.Remove {
		return result, target.ErrEmpty
	}
	candidates, err := c.candidates(ctx, owned, declared, terms.Protected)
	if err != nil {
		return result, err
	}
	if err := terms.allow(candidates, len(owned.Items)); err != nil {
		return result, err
	}
	failures := c.deleteAll(ctx, candidates, terms)
	gone := map[string]bool{}
	for i, cand := range candidates {
		switch {
		case cand.fate == kept:
			result.Kept = append(result.Kept, target.Kept{ID: cand.item.ID, Reason: cand.reason})
			continue
		case cand.fate == released && cand.reason != "":
			result.Released = append(result.Released, target.Kept{ID: cand.item.ID, Reason: cand.reason})
		case failures[i] != nil:
			continue
		case cand.fate == doomed:
			result.Deleted = append(result.Deleted, cand.item.ID)
		}
		gone[cand.item.ID.Key()] = true
	}
	rest := owned
	rest.Items = slices.DeleteFunc(slices.Clone(owned.Items), func(i target.Item) bool { return gone[i.ID.Key()] })
	if len(gone) > 0 {
		stored, err := c.WriteInventory(context.WithoutCancel(ctx), rest)
		if err != nil {
			return result, errors.Join(append(failures, err)...)
		}
		result.Owned = stored
	}
	return result, errors.Join(failures...)
}

// allow returns an error if more would be deleted than the terms permit.
func (t PruneTerms) allow(candidates []candidate, of int) error {
	var objects []resource.ID
	for _, cand := range candidates {
		if cand.fate == doomed {
			objects = append(objects, cand.item.ID)
		}
	}
	if t.Confirmed || len(objects) == 0 {
		return nil
	}
	count, percent := orDefault(t.MaxCount, DefaultMaxCount), orDefault(t.MaxPercent, DefaultMaxPercent)
	limit := ""
	switch {
	case count >= 0 && len(objects) > count:
		limit = fmt.Sprintf("%d objects", count)
	case percent >= 0 && len(objects)*100 > percent*of:
		limit = fmt.Sprintf("%d %%", percent)
	default:
		return nil
	}
	return &target.ThresholdError{Would: len(objects), Of: of, Limit: limit, Objects: objects}
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// candidates finds out what becomes of each object that is owned and not
// declared, in the reverse order of an apply.
func (c *Cluster) candidates(ctx context.Context, owned, declared target.Inventory, protected []string) ([]candidate, error) {
	if protected == nil {
		protected = DefaultProtected()
	}
	items := owned.Minus(declared)
	slices.SortStableFunc(items, func(a, b target.Item) int { return compareOrder(b.ID, a.ID) })
	candidates := make([]candidate, len(items))
	err := c.each(ctx, len(items), func(ctx context.Context, i int) error {
		var err error
		candidates[i], err = c.candidate(ctx, owned.Application, items[i], protected)
		return err
	})
	return candidates, err
}

func (c *Cluster) candidate(ctx context.Context, application string, item target.Item, protected []string) (candidate, error) {
	cand := candidate{item: item, fate: released}
	m, err := c.mapper.served(ctx, item.ID)
	if target.KindOf(err) == target.NotFound {
		if !c.mapper.ready(ctx) {
			cand.fate, cand.reason = kept, "the cluster does not know its kind just now"
		}
		return cand, nil // without its definition there are no objects of a kind
	}
	if err != nil {
		return cand, err
	}
	live, err := c.head(ctx, m, item.ID)
	if err != nil {
		return cand, err
	}
	cand.mapping, cand.uid = m, live.uid
	switch {
	case !live.exists || live.deleting:
	case live.application != labelValue(application):
		cand.reason = "it no longer has the label of this application"
	case item.UID != "" && item.UID != live.uid:
		cand.reason = "it was deleted and created again by somebody else"
	case live.annotations[AnnotationPrune] == "disabled":
		cand.fate, cand.reason = kept, "its annotation "+AnnotationPrune+" disables pruning"
	case slices.Contains(protected, item.ID.Kind):
		cand.fate, cand.reason = kept, item.ID.Kind+" is a protected kind: delete it by hand"
	default:
		cand.fate = doomed
	}
	return cand, nil
}

// deleteAll deletes the doomed ones of candidates, one weight after the other.
// The errors are at the places of their candidates.
func (c *Cluster) deleteAll(ctx context.Context, candidates []candidate, terms PruneTerms) []error {
	how := metav1.DeletePropagationBackground
	if terms.Foreground {
		how = metav1.DeletePropagationForeground
	}
	failures := make([]error, len(candidates))
	for i, cand := range candidates {
		if cand.fate == doomed { // until it was deleted
			failures[i] = &target.Error{Kind: target.Held, Op: "delete", Object: cand.item.ID, Message: "the prune was cancelled"}
		}
	}
	for start := 0; start < len(candidates); {
		end := start + 1
		for end < len(candidates) && weight(candidates[end].item.ID) == weight(candidates[start].item.ID) {
			end++
		}
		_ = c.each(ctx, end-start, func(ctx context.Context, i int) error {
			cand := candidates[start+i]
			if cand.fate == doomed {
				failures[start+i] = c.delete(ctx, cand.mapping, cand.item.ID, cand.uid, how)
			}
			return nil
		})
		start = end
	}
	return failures
}
