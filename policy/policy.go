// Package policy is the contract between those who write policies, those who
// evaluate them and those who act on the outcome.
//
//	Policy      a documented rule with what it applies to, its validations and
//	            the examples that prove and explain it
//	Pack        policies that are versioned together, with one digest
//	Stage       where a resource is judged: declared, rendered, planned,
//	            admission or live
//	Verdict     pass, fail, skip, unknown or error; unknown is never pass and
//	            never fail
//	Result      one policy's verdict on one resource
package policy

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Verdict is the outcome of a policy on a resource.
type Verdict uint8

// The verdicts.
const (
	Pass Verdict = iota
	Fail
	Skip    // the policy does not apply
	Unknown // it depends on a value that is not known
	Error   // the policy could not be evaluated
)

var verdictNames = [...]string{"pass", "fail", "skip", "unknown", "error"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict(%d)", v)
}

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Stage is where in its life a resource is judged.
type Stage string

// The stages.
const (
	Declared  Stage = "declared"
	Rendered  Stage = "rendered"
	Planned   Stage = "planned"
	Admission Stage = "admission"
	Live      Stage = "live"
)

// Policy is one documented rule. Policies are data: see the packs.
type Policy struct {
	finding.Rule
	Match       []Match
	Conditions  []Condition // all must hold, or the policy is skipped
	Variables   []Variable  // evaluated on first use, in this order
	Relations   []Relation
	Validations []Validation // all must hold
	Examples    []Example
	File        *source.File // where the policy is written
	Span        source.Span
}

// Match selects kinds. "*" stands for any group or kind.
type Match struct {
	Groups []string
	Kinds  []string
}

// Condition is a named expression that limits what a policy applies to.
type Condition struct {
	Name, Expression string
	Span             source.Span
}

// Variable is a named expression that others read as variables.<name>.
type Variable struct {
	Name, Expression string
	Span             source.Span
}

// Relation gives a policy the other resources that it needs, as
// relations.<name>, a list.
type Relation struct {
	Name string
	Match
	SameNamespace bool
}

// Validation is an expression that must be true.
type Validation struct {
	Expression        string
	Message           string // fixed, or
	MessageExpression string // computed; sees what Expression sees
	Span              source.Span
}

// Example is a manifest with the verdict that it must get. The examples are a
// policy's tests and its documentation.
type Example struct {
	Name     string
	Verdict  Verdict
	Manifest string   // YAML; the first document is judged, the others are its relations
	At       []string // for Fail: the stable paths that must be marked
	Span     source.Span
}

// Pack is a set of policies with one digest.
type Pack struct {
	Name     string
	Digest   string // "sha256:" and hexadecimal digits, over all policy files
	Policies []*Policy
}

// Result is one policy's verdict on one resource.
type Result struct {
	Policy  *Policy
	Verdict Verdict
	Message string
	Paths   []resource.Path // the offending values of a Fail; the absent ones too
	Err     error           // for Error
}

// Evaluator judges resources. Evaluate leaves out policies that do not match
// the resource's kind; results come in the order of policy ids. The set holds
// all resources that relations may lead to, r included. It is safe for
// concurrent use.
type Evaluator interface {
	Evaluate(ctx context.Context, r *resource.Resource, set *resource.Set, stage Stage) []Result
}
