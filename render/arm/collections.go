package arm

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

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
