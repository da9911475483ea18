package cel

import (
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"github.com/holdfast-dev/holdfast/iam"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// documents are texts that were read as JSON, and the statements of documents.
type documents struct {
	texts      map[string]*resource.Value
	statements map[*resource.Value]*resource.Value
}

const (
	// scopeName is a name that no expression can contain.
	scopeName = "@scope"

	asStatements = "statements"
	asJSON       = "json"
)

func isDocumentFunction(name string) bool { return name == asStatements || name == asJSON }

func usesDocuments(e ast.Expr) (uses bool) {
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		uses = uses || e.Kind() == ast.CallKind && isDocumentFunction(e.AsCall().FunctionName())
	}))
	return uses
}

// document is statements(a) or json(a).
type document struct {
	of finder
	as string
}

func (d *document) eval(v *scope, l locals) ref.Val {
	v.unread = nil
	tree, value := d.of.find(v, l)
	if tree == nil {
		if types.IsUnknown(value) && v.unread != nil {
			tree = v.unread
		}
		return v.document(value, tree, d.as)
	}
	return v.document(nil, tree, d.as)
}

// readDocuments has programs of cel-go read documents as nodes do.
func readDocuments(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if call, ok := i.(interpreter.InterpretableCall); ok && isDocumentFunction(call.Function()) {
		return &documentCall{call}, nil
	}
	return i, nil
}

// documentCall is a call of a program of cel-go.
type documentCall struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (c *documentCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	found, _ := frame.ResolveName(scopeName)
	v, ok := found.(*scope)
	if !ok {
		return c.InterpretableCall.Exec(frame)
	}
	return v.document(c.Args()[0].Exec(frame), nil, c.Function())
}

// Eval implements interpreter.Interpretable.
func (c *documentCall) Eval(vars interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(vars))
}

// document reads a value as a document; tree is the same, if it is known.
func (v *scope) document(value ref.Val, tree *resource.Value, as string) ref.Val {
	if o, ok := value.(*types.Optional); ok {
		if !o.HasValue() {
			return nothingAs(as)
		}
		return v.document(o.GetValue(), nil, as)
	}
	if types.IsError(value) {
		return value
	}
	var at *place
	if tree == nil {
		tree, at = v.locate(value)
	}
	if tree == nil {
		if types.IsUnknown(value) {
			return value
		}
		return nothingAs(as)
	}
	doc, problem := v.content(tree, as)
	switch {
	case doc == nil:
		return problem
	case at == nil && as == asJSON:
		return valueOf(doc)
	case at == nil:
		return valueOf(v.statementsOf(doc))
	case doc != tree && tree.Decoded() == nil: // its parts have no places of their own
		if as == asStatements {
			doc = v.statementsOf(doc)
		}
		return view{}.recorded(doc, at, v.rec)
	case as == asJSON:
		return recorded(doc, at, v.rec)
	}
	places := view{}
	all := iam.Statements(doc, func(part *resource.Value, path resource.Path) {
		p := at
		for _, step := range path {
			p = v.rec.below(p, step)
		}
		places[part] = p
	})
	return places.recorded(all, at, v.rec)
}

// locate returns the value of the tree that a CEL value is, and its place if reads
// are recorded. A text that is from elsewhere is a value of its own.
func (v *scope) locate(value ref.Val) (tree *resource.Value, at *place) {
	switch value := value.(type) {
	case *object:
		return value.value(), nil
	case *list:
		return value.value(), nil
	case *recordedObject:
		return value.value(), value.at
	case *recordedList:
		return value.value(), value.at
	case types.String, *types.Unknown:
		if v.rec != nil && v.rec.last != nil {
			found := v.tree.At(v.rec.last.path())
			if found != nil && (found.Unknown() != "" && types.IsUnknown(value) || found.Unknown() == "" && scalarOf(found) == value) {
				return found, v.rec.last
			}
		}
		if text, ok := value.(types.String); ok {
			return textOf(string(text)), nil
		}
	}
	return nil, nil
}

// nothingAs is what is read where there is no text.
func nothingAs(as string) ref.Val {
	if as == asStatements {
		return (*list)(&resource.Value{Kind: resource.List})
	}
	return types.NullValue
}

// content returns what a tree holds: itself, or of a text what it is decoded to.
func (v *scope) content(tree *resource.Value, as string) (doc *resource.Value, problem ref.Val) {
	if doc := tree.Decoded(); doc != nil {
		return doc, nil
	}
	switch {
	case tree.Unknown() != "":
		return nil, valueOf(tree)
	case tree.Kind == resource.Map || tree.Kind == resource.List:
		return tree, nil
	case tree.Kind != resource.String || strings.TrimSpace(tree.Str) == "":
		return nil, nothingAs(as)
	}
	return v.documents().read(tree.Str)
}

// statementsOf returns the statements of a document, which all policies share.
func (v *scope) statementsOf(doc *resource.Value) *resource.Value {
	d := v.documents()
	found, ok := d.statements[doc]
	if !ok {
		found = iam.Statements(doc, nil)
		d.statements[doc] = found
	}
	return found
}

func (s *subject) documents() *documents {
	if s.docs == nil {
		s.docs = &documents{map[string]*resource.Value{}, map[*resource.Value]*resource.Value{}}
	}
	return s.docs
}

// read reads a text as JSON. What is none is not known: whoever takes it will refuse it.
func (d *documents) read(text string) (doc *resource.Value, problem ref.Val) {
	doc, ok := d.texts[text]
	if !ok {
		if parsed, err := resource.ParseJSON(source.NewFile("document.json", []byte(text))); err == nil {
			doc = parsed.Root
		}
		d.texts[text] = doc
	}
	if doc == nil {
		return nil, types.NewUnknown(1, types.NewAttributeTrail("a text that is no JSON"))
	}
	return doc, nil
}
