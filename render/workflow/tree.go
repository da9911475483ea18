package workflow

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// tree is a map that is a copy of another one, to be changed.
type tree struct{ *resource.Value }

func newTree(of *resource.Value) *tree {
	v := *of
	v.Fields = slices.Clip(of.Fields)
	return &tree{&v}
}

// fields returns the fields of a map, and none of anything else.
func (t *tree) fields() []resource.Field { return t.Fields }

// set puts a value in the place of a field, or adds it. Nil changes nothing.
func (t *tree) set(key string, value *resource.Value) {
	if value == nil {
		return
	}
	for i := range t.Fields {
		if t.Fields[i].Key == key {
			t.Fields = slices.Clone(t.Fields)
			t.Fields[i].Value = value
			return
		}
	}
	t.Put(key, value)
}

func isMap(v *resource.Value) bool { return v != nil && v.Kind == resource.Map }

func fields(v *resource.Value) []resource.Field {
	if isMap(v) {
		return v.Fields
	}
	return nil
}

// maps makes fields maps that can be something else: an expression that gives one.
func maps(t *tree, keys ...string) {
	for _, key := range keys {
		if v := t.Get(key); v != nil && v.Kind != resource.Map {
			t.set(key, resource.NewMap(v.Span))
		}
	}
	t.set("env", stringsOf(t.Get("env")))
	t.set("with", stringsOf(t.Get("with")))
}

// stringsOf makes the values of `env` and `with` what runners make of them.
func stringsOf(v *resource.Value) *resource.Value {
	if !isMap(v) {
		return nil
	}
	out := newTree(v)
	for _, f := range v.Fields {
		if k := f.Value.Kind; k == resource.Bool || k == resource.Int || k == resource.Float {
			out.set(f.Key, resource.NewText(f.Value.Str, f.Value.Span))
		} else if k >= resource.List {
			out.set(f.Key, resource.NewText("", f.Value.Span))
		}
	}
	return out.Value
}

// inherited returns the map of the secrets that a called workflow gets.
func inherited(v *resource.Value) *resource.Value {
	if v == nil || v.Kind == resource.Map {
		return v
	}
	out := resource.NewMap(v.Span)
	if v.Str == "inherit" {
		out.Put("inherit", resource.NewBool(true, v.Span))
	}
	return out
}

// texts returns a text, or the texts of a list.
func texts(v *resource.Value) (all []string) {
	if v == nil {
		return nil
	}
	if v.Kind == resource.List {
		for _, item := range v.Items {
			all = append(all, item.Str)
		}
		return all
	}
	if v.Kind != resource.Map && v.Str != "" {
		all = []string{v.Str}
	}
	return all
}

// list returns a list, also for a single value.
func list(v *resource.Value) *resource.Value {
	if v == nil || v.Kind == resource.List || v.Kind == resource.Map || v.Kind == resource.Null {
		return v
	}
	return resource.NewList(v.Span, v)
}

// named returns a map, also for a value that stands for its field.
func named(v *resource.Value, field string) *resource.Value {
	if v == nil || v.Kind >= resource.List || v.Kind == resource.Null {
		return v
	}
	return resource.NewMap(v.Span).Put(field, v)
}

// firstSpan returns where the first key of a map is.
func firstSpan(v *resource.Value) source.Span {
	if len(v.Fields) > 0 {
		return v.Fields[0].KeySpan
	}
	return v.Span
}

// events returns the map of `on`.
func events(root *resource.Value) *tree {
	on := root.Get("on")
	out := &tree{resource.NewMap(root.Span)}
	if on == nil {
		return out
	}
	out.Span = on.Span
	for _, item := range list(on).Items {
		if item.Kind == resource.String {
			out.Put(item.Str, resource.NewMap(item.Span))
		}
	}
	for _, f := range fields(on) {
		f.Value = filters(f)
		out.Fields = append(out.Fields, f)
	}
	return out
}

var filterKeys = []string{"branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore", "types", "workflows"}

