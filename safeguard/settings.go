package safeguard

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// The files of settings.
const (
	configName = "holdfast.yaml"
	directory  = ".holdfast/"
)

func isSettings(name string) bool {
	base := path.Base(name)
	return base == configName || base == "holdfast.yml" || strings.HasPrefix(name, directory) || base == ".holdfast.yaml" || base == ".holdfast.yml"
}

// settings compares holdfast.yaml and whatever is in .holdfast. Files that go away
// are a loss; of those that stay, what is checked less.
func settings(c *comparison) error {
	for _, p := range c.files(isSettings) {
		own := p.path == waiverPath || p.path == baselinePath
		if !own {
			c.kept(Settings, p)
		}
		switch {
		case p.old == nil && (p.new == nil || own || !isYAML(p.path)):
		case p.new == nil && own:
			// Without waivers and without a baseline more is found, not less.
		case p.new == nil:
			c.add(Change{Kind: Settings, Path: p.path, Loss: "removed", Text: fmt.Sprintf("%s is gone", p.path), Old: root(p.old),
				Pairs: []Pair{{"*", "*"}}, At: in(p.old, nil)})
		case !own && isYAML(p.path):
			s := &settingsDiff{comparison: c, p: p}
			was, is := root(p.old), root(p.new)
			if was == nil && is != nil { // a new file may leave out what all was checked before
				was = &resource.Value{Kind: is.Kind}
			}
			if was != nil && (is == nil || is.Kind != was.Kind) {
				s.say("unreadable", nil, nil, []Pair{{"*", "*"}}, "%s cannot be read any more", p.path)
				continue
			}
			s.config(was, is)
			s.walk(nil, was, is)
		}
	}
	return nil
}

type settingsDiff struct {
	*comparison
	p    pair
	said map[string]bool
}

func (s *settingsDiff) say(loss string, at *resource.Value, name []string, pairs []Pair, format string, args ...any) {
	change := Change{Kind: Settings, Path: s.p.path, Name: strings.Join(name, "."), Loss: loss, Text: fmt.Sprintf(format, args...), Pairs: pairs, At: in(s.p.new, at)}
	key := change.Name + loss + change.Text
	if s.said == nil {
		s.said = map[string]bool{}
	}
	if !s.said[key] {
		s.said[key] = true
		s.add(change)
	}
}

// config says which policies are not checked on which paths any more, by the
// settings of holdfast.yaml.
func (s *settingsDiff) config(was, is *resource.Value) {
	applications := func(v *resource.Value) map[string]*resource.Value {
		all := map[string]*resource.Value{}
		for _, a := range items(v.Get("applications")) {
			all[scalar(a.Get("name"))] = a
		}
		return all
	}
	old, now := applications(was), applications(is)
	var paths []string
	for _, a := range items(was.Get("applications")) {
		name, p := scalar(a.Get("name")), scalar(a.Get("path"))
		paths = append(paths, p)
		if other := now[name]; other == nil {
			s.say("removed", is.Get("applications"), []string{"applications", name}, []Pair{{"*", p}}, "application %s is gone: nothing is checked on %s for it", name, p)
		} else if q := scalar(other.Get("path")); q != p {
			s.say("path", other.Get("path"), []string{"applications", name, "path"}, []Pair{{"*", p}}, "application %s is read from %s, and no policy is checked on %s for it", name, q, p)
		}
	}
	for name, a := range now {
		if old[name] == nil {
			continue
		}
		gateWas, gateIs := old[name].Get("gate"), a.Get("gate")
		if scalar(gateIs.Get("mode")) == "audit" && scalar(gateWas.Get("mode")) != "audit" {
			s.say("audit", gateIs, []string{"applications", name, "gate", "mode"}, []Pair{{"*", scalar(a.Get("path"))}}, "the gate of application %s only watches", name)
		}
	}
	everywhere := func(policy string) (pairs []Pair) {
		for _, p := range paths {
			pairs = append(pairs, Pair{policy, p})
		}
		if len(pairs) == 0 {
			pairs = []Pair{{policy, "*"}}
		}
		return pairs
	}
	if isFalse(at(is, "policies", "builtin")) && !isFalse(at(was, "policies", "builtin")) {
		s.say("disabled", at(is, "policies", "builtin"), []string{"policies", "builtin"}, everywhere("*"), "the built-in policies are off")
	}
	for _, id := range missing(texts(at(is, "policies", "disable")), texts(at(was, "policies", "disable"))) {
		s.say("disabled", at(is, "policies", "disable"), []string{"policies", "disable"}, everywhere(id), "policy %s is not checked on %s any more", id, pathsText(paths))
	}
	for _, pack := range missing(texts(at(was, "policies", "packs")), texts(at(is, "policies", "packs"))) {
		s.say("disabled", at(is, "policies"), []string{"policies", "packs"}, everywhere("*"), "the policies of %s are not checked on %s any more", pack, pathsText(paths))
	}
	for _, param := range missing(texts(at(is, "policies", "params")), texts(at(was, "policies", "params"))) {
		id, _, _ := strings.Cut(param, ".")
		s.say("params", at(is, "policies", "params"), []string{"policies", "params"}, everywhere(id), "policy %s is told something else: %s", id, param)
	}
}

