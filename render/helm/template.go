package helm

import (
	"regexp"
	"strconv"
	"strings"
)

// Instrumentation. Helm's engine tells nothing about which template text became
// which line of its output. So calls to tracing functions are put into the text
// of each template before Helm's engine parses it:
//
//	text              {{_hf_text 7}}text
//	{{ expr }}        {{ _hf_out (_hf_in) 8 (expr) }}
//	{{ template x d}} {{ template x (_hf_call 9 (d)) }}
//	{{ define x }}    {{ define x }}{{_hf_enter}} … {{_hf_leave}}{{ end }}
//	a whole file      {{_hf_enter}} … {{_hf_leave}}
//
// The functions print nothing of their own and pass values on unchanged, so the
// output keeps its bytes. No line is added, so errors keep their lines. They also
// are the places where a loop can be stopped.

// node is one part of a template's source: text, or an action that prints.
type node struct {
	File   int // index of the template
	Start  int // byte offset in its source
	End    int
	Action bool
}

// token is a piece of template source: text, or an action with its delimiters.
type token struct {
	start, end int
	action     bool
	body       string // of an action, without delimiters and trim markers
	bodyAt     int    // offset of body
	trimLeft   bool   // {{-
	trimRight  bool   // -}}
	comment    bool
}

// lex splits source into tokens as text/template does. It reports false for
// source in which an action does not end, which the parser will refuse.
func lex(src string) ([]token, bool) {
	var all []token
	for at := 0; at < len(src); {
		open := strings.Index(src[at:], "{{")
		if open < 0 {
			return append(all, token{start: at, end: len(src)}), true
		}
		if open > 0 {
			all = append(all, token{start: at, end: at + open})
		}
		t, ok := lexAction(src, at+open)
		if !ok {
			return nil, false
		}
		all = append(all, t)
		at = t.end
	}
	return all, true
}

const spaces = " \t\r\n"

func lexAction(src string, start int) (token, bool) {
	t := token{start: start, action: true}
	at := start + 2
	if len(src) > at+1 && src[at] == '-' && strings.IndexByte(spaces, src[at+1]) >= 0 {
		t.trimLeft = true
		at += 2
	}
	t.bodyAt = at
	if strings.HasPrefix(src[at:], "/*") {
		t.comment = true
		i := strings.Index(src[at:], "*/")
		if i < 0 {
			return t, false
		}
		at += i + 2
	}
	end, ok := actionEnd(src, at)
	if !ok {
		return t, false
	}
	t.end = end + 2
	body := src[t.bodyAt:end]
	if n := len(body); n >= 2 && body[n-1] == '-' && strings.IndexByte(spaces, body[n-2]) >= 0 {
		t.trimRight = true
		body = body[:n-2]
	}
	t.body = body
	return t, true
}

// actionEnd finds the closing delimiter outside of quotes.
func actionEnd(src string, at int) (int, bool) {
	for at < len(src) {
		switch c := src[at]; c {
		case '"', '\'':
			for at++; at < len(src) && src[at] != c; at++ {
				if src[at] == '\\' {
					at++
				}
			}
		case '`':
			i := strings.IndexByte(src[at+1:], '`')
			if i < 0 {
				return 0, false
			}
			at += 1 + i
		case '}':
			if strings.HasPrefix(src[at:], "}}") {
				return at, true
			}
		}
		at++
	}
	return 0, false
}

var (
	word        = regexp.MustCompile(`^[a-z]+\b`)
	declaration = regexp.MustCompile(`^\$\w*(\s*,\s*\$\w*)?\s*:?=[^=]`)
	// calledName is the name of a template, and what follows it.
	calledName = regexp.MustCompile("^(?:\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)")
)

// keyword returns the control word that an action begins with, or "".
func (t token) keyword() string {
	switch w := word.FindString(strings.TrimLeft(t.body, spaces)); w {
	case "if", "else", "end", "range", "with", "define", "block", "template", "break", "continue":
		return w
	}
	return ""
}

// instrument returns the template with tracing calls, and appends its parts to
// nodes. Source that cannot be split comes back unchanged.
func instrument(file int, src string, nodes []node) (string, []node) {
	tokens, ok := lex(src)
	if !ok {
		return src, nodes
	}
	in := &instrumenter{file: file, src: src, tokens: tokens, nodes: nodes}
	return in.run(), in.nodes
}

type instrumenter struct {
	file   int
	src    string
	tokens []token
	nodes  []node
	out    strings.Builder
	open   []bool // for each open block: does it have to be left?
	quiet  int    // depth of the empty definition that we are in, which must stay empty
}

func (in *instrumenter) run() string {
	in.out.WriteString("{{_hf_enter " + strconv.Itoa(in.file) + "}}")
	for i, t := range in.tokens {
		if t.action {
			in.action(i, t)
		} else {
			in.text(i, t)
		}
	}
	in.out.WriteString("{{_hf_leave}}")
	return in.out.String()
}

