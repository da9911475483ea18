package policy

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// moduleExt is the extension of files in Rego.
const moduleExt = ".rego"

// Code decides in the place of validations: it is written in another language than
// CEL. What a policy applies to is decided before it is asked. It is safe for
// concurrent use.
type Code interface {
	// Judge returns what breaks the policy. Of its errors, ErrUnknown and
	// ErrExcepted are verdicts.
	Judge(ctx context.Context, p *Policy, s *Subject) ([]Failure, error)
	// Others reports whether it reads other resources of the set.
	Others() bool
	// Language names the language for people.
	Language() string
}

// What code says instead of pass and fail.
var (
	ErrUnknown  = errors.New("it depends on values that are not known")
	ErrExcepted = errors.New("the policy makes an exception")
)

// Subject is a resource while all policies judge it, one after the other. What the
// codes of several policies need is worked out once.
type Subject struct {
	Resource *resource.Resource
	Set      *resource.Set
	Alone    bool // no other policy judges it

	memo map[any]any
}

// Once returns what the function gives for a key. It is called once for each.
func (s *Subject) Once(key any, make func() any) any {
	if found, ok := s.memo[key]; ok {
		return found
	}
	if s.memo == nil {
		s.memo = map[any]any{}
	}
	made := make()
	s.memo[key] = made
	return made
}

// Related reports whether the verdict depends on other resources.
func (p *Policy) Related() bool {
	return len(p.Relations) > 0 || p.Code != nil && p.Code.Others()
}

// Template is a template of Gatekeeper in Rego, with a policy for each of its
// constraints. Their Code is to be made from it.
type Template struct {
	Kind     string
	File     *source.File
	Rego     *resource.Value
	Libs     []*resource.Value
	Policies []*Policy
}
