package target

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
)

// ErrorKind tells errors apart by what to do next. It is an error itself, so
// that errors.Is(err, target.Retryable) asks for it.
type ErrorKind string

// The kinds of errors.
const (
	Retryable ErrorKind = "retryable" // the target cannot be reached or is busy: try again later
	Conflict  ErrorKind = "conflict"  // somebody else wrote in the meantime: read again, then decide again
	Forbidden ErrorKind = "forbidden" // rights are missing, or an admission rule refuses it: a person has to act
	Invalid   ErrorKind = "invalid"   // the manifest is wrong: correct it in Git
	Immutable ErrorKind = "immutable" // a field cannot be changed: recreate the object, or take the change back
	NotFound  ErrorKind = "not found" // the object, its namespace or its kind does not exist
	NotOwned  ErrorKind = "not owned" // the object belongs to another application: it is not taken over
	Held      ErrorKind = "held"      // not tried, since something it needs has failed
	Refused   ErrorKind = "refused"   // we do not do this ourselves: it would destroy too much
)

// Error returns the name of the kind.
func (k ErrorKind) Error() string { return string(k) }

// Error is what went wrong with one object. It never holds what the target
// answered, since answers can quote secret values: only its own words, the
// names of fields, and messages from which values were taken out.
type Error struct {
	Kind     ErrorKind
	Op       string      // what was tried: apply, read, delete
	Object   resource.ID // zero when no object in particular is concerned
	Problems []Problem   // by field; for Invalid and Immutable
	Message  string      // one line; empty when Problems say it all
	Hint     string      // what to do next; empty when the kind says it
	After    time.Duration
}

// Problem is what is wrong with one field.
type Problem struct {
	Field  string // as kubectl writes it; empty for the object as a whole
	Detail string
}

// Error returns one line: what, where, why, and what to do next.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cannot " + e.Op)
	if e.Object != (resource.ID{}) {
		b.WriteString(" " + e.Object.String())
	}
	for i, p := range e.Problems {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if p.Field != "" {
			b.WriteString(p.Field + ": ")
		}
		b.WriteString(p.Detail)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if len(e.Problems) == 0 && e.Message == "" {
		b.WriteString(": " + string(e.Kind))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap makes the kind known to errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// KindOf returns the kind of the first Error in err, or "".
func KindOf(err error) ErrorKind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// ThresholdError says that a prune would delete more than its terms allow.
// Nothing was deleted.
type ThresholdError struct {
	Would   int           // objects that would be deleted
	Of      int           // objects that the application owns
	Limit   string        // the limit that was passed: "10 objects" or "30 %"
	Objects []resource.ID // what would be deleted
}

// Error names the limit and how to go on.
func (e *ThresholdError) Error() string {
	return fmt.Sprintf("prune would delete %d of %d objects, more than %s; nothing was deleted: raise the limit in the configuration, or bring the objects back in Git",
		e.Would, e.Of, e.Limit)
}

// Unwrap makes a ThresholdError a refusal.
func (e *ThresholdError) Unwrap() error { return Refused }

// ErrEmpty says that nothing is declared any more. An empty render is far more
// often a mistake than a wish, so it never deletes anything.
var ErrEmpty = fmt.Errorf("nothing is declared, so nothing is pruned: an application is removed by removing its configuration (%w)", Refused)
