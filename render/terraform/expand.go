package terraform

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// anyInstance is the index of an instance that stands for all, whose number is not
// known.
const anyInstance = "[*]"

// expansion are the instances of a resource or of a call of a module.
type expansion struct {
	block  *block
	single *instance // without count and for_each
	all    []*instance
	keyed  bool   // by for_each
	reason string // why it is not known which there are; then all has one that stands for them
	asking bool
}

// instance is one of them.
type instance struct {
	frame
	block  *block
	suffix string // of the address: [0], ["a"]
	key    cty.Value

	attrs map[string]*slot
	doc   *document // of a policy document
}

// expand returns the instances of a resource or of a call.
func (s *scope) expand(b *block) *expansion {
	if x, ok := s.expansions[b]; ok {
		if x.asking {
			return &expansion{block: b, reason: "its number hangs on itself"}
		}
		return x
	}
	x := &expansion{block: b, asking: true}
	s.expansions[b] = x
	defer func() { x.asking = false }()
	count, each := b.attr("count"), b.attr("for_each")
	switch {
	case s.disabled(b):
	case each != nil:
		s.forEach(x, each)
	case count != nil:
		s.count(x, count)
	default:
		x.single = s.instance(b, "", cty.NilVal, s.frame())
		x.all = []*instance{x.single}
	}
	return x
}

// disabled reports whether OpenTofu leaves a resource or module out: by the
// argument enabled of its lifecycle.
func (s *scope) disabled(b *block) bool {
	for _, one := range b.Body.Blocks {
		if a := one.Body.Attributes["enabled"]; one.Type == "lifecycle" && a != nil {
			return s.isFalse(a.Expr)
		}
	}
	return false
}

func (s *scope) instance(b *block, suffix string, key cty.Value, f frame) *instance {
	return &instance{frame: f, block: b, suffix: suffix, key: key, attrs: map[string]*slot{}}
}

func (s *scope) count(x *expansion, e hclsyntax.Expression) {
	v, marks := s.frame().eval(e).Unmark()
	bind := func(index cty.Value) frame {
		return s.frame().with("count", cty.ObjectVal(map[string]cty.Value{"index": index}))
	}
	if !v.IsKnown() {
		s.undecided(x, reasonOf(marks), bind(unknown(reasonOf(marks))))
		return
	}
	n, ok := wholeNumber(v)
	if !ok || n > maxInstances {
		reason := "count is not a whole number"
		if ok {
			reason = fmt.Sprintf("count is more than %d", maxInstances)
		}
		s.undecided(x, reason, bind(unknown(reason)))
		return
	}
	for i := range n {
		key := cty.NumberIntVal(int64(i))
		x.all = append(x.all, s.instance(x.block, "["+strconv.Itoa(i)+"]", key, bind(key)))
	}
}

func wholeNumber(v cty.Value) (int, bool) {
	if v.IsNull() {
		return 0, false
	}
	if v.Type() == cty.String {
		n, err := strconv.Atoi(v.AsString())
		return n, err == nil && n >= 0
	}
	if v.Type() != cty.Number {
		return 0, false
	}
	f := v.AsBigFloat()
	n, _ := f.Int64()
	return int(n), f.IsInt() && n >= 0
}

// undecided makes an instance that stands for all, since their number is not known.
func (s *scope) undecided(x *expansion, reason string, f frame) {
	x.reason = reason
	x.all = []*instance{s.instance(x.block, anyInstance, cty.NilVal, f)}
}

func eachOf(key, value cty.Value) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
}

func (s *scope) forEach(x *expansion, e hclsyntax.Expression) {
	x.keyed = true
	v := s.frame().eval(e)
	reason := s.elements(v, true, func(key, value cty.Value) {
		f := s.frame().with("each", eachOf(key, value))
		x.all = append(x.all, s.instance(x.block, "["+quoteKey(key.AsString())+"]", key, f))
	})
	if reason != "" {
		s.undecided(x, reason, s.frame().with("each", eachOf(unknown(reason), unknown(reason))))
	}
}

// elements calls do for the elements of a value, or says why they are not known.
// Those of for_each have texts as keys.
func (s *scope) elements(v cty.Value, keyed bool, do func(key, value cty.Value)) (reason string) {
	v, marks := v.Unmark()
	switch t := v.Type(); {
	case !v.IsKnown():
		return reasonOf(marks)
	case v.IsNull() || !v.CanIterateElements():
		return "for_each is neither a map nor a set"
	case v.LengthInt() > maxInstances:
		return fmt.Sprintf("for_each has more than %d elements", maxInstances)
	case keyed && !t.IsMapType() && !t.IsObjectType() && !(t.IsSetType() && (v.LengthInt() == 0 || t.ElementType() == cty.String)):
		return "for_each is neither a map nor a set of texts"
	}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if v.Type().IsSetType() {
			key = value
		}
		key, _ = key.Unmark()
		if keyed && (!key.IsKnown() || key.IsNull()) {
			return "a key of for_each is not known"
		}
		do(key, value)
	}
	return ""
}

func quoteKey(key string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(key))
}

// index returns the instance that a reference names, without a further look.
func (x *expansion) index(t hcl.Traversal) *instance {
	if x.single != nil {
		return x.single
	}
	if len(t) == 0 {
		return nil
	}
	step, ok := t[0].(hcl.TraverseIndex)
	if !ok || !step.Key.IsKnown() || step.Key.IsNull() {
		return nil
	}
	if x.keyed {
		if step.Key.Type() == cty.String {
			for _, i := range x.all {
				if i.key != cty.NilVal && i.key.AsString() == step.Key.AsString() {
					return i
				}
			}
		}
		return nil
	}
	if n, ok := wholeNumber(step.Key); ok && n < len(x.all) {
		return x.all[n]
	}
	return nil
}

