package plan

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// The reasons for which values are not known.
const (
	knownLater  = "known after apply"
	isSensitive = "sensitive, and not shown"
	notInPlans  = "not in a plan, and the configuration is not here"
)

// leastSecret is how long a sensitive text must be, in bytes, for equal ones to be
// taken for it. Shorter ones are words and numbers that stand everywhere.
const leastSecret = 8

func isTrue(v *resource.Value) bool { return v != nil && v.Kind == resource.Bool && v.Bool }

// fields returns the entries of a map, and none of anything else.
func fields(v *resource.Value) []resource.Field {
	if v == nil || v.Kind != resource.Map {
		return nil
	}
	return v.Fields
}

// items returns the items of a list, and none of anything else.
func items(v *resource.Value) []*resource.Value {
	if v == nil || v.Kind != resource.List {
		return nil
	}
	return v.Items
}

func item(v *resource.Value, i int) *resource.Value {
	if all := items(v); i < len(all) {
		return all[i]
	}
	return nil
}

func isNull(v *resource.Value) bool { return v == nil || v.Kind == resource.Null }

// sensitive notes the texts of a value that are marked as such.
func (d *document) sensitive(v, marks *resource.Value) {
	switch {
	case v == nil || marks == nil:
	case isTrue(marks):
		d.secret(v)
	default:
		for _, f := range fields(v) {
			d.sensitive(f.Value, marks.Get(f.Key))
		}
		for i, one := range items(v) {
			d.sensitive(one, item(marks, i))
		}
	}
}

// secret notes the texts of a value that is sensitive as a whole.
func (d *document) secret(v *resource.Value) {
	if v == nil {
		return
	}
	if v.Kind == resource.String && len(v.Str) >= leastSecret {
		d.secrets[v.Str] = true
	}
	for _, f := range v.Fields {
		d.secret(f.Value)
	}
	for _, one := range v.Items {
		d.secret(one)
	}
}

// values returns a value with what is not known, and without nulls and what is
// sensitive. The masks say which parts are.
func (d *document) values(v, unknown, sensitive *resource.Value) *resource.Value {
	switch {
	case isTrue(sensitive) && !isNull(v):
		return d.mask(v)
	case isTrue(unknown):
		return unknownAt(spanOf(v, unknown), knownLater)
	case isNull(v) && len(fields(unknown)) > 0:
		v = &resource.Value{Kind: resource.Map, Span: unknown.Span}
	case v == nil:
		return &resource.Value{}
	}
	switch v.Kind {
	case resource.Map:
		return d.object(v, unknown, sensitive)
	case resource.List:
		out := &resource.Value{Kind: resource.List, Span: v.Span}
		for i, one := range v.Items {
			out.Items = append(out.Items, d.values(one, item(unknown, i), item(sensitive, i)))
		}
		return out
	case resource.String:
		if d.secrets[v.Str] {
			return d.mask(v)
		}
		return decode(v)
	}
	return v
}

func (d *document) object(v, unknown, sensitive *resource.Value) *resource.Value {
	out := &resource.Value{Kind: resource.Map, Span: v.Span}
	add := func(f resource.Field, value *resource.Value) {
		if !isNull(value) || value.Unknown() != "" {
			out.Fields = append(out.Fields, resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: value})
		}
	}
	for _, f := range v.Fields {
		add(f, d.values(f.Value, unknown.Get(f.Key), sensitive.Get(f.Key)))
	}
	for _, f := range fields(unknown) {
		if v.Get(f.Key) == nil {
			add(f, d.values(nil, f.Value, sensitive.Get(f.Key)))
		}
	}
	return out
}

func spanOf(v, other *resource.Value) source.Span {
	if v != nil {
		return v.Span
	}
	return other.Span
}

// unknownAt returns a value of which nothing is known, not even what kind it is of.
func unknownAt(span source.Span, reason string) *resource.Value {
	return &resource.Value{Span: span, Extra: &resource.Extra{Unknown: reason}}
}

// mask returns what stands for a sensitive value, whose text is hidden.
func (d *document) mask(v *resource.Value) *resource.Value {
	d.masked = append(d.masked, v.Span)
	return unknownAt(v.Span, isSensitive)
}

// hide makes the text that is shown: that of the changes, without what is sensitive
// and what is not read.
func (d *document) hide() {
	text := blank(d.file.Content, source.Span{End: d.changes.Span.Start})
	for i := d.changes.Span.End; i < len(text); i++ {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
	cover := func(span source.Span) {
		for i := span.Start; i < span.End; i++ {
			if text[i] != '\n' {
				text[i] = '*'
			}
		}
	}
	for _, span := range d.masked {
		cover(span)
	}
	d.cover(d.changes, cover)
	d.shown = source.NewFile(d.file.Path, text)
}

// cover hides every text that is a secret, wherever it is: identities of resources
// and changes that are left out have values, too.
func (d *document) cover(v *resource.Value, hide func(source.Span)) {
	if v.Kind == resource.String && d.secrets[v.Str] {
		hide(v.Span)
	}
	for _, f := range v.Fields {
		if d.secrets[f.Key] {
			hide(f.KeySpan)
		}
		d.cover(f.Value, hide)
	}
	for _, one := range v.Items {
		d.cover(one, hide)
	}
}

// decode returns a text with what it holds, if that is JSON. Its parts are where the
// text is.
func decode(v *resource.Value) *resource.Value {
	text := strings.TrimSpace(v.Str)
	if len(text) < 2 || text[0] != '{' && text[0] != '[' {
		return v
	}
	doc, err := resource.ParseJSON(source.NewFile("value.json", []byte(text)))
	if err != nil {
		return v
	}
	place(doc.Root, v.Span)
	out := *v
	out.Amend().Decoded = doc.Root
	return &out
}

func place(v *resource.Value, at source.Span) {
	v.Span = at
	for i := range v.Fields {
		v.Fields[i].KeySpan = at
		place(v.Fields[i].Value, at)
	}
	for _, one := range v.Items {
		place(one, at)
	}
}
