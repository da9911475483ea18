package helm

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"text/template"
)

// segment says where some bytes of a template's output come from: the text of a
// node, byte for byte, or an action.
type segment struct {
	Len    int // bytes of the output
	File   int // index of the template
	Offset int // in its source: of the text, or of the action
	Action bool
	Call   int `json:",omitempty"` // by what it was included: 1 + an index of the calls
}

// call is an action that included a template, and what that was included by.
type call struct {
	File, Offset int
	Outer        int // as segment.Call
}

// maxCalls bounds the calls that are told apart.
const maxCalls = 100_000

// fragment is output with its segments.
type fragment struct {
	text strings.Builder
	segs []segment
}

func (f *fragment) add(text string, segs ...segment) {
	f.text.WriteString(text)
	f.segs = append(f.segs, segs...)
}

// maxSteps bounds a rendering: text nodes, actions and turns of loops. The largest
// public charts take some 100,000.
const maxSteps = 5_000_000

var errTooManySteps = errors.New("the templates take too many steps; is there a loop without end?")

// tracer builds up what the engine writes while it writes it.
type tracer struct {
	ctx     context.Context
	limit   int // bytes of output
	sources []string
	nodes   []node

	stack   []*frame
	called  bool              // a template action comes next, not an include
	caller  int               // its node, or -1
	outputs map[int]*fragment // per file
	steps   int
	size    int
	stop    error // the limit that was reached

	calls  []call
	nested map[call]int // the call that another one is, when included by an action
}

// frame is a template, or the evaluation of an action, under way.
type frame struct {
	fragment
	file     int
	inline   bool        // a template action: the caller's output
	caller   int         // the node of that action, or -1
	included []*fragment // what was rendered for an action's value
}

func (tr *tracer) funcs() template.FuncMap {
	return template.FuncMap{
		"_hf_enter": tr.enter,
		"_hf_leave": tr.leave,
		"_hf_text":  tr.printText,
		"_hf_in":    tr.in,
		"_hf_out":   tr.printValue,
		"_hf_call":  func(id int, v any) any { tr.called, tr.caller = true, id; return v },
		"_hf_call0": func() string { tr.called, tr.caller = true, -1; return "" },
		"_hf_tick":  func() (string, error) { return "", tr.step(0) },
	}
}

// step counts one step and so many bytes, and ends the rendering above a limit.
func (tr *tracer) step(bytes int) error {
	tr.steps++
	tr.size += bytes
	switch {
	case tr.steps > maxSteps:
		tr.stop = errTooManySteps
	case tr.size > tr.limit:
		tr.stop = fmt.Errorf("the templates write more than %d MiB", tr.limit>>20)
	case tr.steps%256 == 0 && tr.ctx.Err() != nil:
		tr.stop = tr.ctx.Err()
	}
	return tr.stop
}

func (tr *tracer) top() *frame {
	if len(tr.stack) == 0 {
		return nil
	}
	return tr.stack[len(tr.stack)-1]
}

func (tr *tracer) pop() *frame {
	f := tr.top()
	if f != nil {
		tr.stack = tr.stack[:len(tr.stack)-1]
	}
	return f
}

func (tr *tracer) enter(file int) (string, error) {
	tr.stack = append(tr.stack, &frame{file: file, inline: tr.called, caller: tr.caller})
	tr.called = false
	return "", tr.step(0)
}

func (tr *tracer) leave() string {
	f, outer := tr.pop(), tr.top()
	switch {
	case f == nil:
	case outer == nil:
		tr.outputs[f.file] = &f.fragment
	case f.inline:
		if f.caller >= 0 {
			n := tr.nodes[f.caller]
			for i, s := range f.segs {
				f.segs[i].Call = tr.under(s.Call, segment{File: n.File, Offset: n.Start})
			}
		}
		outer.add(f.text.String(), f.segs...)
		outer.included = append(outer.included, f.included...)
	default:
		outer.included = append(outer.included, &f.fragment)
	}
	return ""
}

func (tr *tracer) printText(id int) (string, error) {
	n := tr.nodes[id]
	text := tr.sources[n.File][n.Start:n.End]
	if f := tr.top(); f != nil {
		f.add(text, segment{Len: len(text), File: n.File, Offset: n.Start})
	}
	return "", tr.step(len(text))
}

func (tr *tracer) in() string {
	tr.stack = append(tr.stack, &frame{})
	return ""
}

