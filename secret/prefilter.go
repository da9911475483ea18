package secret

import (
	"bytes"
	"sync"
)

// A line that is longer than maxPiece was written by a program. Of it, what is
// around a keyword is tried: that many bytes after it, and some before.
const (
	maxPiece = 4 << 10
	before   = 512
)

// candidates calls try for every kind on every line that has one of its
// keywords, once for each line if it has a pattern, and for each keyword if not.
// A kind that reaches over lines gets the text from its keyword on, as far as it
// reaches. The keyword ends at an offset of the text.
func candidates(content []byte, try func(k *kind, start, end, at int)) {
	m := keywordMatcher()
	var tried [len(kinds)]int // where what was tried last ends
	state, lineStart, lineEnd := 0, 0, -1
	for i, c := range content {
		state = int(m.next[state*m.classes+int(m.class[c])])
		if m.found[state] == nil {
			continue
		}
		if i > lineEnd {
			lineStart, lineEnd = lineStart+bytes.LastIndexByte(content[lineStart:i], '\n')+1, len(content)
			if length := bytes.IndexByte(content[i:], '\n'); length >= 0 {
				lineEnd = i + length
			}
		}
		start, end := lineStart, lineEnd
		if end-start > maxPiece {
			start, end = max(start, i-before), min(end, i+maxPiece)
		}
		for _, at := range m.found[state] {
			k := &kinds[at]
			switch {
			case k.reach > 0:
				start := i + 1 - len(k.keywords[0])
				try(k, start, min(i+k.reach, len(content)), i+1-start)
			case k.parse != nil:
				try(k, start, end, i+1-start)
			case i >= tried[at]:
				tried[at] = end
				try(k, start, end, i+1-start)
			}
		}
	}
}

// matcher is the automaton of Aho and Corasick for all keywords, in which each
// letter stands for both its cases. Bytes that are in no keyword share a class.
type matcher struct {
	classes int
	class   [256]uint8
	next    []uint16  // of a state, for each class
	found   [][]uint8 // the kinds of which a keyword ends in a state
}

// keywordMatcher is made when there is a file to search.
var keywordMatcher = sync.OnceValue(newMatcher)

func newMatcher() *matcher {
	m := &matcher{classes: 1}
	states := 1
	for i := range kinds {
		for _, word := range kinds[i].keywords {
			states += len(word)
			for _, c := range []byte(word) {
				if m.class[c] == 0 {
					m.class[c] = uint8(m.classes)
					m.classes++
				}
			}
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		m.class[c-'a'+'A'] = m.class[c]
	}
	m.next, m.found = make([]uint16, states*m.classes), make([][]uint8, states)
	m.link(m.grow())
	return m
}

// grow makes the tree of all keywords, and returns how many states it has.
func (m *matcher) grow() (states int) {
	states = 1
	for i := range kinds {
		for _, word := range kinds[i].keywords {
			at := 0
			for _, c := range []byte(word) {
				next := &m.next[at*m.classes+int(m.class[c])]
				if *next == 0 {
					*next = uint16(states)
					states++
				}
				at = int(*next)
			}
			m.found[at] = append(m.found[at], uint8(i))
		}
	}
	return states
}

// link gives every state a way on for every class: where the tree ends, that of
// the longest end of what was read with which a keyword begins.
func (m *matcher) link(states int) {
	fail := make([]uint16, states)
	queue := make([]uint16, 0, states)
	for c := range m.classes {
		if to := m.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		row, shorter := int(at)*m.classes, int(fail[at])*m.classes
		if more := m.found[fail[at]]; len(more) > 0 {
			m.found[at] = append(m.found[at][:len(m.found[at]):len(m.found[at])], more...)
		}
		for c := range m.classes {
			if to := m.next[row+c]; to != 0 {
				fail[to] = m.next[shorter+c]
				queue = append(queue, to)
			} else {
				m.next[row+c] = m.next[shorter+c]
			}
		}
	}
}
