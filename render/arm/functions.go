package arm

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
)

// concat puts texts or lists together. Of a text it keeps what is known for its
// symbol.
func (t *template) concat(args []*resource.Value) *resource.Value {
	if len(args) > 0 && args[0].Kind == resource.List {
		out := resource.NewList(nothing)
		for _, arg := range args {
			if arg.Unknown() != "" {
				return unknown(arg.Unknown(), "{…}", nothing)
			}
			out.Items = append(out.Items, arg.Items...)
		}
		t.budget -= len(out.Items)
		return out
	}
	return t.together(args)
}

// together is the text of all arguments, one behind the other.
func (t *template) together(args []*resource.Value) *resource.Value {
	var b strings.Builder
	reason := ""
	for _, arg := range args {
		text, ok := textOf(arg)
		if arg.Unknown() != "" {
			reason, text, ok = arg.Unknown(), symbol(arg), true
		}
		if !ok || b.Len()+len(text) > maxText {
			return unknown(tooMuch, "{…}", nothing)
		}
		b.WriteString(text)
	}
	t.budget -= b.Len() / 64
	if reason != "" {
		return unknown(reason, b.String(), nothing)
	}
	return resource.NewText(b.String(), nothing)
}

// format is concat with the arguments at {0}, {1:…}.
func (t *template) format(args []*resource.Value) *resource.Value {
	if len(args) == 0 || args[0].Unknown() != "" {
		return unknown("the format is not known", "{…}", nothing)
	}
	var parts []*resource.Value
	rest := args[0].Str
	for {
		before, after, found := strings.Cut(rest, "{")
		parts = append(parts, resource.NewText(strings.ReplaceAll(before, "}}", "}"), nothing))
		if !found {
			return t.together(parts)
		}
		if strings.HasPrefix(after, "{") {
			parts, rest = append(parts, resource.NewText("{", nothing)), after[1:]
			continue
		}
		number, behind, closed := strings.Cut(after, "}")
		name, how, formatted := strings.Cut(number, ":")
		n, err := strconv.Atoi(name)
		if !closed || err != nil || n < 0 || n+1 >= len(args) {
			return unknown("the format has no such argument", "{…}", nothing)
		}
		arg := args[n+1]
		if formatted && arg.Unknown() == "" {
			arg = formatNumber(arg, how)
		}
		parts, rest = append(parts, arg), behind
		if len(parts) > maxCopies {
			return unknown(tooMuch, "{…}", nothing)
		}
	}
}

// formatNumber fills a number up with zeros, as {0:D2} and {0:00} say.
func formatNumber(v *resource.Value, how string) *resource.Value {
	digits := len(how)
	if strings.HasPrefix(strings.ToUpper(how), "D") {
		digits, _ = strconv.Atoi(how[1:])
	} else if strings.Trim(how, "0") != "" {
		return unknown("the format of the number is not evaluated", "{…}", nothing)
	}
	text := strconv.FormatInt(v.Int, 10)
	for v.Kind == resource.Int && len(text) < digits && digits < 64 {
		text = "0" + text
	}
	return resource.NewText(text, nothing)
}

// resourceID is not known, but what it leads to is: the name behind the type.
func resourceID(e *expression, args []*resource.Value) *resource.Value {
	var names []string
	kind := ""
	for _, arg := range args {
		text := symbol(arg)
		if arg.Unknown() == "" && strings.Contains(text, "/") && strings.Contains(text, ".") && kind == "" {
			kind, names = text, nil
			continue
		}
		names = append(names, text)
	}
	v := unknown("the id of a resource is known when the template is deployed", "{"+e.source+"}", nothing)
	return withRefs(v, []string{strings.Join(names, "/")})
}

// textOf returns a scalar as a text.
func textOf(v *resource.Value) (string, bool) {
	switch v.Kind {
	case resource.Bool:
		if v.Bool {
			return "True", true
		}
		return "False", true
	case resource.String, resource.Int, resource.Float:
		return v.Str, true
	}
	return "", false
}