func pathsText(paths []string) string {
	if len(paths) == 0 {
		return "any path"
	}
	return strings.Join(paths, ", ")
}

// Words of settings by which less or more is checked.
var (
	coverage  = []string{"include", "includes", "paths", "policies", "packs", "rules", "protect", "safeguards", "checks", "sources", "roots"}
	exemption = []string{"exclude", "excludes", "ignore", "ignored", "skip", "disable", "disabled", "allow", "except", "exempt", "exceptions"}
	threshold = []string{"severity", "failon", "threshold", "minseverity", "fail_on", "fail-on", "minimumseverity"}
	counts    = []string{"approvals", "count", "of"}
	switches  = []string{"enabled", "enforce", "strict", "required", "builtin"}
)

const maxWalk = 30

// walk compares settings of any form by what their names mean.
func (s *settingsDiff) walk(name []string, was, is *resource.Value) {
	if len(name) > maxWalk {
		return
	}
	key := ""
	if len(name) > 0 {
		key = strings.ToLower(name[len(name)-1])
	}
	s.setting(key, name, was, is)
	if was == nil || is == nil {
		if is != nil {
			for _, f := range fields(is) {
				s.walk(append(slices.Clone(name), f.Key), nil, f.Value)
			}
		}
		return
	}
	for _, f := range fields(was) {
		s.walk(append(slices.Clone(name), f.Key), f.Value, is.Get(f.Key))
	}
	for _, f := range fields(is) {
		if was.Get(f.Key) == nil {
			s.walk(append(slices.Clone(name), f.Key), nil, f.Value)
		}
	}
	named := func(v *resource.Value) map[string]*resource.Value {
		all := map[string]*resource.Value{}
		for i, item := range items(v) {
			id := scalar(item.Get("name"))
			if id == "" {
				id = strconv.Itoa(i)
			}
			all[id] = item
		}
		return all
	}
	others := named(is)
	for id, item := range named(was) {
		if other := others[id]; item.Kind == resource.Map && other != nil {
			s.walk(append(slices.Clone(name), id), item, other)
		}
	}
}

func (s *settingsDiff) setting(key string, name []string, was, is *resource.Value) {
	if name == nil || s.p.path == configName && (strings.HasPrefix(strings.Join(name, "."), "policies") || key == "sources") {
		return // said by config
	}
	full := strings.Join(name, ".")
	all := []Pair{{"*", "*"}}
	switch {
	case slices.Contains(coverage, key):
		lost := missing(texts(was), texts(is))
		if len(lost) > 0 && !slices.Contains(texts(is), "**") && !slices.Contains(texts(is), "*") {
			var pairs []Pair
			for _, path := range lost {
				pairs = append(pairs, Pair{"*", path})
			}
			s.say("narrowed", is, name, pairs, "`%s` does not hold %s any more", full, quote(lost))
		} else if was == nil && len(texts(is)) > 0 && (key == "include" || key == "includes" || key == "paths") {
			s.say("narrowed", is, name, all, "`%s` limits what is checked to %s", full, quote(texts(is)))
		}
	case slices.Contains(exemption, key):
		more := missing(texts(is), texts(was))
		if key == "disabled" && isTrue(is) && !isTrue(was) {
			s.say("disabled", is, name, all, "`%s` is true", full)
		} else if len(more) > 0 && !isFalse(is) {
			var pairs []Pair
			for _, what := range more {
				if p := (Pair{what, "*"}); strings.Contains(what, "/") {
					pairs = append(pairs, Pair{"*", what})
				} else {
					pairs = append(pairs, p)
				}
			}
			s.say("exempted", is, name, pairs, "`%s` exempts %s", full, quote(more))
		}
	case slices.Contains(threshold, key):
		before, after := slices.Index(severities, strings.ToLower(scalar(was))), slices.Index(severities, strings.ToLower(scalar(is)))
		if was == nil && strings.HasPrefix(key, "fail") {
			before = slices.Index(severities, "high")
		}
		if after > before && before >= 0 || before >= 0 && is != nil && after < 0 {
			s.say("threshold", is, name, all, "`%s` is %s: what is less severe does not count", full, scalar(is))
		}
	case slices.Contains(counts, key) && was != nil && was.Kind == resource.Int:
		if is == nil || is.Kind != resource.Int || is.Int < was.Int {
			s.say("lowered", is, name, all, "`%s` is lower than %d", full, was.Int)
		}
	case slices.Contains(switches, key) && isTrue(was) && !isTrue(is) || slices.Contains(switches, key) && was == nil && isFalse(is):
		s.say("disabled", is, name, all, "`%s` is off", full)
	}
}
