package arm

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// concat puts texts or lists together. Of a text it keeps what is known for its
// symbol.
func (t *template) concat(args []*resource.Value) *resource.Value {
	if len(args) > 0 && args[0].Kind == resource.List {
		out := resource.NewList(nothing)
		for _, arg := range args {
			if arg.Unknown != "" {
				return unknown(arg.Unknown, "{…}", nothing)
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
		if arg.Unknown != "" {
			reason, text, ok = arg.Unknown, symbol(arg), true
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
	if len(args) == 0 || args[0].Unknown != "" {
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
		if formatted && arg.Unknown == "" {
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
		if arg.Unknown == "" && strings.Contains(text, "/") && strings.Contains(text, ".") && kind == "" {
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

func createObject(args []*resource.Value) *resource.Value {
	out := resource.NewMap(nothing)
	for i := 0; i+1 < len(args); i += 2 {
		out.Put(args[i].Str, args[i+1])
	}
	return out
}

func array(args []*resource.Value) *resource.Value {
	if len(args) != 1 {
		return nil
	}
	if args[0].Kind == resource.List {
		return args[0]
	}
	return resource.NewList(nothing, args[0])
}

func size(v *resource.Value) int {
	switch v.Kind {
	case resource.List:
		return len(v.Items)
	case resource.Map:
		return len(v.Fields)
	}
	return len([]rune(v.Str))
}

func length(args []*resource.Value) *resource.Value {
	if len(args) != 1 {
		return nil
	}
	return resource.NewInt(int64(size(args[0])), nothing)
}

func empty(args []*resource.Value) *resource.Value {
	if len(args) != 1 {
		return nil
	}
	return resource.NewBool(args[0].Kind == resource.Null || args[0].Kind >= resource.String && size(args[0]) == 0, nothing)
}

func contains(args []*resource.Value) *resource.Value {
	if len(args) != 2 {
		return nil
	}
	found := false
	switch in, what := args[0], args[1]; in.Kind {
	case resource.List:
		found = slices.ContainsFunc(in.Items, func(item *resource.Value) bool { return equal(item, what) })
	case resource.Map:
		found = fold(in, what.Str) != nil
	default:
		found = strings.Contains(in.Str, what.Str)
	}
	return resource.NewBool(found, nothing)
}

func edge(args []*resource.Value, last bool) *resource.Value {
	if len(args) != 1 || size(args[0]) == 0 {
		return nil
	}
	at := 0
	if last {
		at = size(args[0]) - 1
	}
	switch args[0].Kind {
	case resource.List:
		return args[0].Items[at]
	case resource.String:
		return resource.NewText(string([]rune(args[0].Str)[at]), nothing)
	}
	return nil
}

// part is the beginning of a list or text, or what follows it.
func part(args []*resource.Value, beginning bool) *resource.Value {
	if len(args) != 2 || args[1].Kind != resource.Int {
		return nil
	}
	n := int(min(max(args[1].Int, 0), int64(size(args[0]))))
	switch v := args[0]; v.Kind {
	case resource.List:
		if beginning {
			return resource.NewList(nothing, v.Items[:n]...)
		}
		return resource.NewList(nothing, v.Items[n:]...)
	case resource.String:
		runes := []rune(v.Str)
		if beginning {
			return resource.NewText(string(runes[:n]), nothing)
		}
		return resource.NewText(string(runes[n:]), nothing)
	}
	return nil
}

func union(args []*resource.Value) *resource.Value {
	if len(args) == 0 {
		return nil
	}
	if args[0].Kind == resource.List {
		out := resource.NewList(nothing)
		for _, arg := range args {
			for _, item := range arg.Items {
				if len(out.Items) > maxCopies {
					return nil
				}
				if !slices.ContainsFunc(out.Items, func(one *resource.Value) bool { return equal(one, item) }) {
					out.Items = append(out.Items, item)
				}
			}
		}
		return out
	}
	out := resource.NewMap(nothing)
	for _, arg := range args {
		for _, f := range arg.Fields {
			at := slices.IndexFunc(out.Fields, func(one resource.Field) bool { return one.Key == f.Key })
			switch {
			case at < 0:
				out.Fields = append(out.Fields, f)
			case out.Fields[at].Value.Kind == resource.Map && f.Value.Kind == resource.Map:
				out.Fields[at].Value = union([]*resource.Value{out.Fields[at].Value, f.Value})
			default:
				out.Fields[at].Value = f.Value
			}
		}
	}
	return out
}

func intersection(args []*resource.Value) *resource.Value {
	if len(args) < 2 || args[0].Kind != resource.List || len(args[0].Items) > maxCopies {
		return nil
	}
	out := resource.NewList(nothing)
	for _, item := range args[0].Items {
		everywhere := true
		for _, arg := range args[1:] {
			everywhere = everywhere && slices.ContainsFunc(arg.Items, func(one *resource.Value) bool { return equal(one, item) })
		}
		if everywhere {
			out.Items = append(out.Items, item)
		}
	}
	return out
}

func numbers(args []*resource.Value) *resource.Value {
	if len(args) != 2 || args[0].Kind != resource.Int || args[1].Kind != resource.Int || args[1].Int < 0 || args[1].Int > 10_000 {
		return nil
	}
	out := resource.NewList(nothing)
	for i := range args[1].Int {
		out.Items = append(out.Items, resource.NewInt(args[0].Int+i, nothing))
	}
	return out
}

func items(args []*resource.Value) *resource.Value {
	if len(args) != 1 || args[0].Kind != resource.Map {
		return nil
	}
	out := resource.NewList(nothing)
	for _, f := range args[0].Fields {
		out.Items = append(out.Items, resource.NewMap(nothing).Put("key", resource.NewText(f.Key, nothing)).Put("value", f.Value))
	}
	slices.SortStableFunc(out.Items, func(a, b *resource.Value) int { return strings.Compare(a.Get("key").Str, b.Get("key").Str) })
	return out
}

// tryGet follows keys and indexes, and is null where there is nothing.
func tryGet(args []*resource.Value) *resource.Value {
	if len(args) < 2 {
		return nil
	}
	at := args[0]
	for _, key := range args[1:] {
		switch {
		case key.Kind == resource.Int && at.Kind == resource.List && key.Int >= 0 && key.Int < int64(len(at.Items)):
			at = at.Items[key.Int]
		case key.Kind == resource.String && fold(at, key.Str) != nil:
			at = fold(at, key.Str)
		default:
			return &resource.Value{}
		}
	}
	return at
}

func objectKeys(args []*resource.Value) *resource.Value {
	if len(args) != 1 || args[0].Kind != resource.Map {
		return nil
	}
	out := resource.NewList(nothing)
	for _, f := range args[0].Fields {
		out.Items = append(out.Items, resource.NewText(f.Key, nothing))
	}
	return out
}

func flatten(args []*resource.Value) *resource.Value {
	if len(args) != 1 || args[0].Kind != resource.List {
		return nil
	}
	out := resource.NewList(nothing)
	for _, item := range args[0].Items {
		out.Items = append(out.Items, item.Items...)
	}
	return out
}

func split(args []*resource.Value) *resource.Value {
	if len(args) != 2 || args[0].Kind != resource.String || args[1].Kind != resource.String || args[1].Str == "" {
		return nil
	}
	out := resource.NewList(nothing)
	for one := range strings.SplitSeq(args[0].Str, args[1].Str) {
		out.Items = append(out.Items, resource.NewText(one, nothing))
	}
	return out
}

func join(args []*resource.Value) *resource.Value {
	if len(args) != 2 || args[0].Kind != resource.List {
		return nil
	}
	var all []string
	size := 0
	for _, item := range args[0].Items {
		text, ok := textOf(item)
		if size += len(text) + len(args[1].Str); !ok || size > maxText {
			return nil
		}
		all = append(all, text)
	}
	return resource.NewText(strings.Join(all, args[1].Str), nothing)
}

func substring(args []*resource.Value) *resource.Value {
	if len(args) < 2 || args[0].Kind != resource.String || args[1].Kind != resource.Int {
		return nil
	}
	runes := []rune(args[0].Str)
	start, end := args[1].Int, int64(len(runes))
	if len(args) > 2 && args[2].Kind == resource.Int {
		if args[2].Int < 0 || args[2].Int > end {
			return nil
		}
		end = start + args[2].Int
	}
	if start < 0 || end > int64(len(runes)) || start > end {
		return nil
	}
	return resource.NewText(string(runes[start:end]), nothing)
}

func padLeft(args []*resource.Value) *resource.Value {
	if len(args) < 2 || args[1].Kind != resource.Int || args[1].Int > 1000 {
		return nil
	}
	text, ok := textOf(args[0])
	if !ok {
		return nil
	}
	fill := " "
	if len(args) > 2 && len(args[2].Str) == 1 {
		fill = args[2].Str
	}
	if missing := int(args[1].Int) - len(text); missing > 0 {
		text = strings.Repeat(fill, missing) + text
	}
	return resource.NewText(text, nothing)
}

func parseJSON(args []*resource.Value) *resource.Value {
	if len(args) != 1 || args[0].Kind != resource.String {
		return nil
	}
	doc, err := resource.ParseJSON(source.NewFile("", []byte(args[0].Str)))
	if err != nil {
		return nil
	}
	return doc.Root
}

func toText(args []*resource.Value) *resource.Value {
	if len(args) != 1 {
		return nil
	}
	if text, ok := textOf(args[0]); ok {
		return resource.NewText(text, nothing)
	}
	return resource.NewText(string(resource.EncodeJSON(args[0])), nothing)
}

func toInt(args []*resource.Value) *resource.Value {
	if len(args) != 1 {
		return nil
	}
	n, err := strconv.ParseInt(args[0].Str, 10, 64)
	if err != nil {
		return nil
	}
	return resource.NewInt(n, nothing)
}

func toBool(args []*resource.Value) *resource.Value {
	if len(args) != 1 {
		return nil
	}
	switch {
	case args[0].Kind == resource.Bool:
		return args[0]
	case args[0].Kind == resource.Int:
		return resource.NewBool(args[0].Int != 0, nothing)
	case strings.EqualFold(args[0].Str, "true"), strings.EqualFold(args[0].Str, "false"):
		return resource.NewBool(strings.EqualFold(args[0].Str, "true"), nothing)
	}
	return nil
}
