package rego

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// failuresOf returns what a rule found: texts, or objects with a msg.
func failuresOf(found ast.Value, p *policy.Policy, r *resource.Resource) (all []policy.Failure, err error) {
	if object, ok := found.(ast.Object); ok && object.Get(ast.StringTerm("msg")) != nil {
		found = ast.NewArray(ast.NewTerm(object))
	}
	each(found, func(v ast.Value) {
		switch v := v.(type) {
		case ast.Boolean:
			if v {
				all = append(all, failure("", nil, r))
			}
		case ast.String:
			all = append(all, failure(string(v), nil, r))
		case ast.Object:
			message, ok := textAt(v, "msg")
			if !ok {
				err = fmt.Errorf("a result of %s has no text msg", p.ID)
			}
			all = append(all, failure(message, v, r))
		default:
			err = fmt.Errorf("a result of %s is neither a text nor an object", p.ID)
		}
	})
	return all, err
}

func textAt(o ast.Object, key string) (string, bool) {
	t := o.Get(ast.StringTerm(key))
	if t == nil {
		return "", false
	}
	s, ok := t.Value.(ast.String)
	return string(s), ok
}

// failure places a message. The values of a Secret are not to be told.
func failure(message string, about ast.Object, r *resource.Resource) policy.Failure {
	path, ok := namedPath(about, r.Root)
	if !ok {
		path, ok = quotedPath(message, r.Root)
	}
	if !ok {
		path = resource.Path{resource.Key("kind")}
	}
	if r.ID.Kind == "Secret" {
		message = ""
	}
	return policy.Failure{Path: path, Message: strings.ReplaceAll(oneLine(message), "{subject}", "{ subject }")}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// pathKeys are where results name a path, themselves or in their details.
var pathKeys = []string{"path", "field", "jsonPath", "jsonpath", "json_path", "fieldPath"}

// namedPath returns the path that a result names, if it leads anywhere.
func namedPath(about ast.Object, root *resource.Value) (resource.Path, bool) {
	if about == nil {
		return nil, false
	}
	for _, in := range []string{"", "details", "metadata"} {
		object := about
		if in != "" {
			t := about.Get(ast.StringTerm(in))
			if t == nil {
				continue
			}
			inner, ok := t.Value.(ast.Object)
			if !ok {
				continue
			}
			object = inner
		}
		for _, key := range pathKeys {
			if t := object.Get(ast.StringTerm(key)); t != nil {
				if path := parsePath(t.Value); leads(root, path) {
					return path, true
				}
			}
		}
	}
	return nil, false
}

// leads reports whether at least the first step of a path is there.
func leads(root *resource.Value, path resource.Path) bool {
	return len(path) > 0 && root.At(path[:1]) != nil
}

// parsePath reads spec.containers[0].image, $.spec["a.b"], spec/containers/0 and
// lists of keys and numbers.
func parsePath(v ast.Value) (path resource.Path) {
	add := func(key string) {
		if n, err := strconv.Atoi(key); err == nil && n >= 0 && len(path) > 0 {
			path = append(path, resource.Index(n))
		} else if key != "" {
			path = append(path, resource.Key(key))
		}
	}
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(func(t *ast.Term) {
			switch step := t.Value.(type) {
			case ast.String:
				path = append(path, resource.Key(string(step)))
			case ast.Number:
				add(string(step))
			}
		})
	case ast.String:
		text := strings.TrimPrefix(strings.TrimPrefix(string(v), "$"), "object.")
		for _, key := range pathStep().FindAllString(text, -1) {
			add(strings.Trim(key, `[]"'`))
		}
	}
	return path
}

var pathStep = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\["[^"]*"\]|\['[^']*'\]|\[\d+\]|[^.\[\]/]+`)
})

// candidate is a value that a message may be about.
type candidate struct {
	path resource.Path
	text string
	rank int // the higher the better
}

// quotedPath returns the path of the value whose text a message quotes: of the
// longest, but for what names the object itself. A key that the message names
// beside it, such as hostNetwork, is better still.
func quotedPath(message string, root *resource.Value) (resource.Path, bool) {
	if message == "" {
		return nil, false
	}
	var best *candidate
	name := root.Get("metadata").Get("name").Text()
	walk(root, nil, func(path resource.Path, v *resource.Value) {
		if v.Kind != resource.String || len(v.Str) < 2 || rank(path) < 0 || !quotes(message, v.Str) {
			return
		}
		c := &candidate{slices.Clone(path), v.Str, rank(path)}
		if v.Str == name && !(ofContainer(path) && strings.Contains(strings.ToLower(message), "container")) {
			return // the object itself is meant
		}
		if best == nil || cmp.Or(cmp.Compare(c.rank, best.rank), cmp.Compare(len(c.text), len(best.text))) > 0 {
			best = c
		}
	})
	within := resource.Path{}
	if best != nil {
		within = slices.Clip(best.path[:len(best.path)-1])
	}
	if path, ok := namedKey(message, root, within); ok {
		return path, true
	}
	if best == nil {
		return nil, false
	}
	return best.path, true
}

// rank says how likely a message that quotes the value at a path is about it. What
// names the object and its kind is in most messages, and says nothing.
func rank(path resource.Path) int {
	switch path[0].Name {
	case "apiVersion", "kind":
		return -1
	case "metadata":
		if len(path) == 2 {
			return -1
		}
		return 0
	case "status":
		return 0
	}
	return 1
}

// ofContainer reports whether a path leads into a container.
func ofContainer(path resource.Path) bool {
	return slices.ContainsFunc(path, func(s resource.Step) bool { return strings.HasSuffix(strings.ToLower(s.Name), "containers") })
}

// namedKey returns the path of the only field below a path whose key the message
// names. Only keys count that are no word of English, such as hostNetwork.
func namedKey(message string, root *resource.Value, within resource.Path) (resource.Path, bool) {
	var found []resource.Path
	walk(root.At(within), within, func(path resource.Path, _ *resource.Value) {
		last := path[len(path)-1]
		if !last.IsIndex() && strings.ToLower(last.Name) != last.Name && quotes(message, last.Name) {
			found = append(found, slices.Clone(path))
		}
	})
	if len(found) == 0 {
		return nil, false
	}
	deepest := slices.MaxFunc(found, func(a, b resource.Path) int { return len(a) - len(b) })
	for _, other := range found { // all of them on the way to one
		if !slices.Equal(other, deepest[:min(len(other), len(deepest))]) {
			return nil, false
		}
	}
	return deepest, true
}

// walk calls do for every value below v.
func walk(v *resource.Value, at resource.Path, do func(resource.Path, *resource.Value)) {
	if v == nil {
		return
	}
	if len(at) > 0 {
		do(at, v)
	}
	for _, f := range v.Fields {
		walk(f.Value, append(at, resource.Key(f.Key)), do)
	}
	for i, item := range v.Items {
		walk(item, append(at, resource.Index(i)), do)
	}
}

// quotes reports whether a text stands in a message as a word of its own.
func quotes(message, text string) bool {
	for from := 0; ; {
		i := strings.Index(message[from:], text)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(text)
		if (start == 0 || !wordByte(message[start-1])) && (end == len(message) || !wordByte(message[end]) || sentenceEnd(message[end:])) {
			return true
		}
		from = start + 1
	}
}

func wordByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '/' || c >= 0x80 ||
		c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// sentenceEnd reports whether a text begins with a full stop that ends a sentence.
func sentenceEnd(rest string) bool {
	return rest[0] == '.' && (len(rest) == 1 || rest[1] == ' ')
}
