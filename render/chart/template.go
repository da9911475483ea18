package chart

import (
	"path"
	"regexp"
	"strings"
	"sync"
	"text/template/parse"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// impure are the functions whose result depends on more than the chart.
var impure = map[string]bool{
	"lookup": true, "tpl": true, "now": true, "date": false, "getHostByName": true, "uuidv4": true, "randAlphaNum": true, "randAlpha": true,
	"randAscii": true, "randNumeric": true, "randBytes": true, "randInt": true, "genCA": true, "genCAWithKey": true, "genSelfSignedCert": true,
	"genSelfSignedCertWithKey": true, "genSignedCert": true, "genSignedCertWithKey": true, "genPrivateKey": true, "htpasswd": true, "bcrypt": true,
}

var secretName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(password|passwd|passphrase|secretkey|apikey|privatekey|token)$`)
})

// lines are what is read of the text of templates.
var lines = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(---)|^(kind):[ \t]*([A-Za-z]+)[ \t]*\r?$|^  (namespace):[ \t]*["']?([a-z0-9][a-z0-9-]*)["']?[ \t]*\r?$` +
		`|^[ \t]+["']?helm\.sh/(hook|hook-delete-policy)["']?:[ \t]*["']?([a-z0-9, -]*)`)
})

// template reads one template of the chart.
func (r *reader) template(name string) {
	file := r.read(name)
	if file == nil || strings.Count(string(file.Content), "{{") > 5000 {
		return
	}
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	sets := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(file.Content), "", "", sets); err != nil {
		return
	}
	t := &templateReader{reader: r, name: name, text: string(file.Content), base: r.files.Add(file)}
	for _, one := range sorted(sets) {
		t.define = one.Name != name
		t.walk(one.Root, false)
	}
	t.finish()
}

// sorted returns the templates that a file defines, in the order of the text.
func sorted(sets map[string]*parse.Tree) (all []*parse.Tree) {
	for _, one := range sets {
		at := len(all)
		for at > 0 && all[at-1].Root.Pos > one.Root.Pos {
			at--
		}
		all = append(all[:at], append([]*parse.Tree{one}, all[at:]...)...)
	}
	return all
}

// templateReader walks the nodes of a template.
type templateReader struct {
	*reader
	name   string
	text   string
	base   int
	define bool
	object *resource.Value // the one that is being read
}

func (t *templateReader) span(start, end int) source.Span {
	return source.Span{Start: t.base + start, End: t.base + min(end, len(t.text))}
}

func (t *templateReader) walk(n parse.Node, conditional bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			t.walk(child, conditional)
		}
	case *parse.TextNode:
		if !t.define {
			t.lines(n, conditional)
		}
	case *parse.ActionNode:
		t.pipe(n.Pipe)
	case *parse.IfNode:
		t.pipe(n.Pipe)
		t.walk(n.List, true)
		t.walk(n.ElseList, true)
	case *parse.WithNode:
		t.pipe(n.Pipe)
		t.walk(n.List, true)
		t.walk(n.ElseList, true)
	case *parse.RangeNode:
		t.pipe(n.Pipe)
		t.walk(n.List, true)
		t.walk(n.ElseList, true)
	case *parse.TemplateNode:
		t.pipe(n.Pipe)
	}
}

func (t *templateReader) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.PipeNode:
				t.pipe(arg)
			case *parse.IdentifierNode:
				if impure[arg.Ident] {
					at := t.span(int(arg.Pos), int(arg.Pos)+len(arg.Ident))
					t.calls = append(t.calls, resource.NewMap(at).
						Put("function", resource.NewText(arg.Ident, at)).Put("text", resource.NewText(p.String(), at)).
						Put("file", resource.NewText(t.name, at)))
				}
			case *parse.FieldNode:
				if last := arg.Ident[len(arg.Ident)-1]; path.Base(t.name) == "NOTES.txt" && arg.Ident[0] == "Values" && secretName().MatchString(last) {
					// The position of a field is that of its last part, or of its dot.
					text := strings.Join(arg.Ident, ".")
					start := strings.LastIndex(t.text[:min(len(t.text), int(arg.Pos)+len(text)+1)], text)
					if start < 0 {
						continue
					}
					at := t.span(start, start+len(text))
					t.secrets = append(t.secrets, resource.NewMap(at).
						Put("text", resource.NewText(text, at)).Put("file", resource.NewText(t.name, at)))
				}
			}
		}
	}
}

// lines reads what a text says of objects.
func (t *templateReader) lines(n *parse.TextNode, conditional bool) {
	start := int(n.Pos)
	if start > len(t.text) || start+len(n.Text) > len(t.text) {
		return
	}
	atLine := start == 0 || t.text[start-1] == '\n'
	text := t.text[start : start+len(n.Text)]
	for _, m := range lines().FindAllStringSubmatchIndex(text, 500) {
		if m[0] == 0 && !atLine {
			continue // behind an action
		}
		get := func(group int) *resource.Value {
			return resource.NewText(strings.TrimSpace(text[m[2*group]:m[2*group+1]]), t.span(start+m[2*group], start+m[2*group+1]))
		}
		switch {
		case m[2] >= 0:
			t.finish()
		case m[4] >= 0:
			kind := get(3)
			t.current().Put("kind", kind).Put("conditional", resource.NewBool(conditional, kind.Span))
		case m[8] >= 0 && t.current().Get("namespace") == nil:
			t.current().Put("namespace", get(5))
		case m[12] >= 0 && text[m[12]:m[13]] == "hook":
			t.current().Put("hook", get(7))
		case m[12] >= 0:
			t.current().Put("deletePolicy", get(7))
		}
	}
}

func (t *templateReader) current() *resource.Value {
	if t.object == nil {
		t.object = resource.NewMap(source.Span{})
	}
	return t.object
}

// finish adds the object that was read, if it has a kind.
func (t *templateReader) finish() {
	if o := t.object; o != nil {
		if kind := o.Get("kind"); kind != nil {
			o.Span = kind.Span
			o.Put("file", resource.NewText(t.name, kind.Span))
			t.objects = append(t.objects, o)
		}
	}
	t.object = nil
}
