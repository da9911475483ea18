package cel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"sort"

	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/policy"
)

// Checked expressions are kept as bytes, for to parse and check the text of one
// costs ten times what it costs to read them:
//
//	checked = count, then for each expression its key and offset, sorted by key,
//	          then the expressions
//	key     = hash of the text, so that an expression that has changed is not found
//	numbers = little endian in the index, varints in expressions

const (
	indexHead  = 4
	indexEntry = 12
)

var order = binary.LittleEndian

func keyOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

// Checked returns all expressions of packs in the form that New takes from
// policy.Pack.Checked. Those that cannot be kept are left out, and compiled when
// they are used.
func Checked(packs ...*policy.Pack) ([]byte, error) {
	e, err := New(packs...)
	if err != nil {
		return nil, err
	}
	kept := map[uint64][]byte{}
	texts := map[uint64]string{}
	keep := func(x *expression) error {
		if x == nil {
			return nil
		}
		w := writer{refs: x.ast.ReferenceMap(), types: x.ast.TypeMap()}
		w.expr(x.ast.Expr())
		if w.err != nil {
			return w.err
		}
		key := keyOf(x.text)
		if other, ok := texts[key]; ok && other != x.text {
			return fmt.Errorf("two expressions have the same hash: %q and %q", other, x.text)
		}
		kept[key], texts[key] = w.data, x.text
		return nil
	}
	var errs []error
	for _, c := range e.policies {
		for _, v := range e.prelude(c.head.Platform) {
			x, err := v.compile()
			errs = append(errs, err, keep(x))
		}
		_, p, err := c.load()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, x := range p.expressions() {
			errs = append(errs, keep(x))
		}
	}
	return table(kept), errors.Join(errs...)
}

// expressions returns all expressions of a policy.
func (p *program) expressions() (all []*expression) {
	all = append(append(all, p.conditions...), p.severities...)
	for _, v := range p.variables {
		x, _ := v.compile()
		all = append(all, x)
	}
	for _, v := range p.validations {
		all = append(all, v.expression, v.message)
	}
	fixes, _ := p.fixes()
	for _, f := range fixes {
		all = append(all, f.when)
		for _, x := range f.values {
			all = append(all, x)
		}
	}
	return all
}

