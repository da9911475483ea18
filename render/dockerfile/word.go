package dockerfile

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/render/image"
)

// words are ranges of a line's text.
type words []word

type word struct{ start, end int }

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' || c == '\n'
}

// cutWord returns the first word of a text, and what comes after it.
func cutWord(text string) (first, rest string) {
	for i := range len(text) {
		if isSpace(text[i]) {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// split returns the words from an offset on, which blanks separate.
func split(text string, from int) (out words) {
	for i := from; i < len(text); {
		if isSpace(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && !isSpace(text[i]) {
			i++
		}
		out = append(out, word{start, i})
	}
	return out
}

// splitQuoted returns the words of a text, in which quotes hold blanks together.
func splitQuoted(text string, escape byte) words { return splitQuotedFrom(text, 0, escape) }

func splitQuotedFrom(text string, from int, escape byte) (out words) {
	for i := from; i < len(text); {
		if isSpace(text[i]) {
			i++
			continue
		}
		w := firstQuoted(text, i, escape)
		out = append(out, w)
		i = w.end
	}
	return out
}

// firstQuoted returns the word that starts at an offset.
func firstQuoted(text string, start int, escape byte) word {
	quote := byte(0)
	i := start
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == escape && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case isSpace(c):
			return word{start, i}
		}
	}
	return word{start, min(i, len(text))}
}

// jsonWords returns the items of a JSON array of strings, the exec form. Anything
// else is not ok.
func jsonWords(text string, from int) (values []string, at words, ok bool) {
	body := text[from:]
	trimmed := strings.TrimLeft(body, " \t")
	if !strings.HasPrefix(trimmed, "[") || json.Unmarshal([]byte(trimmed), &values) != nil || values == nil {
		return nil, nil, false
	}
	// The text is valid, so strings can be found by their quotes.
	for i := from; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		start := i
		for i++; i < len(text) && text[i] != '"'; i++ {
			if text[i] == '\\' {
				i++
			}
		}
		at = append(at, word{start, min(i+1, len(text))})
	}
	return values, at, len(at) == len(values) // null is not a string
}

// expansion is a text with its variables put in.
type expansion struct {
	text   string // with image.Unknown for what is not known
	reason string // why something is not known; "" when all is
	err    string
}

// expander replaces variables, and removes quotes.
type expander struct {
	escape byte
	lookup func(name string) variable
	depth  int
	reason string
	err    string
	out    strings.Builder
}

const (
	maxNesting   = 50
	notEvaluated = "it takes a variable apart in a way that is not evaluated"
)

func (p *parser) expand(text string, s *scope) expansion {
	if !strings.ContainsAny(text, "$'\"`\\") {
		return expansion{text: text}
	}
	e := expander{escape: p.escape, lookup: func(name string) variable { return p.variable(s, name) }}
	e.words(text)
	out := e.out.String()
	if len(out) > maxValue {
		out, e.reason = image.Unknown, "it is too long"
	}
	return expansion{out, e.reason, e.err}
}

func (e *expander) words(s string) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				e.err = "the quote ' is not closed"
				return
			}
			e.out.WriteString(s[i+1 : i+1+end])
			i += end + 2
		case c == '"':
			i = e.doubleQuoted(s, i+1)
		case c == '$':
			i = e.dollar(s, i+1)
		case c == e.escape && i+1 < len(s):
			e.out.WriteByte(s[i+1])
			i += 2
		default:
			e.out.WriteByte(c)
			i++
		}
	}
}

func (e *expander) doubleQuoted(s string, i int) int {
	for i < len(s) {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c == '$':
			i = e.dollar(s, i+1)
		case c == e.escape && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '$' || s[i+1] == e.escape):
			e.out.WriteByte(s[i+1])
			i += 2
		default:
			e.out.WriteByte(c)
			i++
		}
	}
	e.err = `the quote " is not closed`
	return i
}

// dollar writes what a variable stands for, and returns where the text goes on.
func (e *expander) dollar(s string, i int) int {
	if i < len(s) && s[i] == '{' {
		return e.braces(s, i+1)
	}
	name := variableName(s[i:])
	if name == "" {
		e.out.WriteByte('$')
		return i
	}
	e.write(e.lookup(name))
	return i + len(name)
}

// braces writes what ${name…} stands for.
func (e *expander) braces(s string, i int) int {
	name := variableName(s[i:])
	end := closing(s, i, e.escape)
	if name == "" || end < 0 {
		e.err = "the variable in ${ is not ended by }"
		return len(s)
	}
	operator, v := s[i+len(name):end], e.lookup(name)
	rest := strings.TrimPrefix(operator, ":")
	unset := v.argument || !v.set || rest != operator && v.value == ""
	switch {
	case operator == "":
		e.write(v)
	case rest == "":
		e.err = "the variable in ${ has an operator that does not exist"
	case rest[0] == '-' || rest[0] == '+':
		switch {
		case v.reason != "" && !v.argument:
			e.write(v)
		case unset == (rest[0] == '-'):
			e.nested(rest[1:])
		case rest[0] == '-':
			e.write(v)
		}
	case rest[0] == '?':
		e.write(v)
	case rest[0] == '#' || rest[0] == '%' || rest[0] == '/':
		e.write(variable{reason: notEvaluated})
	default:
		e.err = "the variable in ${ has an operator that does not exist"
	}
	return end + 1
}

func (e *expander) nested(s string) {
	if e.depth++; e.depth > maxNesting {
		e.err = "variables nest too deeply"
		return
	}
	e.words(s)
	e.depth--
}

func (e *expander) write(v variable) {
	switch {
	case e.out.Len() > maxValue:
	case v.reason != "":
		e.reason = v.reason
		e.out.WriteString(image.Unknown)
	default:
		e.out.WriteString(v.value)
	}
}

// closing returns where the brace that is open at i is closed, or -1.
func closing(s string, i int, escape byte) int {
	for depth := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == escape && i+1 < len(s):
			i++
		case c == '{' && s[i-1] == '$':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func variableName(s string) string {
	end := 0
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if r != '_' && !unicode.IsLetter(r) && (end == 0 || !unicode.IsDigit(r)) {
			break
		}
		end += size
	}
	return s[:end]
}
