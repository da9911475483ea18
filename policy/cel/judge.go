package cel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// compiled is a policy with its program, which are made on first use.
type compiled struct {
	head    *policy.Policy
	passes  keySet // what lacks these keys passes
	skips   keySet // what lacks these need not be asked about
	settled keySet // of what lacks these, all that is of a shape has the same outcome

	once    sync.Once // makes the last three
	make    func() (*policy.Policy, *program, error)
	decoded *policy.Policy
	program *program
	err     error
}

// load returns the policy as it is in its file, with its program.
func (c *compiled) load() (*policy.Policy, *program, error) {
	c.once.Do(func() { c.decoded, c.program, c.err = c.make() })
	return c.decoded, c.program, c.err
}

type program struct {
	conditions  []*expression
	variables   []variable
	relations   []*policy.Relation
	validations []validation
	severities  []*expression // of the severity rules
	fixes       func() ([]fix, error)
	params      ref.Val
	asks        asked
	limited     bool
}

type validation struct {
	*policy.Validation
	*expression
	message *expression // nil when the message is fixed
}

type variable struct {
	name    string
	compile func() (*expression, error)
}

func newPreludeVariable(e *Engine, v policy.Variable, before []string) variable {
	c := compiler{env: e.env, checked: e.checked, shared: before}
	return variable{v.Name, sync.OnceValues(func() (*expression, error) {
		return c.compile(text{expr: v.Expression}, cel.DynType)
	})}
}

func newCompiled(e *Engine, p policy.Pending, limited bool) *compiled {
	return &compiled{head: p.Head, make: func() (*policy.Policy, *program, error) {
		decoded, err := p.Load()
		if err != nil {
			return nil, nil, err
		}
		made, err := e.compile(decoded, limited)
		return decoded, made, err
	}}
}

// compile compiles all expressions of a policy. The error lists all mistakes.
func (e *Engine) compile(p *policy.Policy, limited bool) (*program, error) {
	var out program
	var errs []error
	out.asks, out.limited = askedBy(p), limited
	c := compiler{env: e.env, checked: e.checked, limited: limited, params: p.ParamValues(), shared: names(policy.Prelude(p.Platform)),
		constants: map[string]ast.Expr{}}
	own := names(p.Variables)
	add := func(t text, want *cel.Type) *expression {
		t.file = p.File
		x, err := c.compile(t, want)
		errs = append(errs, err)
		return x
	}
	for i, v := range p.Variables {
		c.own = own[:i] // variables see only those above them
		x := add(text{expr: v.Expression, span: v.Span}, cel.DynType)
		out.variables = append(out.variables, variable{v.Name, func() (*expression, error) { return x, nil }})
		if x != nil && isFixed(x.ast.Expr()) {
			c.constants[v.Name] = x.ast.Expr()
		}
	}
	for i := range p.Relations {
		out.relations = append(out.relations, e.relation(&p.Relations[i]))
	}
	c.own = own
	out.params = valueOf(c.params)
	for _, rule := range p.SeverityRules {
		out.severities = append(out.severities, add(text{expr: rule.When, span: rule.Span}, cel.BoolType))
	}
	for _, c := range p.Conditions {
		out.conditions = append(out.conditions, add(text{expr: c.Expression, span: c.Span}, cel.BoolType))
	}
	for i := range p.Validations {
		v := validation{Validation: &p.Validations[i]}
		v.expression = add(text{expr: v.Expression, span: v.Span}, cel.BoolType)
		if v.MessageExpression != "" {
			v.message = add(text{expr: v.MessageExpression, span: v.MessageSpan}, cel.StringType)
		}
		out.validations = append(out.validations, v)
	}
	out.fixes = sync.OnceValues(func() ([]fix, error) { return c.fixes(p) })
	if limited {
		_, err := out.fixes()
		errs = append(errs, err)
	}
	return &out, errors.Join(errs...)
}

func names(variables []policy.Variable) []string {
	all := make([]string, len(variables))
	for i, v := range variables {
		all[i] = v.Name
	}
	return all
}

// judge sets the result of one policy.
func (c *compiled) judge(ctx context.Context, s *subject, result *policy.Result) {
	*result = policy.Result{Policy: c.head}
	decoded, p, err := c.load()
	if err != nil {
		result.Verdict, result.Err = policy.Error, err
	} else {
		result.Policy = decoded
		newScope(ctx, s, decoded, p).judge(result)
	}
	if result.Verdict == policy.Error && result.Policy.IgnoreErrors {
		result.Verdict, result.Err = policy.Skip, nil
	}
}

// gone reports whether a plan deletes the resource. What goes away need not be as it
// should.
func (s *subject) gone() bool { return s.r.Root.Kind == resource.Null && s.r.Root.Unknown() == "" }

