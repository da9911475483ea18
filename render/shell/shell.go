// Package shell takes scripts apart into simple commands, for files that hold
// scripts: Dockerfiles, Compose files and pipelines. A script is never run.
//
// A command is a map:
//
//	name     the program, without its directory
//	args     its other words, without quotes
//	assigns  variables that are set for it, or by it: {name, value}
//	writes   files that its output is redirected to
//	feeds    names of the commands that its output is handed to, by a pipe or
//	         as an argument: those that run what `curl` fetches
//
// Variables whose value is known are put in; others stay in the words as they
// are written, such as "$HOME/bin". What a word runs again is a command of its
// own beside the one it is written in: `sudo rm` is sudo and rm, and so are the
// scripts of `sh -c`, `su -c` and `find -exec`.
package shell

import (
	"fmt"
	"path"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const (
	maxSize    = 128 << 10 // bytes of a script
	maxOpeners = 4000      // parentheses, braces and backquotes, each of which may nest
	maxScripts = 4         // scripts within scripts
	maxWrapped = 8         // commands that run commands
	maxFeeds   = 16
	maxInline  = 200 // bytes of a substitution that are shown in a word
)

// Script is a text in the language of a POSIX shell or bash.
type Script struct {
	Text string
	// Span converts the range [start, end) of Text to a span of the file.
	Span func(start, end int) source.Span
	// Lookup returns the value of a variable that is set before the script; nil
	// when none is.
	Lookup func(name string) (string, bool)
}

// Commands returns the simple commands of a script, in the order of the text.
// Those of a script that is broken come with the error; where only its end is
// missing, there is none.
func Commands(s Script) ([]*resource.Value, error) { return commands(s, 0) }

// Call returns the commands of a program that is called with words, without a
// shell: one, and those that its arguments run.
func Call(words []*resource.Value) []*resource.Value {
	r := &reader{}
	r.call(words, nil, nil)
	return r.found
}

// parsers keeps the buffers of parsers, which are larger than most scripts.
var parsers = sync.Pool{New: func() any {
	return syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.RecoverErrors(1))
}}

func commands(s Script, depth int) ([]*resource.Value, error) {
	if depth > maxScripts {
		return nil, nil
	}
	if len(s.Text) > maxSize || openers(s.Text) > maxOpeners {
		return nil, fmt.Errorf("the script is too large to be judged (more than %d bytes, or %d parentheses)", maxSize, maxOpeners)
	}
	parser := parsers.Get().(*syntax.Parser)
	defer parsers.Put(parser)
	file, err := parser.Parse(strings.NewReader(s.Text), "")
	r := &reader{Script: s, depth: depth}
	if file != nil {
		r.assigned(file)
		r.stmts(file.Stmts, nil)
	}
	return r.found, err
}

func openers(text string) (n int) {
	for i := range len(text) {
		if c := text[i]; c == '(' || c == '{' || c == '`' {
			n++
		}
	}
	return n
}

type reader struct {
	Script
	depth int
	own   map[string]bool // variables that the script sets itself
	found []*resource.Value
}

// assigned notes the variables that the script sets: what was set before no
// longer tells their values.
func (r *reader) assigned(file *syntax.File) {
	r.own = map[string]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil {
				r.own[n.Name.Value] = true
			}
		case *syntax.WordIter:
			r.own[n.Name.Value] = true
		case *syntax.CallExpr:
			if len(n.Args) > 1 && n.Args[0].Lit() == "read" {
				for _, w := range n.Args[1:] {
					r.own[w.Lit()] = true
				}
			}
		}
		return true
	})
}

func (r *reader) stmts(all []*syntax.Stmt, feeds []*resource.Value) {
	for _, s := range all {
		r.stmt(s, feeds)
	}
}

// stmt adds the commands of a statement whose output goes to feeds.
func (r *reader) stmt(s *syntax.Stmt, feeds []*resource.Value) {
	if s == nil {
		return
	}
	if call, ok := s.Cmd.(*syntax.CallExpr); ok {
		r.simple(call, s.Redirs, feeds)
		return
	}
	r.command(s.Cmd, feeds)
	for _, redirect := range s.Redirs {
		r.substitutions(nil, redirect.Word)
	}
}