func equal(a, b *resource.Value) bool {
	switch {
	case a.Kind == resource.String && b.Kind == resource.String:
		return strings.EqualFold(a.Str, b.Str)
	case a.Kind == resource.Bool && b.Kind == resource.Bool:
		return a.Bool == b.Bool
	}
	if a.Kind != b.Kind || len(a.Items) != len(b.Items) || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Items {
		if !equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Fields {
		if a.Fields[i].Key != b.Fields[i].Key || !equal(a.Fields[i].Value, b.Fields[i].Value) {
			return false
		}
	}
	return a.Str == b.Str
}

type pure func([]*resource.Value) *resource.Value

// functions are those that depend on their arguments alone, all of which are known.
// They return nil for arguments that they do not take.
var functions = sync.OnceValue(func() map[string]pure {
	all := map[string]pure{
		"true": func([]*resource.Value) *resource.Value { return resource.NewBool(true, nothing) },
		"false": func([]*resource.Value) *resource.Value {
			return resource.NewBool(false, nothing)
		},
		"null":         func([]*resource.Value) *resource.Value { return &resource.Value{} },
		"createarray":  func(args []*resource.Value) *resource.Value { return resource.NewList(nothing, args...) },
		"createobject": createObject,
		"array":        array,
		"length":       length,
		"empty":        empty,
		"contains":     contains,
		"first":        func(args []*resource.Value) *resource.Value { return edge(args, false) },
		"last":         func(args []*resource.Value) *resource.Value { return edge(args, true) },
		"take":         func(args []*resource.Value) *resource.Value { return part(args, true) },
		"skip":         func(args []*resource.Value) *resource.Value { return part(args, false) },
		"union":        union,
		"intersection": intersection,
		"range":        numbers,
		"items":        items,
		"tryget":       tryGet,
		"objectkeys":   objectKeys,
		"flatten":      flatten,
		"split":        split,
		"join":         join,
		"substring":    substring,
		"replace": texts(3, func(a []string) *resource.Value {
			if a[1] == "" || len(a[0])*(1+len(a[2])) > maxText {
				return nil
			}
			return resource.NewText(strings.ReplaceAll(a[0], a[1], a[2]), nothing)
		}),
		"padleft":      padLeft,
		"tolower":      text1(strings.ToLower),
		"toupper":      text1(strings.ToUpper),
		"trim":         text1(strings.TrimSpace),
		"uricomponent": text1(url.QueryEscape),
		"base64":       text1(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
		"base64tostring": texts(1, func(a []string) *resource.Value {
			data, err := base64.StdEncoding.DecodeString(a[0])
			if err != nil {
				return nil
			}
			return resource.NewText(string(data), nothing)
		}),
		"json":   parseJSON,
		"string": toText,
		"int":    toInt,
		"bool":   toBool,
		"indexof": texts(2, func(a []string) *resource.Value {
			return resource.NewInt(int64(strings.Index(lower(a[0]), lower(a[1]))), nothing)
		}),
		"lastindexof": texts(2, func(a []string) *resource.Value {
			return resource.NewInt(int64(strings.LastIndex(lower(a[0]), lower(a[1]))), nothing)
		}),
		"startswith": texts(2, func(a []string) *resource.Value {
			return resource.NewBool(strings.HasPrefix(lower(a[0]), lower(a[1])), nothing)
		}),
		"endswith": texts(2, func(a []string) *resource.Value {
			return resource.NewBool(strings.HasSuffix(lower(a[0]), lower(a[1])), nothing)
		}),
		"not": func(args []*resource.Value) *resource.Value {
			if len(args) != 1 || args[0].Kind != resource.Bool {
				return nil
			}
			return resource.NewBool(!args[0].Bool, nothing)
		},
		"equals": func(args []*resource.Value) *resource.Value {
			if len(args) != 2 {
				return nil
			}
			return resource.NewBool(equal(args[0], args[1]), nothing)
		},
		"add": arithmetic(func(a, b int64) (int64, bool) { return a + b, true }),
		"sub": arithmetic(func(a, b int64) (int64, bool) { return a - b, true }),
		"mul": arithmetic(func(a, b int64) (int64, bool) { return a * b, true }),
		"div": arithmetic(func(a, b int64) (int64, bool) {
			if b == 0 {
				return 0, false
			}
			return a / b, true
		}),
		"mod": arithmetic(func(a, b int64) (int64, bool) {
			if b == 0 {
				return 0, false
			}
			return a % b, true
		}),
		"min": func(args []*resource.Value) *resource.Value { return extreme(args, -1) },
		"max": func(args []*resource.Value) *resource.Value { return extreme(args, 1) },
	}
	for name, holds := range map[string]func(int) bool{
		"greater": func(n int) bool { return n > 0 }, "greaterorequals": func(n int) bool { return n >= 0 },
		"less": func(n int) bool { return n < 0 }, "lessorequals": func(n int) bool { return n <= 0 },
	} {
		all[name] = func(args []*resource.Value) *resource.Value {
			if len(args) != 2 || args[0].Kind != args[1].Kind {
				return nil
			}
			n := strings.Compare(args[0].Str, args[1].Str)
			if args[0].Kind == resource.Int {
				n = compare(args[0].Int, args[1].Int)
			}
			return resource.NewBool(holds(n), nothing)
		}
	}
	return all
})

func lower(s string) string { return strings.ToLower(s) }

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// texts makes a function of n texts.
func texts(n int, f func([]string) *resource.Value) pure {
	return func(args []*resource.Value) *resource.Value {
		if len(args) < n {
			return nil
		}
		all := make([]string, n)
		for i := range n {
			if args[i].Kind != resource.String {
				return nil
			}
			all[i] = args[i].Str
		}
		return f(all)
	}
}

func text1(f func(string) string) pure {
	return texts(1, func(a []string) *resource.Value { return resource.NewText(f(a[0]), nothing) })
}

func arithmetic(f func(a, b int64) (int64, bool)) pure {
	return func(args []*resource.Value) *resource.Value {
		if len(args) != 2 || args[0].Kind != resource.Int || args[1].Kind != resource.Int {
			return nil
		}
		n, ok := f(args[0].Int, args[1].Int)
		if !ok {
			return nil
		}
		return resource.NewInt(n, nothing)
	}
}

func extreme(args []*resource.Value, sign int) *resource.Value {
	if len(args) == 1 && args[0].Kind == resource.List {
		args = args[0].Items
	}
	var best *resource.Value
	for _, arg := range args {
		if arg.Kind != resource.Int {
			return nil
		}
		if best == nil || compare(arg.Int, best.Int) == sign {
			best = arg
		}
	}
	return best
}
