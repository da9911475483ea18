package finding

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// FixClass says how much a person has to know before a fix is made.
type FixClass string

// The classes of fixes.
const (
	// Safe fixes restart and replace nothing that works, and sound workloads
	// behave as before.
	Safe FixClass = "safe"
	// Review fixes have a consequence, which their note tells.
	Review FixClass = "review"
	// Manual ones need a value that only people know.
	Manual FixClass = "manual"
)

var fixClasses = []FixClass{Safe, Review, Manual}

// ParseFixClass reads a class's name.
func ParseFixClass(name string) (FixClass, error) {
	if !slices.Contains(fixClasses, FixClass(name)) {
		return "", fmt.Errorf("unknown class %q: use one of %s", name, strings.Trim(fmt.Sprint(fixClasses), "[]"))
	}
	return FixClass(name), nil
}

// Fix is how a finding can be mended. Without edits nothing can be done by itself,
// and Reason says why.
type Fix struct {
	Class  FixClass
	Note   string // the consequence, or what people have to decide
	File   *source.File
	Edits  []source.Edit // of File; the whole of them or nothing
	Reason string

	Sensitive bool // the lines around the edits, or the edits, hold a secret
}

// Automatic reports whether the fix consists of edits.
func (f *Fix) Automatic() bool { return f != nil && len(f.Edits) > 0 }

// HidesFix reports whether the text around a fix must not be shown, nor its edits.
func (f *Finding) HidesFix() bool { return f.Hidden() || f.Fix != nil && f.Fix.Sensitive }
