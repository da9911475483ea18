// Package policy is the contract between those who write policies, those who
// evaluate them and those who act on the outcome.
//
//	Policy      a documented rule with what it applies to, its validations and
//	            the examples that prove and explain it
//	Pack        policies that are versioned together, with one digest
//	Stage       where a resource is judged: declared, rendered, planned,
//	            admission or live
//	Prelude     the variables that every policy has, such as the pod spec of
//	            whatever holds one
//	Verdict     pass, fail, skip, unknown or error; unknown is never pass and
//	            never fail
//	Result      one policy's verdict on one resource, with the failing values
//	Fix         how what fails is mended: changes of the resource, as data
//	Mend        a Fix for one failing value, with its changes worked out
//
// A policy file is decoded with the place of each mistake; what the policies
// find becomes Findings; the examples of a pack are run by Test.
package policy

import (
	"context"
	"fmt"
	"iter"

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

// Tally counts results by their verdicts.
type Tally [mostVerdicts]int

const mostVerdicts = 8

// Add adds the counts of another tally.
func (t *Tally) Add(other *Tally) {
	for v, n := range other {
		t[v] += n
	}
}

// All returns the counts that are not zero.
func (t *Tally) All() iter.Seq2[Verdict, int] {
	return func(yield func(Verdict, int) bool) {
		for v, n := range t {
			if n != 0 && !yield(Verdict(v), n) {
				return
			}
		}
	}
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
	Platform    resource.Platform
	Match       []Match     // none means every kind of the platform
	Stages      []Stage     // where it applies; none means at every stage
	Sensitive   bool        // it judges secret values, which are never shown
	Conditions  []Condition // all must hold, or the policy is skipped
	Variables   []Variable  // evaluated on first use, in this order
	Params      []Param
	Relations   []Relation
	Validations []Validation // all must hold
	Code        Code         // what decides instead of validations; nil for CEL
	Examples    []Example
	File        *source.File // where the policy is written
	Span        source.Span

	SeverityRules []SeverityRule
	Fixes         []Fix // the first that can be made is made
	Imported      bool  // from a policy of API servers, which has no examples
	IgnoreErrors  bool  // what cannot be evaluated is let through
}

// Match selects kinds, by their names or by those of their resources. "*"
// stands for any group, kind or resource.
type Match struct {
	Groups    []string
	Kinds     []string
	Resources []string // lower-case plurals, as in an admission policy
}

// Condition is a named expression that limits what a policy applies to.
type Condition struct {
	Name, Expression string
	Span             source.Span // of the expression
}

// Variable is a named expression that others read as variables.<name>.
type Variable struct {
	Name, Expression string
	Span             source.Span // of the expression
}

// Relation gives a policy the other resources that it needs, as
// relations.<name>, a list. Without a link these are all of the kinds.
type Relation struct {
	Name string
	Match
	SameNamespace bool
	Link          Link
	// Paths are those of the link: keys joined by dots, which lead through lists to
	// each item. "pod" at the start is the pod, or the template of what makes pods.
	Paths []string
}

// Link is what ties the resources of a relation to the one that is judged.
type Link string

// The links.
const (
	References   Link = "references"   // Paths of the judged one hold their names
	ReferencedBy Link = "referencedBy" // their Paths hold its name
	Selects      Link = "selects"      // Paths of the judged one are selectors of their labels
	SelectedBy   Link = "selectedBy"   // their Paths are selectors of its labels
)

var links = []Link{References, ReferencedBy, Selects, SelectedBy}

// Validation is an expression that must be true. In a message "{subject}"
// stands for what fails: a container, a volume, a rule, or the object.
type Validation struct {
	Expression        string
	Message           string      // fixed, or
	MessageExpression string      // computed; sees what Expression sees
	Span              source.Span // of the expression
	MessageSpan       source.Span // of the message expression
}

// Example is a manifest with the verdict that it must get. The examples are a
// policy's tests and its documentation.
type Example struct {
	Name     string
	Verdict  Verdict
	Manifest string   // in the platform's language; the first resource is judged, the others are its relations
	File     string   // the path that Manifest has; empty for the usual one
	At       []string // for Fail: the stable paths that must be marked
	Stage    Stage    // Declared unless stated
	Unfixed  bool     // for Fail: no fix of the policy is for it
	Span     source.Span
}

// Pack is a set of policies with one digest.
type Pack struct {
	Name     string
	Digest   string // "sha256:" and hexadecimal digits, over all policy files
	Trusted  bool   // part of the program: evaluated without a cost limit
	Checked  string // for trusted packs: their expressions, checked before
	Policies []*Policy
	Pending  []Pending // more of them, of a pack that NewIndexedPack made

	Modules   []*source.File // of Rego, whose policies policy/rego adds
	Templates []Template     // likewise
}

// Result is one policy's verdict on one resource.
type Result struct {
	Policy   *Policy
	Verdict  Verdict
	Severity *finding.Severity // for Fail: what a severity rule says, or nil
	Failures []Failure         // for Fail: at least one
	Reason   string            // for Unknown: what is not known
	Err      error             // for Error
}

// Failure is one value that breaks a policy. Path leads to it, or to where it
// is missing.
type Failure struct {
	Path    resource.Path
	Message string
}

// Evaluator judges resources. Evaluate appends to results, and leaves out policies
// that do not match the resource's kind; results come in the order of policy ids. The
// set holds all resources that relations may lead to, r included. It is safe for
// concurrent use.
type Evaluator interface {
	Evaluate(ctx context.Context, results []Result, r *resource.Resource, set *resource.Set, stage Stage) []Result
}
