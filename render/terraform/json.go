package terraform

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// labels is how many labels the blocks of a type have.
var labels = map[string]int{
	"resource": 2, "data": 2, "ephemeral": 2, "module": 1, "variable": 1, "output": 1, "provider": 1, "check": 1,
	"terraform": 0, "locals": 0, "moved": 0, "import": 0, "removed": 0,
	"provisioner": 1, "dynamic": 1, "backend": 1, "provider_meta": 1,
}

// jsonFile turns a file in JSON into the blocks that it stands for. Without the
// schemas of providers it is not known whether an object is a block or a map: it is
// a block, unless it has a name that maps usually have.
type jsonFile struct {
	*file
	problems []render.Problem
}

// parseJSON reads a file in JSON as the blocks that it stands for.
func parseJSON(f *file) (*hclsyntax.Body, []render.Problem) {
	doc, err := resource.ParseJSON(f.File)
	if err != nil {
		return nil, []render.Problem{render.AsProblem(f.Path, err)}
	}
	j := &jsonFile{file: f}
	body := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: j.rangeOf(doc.Root.Span)}
	if isVariables(f.Path) {
		j.attributes(body, doc.Root)
		return body, j.problems
	}
	for _, field := range doc.Root.Fields {
		if n, known := labels[field.Key]; known {
			j.blocks(body, field.Key, field.KeySpan, n, nil, field.Value)
		}
	}
	return body, j.problems
}

func (j *jsonFile) rangeOf(s source.Span) hcl.Range {
	return hcl.Range{Filename: j.Path, Start: hcl.Pos{Line: 1, Column: 1, Byte: j.base + s.Start}, End: hcl.Pos{Line: 1, Column: 1, Byte: j.base + s.End}}
}

type jsonLabel struct {
	text string
	span source.Span
}

// blocks adds the blocks of a type: below their labels an object, or a list of them.
func (j *jsonFile) blocks(body *hclsyntax.Body, kind string, at source.Span, more int, found []jsonLabel, v *resource.Value) {
	switch {
	case v.Kind == resource.List:
		for _, item := range v.Items {
			j.blocks(body, kind, at, more, found, item)
		}
	case v.Kind != resource.Map:
	case more > 0:
		for _, f := range v.Fields {
			if f.Key != "//" {
				j.blocks(body, kind, at, more-1, append(slices.Clip(found), jsonLabel{f.Key, f.KeySpan}), f.Value)
			}
		}
	default:
		b := &hclsyntax.Block{Type: kind, TypeRange: j.rangeOf(at), OpenBraceRange: j.rangeOf(source.Span{Start: v.Span.Start, End: v.Span.Start + 1})}
		b.CloseBraceRange = j.rangeOf(source.Span{Start: v.Span.End - 1, End: v.Span.End})
		for _, l := range found {
			b.Labels = append(b.Labels, l.text)
			b.LabelRanges = append(b.LabelRanges, j.rangeOf(l.span))
		}
		b.Body = &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: j.rangeOf(v.Span)}
		j.fill(b.Body, kind, v)
		body.Blocks = append(body.Blocks, b)
	}
}

// fill takes the properties of an object into a body.
func (j *jsonFile) fill(body *hclsyntax.Body, kind string, v *resource.Value) {
	for _, f := range v.Fields {
		switch {
		case f.Key == "//":
		case j.isBlock(kind, f):
			j.blocks(body, f.Key, f.KeySpan, labels[f.Key], nil, f.Value)
		case kind == "variable" && f.Key == "type" && f.Value.Kind == resource.String:
			j.attribute(body, f, j.parsed(f.Value))
		default:
			j.attribute(body, f, j.expr(f.Value))
		}
	}
}

func (j *jsonFile) attributes(body *hclsyntax.Body, v *resource.Value) {
	for _, f := range v.Fields {
		if f.Key != "//" {
			j.attribute(body, f, j.expr(f.Value))
		}
	}
}

