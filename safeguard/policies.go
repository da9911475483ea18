package safeguard

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// policyFile is a policy and the file that holds it.
type policyFile struct {
	id   string
	file *source.File
	root *resource.Value
}

// policies compares the policies of packs: files of ours, and of Rego.
func policies(c *comparison) error {
	var old, now []policyFile
	for _, p := range c.pairs {
		if isPolicy(p.old) || isPolicy(p.new) {
			c.claim(p.path)
			old, now = append(old, policiesIn(p.old)...), append(now, policiesIn(p.new)...)
			c.kept(Policy, p)
		}
	}
	for _, p := range old {
		i := slices.IndexFunc(now, func(n policyFile) bool { return n.id == p.id })
		if i < 0 {
			change := Change{Kind: Policy, Path: p.file.Path, Name: p.id, Loss: "removed", Old: p.root,
				Text:  fmt.Sprintf("policy %s is gone", p.id),
				Pairs: []Pair{{p.id, "*"}}, At: in(p.file, p.root)}
			c.add(change)
			continue
		}
		c.policy(p, now[i])
	}
	return nil
}

func isPolicy(file *source.File) bool {
	if file == nil {
		return false
	}
	if path.Ext(file.Path) == ".rego" {
		return !strings.HasSuffix(file.Path, "_test.rego")
	}
	return isYAML(file.Path) && bytes.Contains(file.Content, []byte("holdfast.dev/")) && policiesIn(file) != nil
}

func policiesIn(file *source.File) (all []policyFile) {
	if file == nil {
		return nil
	}
	if path.Ext(file.Path) == ".rego" {
		for _, rule := range regoRules(file.Content) {
			all = append(all, policyFile{id: rule, file: file, root: resource.NewText(rule, file.Line(1))})
		}
		return all
	}
	for _, doc := range documents(file) {
		if doc.Root.Get("kind").Text() == "Policy" && strings.HasPrefix(doc.Root.Get("apiVersion").Text(), "holdfast.dev/") {
			all = append(all, policyFile{at(doc.Root, "metadata", "name").Text(), file, doc.Root})
		}
	}
	return all
}

// regoRules returns the rules of a module that refuse, by package and name, each as
// often as it is defined.
func regoRules(content []byte) (all []string) {
	pkg := ""
	counts := map[string]int{}
	for line := range strings.Lines(string(content)) {
		words := strings.FieldsFunc(strings.TrimSpace(line), func(r rune) bool { return strings.ContainsRune(" \t[({", r) })
		switch {
		case len(words) > 1 && words[0] == "package":
			pkg = words[1]
		case len(words) > 0 && line[0] != ' ' && line[0] != '\t' && slices.ContainsFunc([]string{"deny", "violation", "warn"}, func(p string) bool {
			return words[0] == p || strings.HasPrefix(words[0], p+"_")
		}):
			counts[words[0]]++
			all = append(all, fmt.Sprintf("%s.%s#%d", pkg, words[0], counts[words[0]]))
		}
	}
	return all
}

// policy tells what a policy asks for no more.
func (c *comparison) policy(old, now policyFile) {
	was, is := old.root.Get("spec"), now.root.Get("spec")
	say := func(loss string, at *resource.Value, format string, args ...any) {
		if at == nil {
			at = now.root
		}
		c.add(Change{Kind: Policy, Path: now.file.Path, Name: now.id, Loss: loss, Old: was, New: is,
			Text: "policy " + now.id + " " + fmt.Sprintf(format, args...), Pairs: []Pair{{now.id, "*"}}, At: in(now.file, at)})
	}
	before := slices.Index(severities, scalar(was.Get("severity")))
	after := slices.Index(severities, scalar(is.Get("severity")))
	if after < before {
		say("severity", is.Get("severity"), "is %s, and was %s", scalar(is.Get("severity")), severities[before])
	}
	if rules := is.Get("severityRules"); encoded(rules) != encoded(was.Get("severityRules")) && rules != nil {
		for _, r := range items(rules) {
			if s := slices.Index(severities, scalar(r.Get("severity"))); s < before {
				say("severity", r, "is %s under a condition", scalar(r.Get("severity")))
				break
			}
		}
	}
	if lost := missing(texts(at(was, "match", "kinds")), texts(at(is, "match", "kinds"))); len(lost) > 0 && !slices.Contains(texts(at(is, "match", "kinds")), "*") && at(is, "match") != nil {
		say("kinds", at(is, "match", "kinds"), "is not about %s any more", quote(lost))
	}
	stages, staged := texts(was.Get("stages")), texts(is.Get("stages"))
	if len(staged) > 0 && (len(stages) == 0 || len(missing(stages, staged)) > 0) {
		say("stages", is.Get("stages"), "applies at %s alone", quote(staged))
	}
	conditions := func(v *resource.Value) (all []string) {
		for _, one := range items(v.Get("matchConditions")) {
			all = append(all, scalar(one.Get("expression")))
		}
		return all
	}
	if more := missing(conditions(is), conditions(was)); len(more) > 0 {
		say("conditions", is.Get("matchConditions"), "has another condition: %s", quote(more))
	}
	c.validations(was, is, say)
}

// validations tells whether a policy asks for less: fewer expressions, one that is
// always true, or examples that do not have to fail any more.
func (c *comparison) validations(was, is *resource.Value, say func(string, *resource.Value, string, ...any)) {
	validations := items(is.Get("validations"))
	if lost := len(items(was.Get("validations"))) - len(validations); lost > 0 {
		say("validations", is.Get("validations"), "has %d validations fewer", lost)
	}
	for i, v := range validations {
		expression := strings.ReplaceAll(strings.Trim(strings.TrimSpace(scalar(v.Get("expression"))), "()"), " ", "")
		old := ""
		if before := items(was.Get("validations")); i < len(before) {
			old = scalar(before[i].Get("expression"))
		}
		always := expression == "true" || expression == "!false" || strings.HasPrefix(expression, "true||") || strings.HasSuffix(expression, "||true") || expression == "1==1"
		if always && scalar(v.Get("expression")) != old {
			say("expression", v.Get("expression"), "holds whatever is written")
		}
	}
	failing := func(v *resource.Value) (all []string) {
		for _, e := range items(v.Get("examples")) {
			if f := e.Get("fail"); f != nil {
				all = append(all, strings.Join(strings.Fields(scalar(f)), " "))
			}
		}
		return all
	}
	if lost := missing(failing(was), failing(is)); len(lost) > 0 {
		say("examples", is.Get("examples"), "has %d examples fewer that must fail", len(lost))
	}
}