// value returns the instances as an expression sees them: an object, or a tuple or
// a map of objects.
func (x *expansion) value(of func(*instance) cty.Value) cty.Value {
	if x.single != nil {
		return of(x.single)
	}
	if x.keyed {
		all := make(map[string]cty.Value, len(x.all))
		for _, i := range x.all {
			all[i.key.AsString()] = of(i)
		}
		return cty.ObjectVal(all)
	}
	all := make([]cty.Value, len(x.all))
	for n, i := range x.all {
		all[n] = of(i)
	}
	return cty.TupleVal(all)
}

// address returns the full address of the instance of a resource.
func (i *instance) address() string { return i.prefix + i.block.address() + i.suffix }

// meta are the arguments that are not of the resource.
func isMeta(name string) bool {
	switch name {
	case "count", "for_each", "provider", "depends_on", "lifecycle", "provisioner", "connection":
		return true
	}
	return false
}

// object returns the resource as an expression sees it: with the attributes that
// are asked for, and with all that are written if those are too.
func (i *instance) object(names []string, all bool) cty.Value {
	out := make(map[string]cty.Value, len(names)+1)
	add := func(name string) {
		if _, ok := out[name]; !ok && !isMeta(name) {
			out[name] = i.attr(name)
		}
	}
	for _, name := range names {
		add(name)
	}
	if !all {
		return cty.ObjectVal(out)
	}
	for name := range i.block.Body.Attributes {
		add(name)
	}
	for _, b := range i.block.Body.Blocks {
		if b.Type == "dynamic" && len(b.Labels) > 0 {
			add(b.Labels[0])
		} else {
			add(b.Type)
		}
	}
	add("id")
	return cty.ObjectVal(out)
}

// attr evaluates an attribute of the resource for who refers to it.
func (i *instance) attr(name string) cty.Value {
	return i.once(i.attrs, name, func() cty.Value {
		address := refers(i.address())
		if v, ok := i.computed(name); ok {
			return v.Mark(address)
		}
		if e := i.block.attr(name); e != nil && !isMeta(name) {
			if v := i.eval(e); v != cty.NilVal {
				if !v.IsNull() {
					return v.Mark(address)
				}
			}
		} else if v, ok := i.nested(i.block.Body, name); ok {
			return v.Mark(address)
		}
		if i.isNull(name) {
			return cty.NullVal(cty.DynamicPseudoType).Mark(address)
		}
		if i.block.Type == "data" {
			return cty.DynamicVal.WithMarks(cty.NewValueMarks(because("the data source "+i.block.address()+" is read when a plan is made"), address))
		}
		if name == "id" && i.block.label(0) == "terraform_data" {
			return cty.UnknownVal(cty.String).RefineNotNull().WithMarks(cty.NewValueMarks(afterApply, address))
		}
		return computed(string(address))
	})
}

// isNull reports whether an attribute that is not written is null. That is known of
// what is built into Terraform.
func (i *instance) isNull(name string) bool {
	if i.block.label(0) != "terraform_data" {
		return false
	}
	switch name {
	case "input", "triggers_replace":
		return true
	case "output":
		e := i.block.attr("input")
		if e == nil {
			return true
		}
		v, _ := i.eval(e).Unmark()
		return v.IsKnown() && v.IsNull()
	}
	return false
}

// nested returns the blocks of a type as a value.
func (f frame) nested(body *hclsyntax.Body, name string) (cty.Value, bool) {
	var all []cty.Value
	found, reason := false, ""
	f.blocks(body, func(kind string, b *hclsyntax.Block, in frame, why string) {
		if kind != name {
			return
		}
		found = true
		if why != "" {
			reason = why
			return
		}
		if b != nil {
			all = append(all, in.bodyValue(b.Body))
		}
	})
	if reason != "" {
		return unknown(reason), true
	}
	if !found {
		return cty.NilVal, false
	}
	return cty.TupleVal(all), true
}

func (f frame) bodyValue(body *hclsyntax.Body) cty.Value {
	out := map[string]cty.Value{}
	for name, a := range body.Attributes {
		out[name] = f.eval(a.Expr)
	}
	f.blocks(body, func(kind string, _ *hclsyntax.Block, _ frame, _ string) {
		if _, ok := out[kind]; !ok {
			out[kind], _ = f.nested(body, kind)
		}
	})
	return cty.ObjectVal(out)
}

// blocks calls do for the nested blocks of a body, and for those that dynamic blocks
// make. A block that is nil says that there is none of the kind, or with a reason
// that it is not known which there are.
func (f frame) blocks(body *hclsyntax.Body, do func(kind string, b *hclsyntax.Block, in frame, reason string)) {
	for _, b := range body.Blocks {
		if b.Type != "dynamic" || len(b.Labels) != 1 {
			do(b.Type, b, f, "")
			continue
		}
		kind := b.Labels[0]
		each := b.Body.Attributes["for_each"]
		var content *hclsyntax.Block
		for _, inner := range b.Body.Blocks {
			if inner.Type == "content" {
				content = inner
			}
		}
		if each == nil || content == nil {
			continue
		}
		iterator := kind
		if a := b.Body.Attributes["iterator"]; a != nil {
			if name := hcl.ExprAsKeyword(a.Expr); name != "" {
				iterator = name
			}
		}
		do(kind, nil, f, "")
		reason := f.elements(f.eval(each.Expr), false, func(key, value cty.Value) {
			made := *content
			made.Type, made.TypeRange = kind, b.LabelRanges[0]
			do(kind, &made, f.with(iterator, eachOf(key, value)), "")
		})
		if reason != "" {
			do(kind, content, f.with(iterator, eachOf(unknown(reason), unknown(reason))), reason)
		}
	}
}
