package plan

import (
	"bytes"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// blank returns a copy of a text with spaces in the place of a span, but for line ends.
func blank(text []byte, span source.Span) []byte {
	out := bytes.Clone(text)
	for i := span.Start; i < span.End; i++ {
		if out[i] != '\n' {
			out[i] = ' '
		}
	}
	return out
}

// topLevel returns the spans of the members' values of a JSON map.
func topLevel(text []byte) (members map[string][]source.Span, ok bool) {
	members = map[string][]source.Span{}
	s := scanner{text: text}
	if bytes.HasPrefix(text, []byte("\uFEFF")) {
		s.pos = len("\uFEFF")
	}
	if !s.next('{') {
		return nil, false
	}
	for !s.next('}') {
		s.next(',')
		s.space()
		start := s.pos
		if !s.skip() || start == s.pos {
			return nil, false
		}
		key := string(bytes.Trim(text[start:s.pos], `"`))
		if !s.next(':') {
			return nil, false
		}
		s.space()
		start = s.pos
		if !s.skip() {
			return nil, false
		}
		members[key] = append(members[key], source.Span{Start: start, End: s.pos})
	}
	return members, true
}

// scanner passes over JSON values without reading them.
type scanner struct {
	text []byte
	pos  int
}

func (s *scanner) space() {
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0 {
		s.pos++
	}
}

// next passes over a character, if it comes next.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// skip passes over a value.
func (s *scanner) skip() bool {
	for depth := 0; s.pos < len(s.text); {
		switch c := s.text[s.pos]; {
		case c == '"':
			for s.pos++; s.pos < len(s.text) && s.text[s.pos] != '"'; s.pos++ {
				if s.text[s.pos] == '\\' {
					s.pos++
				}
			}
			s.pos = min(s.pos+1, len(s.text))
			if depth == 0 {
				return true
			}
			continue
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return true // the end of what it is in
			}
			if depth--; depth == 0 {
				s.pos++
				return true
			}
		case depth == 0 && (c == ',' || c == ':'):
			return true
		}
		s.pos++
	}
	return false
}