func (r *reader) command(c syntax.Command, feeds []*resource.Value) {
	switch c := c.(type) {
	case *syntax.BinaryCmd:
		if c.Op != syntax.Pipe && c.Op != syntax.PipeAll {
			r.stmt(c.X, feeds)
			r.stmt(c.Y, feeds)
			return
		}
		right := &reader{Script: r.Script, depth: r.depth, own: r.own}
		right.stmt(c.Y, feeds)
		r.stmt(c.X, limit(append(names(right.found), feeds...)))
		r.found = append(r.found, right.found...)
	case *syntax.Block:
		r.stmts(c.Stmts, feeds)
	case *syntax.Subshell:
		r.stmts(c.Stmts, feeds)
	case *syntax.IfClause:
		for ; c != nil; c = c.Else {
			r.stmts(c.Cond, feeds)
			r.stmts(c.Then, feeds)
		}
	case *syntax.WhileClause:
		r.stmts(c.Cond, feeds)
		r.stmts(c.Do, feeds)
	case *syntax.ForClause:
		if words, ok := c.Loop.(*syntax.WordIter); ok {
			r.substitutions(nil, words.Items...)
		}
		r.stmts(c.Do, feeds)
	case *syntax.CaseClause:
		r.substitutions(nil, c.Word)
		for _, item := range c.Items {
			r.stmts(item.Stmts, feeds)
		}
	case *syntax.FuncDecl:
		r.stmt(c.Body, nil)
	case *syntax.TimeClause:
		r.stmt(c.Stmt, feeds)
	case *syntax.CoprocClause:
		r.stmt(c.Stmt, feeds)
	case *syntax.DeclClause:
		r.declare(c)
	}
}

// declare adds `export X=1` and its like.
func (r *reader) declare(c *syntax.DeclClause) {
	name := r.text(c.Variant.Value, c.Variant)
	r.add(command{name: name, assigns: r.assigns(c.Args)})
	for _, a := range c.Args {
		r.substitutions(nil, a.Value)
	}
}

// simple adds a simple command, what it runs in turn, and what is in its words.
func (r *reader) simple(call *syntax.CallExpr, redirects []*syntax.Redirect, feeds []*resource.Value) {
	words := make([]*resource.Value, 0, len(call.Args))
	for _, w := range call.Args {
		words = append(words, r.word(w))
	}
	var writes []*resource.Value
	for _, redirect := range redirects {
		switch redirect.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
			writes = append(writes, r.word(redirect.Word))
		}
	}
	before := len(r.found)
	assigns := r.assigns(call.Assigns)
	if len(words) > 0 {
		r.call(words, feeds, &command{assigns: assigns, writes: writes})
	} else if len(assigns) > 0 {
		r.add(command{assigns: assigns})
	}
	own := names(r.found[before:])
	for i, w := range call.Args {
		r.script(call.Args, i, words)
		r.substitutions(own, w)
	}
	for _, a := range call.Assigns {
		r.substitutions(nil, a.Value)
	}
	for _, redirect := range redirects {
		r.substitutions(own, redirect.Word)
		if redirect.Hdoc != nil && len(own) > 0 && isShell(own[len(own)-1].Str) {
			r.heredoc(redirect)
		}
	}
}

// script adds the commands of the word i if it is the script of `sh -c`. Those
// of a program that is called without a shell are added by call.
func (r *reader) script(args []*syntax.Word, i int, words []*resource.Value) {
	if i < 2 || !isScriptFlag(words[i-1].Str) {
		return
	}
	for _, w := range words[:i-1] {
		if name := path.Base(w.Str); isShell(name) || name == "su" {
			r.nested(args[i])
			return
		}
	}
}

// heredoc reads a here-document as a script. That of the parser ends with the
// word that ends it.
func (r *reader) heredoc(redirect *syntax.Redirect) {
	start, end := int(redirect.Hdoc.Pos().Offset()), min(int(redirect.Hdoc.End().Offset()), len(r.Text))
	if start >= end {
		return
	}
	body := r.Text[start:end]
	last := strings.LastIndexByte(strings.TrimRight(body, "\n"), '\n') + 1
	if strings.TrimSpace(body[last:]) == r.word(redirect.Word).Str {
		end = start + last
	}
	r.inner(start, end, false)
}