// printValue takes the value of an action and hands it on to be printed.
func (tr *tracer) printValue(_ string, id int, v any) (any, error) {
	args, f := tr.pop(), tr.top()
	v = addressable(v)
	if args == nil || f == nil {
		return v, tr.step(0)
	}
	n := tr.nodes[id]
	text := strings.ReplaceAll(fmt.Sprint(printed(v)), "<no value>", "")
	action := segment{File: n.File, Offset: n.Start, Action: true}
	f.add(text, tr.includedBy(action, align(text, args.included, action))...)
	return v, tr.step(len(text))
}

// includedBy notes of segments that are not an action's own that it included them.
func (tr *tracer) includedBy(action segment, segs []segment) []segment {
	for i, s := range segs {
		if !s.Action || s.File != action.File || s.Offset != action.Offset {
			segs[i].Call = tr.under(s.Call, action)
		}
	}
	return segs
}

// under returns what a call becomes when an action includes it.
func (tr *tracer) under(inner int, action segment) int {
	key := call{File: action.File, Offset: action.Offset, Outer: inner}
	if known, ok := tr.nested[key]; ok {
		return known
	}
	if len(tr.calls) >= maxCalls {
		return inner
	}
	made := call{File: action.File, Offset: action.Offset}
	if inner > 0 {
		made = tr.calls[inner-1]
		made.Outer = tr.under(made.Outer, action)
	}
	tr.calls = append(tr.calls, made)
	if tr.nested == nil {
		tr.nested = map[call]int{}
	}
	tr.nested[key] = len(tr.calls)
	return len(tr.calls)
}

// addressable returns a pointer to a struct whose pointer prints itself: what
// templates reach through a pointer is printed so.
func addressable(v any) any {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Struct {
		return v
	}
	if _, ok := v.(fmt.Stringer); ok {
		return v
	}
	p := reflect.New(rv.Type())
	p.Elem().Set(rv)
	if s, ok := p.Interface().(fmt.Stringer); ok {
		return s
	}
	return v
}

// printed is what text/template prints for v.
func printed(v any) any {
	switch v.(type) {
	case nil:
		return "<no value>"
	case error, fmt.Stringer:
		return v
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
		return rv.Elem().Interface()
	}
	return v
}

// align maps the value of an action to the templates included for it, line by
// line: functions such as indent change what surrounds a line and not the line.
// Lines that are found nowhere are the action's own.
func align(text string, included []*fragment, action segment) []segment {
	if text == "" {
		return nil
	}
	own := action
	own.Len = len(text)
	if len(included) == 0 {
		return []segment{own}
	}
	lines := includedLines(included)
	var segs []segment
	for line := range strings.SplitAfterSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		i := nextLine(lines, trimmed)
		if i < 0 {
			own.Len = len(line)
			segs = append(segs, own)
			continue
		}
		before := strings.Index(line, trimmed)
		own.Len = before
		segs = append(segs, own)
		segs = append(segs, lines[i].segs...)
		own.Len = len(line) - before - len(trimmed)
		segs = append(segs, own)
		lines = lines[i+1:]
	}
	return segs
}

// lookAhead bounds the search for a line, so that long values stay cheap.
const lookAhead = 200

func nextLine(lines []alignedLine, text string) int {
	if text == "" {
		return -1
	}
	for i := range lines[:min(len(lines), lookAhead)] {
		if lines[i].text == text {
			return i
		}
	}
	return -1
}

// alignedLine is a line without the space around it.
type alignedLine struct {
	text string
	segs []segment
}

func includedLines(included []*fragment) []alignedLine {
	var all []alignedLine
	for _, f := range included {
		at := 0
		cut := cutter{segs: f.segs}
		for line := range strings.SplitAfterSeq(f.text.String(), "\n") {
			trimmed := strings.TrimSpace(line)
			if trimmed != "" {
				start := at + strings.Index(line, trimmed)
				all = append(all, alignedLine{trimmed, cut.slice(start, start+len(trimmed))})
			}
			at += len(line)
		}
	}
	return all
}

// cutter cuts ranges out of segments, in rising order.
type cutter struct {
	segs []segment
	at   int // offset of segs[0]
}

func (c *cutter) slice(start, end int) []segment {
	for len(c.segs) > 0 && c.at+c.segs[0].Len <= start {
		c.at += c.segs[0].Len
		c.segs = c.segs[1:]
	}
	var out []segment
	at := c.at
	for _, s := range c.segs {
		if at >= end {
			break
		}
		from, to := max(start-at, 0), min(end-at, s.Len)
		if !s.Action {
			s.Offset += from
		}
		at += s.Len
		s.Len = to - from
		out = append(out, s)
	}
	return out
}