func (j *jsonFile) attribute(body *hclsyntax.Body, f resource.Field, e hclsyntax.Expression) {
	name := j.rangeOf(f.KeySpan)
	body.Attributes[f.Key] = &hclsyntax.Attribute{Name: f.Key, Expr: e, NameRange: name, SrcRange: hcl.RangeBetween(name, e.Range()), EqualsRange: name}
}

// maps are attributes that are maps.
var jsonMaps = []string{
	"tags", "tags_all", "labels", "annotations", "variables", "environment_variables", "parameters", "triggers", "keepers", "input",
	"triggers_replace", "data", "string_data", "binary_data", "query", "vars", "values", "match_labels", "request_parameters", "metadata_options_tags",
	"app_settings", "custom_properties", "user_labels", "resource_labels", "node_selector", "required_providers_map", "for_each", "limits", "requests",
}

// isBlock reports whether a property is a nested block.
func (j *jsonFile) isBlock(kind string, f resource.Field) bool {
	isObject := func(v *resource.Value) bool { return v.Kind == resource.Map }
	switch kind {
	case "locals", "module", "output", "required_providers", "moved", "import":
		return false
	case "variable":
		return f.Key == "validation"
	}
	if slices.Contains(jsonMaps, f.Key) {
		return false
	}
	return isObject(f.Value) || f.Value.Kind == resource.List && len(f.Value.Items) > 0 && !slices.ContainsFunc(f.Value.Items, func(v *resource.Value) bool { return !isObject(v) })
}

// expr returns the expression that a value in JSON is: a text is a template.
func (j *jsonFile) expr(v *resource.Value) hclsyntax.Expression {
	at := j.rangeOf(v.Span)
	literal := func(val cty.Value) hclsyntax.Expression {
		return &hclsyntax.LiteralValueExpr{Val: val, SrcRange: at}
	}
	switch v.Kind {
	case resource.Bool:
		return literal(cty.BoolVal(v.Bool))
	case resource.Int, resource.Float:
		n, err := cty.ParseNumberVal(v.Str)
		if err != nil {
			n = cty.Zero
		}
		return literal(n)
	case resource.String:
		return j.template(v.Str, v.Span)
	case resource.List:
		list := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: at}
		for _, item := range v.Items {
			list.Exprs = append(list.Exprs, j.expr(item))
		}
		return list
	case resource.Map:
		object := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: at}
		for _, f := range v.Fields {
			object.Items = append(object.Items, hclsyntax.ObjectConsItem{
				KeyExpr: &hclsyntax.ObjectConsKeyExpr{Wrapped: j.template(f.Key, f.KeySpan), ForceNonLiteral: true}, ValueExpr: j.expr(f.Value),
			})
		}
		return object
	}
	return literal(cty.NullVal(cty.DynamicPseudoType))
}

func (j *jsonFile) template(text string, span source.Span) hclsyntax.Expression {
	at := j.rangeOf(span)
	plain := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(text), SrcRange: at}
	if !strings.Contains(text, "${") && !strings.Contains(text, "%{") {
		return plain
	}
	start := at.Start
	start.Byte++
	e, diags := hclsyntax.ParseTemplate([]byte(text), j.Path, start)
	if diags.HasErrors() || tooDeep([]byte(text)) != "" {
		j.mistake(span, diags)
		return plain
	}
	return e
}

// parsed returns the expression that a text holds.
func (j *jsonFile) parsed(v *resource.Value) hclsyntax.Expression {
	start := j.rangeOf(v.Span).Start
	start.Byte++
	e, diags := hclsyntax.ParseExpression(bytes.TrimSpace([]byte(v.Str)), j.Path, start)
	if diags.HasErrors() {
		j.mistake(v.Span, diags)
		return j.expr(&resource.Value{Span: v.Span})
	}
	return e
}

func (j *jsonFile) mistake(span source.Span, diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && len(j.problems) < maxProblems {
			j.problems = append(j.problems, render.Problem{Path: j.Path, Position: j.Position(span.Start), Message: lower(d.Summary) + ": " + strings.TrimSuffix(d.Detail, ".")})
			return
		}
	}
}
