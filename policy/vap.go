package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Policies of API servers run as those of a pack, as they are written:
//
//	ValidatingAdmissionPolicy         Kubernetes' own, with what its bindings say
//	ValidatingAdmissionPolicyBinding  where a policy holds, how severe it is, and
//	                                  the object that it reads as `params`
//	ValidatingPolicy                  that of Kyverno, of the same words
//	ConstraintTemplate, constraints   those of Gatekeeper: see gatekeeper.go
//
// A policy with several objects for params becomes several.

// admissionDocs are the documents of a pack that are no policies of ours.
type admissionDocs struct {
	policies, bindings, params []admissionDoc
	kinds                      []kindRef // of params
	templates, constraints     []admissionDoc
	inRego                     []Template // what decode found of them
}

type admissionDoc struct {
	file *source.File
	root *resource.Value
	span source.Span
}

type kindRef struct{ apiVersion, kind string }

func kindRefOf(v *resource.Value) kindRef {
	return kindRef{v.Get("apiVersion").Text(), v.Get("kind").Text()}
}

func (k kindRef) isPolicy() bool {
	return strings.HasPrefix(k.apiVersion, "admissionregistration.k8s.io/") && k.kind == "ValidatingAdmissionPolicy" || k.isKyverno()
}

func (k kindRef) isKyverno() bool {
	return strings.HasPrefix(k.apiVersion, "policies.kyverno.io/") && k.kind == "ValidatingPolicy"
}

func (k kindRef) isBinding() bool {
	return strings.HasPrefix(k.apiVersion, "admissionregistration.k8s.io/") && k.kind == "ValidatingAdmissionPolicyBinding"
}

// findAdmission looks through files for policies of API servers, and for what
// belongs to them. Files that cannot be read are somebody else's to report.
func findAdmission(files ...*source.File) *admissionDocs {
	a := &admissionDocs{}
	files = slices.DeleteFunc(slices.Clone(files), func(f *source.File) bool { return path.Ext(f.Path) == moduleExt })
	each(files, []string{"ValidatingAdmissionPolicy", "ValidatingPolicy", gatekeeper}, func(doc admissionDoc) {
		switch k := kindRefOf(doc.root); {
		case k.isPolicy():
			a.policies = append(a.policies, doc)
			if of := doc.root.Get("spec").Get("paramKind"); of != nil {
				a.kinds = append(a.kinds, kindRefOf(of))
			}
		case k.isBinding():
			a.bindings = append(a.bindings, doc)
		case k.isTemplate():
			a.templates = append(a.templates, doc)
		case k.isConstraint():
			a.constraints = append(a.constraints, doc)
		}
	})
	if len(a.kinds) > 0 {
		each(files, []string{""}, func(doc admissionDoc) {
			if slices.Contains(a.kinds, kindRefOf(doc.root)) {
				a.params = append(a.params, doc)
			}
		})
	}
	return a
}

// each calls do for the documents of files that contain one of some words.
func each(files []*source.File, words []string, do func(admissionDoc)) {
	for _, file := range files {
		if !slices.ContainsFunc(words, func(word string) bool { return bytes.Contains(file.Content, []byte(word)) }) {
			continue
		}
		documents, err := resource.ParseYAML(file)
		if err != nil {
			continue
		}
		for _, doc := range documents {
			if doc.Root != nil && doc.Root.Kind == resource.Map {
				do(admissionDoc{file, doc.Root, doc.Span})
			}
		}
	}
}

// owns reports whether a document is one of a's.
func (a *admissionDocs) owns(root *resource.Value) bool {
	k := kindRefOf(root)
	return k.isPolicy() || k.isBinding() || k.isTemplate() || k.isConstraint() || slices.Contains(a.kinds, k)
}

// decode returns the policies, and all mistakes.
func (a *admissionDocs) decode() (all []*Policy, errs []error) {
	for _, doc := range a.policies {
		d := &decoder{file: doc.file}
		p := d.admissionPolicy(doc)
		if len(d.errs) > 0 {
			errs = append(errs, d.sorted()...)
			continue
		}
		bound, mistakes := a.bind(p, doc)
		all, errs = append(all, bound...), append(errs, mistakes...)
	}
	constrained, mistakes := a.constrain()
	return append(all, constrained...), append(errs, mistakes...)
}

