package workflow

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// maxCalls is how deep workflows call others, which is GitHub's limit.
const maxCalls = 4

// calleeSink returns what reads an input in the script that a local action or
// workflow hands it to; "with" when nothing does, or nothing is known.
func (r *reader) calleeSink(uses *resource.Value, input string) string {
	if uses.Get("kind").Text() != "local" || r.calls >= maxCalls {
		return "with"
	}
	name := uses.Get("text").Text()
	sinks, ok := r.callees[name]
	if !ok {
		r.callees[name] = nil // for those that call themselves
		sinks = r.readCallee(name)
		r.callees[name] = sinks
	}
	if sink := sinks[strings.ToLower(input)]; sink != "" {
		return sink
	}
	return "with"
}

// readCallee returns the inputs of a local action or workflow that end in a
// script, each with its sink. Its own mistakes are reported where it is judged.
func (r *reader) readCallee(name string) map[string]string {
	at := path.Join(r.base, name)
	files := []string{at}
	if kindOf(name) == "" {
		files = []string{path.Join(at, "action.yml"), path.Join(at, "action.yaml")}
	}
	for _, file := range files {
		content, err := r.tree.ReadFile(file)
		if err != nil {
			continue
		}
		callee := newReader(r.tree, source.NewFile(file, content))
		callee.base, callee.calls, callee.callees = r.base, r.calls+1, r.callees
		if _, err := callee.read(); err == nil {
			return callee.sinks
		}
	}
	return nil
}

// baseOf returns the directory of the repository that a file belongs to, which
// local names start from.
func baseOf(name string) string {
	root, _, found := strings.Cut("/"+name, "/.github/")
	if !found {
		return ""
	}
	return strings.TrimPrefix(root, "/")
}

// noteSink remembers that inputs end in a sink that runs code.
func (r *reader) noteSink(inputs, sink string) {
	if !slices.Contains([]string{"shell", "javascript", "code"}, sink) {
		return
	}
	for _, input := range strings.Fields(inputs) {
		r.sinks[input] = sink
	}
}
