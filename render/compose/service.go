package compose

import (
	"strings"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/render/shell"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// field returns the long form of a field of a service.
func (r *reader) field(key string, v *resource.Value) *resource.Value {
	switch key {
	case "image":
		if r.word(v) == nil {
			return nil
		}
		t := r.text(v)
		return image.Value(t.value, unquoted(v, t.value), t.reason)
	case "environment", "labels", "annotations", "sysctls":
		return r.pairs(v)
	case "ports":
		return each(v, r.port)
	case "volumes":
		return each(v, r.volume)
	case "devices":
		return each(v, r.device)
	case "command", "entrypoint":
		return r.words(v)
	case "networks", "depends_on":
		return r.references(v)
	case "secrets", "configs":
		return each(v, func(v *resource.Value) *resource.Value { return r.long(v, "source") })
	case "env_file":
		return each(v, func(v *resource.Value) *resource.Value { return r.long(v, "path") })
	case "build":
		return r.build(v)
	case "deploy":
		return r.deploy(v)
	case "healthcheck", "logging", "ulimits":
		return r.mapping(v)
	case "cap_add", "cap_drop", "security_opt", "tmpfs", "dns", "dns_search", "profiles", "group_add",
		"device_cgroup_rules", "external_links", "links", "volumes_from", "expose":
		return each(v, r.word)
	case "restart", "user", "network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup", "cgroup_parent",
		"pull_policy", "container_name", "hostname", "platform", "runtime", "stop_signal", "working_dir":
		return r.word(v)
	case "extra_hosts":
		return r.hosts(v)
	case "privileged", "read_only", "init", "tty", "stdin_open", "oom_kill_disable", "use_api_socket":
		return r.truth(v)
	}
	return r.expanded(v)
}

// word returns a scalar as a text, for `no` is no truth value where Compose wants
// a word. Nothing stands for anything else.
func (r *reader) word(v *resource.Value) *resource.Value {
	switch v.Kind {
	case resource.Map, resource.List:
		r.fail(v, "a text is expected here")
		return nil
	case resource.Null:
		return nil
	}
	t := r.text(v)
	return t.as(t.value)
}

// wordOf returns the value of a field of which Compose wants a word under some
// keys.
func (r *reader) wordOf(f resource.Field) *resource.Value {
	switch f.Key {
	case "type", "source", "target", "path", "name", "context", "network", "dockerfile", "permissions", "driver", "condition", "mode":
		return r.word(f.Value)
	}
	return r.expanded(f.Value)
}

// fields returns a map with the values of wordOf.
func (r *reader) fields(v *resource.Value) *resource.Value {
	out := resource.NewMap(v.Span)
	for _, f := range v.Fields {
		put(out, f, r.wordOf(f))
	}
	return out
}

// each returns a list with every item converted. What stands alone is a list of
// one.
func each(v *resource.Value, convert func(*resource.Value) *resource.Value) *resource.Value {
	out := resource.NewList(v.Span)
	switch v.Kind {
	case resource.List:
		for _, item := range v.Items {
			if item.Kind == resource.Null {
				continue
			}
			if one := convert(item); one != nil {
				out.Items = append(out.Items, one)
			}
		}
	case resource.Null:
	default:
		if one := convert(v); one != nil {
			out.Items = append(out.Items, one)
		}
	}
	return out
}

// unquoted is the place of a scalar's text where it stands as it is.
func unquoted(v *resource.Value, text string) source.Span {
	if v.Quoted && v.Span.End-v.Span.Start == len(text)+2 {
		return source.Span{Start: v.Span.Start + 1, End: v.Span.End - 1}
	}
	return v.Span
}

// pairs reads NAME=value lists and maps.
func (r *reader) pairs(v *resource.Value) *resource.Value {
	out := resource.NewList(v.Span)
	if v.Kind == resource.Map {
		for _, f := range v.Fields {
			one := resource.NewMap(source.Span{Start: f.KeySpan.Start, End: max(f.KeySpan.End, f.Value.Span.End)})
			one.Put("name", resource.NewText(f.Key, f.KeySpan))
			if f.Value.Kind != resource.Null {
				t := r.text(f.Value)
				one.Put("value", t.as(t.value)).Put("text", resource.NewText(f.Value.Str, f.Value.Span))
			}
			out.Items = append(out.Items, one)
		}
		return out
	}
	return each(v, func(item *resource.Value) *resource.Value {
		if r.word(item) == nil {
			return nil
		}
		t := r.text(item)
		name, value, set := strings.Cut(t.value, "=")
		span := unquoted(item, item.Str)
		at := source.Span{Start: span.Start, End: min(span.Start+len(name), span.End)}
		one := resource.NewMap(item.Span).Put("name", resource.NewText(name, at))
		if strings.Contains(name, image.Unknown) {
			one = resource.NewMap(item.Span).Put("name", resource.NewUnknown(t.reason, item.Span))
		}
		if _, raw, ok := strings.Cut(item.Str, "="); set && ok {
			t.span = source.Span{Start: max(span.End-len(raw), span.Start), End: span.End}
			one.Put("value", t.as(value)).Put("text", resource.NewText(raw, t.span))
		}
		return one
	})
}

// port reads host:published:target/protocol, and the long form.
func (r *reader) port(v *resource.Value) *resource.Value {
	if v.Kind == resource.List {
		return r.word(v)
	}
	out := resource.NewMap(v.Span)
	if v.Kind == resource.Map {
		for _, f := range v.Fields {
			t := r.text(f.Value)
			switch f.Key {
			case "host_ip":
				f.Key = "hostIP"
			case "target", "published":
				put(out, resource.Field{Key: "key", KeySpan: f.KeySpan}, keyOnce(out, t))
			}
			put(out, f, t.as(t.value))
		}
		if out.Get("target") == nil {
			r.fail(v, "the port has no target")
			return nil
		}
		return out
	}
	t := r.text(v)
	rest, protocol, _ := strings.Cut(t.value, "/")
	out.Put("key", t.as(t.value))
	hostIP, rest := cutHost(rest)
	published, target, both := strings.Cut(rest, ":")
	if !both {
		published, target = "", published
	}
	out.Put("target", t.as(target))
	if both && published != "" {
		out.Put("published", t.as(published))
	}
	if hostIP != "" {
		out.Put("hostIP", t.as(hostIP))
	}
	if protocol != "" {
		out.Put("protocol", t.as(protocol))
	}
	return out
}

// keyOnce returns the key of a port in the long form: that of the first of its
// numbers.
func keyOnce(out *resource.Value, t text) *resource.Value {
	if out.Get("key") != nil {
		return nil
	}
	return t.as(t.value)
}

// cutHost takes an address off the front: 127.0.0.1:80:80, [::1]:80:80.
func cutHost(s string) (host, rest string) {
	if strings.HasPrefix(s, "[") {
		if end := strings.Index(s, "]:"); end >= 0 {
			return s[1:end], s[end+2:]
		}
	}
	if strings.Count(s, ":") < 2 {
		return "", s
	}
	at := strings.LastIndexByte(s[:strings.LastIndexByte(s, ':')], ':')
	return s[:at], s[at+1:]
}

// volume reads source:target:mode, and the long form.
func (r *reader) volume(v *resource.Value) *resource.Value {
	if v.Kind == resource.List {
		return r.word(v)
	}
	out := resource.NewMap(v.Span)
	if v.Kind == resource.Map {
		for _, f := range v.Fields {
			switch f.Key {
			case "read_only":
				f.Key = "readOnly"
				put(out, f, r.truth(f.Value))
			case "target":
				put(out, resource.Field{Key: "key", KeySpan: f.KeySpan}, r.wordOf(f))
				put(out, f, r.wordOf(f))
			default:
				put(out, f, r.wordOf(f))
			}
		}
		return out
	}
	t := r.text(v)
	parts := splitVolume(t.value)
	from, target, mode := "", parts[0], ""
	if len(parts) > 1 {
		from, target = parts[0], parts[1]
	}
	if len(parts) > 2 {
		mode = parts[2]
	}
	out.Put("key", t.as(target))
	kind := "volume"
	if strings.HasPrefix(from, "/") || strings.HasPrefix(from, ".") || strings.HasPrefix(from, "~") || strings.Contains(from, `\`) || len(from) > 1 && from[1] == ':' {
		kind = "bind"
	}
	if strings.HasPrefix(from, image.Unknown) {
		out.Put("type", resource.NewUnknown(t.reason, v.Span))
	} else {
		out.Put("type", resource.NewText(kind, v.Span))
	}
	if from != "" {
		out.Put("source", t.as(from))
	}
	out.Put("target", t.as(target))
	for option := range strings.SplitSeq(mode, ",") {
		if option == "ro" {
			out.Put("readOnly", resource.NewBool(true, v.Span))
		}
	}
	return out
}

// splitVolume splits at colons, but not at that of a drive of Windows.
func splitVolume(s string) []string {
	parts := strings.SplitN(s, ":", 4)
	if len(parts) > 1 && len(parts[0]) == 1 && strings.HasPrefix(parts[1], `\`) {
		parts = append([]string{parts[0] + ":" + parts[1]}, parts[2:]...)
	}
	return parts
}

func (r *reader) device(v *resource.Value) *resource.Value {
	if v.Kind == resource.Map {
		return r.fields(v)
	}
	if r.word(v) == nil {
		return nil
	}
	t := r.text(v)
	parts := strings.Split(t.value, ":")
	out := resource.NewMap(v.Span).Put("key", t.as(parts[0])).Put("source", t.as(parts[0])).Put("target", t.as(parts[min(1, len(parts)-1)]))
	if len(parts) > 2 {
		out.Put("permissions", t.as(parts[2]))
	}
	return out
}

// words returns a command as words. Compose splits a text as a shell would, and
// runs none.
func (r *reader) words(v *resource.Value) *resource.Value {
	if v.Kind != resource.String {
		return each(v, r.word)
	}
	t := r.text(v)
	if !t.known() || t.value == "" {
		return resource.NewList(v.Span, t.as(t.value))
	}
	found, err := shell.Commands(shell.Script{Text: t.value, Span: func(int, int) source.Span { return v.Span }})
	if err != nil || len(found) == 0 {
		return resource.NewList(v.Span, t.as(t.value))
	}
	out := resource.NewList(v.Span, found[0].Get("name"))
	if args := found[0].Get("args"); args != nil {
		out.Items = append(out.Items, args.Items...)
	}
	if out.Items[0] == nil {
		out.Items[0] = t.as(t.value)
	}
	return out
}

// references returns the names of a list, or the entries of a map, as maps with
// names.
func (r *reader) references(v *resource.Value) *resource.Value {
	if v.Kind == resource.Map {
		out := resource.NewList(v.Span)
		for _, f := range v.Fields {
			one := resource.NewMap(f.KeySpan).Put("name", resource.NewText(f.Key, f.KeySpan))
			for _, field := range f.Value.Fields {
				put(one, field, r.expanded(field.Value))
			}
			out.Items = append(out.Items, one)
		}
		return out
	}
	return each(v, func(v *resource.Value) *resource.Value { return r.long(v, "name") })
}

// long returns a map, with the field that a text alone is short for.
func (r *reader) long(v *resource.Value, key string) *resource.Value {
	if v.Kind == resource.Map {
		out := r.fields(v)
		if out.Get(key) == nil {
			r.fail(v, key+" is missing here")
			return nil
		}
		return out
	}
	word := r.word(v)
	if word == nil {
		return nil
	}
	return resource.NewMap(v.Span).Put(key, word)
}

// hosts returns name:address texts, also of a map.
func (r *reader) hosts(v *resource.Value) *resource.Value {
	if v.Kind != resource.Map {
		return each(v, r.word)
	}
	out := resource.NewList(v.Span)
	for _, f := range v.Fields {
		for _, address := range each(f.Value, r.word).Items {
			t := text{value: f.Key + ":" + address.Str, span: address.Span}
			if address.Unknown() != "" {
				t.value, t.reason = image.Unknown, address.Unknown()
			}
			out.Items = append(out.Items, t.as(t.value))
		}
	}
	return out
}

func (r *reader) build(v *resource.Value) *resource.Value {
	if v.Kind != resource.Map {
		return r.long(v, "context")
	}
	out := resource.NewMap(v.Span)
	for _, f := range v.Fields {
		switch f.Key {
		case "args", "labels":
			put(out, f, r.pairs(f.Value))
		case "privileged", "no_cache", "pull":
			put(out, f, r.truth(f.Value))
		case "ssh", "entitlements", "extra_hosts", "cache_from", "tags":
			put(out, f, each(f.Value, r.word))
		case "secrets":
			put(out, f, each(f.Value, func(v *resource.Value) *resource.Value { return r.long(v, "source") }))
		default:
			put(out, f, r.wordOf(f))
		}
	}
	return out
}

func (r *reader) deploy(v *resource.Value) *resource.Value {
	if !r.isMap(v) {
		return nil
	}
	out := resource.NewMap(v.Span)
	for _, f := range v.Fields {
		switch f.Key {
		case "labels":
			put(out, f, r.pairs(f.Value))
		case "resources":
			put(out, f, r.mapping(f.Value))
		default:
			put(out, f, r.expanded(f.Value))
		}
	}
	return out
}

// mapping returns a map, of which other maps are the only structures that
// policies look into.
func (r *reader) mapping(v *resource.Value) *resource.Value {
	if !r.isMap(v) {
		return nil
	}
	out := resource.NewMap(v.Span)
	for _, f := range v.Fields {
		switch f.Key {
		case "disable":
			put(out, f, r.truth(f.Value))
		case "limits", "reservations", "options":
			put(out, f, r.mapping(f.Value))
		default:
			put(out, f, r.wordOf(f))
		}
	}
	return out
}

// isMap reports whether a value is a map, and what it is if somebody wrote
// something else.
func (r *reader) isMap(v *resource.Value) bool {
	if v.Kind != resource.Map && v.Kind != resource.Null {
		r.fail(v, "a map is expected here")
	}
	return v.Kind == resource.Map
}
