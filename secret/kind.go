package secret

import (
	"regexp"
	"sync"
)

// kind is what a secret can be. Group 1 of its pattern is the secret; a pattern
// never matches a line ending.
type kind struct {
	name     string
	rule     int
	keywords []string // in lower case; one of them is in every line that matches
	pattern  string
	// parse reads the secret around a keyword, which ends at an offset of the line,
	// for what is on too many lines to try a pattern on each.
	parse  func(f class, line []byte, at int) (start, end int, ok bool)
	accept func(f class, line, value []byte) bool // what the pattern cannot say; nil for nothing
	check  check

	reach int // bytes after the keyword, for what is longer than a line: see search
	// search finds the one secret of a kind that reaches over lines, which
	// begins where the text does.
	search func(text []byte) (start, end int, ok bool)

	guessable bool // chosen by a person, or known by the name beside it only
	once      sync.Once
	compiled  *regexp.Regexp
}

// check is how a match is verified before accept is asked.
type check uint8

const (
	plain  check = iota // looks random, and is no placeholder
	opaque              // accept does it all
)

// find calls each with every secret of the kind in a text. The keyword that was
// found ends at an offset of it.
func (k *kind) find(f class, text []byte, at int, each func(start, end int)) {
	if k.pattern == "" {
		start, end, ok := 0, 0, false
		if k.parse != nil {
			start, end, ok = k.parse(f, text, at)
		} else {
			start, end, ok = k.search(text)
		}
		if ok {
			each(start, end)
		}
		return
	}
	k.once.Do(func() { k.compiled = regexp.MustCompile(k.pattern) })
	for _, m := range k.compiled.FindAllSubmatchIndex(text, maxOnLine) {
		start, end := m[2], m[3]
		value := text[start:end]
		if k.check == plain && (entropy(value) < minEntropy || standsIn(value) || regular(value)) {
			continue
		}
		if k.accept == nil || k.accept(f, text[m[0]:m[1]], value) {
			each(start, end)
		}
	}
}

const (
	maxOnLine  = 100 // matches of a kind; a line with more is data
	minEntropy = 2.6 // bits for each character of a token of a known format
)

// start is where a token can begin: at the edge of a word, or after a line
// ending that is escaped in a string.
const start = `(?:\b|\\[nrt])`