func table(kept map[uint64][]byte) []byte {
	keys := make([]uint64, 0, len(kept))
	for key := range kept {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	out := order.AppendUint32(nil, uint32(len(keys)))
	offset := indexHead + indexEntry*len(keys)
	for _, key := range keys {
		out = order.AppendUint32(order.AppendUint64(out, key), uint32(offset))
		offset += len(kept[key])
	}
	for _, key := range keys {
		out = append(out, kept[key]...)
	}
	return out
}

// checked is what Checked returned, and came with the program.
type checked string

// find returns an expression, or nil if it is not there.
func (c checked) find(text string) *ast.AST {
	if len(c) < indexHead {
		return nil
	}
	n := int(order.Uint32([]byte(c[:indexHead])))
	key := keyOf(text)
	entry := func(i int) []byte { return []byte(c[indexHead+indexEntry*i:][:indexEntry]) }
	i := sort.Search(n, func(i int) bool { return order.Uint64(entry(i)) >= key })
	if i == n || order.Uint64(entry(i)) != key {
		return nil
	}
	r := reader{data: string(c[order.Uint32(entry(i)[8:]):]), factory: ast.NewExprFactory(),
		refs: map[int64]*ast.ReferenceInfo{}, types: map[int64]*types.Type{}}
	e := r.expr()
	r.types[e.ID()] = types.DynType // what has types is checked
	return ast.NewCheckedAST(ast.NewAST(e, ast.NewSourceInfo(common.NewTextSource(text))), r.types, r.refs)
}

// The kinds of nodes and literals, as they are kept.
const (
	nodeLiteral byte = iota
	nodeIdent
	nodeSelect
	nodePresence
	nodeCall
	nodeMember
	nodeList
	nodeMap
	nodeComprehension

	literalNull byte = iota
	literalFalse
	literalTrue
	literalInt
	literalUint
	literalDouble
	literalString
	literalBytes

	refNone byte = iota
	refIdent
	refType
	refFunction
)

type writer struct {
	data  []byte
	refs  map[int64]*ast.ReferenceInfo
	types map[int64]*types.Type
	err   error
}

func (w *writer) byte(b byte)  { w.data = append(w.data, b) }
func (w *writer) number(n int) { w.data = binary.AppendUvarint(w.data, uint64(n)) }
func (w *writer) string(s string) {
	w.number(len(s))
	w.data = append(w.data, s...)
}

func (w *writer) fail(what string, x any) {
	if w.err == nil {
		w.err = fmt.Errorf("%s %v cannot be kept", what, x)
	}
}

func (w *writer) exprs(all []ast.Expr) {
	w.number(len(all))
	for _, e := range all {
		w.expr(e)
	}
}

func (w *writer) head(node byte, e ast.Expr) {
	w.byte(node)
	w.number(int(e.ID()))
	ref := w.refs[e.ID()]
	switch {
	case ref == nil:
		w.byte(refNone)
	case ref.Value != nil:
		w.fail("a constant", ref.Name)
	case len(ref.OverloadIDs) > 0:
		w.byte(refFunction)
		w.number(len(ref.OverloadIDs))
		for _, id := range ref.OverloadIDs {
			w.string(id)
		}
	case w.types[e.ID()].Kind() == types.TypeKind:
		w.byte(refType)
		w.string(ref.Name)
	default:
		w.byte(refIdent)
		w.string(ref.Name)
	}
}

func (w *writer) expr(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
		w.head(nodeLiteral, e)
		w.literal(e.AsLiteral())
	case ast.IdentKind:
		w.head(nodeIdent, e)
		w.string(e.AsIdent())
	case ast.SelectKind:
		s := e.AsSelect()
		node := nodeSelect
		if s.IsTestOnly() {
			node = nodePresence
		}
		w.head(node, e)
		w.string(s.FieldName())
		w.expr(s.Operand())
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			w.head(nodeMember, e)
			w.string(call.FunctionName())
			w.expr(call.Target())
		} else {
			w.head(nodeCall, e)
			w.string(call.FunctionName())
		}
		w.exprs(call.Args())
	case ast.ListKind:
		w.head(nodeList, e)
		w.exprs(e.AsList().Elements())
		w.number(len(e.AsList().OptionalIndices()))
		for _, i := range e.AsList().OptionalIndices() {
			w.number(int(i))
		}
	case ast.MapKind:
		w.head(nodeMap, e)
		w.number(e.AsMap().Size())
		for _, entry := range e.AsMap().Entries() {
			m := entry.AsMapEntry()
			w.number(int(entry.ID()))
			w.expr(m.Key())
			w.expr(m.Value())
			w.bool(m.IsOptional())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		w.head(nodeComprehension, e)
		for _, name := range []string{c.IterVar(), c.IterVar2(), c.AccuVar()} {
			w.string(name)
		}
		for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			w.expr(part)
		}
	default:
		w.fail("an expression of the kind", e.Kind())
	}
}

func (w *writer) bool(b bool) {
	if b {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

func (w *writer) literal(v ref.Val) {
	switch v := v.(type) {
	case types.Null:
		w.byte(literalNull)
	case types.Bool:
		if v {
			w.byte(literalTrue)
		} else {
			w.byte(literalFalse)
		}
	case types.Int:
		w.byte(literalInt)
		w.data = binary.AppendVarint(w.data, int64(v))
	case types.Uint:
		w.byte(literalUint)
		w.data = binary.AppendUvarint(w.data, uint64(v))
	case types.Double:
		w.byte(literalDouble)
		w.data = order.AppendUint64(w.data, math.Float64bits(float64(v)))
	case types.String:
		w.byte(literalString)
		w.string(string(v))
	case types.Bytes:
		w.byte(literalBytes)
		w.string(string(v))
	default:
		w.fail("a literal", v)
	}
}
