package rego

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
)

var (
	decides  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(deny|violation|warn)(_[a-zA-Z0-9]+)*$`) })
	customID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`) })
	notInID  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Z0-9]+`) })
)

// exceptionRule is the rule of a package that leaves resources out.
const exceptionRule = "exception"

// rule is the code of a policy of a module: the rules of one name in a package, or
// of these the ones with one id.
type rule struct {
	unit *unit
	name string  // as it is written, such as deny_root
	ref  ast.Ref // what is asked for, such as data.main.deny_root
	pkg  string
}

// Others implements policy.Code.
func (r *rule) Others() bool { return r.unit.related }

// Language implements policy.Code.
func (r *rule) Language() string { return "Rego" }

// bodies are the rules of one name in a package, from all of its modules.
type bodies struct {
	pkg  *ast.Package
	name string
	all  []body
}

type body struct {
	*ast.Rule
	module *ast.Module
	text   text
}

// policies returns those of all modules, with their rules.
func (l *loader) policies() (all []*policy.Policy, rules []*rule) {
	groups, names := l.groups()
	for _, g := range groups {
		all, rules = l.divide(g, names[g.pkg.Path.String()], all, rules)
	}
	return all, rules
}

// groups returns the rules that decide, in the order of their places, and how many
// names each package has of them.
func (l *loader) groups() (groups []*bodies, names map[string]int) {
	byRef := map[string]*bodies{}
	names = map[string]int{}
	for _, module := range l.sorted() {
		for _, r := range module.Rules {
			name := nameOf(r)
			if !decides().MatchString(name) || len(r.Head.Args) > 0 {
				continue
			}
			pkg := module.Package.Path.String()
			g := byRef[pkg+" "+name]
			if g == nil {
				g = &bodies{pkg: module.Package, name: name}
				byRef[pkg+" "+name] = g
				groups = append(groups, g)
				names[pkg]++
			}
			g.all = append(g.all, body{r, module, l.texts[r.Loc().File]})
		}
	}
	return groups, names
}

func nameOf(r *ast.Rule) string {
	if v, ok := r.Head.Ref()[0].Value.(ast.Var); ok {
		return string(v)
	}
	return ""
}

// divide makes a policy of the rules of one name, or several where their metadata
// gives them several ids. Of these each has rules of a name of its own, since what
// all of them find cannot be told apart.
func (l *loader) divide(g *bodies, inPackage int, all []*policy.Policy, rules []*rule) ([]*policy.Policy, []*rule) {
	var ids []string
	byID := map[string]*bodies{}
	about := map[string]*metadata{}
	for _, b := range g.all {
		m := l.metadata(g, b, inPackage)
		if byID[m.id] == nil {
			byID[m.id] = &bodies{pkg: g.pkg, name: g.name}
			about[m.id] = m
			ids = append(ids, m.id)
		}
		byID[m.id].all = append(byID[m.id].all, b)
		about[m.id].merge(m)
	}
	for i, id := range ids {
		one := byID[id]
		name := g.name
		if len(ids) > 1 {
			name = fmt.Sprintf("%s__%d", g.name, i)
			for _, b := range one.all {
				b.module.Rules = append(b.module.Rules, renamed(b.Rule, name))
			}
		}
		r := &rule{name: g.name, pkg: g.pkg.Path.String(), ref: g.pkg.Path.Append(ast.StringTerm(name))}
		p := about[id].policy(one)
		p.Code = r
		all, rules = append(all, p), append(rules, r)
	}
	return all, rules
}

// renamed returns a copy of a rule under another name.
func renamed(r *ast.Rule, name string) *ast.Rule {
	made := r.Copy()
	made.Annotations = nil
	for one := made; one != nil; one = one.Else {
		ref := slices.Clone(one.Head.Ref())
		ref[0] = ast.VarTerm(name)
		one.Head.SetRef(ref)
		one.Head.Name = ast.Var(name)
	}
	return made
}

// exceptions returns the packages that have the rule of that name.
func (l *loader) exceptions() map[string]ast.Ref {
	found := map[string]ast.Ref{}
	for _, module := range l.sorted() {
		for _, r := range module.Rules {
			if nameOf(r) == exceptionRule {
				found[module.Package.Path.String()] = module.Package.Path.Append(ast.StringTerm(exceptionRule))
			}
		}
	}
	return found
}

// metadata is what annotations say of a policy.
type metadata struct {
	id, title, why, remediation string
	severity                    finding.Severity
	rated                       bool // the severity is stated
	references, controls        []string
	conflict                    bool // several rules with titles of their own share it
}

// policy returns the policy of rules.
func (m *metadata) policy(g *bodies) *policy.Policy {
	first := g.all[0]
	title := m.title
	if m.conflict {
		title = ""
	}
	pkg := strings.TrimPrefix(g.pkg.Path.String(), "data.")
	return &policy.Policy{
		Rule: finding.Rule{
			ID: m.id, Severity: m.severity,
			Title:       cmp.Or(title, fmt.Sprintf("The rule %s of %s finds nothing", g.name, pkg)),
			Why:         cmp.Or(m.why, "The pack says no more about it than its message."),
			Remediation: cmp.Or(m.remediation, "Change the object as the message says."),
			References:  m.references, Controls: m.controls,
		},
		Match:    []policy.Match{{Groups: []string{"*"}, Kinds: []string{"*"}}},
		File:     first.text.file,
		Span:     first.text.span(first.Loc()),
		Imported: true,
	}
}

// merge notes what another rule of the same id says.
func (m *metadata) merge(other *metadata) {
	m.conflict = m.conflict || m.title != other.title
	m.severity = max(m.severity, other.severity)
}

// metadata returns what is said of a rule: by its own annotations, those of all
// rules of its name, and those of its package, the nearest first.
func (l *loader) metadata(g *bodies, b body, inPackage int) *metadata {
	m := &metadata{}
	for _, scope := range []string{"rule", "document"} {
		for _, a := range slices.Backward(annotations(g, b, scope)) {
			l.read(a, m)
		}
	}
	own := m.id
	for _, a := range annotations(g, b, "package") {
		l.read(a, m)
	}
	if own == "" && m.id != "" && inPackage > 1 {
		m.id += "-" + strings.ToUpper(strings.ReplaceAll(g.name, "_", "-"))
	}
	m.id = cmp.Or(m.id, usualID(g))
	if !m.rated {
		m.severity = finding.High
		if strings.HasPrefix(g.name, "warn") {
			m.severity = finding.Medium
		}
	}
	return m
}

// usualID is the id of rules that have none of their own: REGO-MAIN-DENY-ROOT.
func usualID(g *bodies) string {
	name := strings.ToUpper("rego-" + strings.TrimPrefix(g.pkg.Path.String(), "data.") + "-" + g.name)
	return strings.Trim(notInID().ReplaceAllString(name, "-"), "-")
}

// annotations returns those of a scope that are about a rule.
func annotations(g *bodies, b body, scope string) (all []*ast.Annotations) {
	of := []body{b}
	if scope != "rule" {
		of = g.all
	}
	for _, one := range of {
		candidates := one.Annotations
		if scope == "package" {
			candidates = one.module.Annotations
		}
		for _, a := range candidates {
			if a.Scope == scope && !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	if scope == "rule" && len(all) > 1 {
		return all[len(all)-1:]
	}
	return all
}

// read takes what is not said yet from annotations.
func (l *loader) read(a *ast.Annotations, m *metadata) {
	m.title = cmp.Or(m.title, strings.TrimSpace(a.Title))
	m.why = cmp.Or(m.why, strings.TrimSpace(a.Description))
	custom := func(names ...string) string {
		for _, name := range names {
			if s, ok := a.Custom[name].(string); ok && strings.TrimSpace(s) != "" {
				return strings.TrimSpace(s)
			}
		}
		return ""
	}
	m.remediation = cmp.Or(m.remediation, custom("remediation", "recommended_action", "recommended_actions"))
	if id := custom("id"); m.id == "" && id != "" {
		if !customID().MatchString(id) {
			l.mistake(a, "use letters, digits, dots, dashes and underscores, at most 64", "%q cannot be the id of a policy", id)
		}
		m.id = id
	}
	if name := custom("severity"); !m.rated && name != "" {
		severity, err := finding.ParseSeverity(strings.ToLower(name))
		if err != nil {
			l.mistake(a, "", "%v", err)
		}
		m.severity, m.rated = severity, true
	}
	if len(m.references) == 0 {
		for _, related := range a.RelatedResources {
			m.references = append(m.references, related.Ref.String())
		}
	}
	if controls, ok := a.Custom["controls"].([]any); ok && len(m.controls) == 0 {
		for _, one := range controls {
			if s, ok := one.(string); ok {
				m.controls = append(m.controls, s)
			}
		}
	}
}

// mistake reports what is wrong in annotations, once.
func (l *loader) mistake(a *ast.Annotations, suggestion, format string, args ...any) {
	t := l.texts[a.Location.File]
	made := &policy.FileError{File: t.file, Span: t.span(a.Location), Message: fmt.Sprintf(format, args...), Suggestion: suggestion}
	for _, other := range l.errs {
		if other.Error() == made.Error() {
			return
		}
	}
	l.errs = append(l.errs, made)
}