// Annotations that say what a person wants to know. The first are those of an
// export.
const (
	annotationPrefix      = "holdfast.dev/"
	annotationDescription = "kubernetes.io/description"
)

// admissionPolicy reads all of a policy but its bindings.
func (d *decoder) admissionPolicy(doc admissionDoc) *Policy {
	p := d.describe(doc)
	spec := doc.root.Get("spec")
	if spec == nil {
		d.fail(doc.span, "", "field %q is missing in the policy", "spec")
		return p
	}
	ignore := func(*resource.Value) {}
	d.object(spec, "spec", fields{
		"failurePolicy":    func(v *resource.Value) { p.IgnoreErrors = v.Text() == "Ignore" },
		"paramKind":        ignore,
		"matchConstraints": func(v *resource.Value) { d.admissionMatch(v, p) },
		"matchConditions":  d.each("matchConditions", func(v *resource.Value) { d.condition(v, p) }),
		"variables":        d.each("variables", func(v *resource.Value) { d.admissionVariable(v, p) }),
		"validations":      d.each("validations", func(v *resource.Value) { d.admissionValidation(v, p) }),
		"auditAnnotations": ignore, // they record, and decide nothing
		// Of Kyverno: how and when it judges.
		"validationActions": ignore, "autogen": ignore, "evaluation": ignore, "webhookConfiguration": ignore,
	}, "matchConstraints")
	if len(p.Validations) == 0 {
		d.fail(spec.Span, "", "the policy has no validations")
	}
	p.Severity = finding.Medium
	if kindRefOf(doc.root).isKyverno() {
		p.Severity = severityOf(spec.Get("validationActions"))
	}
	if stated, err := finding.ParseSeverity(annotation(doc, annotationPrefix+"severity")); err == nil {
		p.Severity = stated
	}
	d.notKnownBefore(p)
	return p
}

// describe returns a policy with what its metadata says of it.
func (d *decoder) describe(doc admissionDoc) *Policy {
	p := &Policy{File: doc.file, Span: doc.span, Imported: true}
	if p.ID = doc.root.Get("metadata").Get("name").Text(); p.ID == "" {
		d.fail(doc.span, "", "field %q is missing in metadata", "name")
	}
	p.Title = cmp.Or(annotation(doc, annotationPrefix+"title"), annotation(doc, "metadata."+gatekeeper+"title"), "The admission policy "+p.ID+" holds")
	p.Why = cmp.Or(annotation(doc, annotationPrefix+"why"), annotation(doc, annotationDescription), annotation(doc, "description"),
		"An API server that has this policy refuses the object, or warns of it.")
	p.Remediation = cmp.Or(annotation(doc, annotationPrefix+"remediation"), "Change the object as the message says.")
	p.References = strings.Fields(annotation(doc, annotationPrefix+"references"))
	p.Controls = strings.Fields(annotation(doc, annotationPrefix+"controls"))
	return p
}

func annotation(doc admissionDoc, name string) string {
	return strings.TrimSpace(doc.root.Get("metadata").Get("annotations").Get(name).Text())
}

// admissionVariable is like variable, but may have the name of one of ours,
// which it hides.
func (d *decoder) admissionVariable(v *resource.Value, p *Policy) {
	var one Variable
	d.object(v, "a variable", fields{
		"name":       d.name("name", &one.Name),
		"expression": d.expression("expression", &one.Expression, &one.Span),
	}, "name", "expression")
	p.Variables = append(p.Variables, one)
}

func (d *decoder) admissionValidation(v *resource.Value, p *Policy) {
	var one Validation
	d.object(v, "a validation", fields{
		"expression":        d.expression("expression", &one.Expression, &one.Span),
		"message":           d.text("message", &one.Message),
		"messageExpression": d.expression("messageExpression", &one.MessageExpression, &one.MessageSpan),
		"reason":            func(*resource.Value) {},
	}, "expression")
	p.Validations = append(p.Validations, one)
}

// notKnownBefore refuses what no file can answer.
func (d *decoder) notKnownBefore(p *Policy) {
	check := func(text string, span source.Span) {
		if strings.Contains(text, "authorizer.") {
			d.fail(span, "leave the policy to the API server", "the policy asks what the sender may do, which is not known before there is one")
		}
	}
	for _, c := range p.Conditions {
		check(c.Expression, c.Span)
	}
	for _, v := range p.Variables {
		check(v.Expression, v.Span)
	}
	for _, v := range p.Validations {
		check(v.Expression, v.Span)
	}
}