// call writes a tracing call after token i, and repeats the trim marker of the
// action before it, which would trim the call instead of the text otherwise.
func (in *instrumenter) call(i int, code string) {
	in.out.WriteString("{{" + code)
	if i > 0 && in.tokens[i-1].trimRight {
		in.out.WriteString(" -")
	}
	in.out.WriteString("}}")
}

func (in *instrumenter) text(i int, t token) {
	text := in.src[t.start:t.end]
	start, end := t.start, t.end
	if i > 0 && in.tokens[i-1].trimRight {
		start = t.end - len(strings.TrimLeft(text, spaces))
	}
	if i+1 < len(in.tokens) && in.tokens[i+1].trimLeft {
		end = t.start + len(strings.TrimRight(text, spaces))
	}
	if start < end && in.quiet == 0 {
		in.call(i, "_hf_text "+in.add(start, end, false))
	}
	in.out.WriteString(text)
}

func (in *instrumenter) add(start, end int, action bool) string {
	in.nodes = append(in.nodes, node{File: in.file, Start: start, End: end, Action: action})
	return strconv.Itoa(len(in.nodes) - 1)
}

func (in *instrumenter) action(i int, t token) {
	whole := in.src[t.start:t.end]
	if t.comment {
		in.out.WriteString(whole)
		return
	}
	switch t.keyword() {
	case "if", "with", "range":
		in.open = append(in.open, false)
		in.out.WriteString(whole)
		if t.keyword() == "range" {
			in.call(i+1, "_hf_tick")
		}
	case "else", "break", "continue":
		in.out.WriteString(whole)
	case "end":
		in.end(t, whole)
	case "define", "block":
		in.define(i, t, whole)
	case "template":
		in.callTemplate(t)
	default:
		if body := strings.TrimLeft(t.body, spaces); body == "" || declaration.MatchString(body) {
			in.out.WriteString(whole)
			return
		}
		in.wrap(t, "_hf_out (_hf_in) "+in.add(t.start, t.end, true)+" (", t.body, ")")
	}
}

// wrap writes an action with another body and the same trim markers.
func (in *instrumenter) wrap(t token, before, body, after string) {
	in.out.WriteString(open(t) + before + body + after + shut(t))
}

func open(t token) string {
	if t.trimLeft {
		return "{{- "
	}
	return "{{"
}

func shut(t token) string {
	if t.trimRight {
		return " -}}"
	}
	return "}}"
}

func (in *instrumenter) end(t token, whole string) {
	leave := false
	if n := len(in.open); n > 0 {
		leave = in.open[n-1]
		in.open = in.open[:n-1]
	}
	if len(in.open) < in.quiet {
		in.quiet = 0
	}
	if leave { // the marker of the end must go on trimming the text before it
		in.out.WriteString(open(t) + "_hf_leave}}")
	}
	in.out.WriteString(whole)
}

// define traces the body of a template, unless it is empty: an empty template
// does not replace one of the same name, and must stay empty.
func (in *instrumenter) define(i int, t token, whole string) {
	traced := !in.emptyBody(i)
	in.open = append(in.open, traced)
	if !traced {
		in.quiet = len(in.open)
	}
	body := strings.TrimLeft(t.body, spaces)
	if t.keyword() == "block" {
		rest := strings.TrimLeft(body[len("block"):], spaces)
		name := calledName.FindString(rest)
		in.wrap(t, "block "+name+" (_hf_call "+in.add(t.start, t.end, true)+" (", rest[len(name):], "))")
	} else {
		in.out.WriteString(whole)
	}
	if traced {
		in.call(i+1, "_hf_enter "+strconv.Itoa(in.file))
	}
}

// emptyBody reports whether the template that token i begins has only space,
// comments and other definitions in it.
func (in *instrumenter) emptyBody(i int) bool {
	depth := 1
	for _, t := range in.tokens[i+1:] {
		switch {
		case !t.action:
			if depth == 1 && strings.Trim(in.src[t.start:t.end], spaces) != "" {
				return false
			}
		case t.comment:
		case t.keyword() == "end":
			if depth--; depth == 0 {
				return true
			}
		case t.keyword() == "define":
			depth++
		case depth == 1:
			return false
		default:
			switch t.keyword() {
			case "if", "with", "range", "block":
				depth++
			}
		}
	}
	return true
}

func (in *instrumenter) callTemplate(t token) {
	body := strings.TrimLeft(t.body, spaces)
	rest := strings.TrimLeft(body[len("template"):], spaces)
	name := calledName.FindString(rest)
	arg := rest[len(name):]
	if strings.Trim(arg, spaces) == "" {
		in.out.WriteString(open(t) + "_hf_call0}}" + in.src[t.start:t.end])
		return
	}
	in.wrap(t, "template "+name+" (_hf_call "+in.add(t.start, t.end, true)+" (", arg, "))")
}
