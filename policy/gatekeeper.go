package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
)

// A constraint of Gatekeeper says where a template holds, and with which
// parameters: each is a policy. Where the template is written in Rego, the code of
// the policy is left to policy/rego.

const gatekeeper = "gatekeeper.sh/"

func (k kindRef) isTemplate() bool {
	return strings.HasPrefix(k.apiVersion, "templates."+gatekeeper) && k.kind == "ConstraintTemplate"
}

func (k kindRef) isConstraint() bool {
	return strings.HasPrefix(k.apiVersion, "constraints."+gatekeeper)
}

// constrain returns a policy for each constraint of the templates in CEL, and keeps
// those in Rego.
func (a *admissionDocs) constrain() (all []*Policy, errs []error) {
	for _, template := range a.templates {
		d := &decoder{file: template.file}
		made := Template{Kind: template.root.Get("spec").Get("crd").Get("spec").Get("names").Get("kind").Text(), File: template.file}
		base, inCEL := d.templatePolicy(template, &made)
		var policies []*Policy
		for _, constraint := range a.constraints {
			if kindRefOf(constraint.root).kind != made.Kind {
				continue
			}
			c := &decoder{file: constraint.file}
			policies, errs = append(policies, c.constraint(constraint, base)), append(errs, c.sorted()...)
		}
		if len(d.errs) == 0 && len(policies) == 0 {
			d.fail(template.span, "put a "+made.Kind+" into the pack that says where it holds", "no constraint uses the template")
		}
		if inCEL {
			all = append(all, policies...)
		} else {
			made.Policies = policies
			a.inRego = append(a.inRego, made)
		}
		errs = append(errs, d.sorted()...)
	}
	return all, errs
}

// templatePolicy returns the policy of a template, which is written in CEL or Rego.
func (d *decoder) templatePolicy(doc admissionDoc, made *Template) (p *Policy, inCEL bool) {
	p = d.describe(doc)
	for _, target := range items(doc.root.Get("spec").Get("targets")) {
		made.Rego, made.Libs = target.Get("rego"), items(target.Get("libs"))
		for _, code := range items(target.Get("code")) {
			switch source := code.Get("source"); code.Get("engine").Text() {
			case "K8sNativeValidation":
				d.celTemplate(source, p)
				return p, true
			case "Rego":
				made.Rego, made.Libs = source.Get("rego"), items(source.Get("libs"))
			}
		}
	}
	if made.Rego.Text() == "" {
		d.fail(doc.span, "leave the template to Gatekeeper", "the template is written neither in CEL nor in Rego")
	}
	return p, false
}

// celTemplate reads a template in CEL, with the variables that Gatekeeper declares.
func (d *decoder) celTemplate(source *resource.Value, p *Policy) {
	if source == nil {
		d.fail(p.Span, "", "field %q is missing in the code of the template", "source")
		return
	}
	p.Variables = []Variable{{Name: "anyObject", Expression: "object"}, {Name: "params", Expression: "params"}}
	ignore := func(*resource.Value) {}
	d.object(source, "source", fields{
		"failurePolicy":   func(v *resource.Value) { p.IgnoreErrors = v.Text() == "Ignore" },
		"matchConditions": d.each("matchConditions", func(v *resource.Value) { d.condition(v, p) }),
		"variables":       d.each("variables", func(v *resource.Value) { d.admissionVariable(v, p) }),
		"validations":     d.each("validations", func(v *resource.Value) { d.admissionValidation(v, p) }),
		"generateVAP":     ignore,
	}, "validations")
	d.notKnownBefore(p)
}

// constraint returns the policy of a template with where it holds, its parameters,
// and how severe it is. Its expressions stay those of the template's file.
func (d *decoder) constraint(doc admissionDoc, template *Policy) *Policy {
	one := *template
	p := &one
	p.Conditions = slices.Clone(template.Conditions)
	kind, spec := kindRefOf(doc.root).kind, doc.root.Get("spec")
	p.ID = kind + "." + d.describe(doc).ID
	p.Severity = map[string]finding.Severity{"dryrun": finding.Low, "warn": finding.Medium}[spec.Get("enforcementAction").Text()]
	if p.Severity == 0 {
		p.Severity = finding.High
	}
	if parameters := spec.Get("parameters"); parameters != nil {
		for _, f := range parameters.Fields {
			p.Params = append(p.Params, Param{Name: f.Key, Value: f.Value})
		}
	}
	match := spec.Get("match")
	for _, kinds := range items(match.Get("kinds")) {
		p.Match = append(p.Match, Match{Groups: texts(kinds.Get("apiGroups")), Kinds: texts(kinds.Get("kinds"))})
	}
	if len(p.Match) == 0 {
		p.Match = []Match{{Groups: []string{"*"}, Kinds: []string{"*"}}}
	}
	d.refuseField(match, "source")
	for _, where := range []string{
		d.selector(match.Get("labelSelector"), "object.?metadata.?labels.orValue({})", ""),
		namespaced(d.selector(match.Get("namespaceSelector"), namespaceLabels, namespaceName)),
		namespaced(globs(match.Get("namespaces"), "")),
		namespaced(globs(match.Get("excludedNamespaces"), "!")),
	} {
		if where != "" {
			p.Conditions = append(p.Conditions, Condition{Name: "match", Expression: where, Span: p.Span})
		}
	}
	return p
}

func namespaced(condition string) string {
	if condition == "" {
		return ""
	}
	return "(" + noNamespace + " || " + condition + ")"
}

// globs returns a condition for names of namespaces, which may begin or end in an
// asterisk.
func globs(v *resource.Value, not string) string {
	var any []string
	for _, glob := range texts(v) {
		head, tail := strings.HasPrefix(glob, "*"), strings.HasSuffix(glob, "*")
		name := strconv.Quote(strings.Trim(glob, "*"))
		switch {
		case head && tail:
			any = append(any, namespaceName+".contains("+name+")")
		case head:
			any = append(any, namespaceName+".endsWith("+name+")")
		case tail:
			any = append(any, namespaceName+".startsWith("+name+")")
		default:
			any = append(any, namespaceName+" == "+name)
		}
	}
	if len(any) == 0 {
		return ""
	}
	return not + "(" + strings.Join(any, " || ") + ")"
}
