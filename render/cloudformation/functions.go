package cloudformation

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// parts is a text that is put together. If a part is not known, nor is the text.
type parts struct {
	text   strings.Builder
	reason string
	prefix string // what is before the first part that is not known
	refs   []string
}

func (p *parts) add(v *resource.Value) {
	switch text, ok := textOf(v); {
	case v == nil:
	case ok:
		p.write(text)
	case p.reason == "":
		p.reason, p.prefix = cmp.Or(v.Unknown(), "a part of the text is no text"), p.text.String()+v.Prefix()
	}
	for _, ref := range v.Refs() {
		if !slices.Contains(p.refs, ref) {
			p.refs = append(p.refs, ref)
		}
	}
}

func (p *parts) write(text string) {
	if p.text.Len()+len(text) > maxText {
		p.reason = tooMuch
		return
	}
	p.text.WriteString(text)
}

// value returns the text as it stands at a place.
func (p *parts) value(t *template, span source.Span) *resource.Value {
	t.budget -= p.text.Len() / 64
	if p.reason != "" {
		return withPrefix(withRefs(resource.NewUnknown(p.reason, span), p.refs), p.prefix)
	}
	return withRefs(resource.NewText(p.text.String(), span), p.refs)
}

// sub evaluates Fn::Sub of a text, or of a text with a map of variables.
func (t *template) sub(c call) *resource.Value {
	text, variables := c.arg, (*resource.Value)(nil)
	if c.arg.Kind == resource.List {
		if len(c.arg.Items) != 2 {
			return t.wrong(c, "a text and a map of variables")
		}
		text, variables = c.arg.Items[0], c.arg.Items[1]
	}
	if _, is := t.callOf(text); is || text.Kind != resource.String {
		return t.wrong(c, "a text and a map of variables")
	}
	var p parts
	for rest := text.Str; rest != ""; {
		before, after, found := strings.Cut(rest, "${")
		p.write(before)
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed {
			p.write("${" + after)
			break
		}
		rest = behind
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			p.write("${" + literal + "}")
			continue
		}
		p.add(t.variable(strings.TrimSpace(name), variables, c.span))
	}
	return p.value(t, c.span)
}

// variable returns what ${name} in Fn::Sub is.
func (t *template) variable(name string, variables *resource.Value, span source.Span) *resource.Value {
	if v := t.get(variables, name); v != nil {
		return t.eval(v)
	}
	name = substitute(name, t.loops)
	if resourceName, attribute, ok := strings.Cut(name, "."); ok {
		return t.attribute(resourceName, attribute, span)
	}
	return t.ref(name, span)
}

// wrong is what a function is that does not have the arguments that it takes.
func (t *template) wrong(c call, wanted string) *resource.Value {
	t.fail(c.span, "%s takes %s", fullName(c.name), wanted)
	return resource.NewUnknown(fullName(c.name)+" takes "+wanted, c.span)
}

// arguments returns the list that a function takes, with n or more items; nil if it
// does not have them.
func (t *template) arguments(c call, n int) []*resource.Value {
	if c.arg.Kind != resource.List || len(c.arg.Items) < n {
		return nil
	}
	if _, ok := t.callOf(c.arg); ok {
		return nil
	}
	return c.arg.Items
}

// list evaluates a list. If it is not known, unknown says so.
func (t *template) list(v *resource.Value) (items []*resource.Value, unknown *resource.Value) {
	after := t.eval(v)
	switch {
	case after == nil:
		return nil, nil
	case after.Unknown() != "":
		return nil, after
	case after.Kind == resource.List:
		return after.Items, nil
	}
	return []*resource.Value{after}, nil
}

func (t *template) join(c call) *resource.Value {
	args := t.arguments(c, 2)
	if args == nil {
		return t.wrong(c, "a delimiter and a list")
	}
	items, unknown := t.list(args[1])
	if unknown != nil {
		return t.moved(unknown, c.span)
	}
	delimiter := t.text(args[0])
	var p parts
	for i, item := range items {
		if i > 0 {
			p.write(delimiter)
		}
		p.add(item)
	}
	return p.value(t, c.span)
}

func (t *template) split(c call) *resource.Value {
	args := t.arguments(c, 2)
	if args == nil {
		return t.wrong(c, "a delimiter and a text")
	}
	delimiter, v := t.text(args[0]), t.eval(args[1])
	text, known := textOf(v)
	if v != nil && v.Unknown() != "" {
		return t.moved(v, c.span)
	}
	if !known || delimiter == "" {
		return t.wrong(c, "a delimiter and a text")
	}
	out := resource.NewList(c.span)
	for part := range strings.SplitSeq(text, delimiter) {
		out.Items = append(out.Items, resource.NewText(part, c.span))
	}
	t.budget -= len(out.Items)
	return out
}

