package safeguard

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/waiver"
)

const (
	waiverPath   = waiver.Path
	baselinePath = ".holdfast/baseline.json"
)

// entry is a waiver as it is written: it counts whether or not the list as a whole
// can be read.
type entry struct {
	id, policy, resource, path, expires string
	environments                        []string
	at                                  *resource.Value
}

func entries(file *source.File) (all []entry) {
	list := root(file).Get("waivers")
	if list == nil {
		list = root(file)
	}
	for _, w := range items(list) {
		all = append(all, entry{
			id: scalar(w.Get("id")), policy: scalar(w.Get("policy")), expires: scalar(w.Get("expires")),
			resource: scalar(at(w, "match", "resource")), path: scalar(at(w, "match", "path")),
			environments: texts(at(w, "match", "environments")), at: w,
		})
	}
	return all
}

// waivers compares the list of waivers: what was added, and what holds for more or
// for longer.
func waivers(c *comparison) error {
	for _, p := range c.files(func(name string) bool { return name == waiverPath }) {
		c.kept(Waiver, p)
		old := entries(p.old)
		for _, w := range entries(p.new) {
			i := slices.IndexFunc(old, func(o entry) bool { return o.id == w.id })
			say := func(loss, format string, args ...any) {
				change := Change{Kind: Waiver, Path: p.path, Name: w.id, Loss: loss, New: w.at, At: in(p.new, w.at),
					Text: fmt.Sprintf(format, args...), Pairs: []Pair{{w.policy, w.resource}}}
				if i >= 0 {
					change.Old = old[i].at
				}
				c.add(change)
			}
			if i < 0 {
				if strings.Contains(w.policy, "*") || strings.Trim(w.resource, "*/") == "" {
					say("broad", "waiver %s accepts %s of %s", w.id, w.policy, w.resource)
				} else {
					say("added", "waiver %s accepts %s of %s", w.id, w.policy, w.resource)
				}
				continue
			}
			was := old[i]
			switch {
			case w.policy != was.policy || w.resource != was.resource || w.path != was.path && !strings.HasPrefix(w.path, was.path+"."):
				say("widened", "waiver %s is about something else than before: %s of %s", w.id, w.policy, w.resource)
			case len(was.environments) > 0 && (len(w.environments) == 0 || len(missing(w.environments, was.environments)) > 0):
				say("widened", "waiver %s holds in more environments", w.id)
			case w.expires > was.expires:
				say("extended", "waiver %s holds until %s, and held until %s", w.id, w.expires, was.expires)
			}
		}
	}
	return nil
}

// baseline compares the baseline, which may only shrink.
func baseline(c *comparison) error {
	for _, p := range c.files(func(name string) bool { return name == baselinePath }) {
		c.kept(Baseline, p)
		known := map[string]bool{}
		fingerprints := func(file *source.File) (all []*resource.Value) {
			v := root(file)
			for _, key := range []string{"findings", "accepted"} {
				for _, f := range items(v.Get(key)) {
					if print := f.Get("fingerprint"); print != nil {
						all = append(all, print)
					} else if f.Kind != resource.Map {
						all = append(all, f)
					}
				}
			}
			return all
		}
		for _, f := range fingerprints(p.old) {
			known[scalar(f)] = true
		}
		more := 0
		var first *resource.Value
		for _, f := range fingerprints(p.new) {
			if !known[scalar(f)] {
				if more++; first == nil {
					first = f
				}
			}
		}
		switch {
		case more > 0 && p.old == nil:
			c.add(Change{Kind: Baseline, Path: p.path, Loss: "created", At: in(p.new, first),
				Text: fmt.Sprintf("a baseline of %d findings was written", more)})
		case more > 0:
			c.add(Change{Kind: Baseline, Path: p.path, Loss: "extended", At: in(p.new, first),
				Text: fmt.Sprintf("the baseline holds %d findings more", more)})
		}
	}
	return nil
}

const ignoreMark = "holdfast:ignore"

// ignores finds comments that accept findings and were not there before, wherever
// in a file they are.
func ignores(c *comparison) error {
	for _, p := range c.pairs {
		if p.new == nil || !bytes.Contains(p.new.Content, []byte(ignoreMark)) {
			continue
		}
		before := map[string]int{}
		for _, i := range comments(p.old) {
			before[i.text]++
		}
		for _, i := range comments(p.new) {
			if before[i.text] > 0 {
				before[i.text]--
				continue
			}
			var pairs []Pair
			for _, id := range i.policies {
				pairs = append(pairs, Pair{id, p.path})
			}
			c.add(Change{Kind: Ignore, Path: p.path, Name: strings.Join(i.policies, ","), Loss: "added", Pairs: pairs,
				Text: fmt.Sprintf("a comment accepts findings of %s", strings.Join(i.policies, ", ")),
				At:   resource.Location{File: p.new, Span: i.span, Exact: true}})
		}
	}
	return nil
}

type comment struct {
	text     string // what it stands by, and what it says
	policies []string
	span     source.Span
}

func comments(file *source.File) (all []comment) {
	if file == nil {
		return nil
	}
	for n := 1; n <= file.Lines(); n++ {
		span := file.Line(n)
		line := string(file.Content[span.Start:span.End])
		at := strings.Index(line, ignoreMark)
		if at < 0 || !strings.ContainsAny(line[:at], "#/") {
			continue
		}
		text := strings.TrimSpace(line[at:])
		rest := strings.Fields(text)
		one := comment{text: text, span: source.Span{Start: span.Start + at, End: span.Start + at + len(text)}}
		if len(rest) > 1 {
			one.policies = strings.Split(rest[1], ",")
		}
		one.text = aboutLine(file, n) + "\x00" + one.text
		all = append(all, one)
	}
	return all
}

// aboutLine returns the name of the field that a comment stands by: of its own line, or
// of the next one that is none. A comment that moves to another field accepts another
// finding.
func aboutLine(file *source.File, n int) string {
	for ; n <= file.Lines(); n++ {
		span := file.Line(n)
		line := strings.TrimLeft(string(file.Content[span.Start:span.End]), " \t-")
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' || strings.HasPrefix(line, "//") {
			continue
		}
		if key, _, found := strings.Cut(line, ":"); found {
			return key
		}
		return strings.Fields(line)[0]
	}
	return ""
}