// severityOf says how severe the one is what an API server refuses, warns of, or
// only records.
func severityOf(actions *resource.Value) finding.Severity {
	severity := finding.Low
	if actions == nil {
		return finding.Medium
	}
	for _, action := range actions.Items {
		switch action.Text() {
		case "Deny":
			return finding.High
		case "Warn":
			severity = finding.Medium
		}
	}
	return severity
}

// bind returns the policy as its bindings want it. Without a binding it holds
// everywhere, since somebody has put it into a pack.
func (a *admissionDocs) bind(p *Policy, doc admissionDoc) ([]*Policy, []error) {
	stated := doc.root.Get("metadata").Get("annotations").Get(annotationPrefix+"severity") != nil
	var bindings []admissionDoc
	for _, b := range a.bindings {
		if b.root.Get("spec").Get("policyName").Text() == p.ID {
			bindings = append(bindings, b)
			if severity := severityOf(b.root.Get("spec").Get("validationActions")); !stated && (len(bindings) == 1 || severity > p.Severity) {
				p.Severity = severity
			}
		}
	}
	if of := doc.root.Get("spec").Get("paramKind"); of != nil {
		return a.withParams(p, kindRefOf(of), bindings, of)
	}
	var errs []error
	var anywhere []string
	for _, b := range bindings {
		d := &decoder{file: b.file}
		anywhere = append(anywhere, d.bound(b.root))
		errs = append(errs, d.sorted()...)
	}
	if len(bindings) > 0 && !slices.Contains(anywhere, "") {
		p.Conditions = append(p.Conditions, Condition{Name: "bound", Expression: strings.Join(anywhere, " || "), Span: doc.span})
	}
	return []*Policy{p}, errs
}

// withParams returns the policy once for each object of params that a binding
// names.
func (a *admissionDocs) withParams(p *Policy, kind kindRef, bindings []admissionDoc, at *resource.Value) (all []*Policy, errs []error) {
	for _, b := range bindings {
		spec := b.root.Get("spec")
		d := &decoder{file: b.file}
		where := d.bound(b.root)
		errs = append(errs, d.sorted()...)
		for _, param := range a.find(kind, spec.Get("paramRef")) {
			one := *p
			one.Conditions, one.Params = slices.Clone(p.Conditions), nil
			if where != "" {
				one.Conditions = append(one.Conditions, Condition{Name: "bound", Expression: where, Span: p.Span})
			}
			for _, f := range param.root.Fields {
				one.Params = append(one.Params, Param{Name: f.Key, Value: f.Value})
			}
			one.ID = p.ID + "." + b.root.Get("metadata").Get("name").Text() + "." + param.root.Get("metadata").Get("name").Text()
			all = append(all, &one)
		}
	}
	if len(all) == 1 {
		all[0].ID = p.ID
	}
	if len(all) == 0 && len(errs) == 0 {
		errs = append(errs, &FileError{File: p.File, Span: at.Span,
			Message:    fmt.Sprintf("the policy reads a %s as params, and no binding leads to one", kind.kind),
			Suggestion: "put the binding and the object that it names into the pack"})
	}
	return all, errs
}

// find returns the objects that a paramRef names, or selects by labels.
func (a *admissionDocs) find(kind kindRef, ref *resource.Value) (found []admissionDoc) {
	for _, param := range a.params {
		meta := param.root.Get("metadata")
		named := ref.Get("name").Text()
		wanted := ref.Get("namespace").Text()
		switch {
		case ref == nil || kindRefOf(param.root) != kind:
		case wanted != "" && meta.Get("namespace").Text() != "" && meta.Get("namespace").Text() != wanted:
		case named != "" && meta.Get("name").Text() == named, named == "" && labelled(meta.Get("labels"), ref.Get("selector").Get("matchLabels")):
			found = append(found, param)
		}
	}
	return found
}

func labelled(labels, want *resource.Value) bool {
	if want == nil {
		return true
	}
	for _, f := range want.Fields {
		if labels.Get(f.Key).Text() != f.Value.Text() {
			return false
		}
	}
	return true
}