// passedOver returns the verdict of a policy that need not be evaluated for it.
func (c *compiled) passedOver(s *subject) (verdict policy.Verdict, known bool) {
	stages := c.head.Stages
	switch {
	case (s.gone() || len(stages) > 0) && !slices.Contains(stages, s.stage):
		return policy.Skip, true
	case s.gone():
		return 0, false
	case c.skips.keeps(s.keys):
		return policy.Skip, true
	}
	return policy.Pass, c.passes.keeps(s.keys)
}

// judge sets the verdict of the policy of the scope, with what goes with it.
func (v *scope) judge(result *policy.Result) {
	for _, condition := range v.of.conditions {
		if holds := v.verdict(condition, result); holds != policy.Pass {
			if result.Verdict = holds; holds == policy.Fail {
				result.Verdict = policy.Skip
			}
			return
		}
	}
	if v.policy.Code != nil {
		v.ask(v.policy.Code, result)
		return
	}
	worst := policy.Pass
	for i := range v.of.validations {
		switch one := v.verdict(v.of.validations[i].expression, result); {
		case one == policy.Fail:
			result.Failures = v.failures(result.Failures, &v.of.validations[i])
			worst = policy.Fail
		case worst != policy.Fail && one > worst:
			worst = one
		}
	}
	result.Verdict = worst
	if worst == policy.Fail { // what is certain counts, whatever the rest is
		result.Err, result.Reason = nil, ""
		result.Severity = v.severity()
	}
}

// ask has the code of a policy decide.
func (v *scope) ask(code policy.Code, result *policy.Result) {
	if v.code == nil {
		v.code = &policy.Subject{Resource: v.r, Set: v.set, Alone: len(v.engine.policies) == 1}
	}
	failures, err := code.Judge(v.ctx, v.policy, v.code)
	switch {
	case errors.Is(err, policy.ErrUnknown):
		result.Verdict, result.Reason = policy.Unknown, err.Error()
	case errors.Is(err, policy.ErrExcepted):
		result.Verdict = policy.Skip
	case err != nil:
		result.Verdict, result.Err = policy.Error, v.redacted(err)
	case len(failures) > 0:
		result.Verdict, result.Failures = policy.Fail, failures
	}
}

// severity returns that of the first severity rule which certainly holds, or nil.
func (v *scope) severity() *finding.Severity {
	for i, when := range v.of.severities {
		if out, err := when.eval(v); err == nil && out == types.True {
			return &v.policy.SeverityRules[i].Severity
		}
	}
	return nil
}

// verdict evaluates an expression: Pass for true, Fail for false. It stores
// the reason of an Unknown and the error of an Error.
func (v *scope) verdict(x *expression, result *policy.Result) policy.Verdict {
	out, err := x.eval(v)
	switch {
	case types.IsUnknown(out):
		result.Reason = out.(*types.Unknown).String()
		return policy.Unknown
	case err != nil && v.unknowns:
		result.Reason = "it depends on values that are not known"
		return policy.Unknown
	case err != nil:
		result.Err = v.redacted(v.located(x, err))
		return policy.Error
	case out == types.True:
		return policy.Pass
	case out == types.False:
		return policy.Fail
	}
	result.Err = fmt.Errorf("the expression gives a %s, not true or false", out.Type().TypeName())
	return policy.Error
}

// redacted keeps errors about a Secret from telling its values.
func (v *scope) redacted(err error) error {
	if v.r.ID.Kind == "Secret" {
		return errors.New("the policy cannot be evaluated on this Secret (details are withheld, they may hold its values)")
	}
	return err
}

// failures evaluates a failed validation again, over values that record reads,
// and appends a failure for each offending one.
func (v *scope) failures(out []policy.Failure, failed *validation) []policy.Failure {
	message := failed.Message
	if failed.message != nil && v.r.ID.Kind != "Secret" {
		if text, err := failed.message.eval(v); err == nil {
			if text, ok := text.(types.String); ok && text != "" {
				message = string(text)
			}
		}
	}
	again := v.recording()
	x := explanation{rec: again.rec, places: again.rec.blamed[:0]}
	failed.once.Do(failed.build)
	x.explain(failed.why(), surrounding{again, again, again.push(failed.depth)})
	before := len(out)
	for _, at := range x.places {
		path := again.rec.path(at)
		if v.tree != v.r.Root {
			path = withNulls(v.r.Root, path)
		}
		if !slices.ContainsFunc(out[before:], func(f policy.Failure) bool { return slices.Equal(f.Path, path) }) {
			out = append(out, policy.Failure{Path: path, Message: message})
		}
	}
	again.rec.blamed = x.places
	if len(out) > before {
		return out
	}
	if v.r.Change != nil || v.r.ID.Platform == resource.Terraform { // no value says what it is
		return append(out, policy.Failure{Path: resource.Path{}, Message: message})
	}
	return append(out, policy.Failure{Path: resource.Path{resource.Key(kindKey(v.r.ID.Platform))}, Message: message})
}

// kindKey is the key of what a resource is, which a finding marks that is about no
// value of it.
func kindKey(platform resource.Platform) string {
	switch platform {
	case resource.CloudFormation:
		return "Type"
	case resource.ARM:
		return "type"
	}
	return "kind"
}
