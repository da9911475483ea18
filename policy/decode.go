package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// APIVersion and Kind mark the documents that are policies.
const (
	APIVersion = "holdfast.dev/v1alpha1"
	Kind       = "Policy"
)

var (
	idPattern   = regexp.MustCompile(`^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*-[0-9]{3,}$`)
	namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	allStages   = []Stage{Declared, Rendered, Planned, Admission, Live}
)

// Decode reads the policies of a file. It returns every mistake at once, each
// with its line and column; with a mistake the policies are not to be used.
func Decode(file *source.File) ([]*Policy, []error) {
	admission := findAdmission(file)
	all, errs := decode(file, admission)
	imported, mistakes := admission.decode()
	return append(all, imported...), append(errs, mistakes...)
}

// decode reads what is not of admission, which is decoded for all files at once.
func decode(file *source.File, admission *admissionDocs) ([]*Policy, []error) {
	documents, err := resource.ParseYAML(file)
	if err != nil {
		return nil, []error{err}
	}
	d := &decoder{file: file}
	var all []*Policy
	first := map[string]bool{}
	for _, doc := range documents {
		if doc.Root == nil || doc.Root.Kind == resource.Null || admission.owns(doc.Root) {
			continue
		}
		p := &Policy{File: file, Span: doc.Span}
		d.policy(doc.Root, p)
		if first[p.ID] {
			d.fail(doc.Root.At(resource.Path{resource.Key("metadata"), resource.Key("name")}).Span,
				"give each policy an id of its own", "the id %s appears twice", p.ID)
		}
		first[p.ID] = p.ID != ""
		all = append(all, p)
	}
	return all, d.sorted()
}

func (d *decoder) policy(v *resource.Value, p *Policy) {
	d.object(v, "a policy", fields{
		"apiVersion": d.exactly("apiVersion", APIVersion),
		"kind":       d.exactly("kind", Kind),
		"metadata": func(v *resource.Value) {
			d.object(v, "metadata", fields{"name": d.id(&p.ID)}, "name")
		},
		"spec": func(v *resource.Value) { d.spec(v, p) },
	}, "apiVersion", "kind", "metadata", "spec")
}

func (d *decoder) spec(v *resource.Value, p *Policy) {
	p.Platform, _ = resource.ParsePlatform(v.Get("platform").Text()) // first, for it decides how the rest is read
	d.object(v, "spec", fields{
		"platform":         d.platform,
		"title":            d.text("title", &p.Title),
		"severity":         d.severity(&p.Severity),
		"why":              d.text("why", &p.Why),
		"remediation":      d.text("remediation", &p.Remediation),
		"references":       d.urls(&p.References),
		"controls":         d.texts("controls", &p.Controls),
		"sensitive":        d.boolean("sensitive", &p.Sensitive),
		"stages":           d.stages(&p.Stages),
		"match":            d.match("match", &p.Match),
		"matchConstraints": d.matchConstraints(&p.Match),
		"matchConditions":  d.each("matchConditions", func(v *resource.Value) { d.condition(v, p) }),
		"variables":        d.each("variables", func(v *resource.Value) { d.variable(v, p) }),
		"params":           d.each("params", func(v *resource.Value) { d.param(v, p) }),
		"severityRules":    d.each("severityRules", func(v *resource.Value) { d.severityRule(v, p) }),
		"relations":        d.each("relations", func(v *resource.Value) { d.relation(v, p) }),
		"validations":      d.each("validations", func(v *resource.Value) { d.validation(v, p) }),
		"fixes":            d.each("fixes", func(v *resource.Value) { d.fix(v, p) }),
		"examples":         d.each("examples", func(v *resource.Value) { d.example(v, p) }),
	}, "title", "severity", "why", "remediation", "validations")
	if v.Kind == resource.Map && p.Platform == resource.Kubernetes && v.Get("match") == nil && v.Get("matchConstraints") == nil {
		d.fail(v.Span, "write `match: {kinds: [...]}`", "spec does not say what the policy applies to")
	}
}

