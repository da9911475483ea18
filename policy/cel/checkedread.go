package cel

import (
	"encoding/binary"
	"math"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// reader reads what writer wrote. The bytes are part of the program, so that
// nothing has to be expected of them but what writer writes.
type reader struct {
	data    string
	factory ast.ExprFactory
	refs    map[int64]*ast.ReferenceInfo
	types   map[int64]*types.Type
}

func (r *reader) byte() byte {
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uvarint() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) number() int { return int(r.uvarint()) }

func (r *reader) string() string {
	n := r.number()
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}

func (r *reader) exprs() []ast.Expr {
	all := make([]ast.Expr, r.number())
	for i := range all {
		all[i] = r.expr()
	}
	return all
}

func (r *reader) reference(id int64) {
	switch r.byte() {
	case refFunction:
		overloads := make([]string, r.number())
		for i := range overloads {
			overloads[i] = r.string()
		}
		r.refs[id] = ast.NewFunctionReference(overloads...)
	case refType:
		r.types[id] = types.TypeType
		r.refs[id] = ast.NewIdentReference(r.string(), nil)
	case refIdent:
		r.refs[id] = ast.NewIdentReference(r.string(), nil)
	}
}

func (r *reader) expr() ast.Expr {
	node, id := r.byte(), int64(r.number())
	r.reference(id)
	switch node {
	case nodeLiteral:
		return r.factory.NewLiteral(id, r.literal())
	case nodeIdent:
		return r.factory.NewIdent(id, r.string())
	case nodeSelect:
		field := r.string()
		return r.factory.NewSelect(id, r.expr(), field)
	case nodePresence:
		field := r.string()
		return r.factory.NewPresenceTest(id, r.expr(), field)
	case nodeCall:
		name := r.string()
		return r.factory.NewCall(id, name, r.exprs()...)
	case nodeMember:
		name := r.string()
		target := r.expr()
		return r.factory.NewMemberCall(id, name, target, r.exprs()...)
	case nodeList:
		elements := r.exprs()
		optional := make([]int32, r.number())
		for i := range optional {
			optional[i] = int32(r.number())
		}
		return r.factory.NewList(id, elements, optional)
	case nodeMap:
		entries := make([]ast.EntryExpr, r.number())
		for i := range entries {
			entry := int64(r.number())
			key, value := r.expr(), r.expr()
			entries[i] = r.factory.NewMapEntry(entry, key, value, r.byte() == 1)
		}
		return r.factory.NewMap(id, entries)
	}
	one, two, accu := r.string(), r.string(), r.string()
	over, init, condition, step, result := r.expr(), r.expr(), r.expr(), r.expr(), r.expr()
	if two == "" {
		return r.factory.NewComprehension(id, over, one, accu, init, condition, step, result)
	}
	return r.factory.NewComprehensionTwoVar(id, over, one, two, accu, init, condition, step, result)
}

func (r *reader) literal() ref.Val {
	switch r.byte() {
	case literalFalse:
		return types.False
	case literalTrue:
		return types.True
	case literalInt:
		return types.Int(r.varint())
	case literalUint:
		return types.Uint(r.uvarint())
	case literalDouble:
		var bits [8]byte
		copy(bits[:], r.data)
		r.data = r.data[8:]
		return types.Double(math.Float64frombits(binary.LittleEndian.Uint64(bits[:])))
	case literalString:
		return types.String(r.string())
	case literalBytes:
		return types.Bytes(r.string())
	}
	return types.NullValue
}
