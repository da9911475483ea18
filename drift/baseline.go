package drift

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
)

// Baseline is what is remembered of an object when it was applied. It is small,
// holds no values, and survives a restart as JSON. The zero value means that
// the object was never applied.
type Baseline struct {
	Declared        string    // hash of the manifest that was applied, in the caller's form
	Manager         string    // our field manager
	Version         string    // API version of the response
	UID             string    // of the object
	ResourceVersion string    // of the response: what is older is not drift
	Generation      int64     // of the response
	Written         time.Time // when our fields were last written, by the server's clock
	Owned           Fields    // what we own
	Values          string    // hash of the response projected on Owned, in hexadecimal
	Prints          []byte    // the first bytes of the hash of each field; they tell which one changed
	Unowned         []byte    // the same for path and value of the fields that nobody owns, sorted: defaults, webhooks
}

const printSize = 4

// Applied reports whether there is a baseline at all.
func (b Baseline) Applied() bool { return b.UID != "" }

// NewBaseline remembers the API server's response to an apply by a field
// manager. The error matches ErrObject if the response cannot be read or says
// nothing of the manager.
func NewBaseline(declaredHash string, response map[string]any, manager string) (Baseline, error) {
	m, err := readMeta(response)
	if err != nil {
		return Baseline{}, err
	}
	ours := m.ours(manager)
	if ours == nil || m.uid == "" {
		return Baseline{}, fmt.Errorf("%w: the field manager %q did not apply it", ErrObject, manager)
	}
	sums := project(ours.set, response, m.sensitive())
	return Baseline{
		Declared: declaredHash, Manager: manager, Version: m.version,
		UID: m.uid, ResourceVersion: m.resourceVersion, Generation: m.generation, Written: ours.time,
		Owned:   newFields(ours.set),
		Values:  total(sums),
		Prints:  prints(sums),
		Unowned: unownedPrints(m, response),
	}, nil
}

func total(sums []sum) string {
	h := sha256.New()
	for _, s := range sums {
		h.Write(s[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func prints(sums []sum) []byte {
	all := make([]byte, 0, printSize*len(sums))
	for _, s := range sums {
		all = append(all, s[:printSize]...)
	}
	return all
}

// print returns the i-th one, or nil.
func (b Baseline) print(i int) []byte {
	if i < 0 || (i+1)*printSize > len(b.Prints) {
		return nil
	}
	return b.Prints[i*printSize : (i+1)*printSize]
}

// unownedPrints returns the prints of the fields that no manager owns.
func unownedPrints(m meta, response map[string]any) []byte {
	var all []string
	eachUnowned(m, nil, response, func(path resource.Path, value any) {
		eachLeaf(path, value, func(path resource.Path, value any) { all = append(all, string(leafPrint(path, value))) })
	})
	if m.sensitive() {
		all = append(all, secretPrints(m, response)...)
	}
	slices.Sort(all)
	var packed []byte
	for _, p := range slices.Compact(all) {
		packed = append(packed, p...)
	}
	return packed
}

// knows reports whether nobody owned this very field and value at the apply.
func (b Baseline) knows(print []byte) bool {
	low, high := 0, len(b.Unowned)/printSize
	for low < high {
		middle := (low + high) / 2
		switch c := slices.Compare(b.Unowned[middle*printSize:(middle+1)*printSize], print); {
		case c == 0:
			return true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false
}

// Digest returns a hash of all that Compare looks at, status and bookkeeping
// left out. As long as it and the baseline stay the same, so does the result.
func Digest(live map[string]any) [16]byte {
	content := make(map[string]any, len(live))
	for key, value := range live {
		if key != "status" {
			content[key] = value
		}
	}
	if metadata, ok := live["metadata"].(map[string]any); ok {
		kept := map[string]any{}
		for _, key := range []string{"uid", "labels", "annotations", "ownerReferences"} {
			kept[key] = metadata[key]
		}
		kept["managedFields"] = withoutStatus(metadata["managedFields"])
		content["metadata"] = kept
	}
	s := sha256.Sum256(appendCanonical(make([]byte, 0, 4096), content))
	return [16]byte(s[:16])
}

// withoutStatus drops what changes with each update of a status.
func withoutStatus(managedFields any) any {
	entries, _ := managedFields.([]any)
	kept := make([]any, 0, len(entries))
	for _, entry := range entries {
		e, ok := entry.(map[string]any)
		if ok && text(e["subresource"]) == "status" {
			fields, _ := e["fieldsV1"].(map[string]any)
			kept = append(kept, []any{e["manager"], e["operation"], e["apiVersion"], fields["f:metadata"]})
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}