func (d *decoder) exactly(where, want string) func(*resource.Value) {
	return func(v *resource.Value) {
		if v.Text() != want {
			d.fail(v.Span, fmt.Sprintf("write %q", want), "%s is not that of a policy", where)
		}
	}
}

func (d *decoder) id(target *string) func(*resource.Value) {
	return func(v *resource.Value) {
		if !idPattern.MatchString(v.Text()) {
			d.fail(v.Span, "use an owner, an area and a number, such as ACME-NET-001", "%q is not a policy id", v.Str)
			return
		}
		*target = v.Str
	}
}

func (d *decoder) severity(target *finding.Severity) func(*resource.Value) {
	return func(v *resource.Value) {
		s, err := finding.ParseSeverity(v.Text())
		if err != nil {
			d.fail(v.Span, "", "%v", err)
			return
		}
		*target = s
	}
}

func (d *decoder) platform(v *resource.Value) {
	if _, err := resource.ParsePlatform(v.Text()); err != nil {
		d.fail(v.Span, "", "%v", err)
	}
}

func (d *decoder) urls(target *[]string) func(*resource.Value) {
	return d.each("references", func(v *resource.Value) {
		if !strings.HasPrefix(v.Text(), "https://") && !strings.HasPrefix(v.Text(), "http://") {
			d.fail(v.Span, "", "each of references must be a URL")
			return
		}
		*target = append(*target, v.Str)
	})
}

func (d *decoder) stage(target *Stage) func(*resource.Value) {
	return func(v *resource.Value) {
		s := Stage(v.Text())
		if !slices.Contains(allStages, s) {
			d.fail(v.Span, fmt.Sprintf("use one of %v", allStages), "%q is not a stage", v.Str)
			return
		}
		*target = s
	}
}

func (d *decoder) stages(target *[]Stage) func(*resource.Value) {
	return d.each("stages", func(v *resource.Value) {
		var s Stage
		if d.stage(&s)(v); s != "" {
			*target = append(*target, s)
		}
	})
}

// match reads the short form: kinds, and groups where the usual ones are not meant.
func (d *decoder) match(where string, target *[]Match) func(*resource.Value) {
	return func(v *resource.Value) {
		var m Match
		d.object(v, where, fields{
			"kinds":  d.texts("kinds", &m.Kinds),
			"groups": d.groups("groups", &m.Groups),
		}, "kinds")
		m.Kinds = expand(m.Kinds)
		*target = append(*target, m)
	}
}

func expand(kinds []string) []string {
	i := slices.Index(kinds, "workloads")
	if i < 0 {
		return kinds
	}
	return slices.Concat(kinds[:i], workloads, kinds[i+1:])
}

// groups is like texts, but the core group is the empty text.
func (d *decoder) groups(where string, target *[]string) func(*resource.Value) {
	return d.each(where, func(v *resource.Value) {
		if v.Kind != resource.String {
			d.mismatch(v, "each of "+where, "a text")
			return
		}
		*target = append(*target, v.Str)
	})
}

// matchConstraints reads the form of a ValidatingAdmissionPolicy. Versions are
// not compared, since one object can be read under several, and operations
// are those of requests, which a resource in a file does not have.
func (d *decoder) matchConstraints(target *[]Match) func(*resource.Value) {
	ignore := func(*resource.Value) {}
	return func(v *resource.Value) {
		d.object(v, "matchConstraints", fields{"resourceRules": d.each("resourceRules", func(v *resource.Value) {
			var m Match
			d.object(v, "a resource rule", fields{
				"apiGroups": d.groups("apiGroups", &m.Groups), "apiVersions": ignore, "operations": ignore,
				"resources": d.each("resources", func(v *resource.Value) {
					if strings.Contains(v.Text(), "/") {
						d.fail(v.Span, "name the resource itself", "%q is a subresource, which has no manifest", v.Str)
						return
					}
					d.texts("resources", &m.Resources)(&resource.Value{Kind: resource.List, Items: []*resource.Value{v}})
				}),
			}, "apiGroups", "resources")
			*target = append(*target, m)
		})}, "resourceRules")
	}
}