func (t *template) selected(c call) *resource.Value {
	args := t.arguments(c, 2)
	if args == nil {
		return t.wrong(c, "an index and a list")
	}
	index := t.eval(args[0])
	items, unknown := t.list(args[1])
	switch {
	case unknown != nil:
		return t.moved(unknown, c.span)
	case index != nil && index.Unknown() != "":
		return t.moved(index, c.span)
	}
	n, err := strconv.Atoi(scalarText(index))
	if err != nil || n < 0 || n >= len(items) {
		return resource.NewUnknown("the list has no item of that index", c.span)
	}
	return t.moved(items[n], c.span)
}

func (t *template) findInMap(c call) *resource.Value {
	args := t.arguments(c, 3)
	if args == nil {
		return t.wrong(c, "a map and two keys")
	}
	at := t.root.Get("Mappings")
	for i, arg := range args[:3] {
		key := t.eval(arg)
		if key != nil && key.Unknown() != "" {
			return t.moved(key, c.span)
		}
		if i == 0 && at.Get("Fn::Transform") != nil {
			return resource.NewUnknown("what a macro or an include makes is not known", c.span)
		}
		if at = t.get(at, scalarText(key)); at == nil {
			break
		}
	}
	if at != nil {
		return t.moved(t.eval(at), c.span)
	}
	if len(args) > 3 {
		if v := args[3].Get("DefaultValue"); v != nil {
			return t.eval(v)
		}
	}
	return resource.NewUnknown("the mapping has no such keys", c.span)
}

// base64 leaves a text as it is, so that it can be judged.
func (t *template) base64(c call) *resource.Value {
	if v := t.eval(c.arg); v != nil {
		return v
	}
	return resource.NewText("", c.span)
}

func (t *template) length(c call) *resource.Value {
	items, unknown := t.list(c.arg)
	if unknown != nil {
		return t.moved(unknown, c.span)
	}
	return resource.NewInt(int64(len(items)), c.span)
}

func (t *template) toJSON(c call) *resource.Value {
	v := t.eval(c.arg)
	if v == nil {
		return nil
	}
	if reason := t.firstUnknown(v); reason != "" {
		return withDecoded(resource.NewUnknown(reason, c.span), v)
	}
	return withDecoded(resource.NewText(string(resource.EncodeJSON(v)), c.span), v)
}

// firstUnknown returns why something in a value is not known, if it is so.
func (t *template) firstUnknown(v *resource.Value) string {
	if t.budget -= 1 + len(v.Str)/64; t.budget < 0 {
		return tooMuch
	}
	if v.Unknown() != "" {
		return v.Unknown()
	}
	for _, item := range v.Items {
		if reason := t.firstUnknown(item); reason != "" {
			return reason
		}
	}
	for _, f := range v.Fields {
		if reason := t.firstUnknown(f.Value); reason != "" {
			return reason
		}
	}
	return ""
}

// get returns a field of what may be a large map.
func (t *template) get(v *resource.Value, key string) *resource.Value {
	if v != nil {
		t.budget -= len(v.Fields) / 16
	}
	return v.Get(key)
}

// maxCidrs is how many networks Fn::Cidr makes at most.
const maxCidrs = 256

func (t *template) cidr(c call) *resource.Value {
	args := t.arguments(c, 2)
	if args == nil {
		return t.wrong(c, "a network, a number, and how many bits are left")
	}
	for i := range args {
		if v := t.eval(args[i]); v != nil && v.Unknown() != "" {
			return t.moved(v, c.span)
		}
	}
	network, err := netip.ParsePrefix(t.text(args[0]))
	count, err2 := strconv.Atoi(t.text(args[1]))
	bits := 8
	if len(args) > 2 {
		bits, _ = strconv.Atoi(t.text(args[2]))
	}
	if err != nil || err2 != nil || count < 1 || count > maxCidrs || bits < 1 || bits > network.Addr().BitLen() {
		return t.wrong(c, "a network, a number, and how many bits are left")
	}
	out := resource.NewList(c.span)
	length := network.Addr().BitLen() - bits
	for at := network.Masked().Addr(); len(out.Items) < count && network.Contains(at) && length >= network.Bits(); {
		out.Items = append(out.Items, resource.NewText(netip.PrefixFrom(at, length).String(), c.span))
		next, ok := skipBits(at, bits)
		if !ok {
			break
		}
		at = next
	}
	t.budget -= len(out.Items)
	return out
}

// skipBits adds 2^bits to an address.
func skipBits(at netip.Addr, bits int) (netip.Addr, bool) {
	raw := at.AsSlice()
	i := len(raw) - 1 - bits/8
	if i < 0 {
		return at, false
	}
	carry := 1 << (bits % 8)
	for ; i >= 0 && carry > 0; i-- {
		sum := int(raw[i]) + carry
		raw[i], carry = byte(sum), sum>>8
	}
	next, _ := netip.AddrFromSlice(raw)
	return next, carry == 0
}