func filters(of resource.Field) *resource.Value {
	if of.Value.Kind == resource.Null {
		return resource.NewMap(of.KeySpan)
	}
	if of.Value.Kind != resource.Map {
		return of.Value
	}
	out := newTree(of.Value)
	for _, key := range filterKeys {
		out.set(key, list(out.Get(key)))
	}
	return out.Value
}

// permissions returns the map of scopes.
func permissions(v *resource.Value) *resource.Value {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case resource.Null:
		return resource.NewMap(v.Span)
	case resource.String:
		return resource.NewMap(v.Span).Put("all", resource.NewText(strings.TrimSuffix(v.Str, "-all"), v.Span))
	}
	if v.Kind != resource.Map {
		return resource.NewMap(v.Span)
	}
	return v
}

// container returns the map of a container, with whether its image is pinned.
func (r *reader) container(v *resource.Value) *resource.Value {
	v = named(v, "image")
	if !isMap(v) {
		return v
	}
	out := newTree(v)
	maps(out, "env", "credentials")
	out.set("volumes", list(v.Get("volumes")))
	if v.Get("image").Text() == "" {
		return out.Value
	}
	out.set("pinned", r.pinned(v.Get("image")))
	return out.Value
}

// pinned reports whether an image is named by its digest.
func (r *reader) pinned(image *resource.Value) *resource.Value {
	switch {
	case strings.Contains(image.Str, "@sha256:"):
		return resource.NewBool(true, image.Span)
	case strings.Contains(image.Str, open):
		return resource.NewUnknown("an expression gives the image", image.Span)
	}
	return resource.NewBool(false, image.Span)
}

// runner returns the labels and the group of `runs-on`, and whether the runner is
// one of the repository's owner.
func (r *reader) runner(j *job) *resource.Value {
	v := j.raw.Get("runs-on")
	if v == nil || v.Kind == resource.Null {
		return nil
	}
	out := &tree{resource.NewMap(v.Span)}
	labels := list(v)
	if v.Kind == resource.Map {
		labels = list(v.Get("labels"))
		out.set("group", v.Get("group"))
	}
	var all []*resource.Value
	unknown := ""
	if labels != nil {
		for _, label := range labels.Items {
			if r.template(label) == nil {
				all = append(all, label)
				continue
			}
			values, reason := r.choices(j, label)
			all = append(all, values...)
			if reason != "" {
				unknown = reason
			}
		}
		out.set("labels", resource.NewList(labels.Span, all...))
	}
	out.set("selfHosted", selfHosted(all, unknown, v.Span))
	return out.Value
}

// choices returns the values that a label like ${{ matrix.os }} can have.
func (r *reader) choices(j *job, label *resource.Value) (all []*resource.Value, unknown string) {
	unknown = "an expression gives the runner"
	t := r.template(label)
	if len(t.exprs) != 1 || t.outside() != "" {
		return nil, unknown
	}
	key, ok := strings.CutPrefix(t.exprs[0].reference(), "matrix.")
	matrix := j.raw.Get("strategy").Get("matrix")
	if !ok || !isMap(matrix) {
		return nil, unknown
	}
	values := matrix.Get(key)
	switch {
	case values == nil:
	case values.Kind != resource.List:
		return nil, unknown
	default:
		for _, v := range values.Items {
			all = append(all, list(v).Items...)
		}
	}
	if include := matrix.Get("include"); include != nil {
		for _, one := range include.Items {
			if v := one.Get(key); v != nil {
				all = append(all, list(v).Items...)
			}
		}
	}
	for _, v := range all {
		if v.Kind != resource.String || strings.Contains(v.Str, open) {
			return nil, unknown
		}
	}
	if len(all) > 0 {
		unknown = ""
	}
	return all, unknown
}