// nested reads a word as a script.
func (r *reader) nested(w *syntax.Word) {
	start, end := int(w.Pos().Offset()), int(w.End().Offset())
	quote := byte(0)
	if len(w.Parts) == 1 {
		switch p := w.Parts[0].(type) {
		case *syntax.SglQuoted:
			quote = '\''
		case *syntax.DblQuoted:
			if quote = '"'; len(p.Parts) == 1 {
				if _, ok := p.Parts[0].(*syntax.CmdSubst); ok {
					return // its commands are those of the outer script
				}
			}
		case *syntax.CmdSubst:
			return
		}
	}
	if quote != 0 && end-start >= 2 {
		start, end = start+1, end-1
	}
	if start <= end && end <= len(r.Text) {
		r.inner(start, end, quote == '"')
	}
}

// inner reads a range of the text as a script.
func (r *reader) inner(start, end int, doubleQuoted bool) {
	text, at := unescape(r.Text[start:end], doubleQuoted)
	inner, _ := commands(Script{ // a script in a script that is broken has no place of its own to complain about
		Text:   text,
		Span:   func(a, b int) source.Span { return r.Span(start+at(a), start+max(at(a)+1, at(b-1)+1)) },
		Lookup: r.outer,
	}, r.depth+1)
	r.found = append(r.found, inner...)
}

// outer is what a script within this one knows of variables.
func (r *reader) outer(name string) (string, bool) {
	if r.Lookup == nil || r.own[name] {
		return "", false
	}
	return r.Lookup(name)
}

// unescape removes the backslashes that protect a quote, a dollar or a backslash
// in double quotes. At converts offsets of the result to those of text.
func unescape(text string, doubleQuoted bool) (out string, at func(int) int) {
	if !doubleQuoted || !strings.Contains(text, `\`) {
		return text, func(i int) int { return i }
	}
	var b strings.Builder
	var offsets []int
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte("\"$`\\", text[i+1]) >= 0 {
			i++
		}
		b.WriteByte(text[i])
		offsets = append(offsets, i)
	}
	return b.String(), func(i int) int {
		if i < 0 || len(offsets) == 0 {
			return 0
		}
		if i >= len(offsets) {
			return len(text)
		}
		return offsets[i]
	}
}

// substitutions adds the commands of $(…), `…`, <(…) in words, whose output is
// handed to feeds.
func (r *reader) substitutions(feeds []*resource.Value, words ...*syntax.Word) {
	for _, w := range words {
		if w == nil {
			continue
		}
		syntax.Walk(w, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.CmdSubst:
				r.stmts(n.Stmts, feeds)
				return false
			case *syntax.ProcSubst:
				r.stmts(n.Stmts, feeds)
				return false
			}
			return true
		})
	}
}

func (r *reader) assigns(all []*syntax.Assign) []*resource.Value {
	var out []*resource.Value
	for _, a := range all {
		if a.Name == nil {
			continue
		}
		one := resource.NewMap(r.span(a)).Put("name", r.text(a.Name.Value, a.Name))
		if a.Value != nil {
			one.Put("value", r.word(a.Value))
		}
		out = append(out, one)
	}
	return out
}

// span returns where a node stands, which is at least one byte of the text: of a
// broken script the parser makes nodes up, which have no place of their own.
func (r *reader) span(n syntax.Node) source.Span {
	start, end := int(n.Pos().Offset()), min(int(n.End().Offset()), len(r.Text))
	if !n.Pos().IsValid() || start >= len(r.Text) {
		start = max(0, len(r.Text)-1)
	}
	return r.Span(start, min(max(end, start+1), len(r.Text)))
}

func (r *reader) text(s string, n syntax.Node) *resource.Value { return resource.NewText(s, r.span(n)) }

func limit(all []*resource.Value) []*resource.Value { return all[:min(len(all), maxFeeds)] }

func names(all []*resource.Value) (out []*resource.Value) {
	for _, c := range all {
		if name := c.Get("name"); name != nil && len(out) < maxFeeds {
			out = append(out, name)
		}
	}
	return out
}