func (d *decoder) condition(v *resource.Value, p *Policy) {
	var c Condition
	d.object(v, "a match condition", fields{
		"name":       d.text("name", &c.Name),
		"expression": d.expression("expression", &c.Expression, &c.Span),
	}, "name", "expression")
	p.Conditions = append(p.Conditions, c)
}

func (d *decoder) variable(v *resource.Value, p *Policy) {
	var one Variable
	d.object(v, "a variable", fields{
		"name":       d.name("name", &one.Name),
		"expression": d.expression("expression", &one.Expression, &one.Span),
	}, "name", "expression")
	taken := func(other Variable) bool { return other.Name == one.Name && one.Name != "" }
	if slices.ContainsFunc(Prelude(p.Platform), taken) || slices.ContainsFunc(p.Variables, taken) {
		d.fail(v.Get("name").Span, "choose another name", "the variable %s exists already", one.Name)
	}
	p.Variables = append(p.Variables, one)
}

func (d *decoder) name(where string, target *string) func(*resource.Value) {
	return func(v *resource.Value) {
		if v.Kind == resource.Bool {
			d.fail(v.Span, "write it in quotes", "%s must be a text, but YAML reads %s as a boolean", where, v.Str)
			return
		}
		if !namePattern.MatchString(v.Text()) {
			d.fail(v.Span, "", "%s must consist of letters, digits and underscores", where)
			return
		}
		*target = v.Str
	}
}

func (d *decoder) relation(v *resource.Value, p *Policy) {
	var one Relation
	known := fields{
		"name":          d.name("name", &one.Name),
		"kinds":         d.texts("kinds", &one.Kinds),
		"groups":        d.groups("groups", &one.Groups),
		"sameNamespace": d.boolean("sameNamespace", &one.SameNamespace),
	}
	for _, link := range links {
		known[string(link)] = func(v *resource.Value) {
			if one.Link != "" {
				d.fail(v.Span, fmt.Sprintf("use one of %v", links), "a relation has one link, and this one has %s already", one.Link)
			}
			one.Link = link
			if v.Kind == resource.List {
				d.texts(string(link), &one.Paths)(v)
			} else {
				d.texts(string(link), &one.Paths)(&resource.Value{Kind: resource.List, Items: []*resource.Value{v}, Span: v.Span})
			}
		}
	}
	d.object(v, "a relation", known, "name", "kinds")
	one.Kinds = expand(one.Kinds)
	p.Relations = append(p.Relations, one)
}

func (d *decoder) validation(v *resource.Value, p *Policy) {
	var one Validation
	d.object(v, "a validation", fields{
		"expression":        d.expression("expression", &one.Expression, &one.Span),
		"message":           d.text("message", &one.Message),
		"messageExpression": d.expression("messageExpression", &one.MessageExpression, &one.MessageSpan),
	}, "expression")
	p.Validations = append(p.Validations, one)
}

func (d *decoder) example(v *resource.Value, p *Policy) {
	e := Example{Stage: Declared, Span: v.Span}
	verdicts := 0
	verdict := func(name string, verdict Verdict) func(*resource.Value) {
		return func(v *resource.Value) {
			verdicts++
			e.Verdict = verdict
			d.text(name, &e.Manifest)(v)
		}
	}
	d.object(v, "an example", fields{
		"name":    d.text("name", &e.Name),
		"file":    d.text("file", &e.File),
		"at":      d.texts("at", &e.At),
		"stage":   d.stage(&e.Stage),
		"unfixed": d.boolean("unfixed", &e.Unfixed),
		"pass":    verdict("pass", Pass), "fail": verdict("fail", Fail),
		"skip": verdict("skip", Skip), "unknown": verdict("unknown", Unknown),
	}, "name")
	if v.Kind == resource.Map && verdicts != 1 {
		d.fail(v.Span, "write the manifest below the verdict that it must get",
			"an example has exactly one of pass, fail, skip and unknown")
	}
	if len(e.At) > 0 && e.Verdict != Fail {
		d.fail(v.Get("at").Span, "", "only an example that fails marks paths")
	}
	p.Examples = append(p.Examples, e)
}
