package dockerfile

import (
	"bytes"
	"regexp"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/source"
)

// line is an instruction: what its physical lines are put together to.
type line struct {
	text     string // without comments, continuations and here-documents
	parts    []part // of text, and of the here-documents behind it
	heredocs []heredoc
	raw      source.Span // the here-documents, with the words that end them
}

// part is a piece of a text that stands in the file as it is.
type part struct{ at, file int } // offsets of its first byte

type heredoc struct {
	name   string
	word   source.Span // of <<name
	body   source.Span // without the word that ends it
	text   string      // the body as it is copied
	expand bool
}

// span converts the range [start, end) of the text to a span of the file.
func (l *line) span(start, end int) source.Span {
	if end <= start {
		at := l.offset(start)
		return source.Span{Start: at, End: at}
	}
	return source.Span{Start: l.offset(start), End: l.offset(end-1) + 1}
}

func (l *line) offset(at int) int {
	i := sort.Search(len(l.parts), func(i int) bool { return l.parts[i].at > at }) - 1
	if i < 0 {
		i = 0
	}
	return l.parts[i].file + max(0, at-l.parts[i].at)
}

// lines reads the directives, and puts lines together.
func (p *parser) lines() []line {
	r := lineReader{parser: p, text: content(p.file.Content)}
	if bytes.HasPrefix(p.file.Content, []byte("\xef\xbb\xbf")) {
		r.next = 3
	}
	r.directives()
	var out []line
	for r.next < len(r.text) {
		if l, ok := r.line(); ok {
			out = append(out, l)
		}
	}
	return out
}

// content returns the text of a file, with a question mark for each byte that
// is not valid and for NUL, so that offsets stay.
func content(b []byte) string {
	if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
		return string(b)
	}
	out := bytes.Clone(b)
	for i := 0; i < len(out); {
		r, size := utf8.DecodeRune(out[i:])
		if r == utf8.RuneError && size == 1 || r == 0 {
			out[i] = '?'
		}
		i += size
	}
	return string(out)
}

type lineReader struct {
	*parser
	text string
	next int // where the next physical line starts
}

// physical returns the range of the next physical line, without its ending.
func (r *lineReader) physical() (start, end int) {
	start = r.next
	end = len(r.text)
	if n := strings.IndexByte(r.text[start:], '\n'); n >= 0 {
		end = start + n
		r.next = end + 1
	} else {
		r.next = end
	}
	for end > start && r.text[end-1] == '\r' {
		end--
	}
	return start, end
}

var directivePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)
})

// directives reads `# escape=` and the like. The first line that is none ends
// them.
func (r *lineReader) directives() {
	r.escape = '\\'
	seen := map[string]bool{}
	for r.next < len(r.text) {
		before := r.next
		start, end := r.physical()
		if trimmed := strings.TrimLeft(r.text[start:end], " \t"); len(trimmed) == 0 || trimmed[0] != '#' {
			r.next = before
			return
		}
		m := directivePattern().FindStringSubmatchIndex(r.text[start:end])
		if m == nil {
			return
		}
		name, value := strings.ToLower(r.text[start+m[2]:start+m[3]]), r.text[start+m[4]:start+m[5]]
		span := source.Span{Start: start + m[4], End: start + m[5]}
		switch {
		case name != "syntax" && name != "escape" && name != "check":
			return
		case seen[name]:
			r.fail(start, "the directive %s may be given once only", name)
		case name == "escape" && value != "`" && value != `\`:
			r.fail(span.Start, "the escape character must be ` or \\")
		case name == "escape":
			r.escape = value[0]
		}
		if !seen[name] {
			r.parser.directives = append(r.parser.directives, directive{name, value, span})
		}
		seen[name] = true
	}
}

// line puts the next instruction together. It is not ok where there is none, but
// an empty line or a comment.
func (r *lineReader) line() (l line, ok bool) {
	var b strings.Builder
	for first := true; r.next < len(r.text); {
		start, end := r.physical()
		for first && start < end && isSpace(r.text[start]) {
			start++
		}
		if trimmed := strings.TrimLeft(r.text[start:end], " \t\v\f\r"); trimmed == "" || trimmed[0] == '#' {
			if first {
				return l, false
			}
			continue // comments and empty lines do not end an instruction that goes on
		}
		end, goesOn := r.continuation(start, end)
		l.parts = append(l.parts, part{b.Len(), start})
		if first && !goesOn {
			l.text = r.text[start:end] // most are one line, and need no copy
			break
		}
		b.WriteString(r.text[start:end])
		if first = false; !goesOn {
			break
		}
	}
	if b.Len() > 0 {
		l.text = b.String()
	}
	l.text = strings.TrimRight(l.text, " \t\v\f\r")
	if l.text == "" {
		return l, false
	}
	r.heredocs(&l)
	return l, true
}

// continuation reports whether a line goes on, and returns where its own text
// ends.
func (r *lineReader) continuation(start, end int) (int, bool) {
	at := end
	for at > start && (r.text[at-1] == ' ' || r.text[at-1] == '\t') {
		at--
	}
	if at == start || r.text[at-1] != r.escape || at-1 > start && r.text[at-2] == r.escape {
		return end, false
	}
	return at - 1, true
}

var heredocPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9]*<<(-?)([^<]+)$`)
})

// heredocs reads the here-documents that an instruction announces.
func (r *lineReader) heredocs(l *line) {
	if !strings.Contains(l.text, "<<") || !takesHeredocs(l.text) {
		return
	}
	raw := source.Span{Start: r.next, End: r.next}
	for _, w := range splitQuoted(l.text, r.escape) {
		m := heredocPattern().FindStringSubmatch(l.text[w.start:w.end])
		if m == nil {
			continue
		}
		name := withoutQuotes(m[2])
		if name == "" {
			continue
		}
		h := heredoc{name: name, word: l.span(w.start, w.end), expand: name == m[2]}
		if !r.heredoc(&h, m[1] == "-") {
			r.fail(h.word.Start, "the here-document is not ended: a line with %s alone is missing", name)
		}
		l.heredocs = append(l.heredocs, h)
	}
	if raw.End = r.next; raw.End > raw.Start {
		l.raw = raw
		l.parts = append(l.parts, part{len(l.text), raw.Start - 1})
	}
}

// heredoc reads the lines up to the one that ends h.
func (r *lineReader) heredoc(h *heredoc, tabs bool) (ended bool) {
	h.body = source.Span{Start: r.next, End: r.next}
	var b strings.Builder
	for r.next < len(r.text) {
		before := r.next
		start, end := r.physical()
		if tabs {
			for start < end && r.text[start] == '\t' {
				start++
			}
		}
		if r.text[start:end] == h.name {
			h.body.End, h.text = before, b.String()
			return true
		}
		b.WriteString(r.text[start:r.next])
	}
	h.body.End, h.text = r.next, b.String()
	return false
}

func takesHeredocs(text string) bool {
	word, rest := cutWord(text)
	if strings.EqualFold(word, "ONBUILD") {
		word, _ = cutWord(strings.TrimLeft(rest, " \t"))
	}
	return strings.EqualFold(word, "RUN") || strings.EqualFold(word, "COPY") || strings.EqualFold(word, "ADD")
}

// script returns the text from an offset on as a shell reads it, with the
// here-documents behind it.
func (p *parser) script(l *line, from int) string {
	if l.raw.IsZero() {
		return l.text[from:]
	}
	return l.text[from:] + "\n" + content(p.file.Content[l.raw.Start:l.raw.End])
}

func withoutQuotes(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\'' || r == '\\' {
			return -1
		}
		return r
	}, s)
}