func selfHosted(labels []*resource.Value, unknown string, at source.Span) *resource.Value {
	hosted := len(labels) > 0
	for _, l := range labels {
		name := strings.ToLower(l.Str)
		if name == "self-hosted" {
			return resource.NewBool(true, l.Span)
		}
		hosted = hosted && (strings.HasPrefix(name, "ubuntu-") || strings.HasPrefix(name, "windows-") || strings.HasPrefix(name, "macos-"))
	}
	if hosted && unknown == "" {
		return resource.NewBool(false, at)
	}
	if unknown == "" {
		unknown = "a group or a label of its own gives the runner"
	}
	return resource.NewUnknown(unknown, at)
}

// uses takes apart what a step or job uses.
func (r *reader) uses(v *resource.Value) *resource.Value {
	p := &placer{file: r.file, value: v}
	part := func(start, end int) *resource.Value { return resource.NewText(v.Str[start:end], p.span(start, end)) }
	out := resource.NewMap(v.Span).Put("text", v)
	if comment := r.comment(v); comment != nil {
		out.Put("comment", comment)
	}
	end := len(v.Str)
	switch {
	case strings.HasPrefix(v.Str, "docker://"):
		out.Put("kind", resource.NewText("docker", v.Span)).Put("name", part(len("docker://"), end))
		return out.Put("pinned", resource.NewBool(strings.Contains(v.Str, "@sha256:"), v.Span))
	case strings.HasPrefix(v.Str, "."):
		return out.Put("kind", resource.NewText("local", v.Span)).Put("path", part(0, end)).Put("pinned", resource.NewBool(true, v.Span))
	}
	name := end
	if at := strings.IndexByte(v.Str, '@'); at >= 0 {
		name = at
		ref := part(at+1, end)
		version := versionOf(ref.Str)
		out.Put("ref", ref).Put("version", resource.NewText(version, ref.Span)).Put("pinned", resource.NewBool(version == "sha", ref.Span))
	} else {
		out.Put("pinned", resource.NewBool(false, v.Span))
	}
	kind := "action"
	slash := strings.IndexByte(v.Str[:name], '/')
	if slash < 0 {
		return out.Put("kind", resource.NewText(kind, v.Span)).Put("name", resource.NewText(strings.ToLower(v.Str[:name]), p.span(0, name)))
	}
	repo := name
	if next := strings.IndexByte(v.Str[slash+1:name], '/'); next >= 0 {
		repo = slash + 1 + next
		out.Put("path", part(repo+1, name))
		if strings.HasPrefix(v.Str[repo:], "/.github/workflows/") {
			kind = "workflow"
		}
	}
	out.Put("owner", part(0, slash)).Put("repo", part(slash+1, repo))
	out.Put("name", resource.NewText(strings.ToLower(v.Str[:repo]), p.span(0, repo)))
	return out.Put("kind", resource.NewText(kind, v.Span))
}

// versionOf says what a ref looks like: a hash, a part of one, a number or a name.
func versionOf(ref string) string {
	hex := strings.Trim(ref, "0123456789abcdef") == ""
	digits := strings.TrimPrefix(ref, "v")
	switch {
	case hex && (len(ref) == 40 || len(ref) == 64):
		return "sha"
	case digits != "" && digits[0] >= '0' && digits[0] <= '9' && (strings.HasPrefix(ref, "v") || strings.Contains(ref, ".") || len(ref) < 4):
		return "number"
	case hex && len(ref) >= 7:
		return "short"
	}
	return "name"
}

// comment returns what the comment behind a value says.
func (r *reader) comment(v *resource.Value) *resource.Value {
	line := r.file.Content[v.Span.End:]
	for i, c := range line {
		switch c {
		case ' ', '\t', '"', '\'':
			continue
		case '#':
			start := v.Span.End + i + 1
			end := start
			for end < len(r.file.Content) && r.file.Content[end] != '\n' && r.file.Content[end] != '\r' {
				end++
			}
			text := string(r.file.Content[start:end])
			start += len(text) - len(strings.TrimLeft(text, " \t"))
			text = strings.TrimSpace(text)
			return resource.NewText(text, source.Span{Start: start, End: start + len(text)})
		}
		return nil
	}
	return nil
}
