package report

import (
	"fmt"
	"strconv"
	"unicode/utf16"
)

// hashWindow is how many characters a line's hash covers, from its first one.
const hashWindow = 100

// lineHashes returns the hash of each line, the first one at index 1, by the
// algorithm that CodeQL's uploader publishes, so that GitHub recognises our
// findings as it does its own: a rolling hash modulo 2⁶⁴ with base 37 over the
// next 100 UTF-16 units without white space, and a counter that tells equal
// ones apart. Lines end at a line feed, a carriage return, or both.
func lineHashes(content []byte) []string {
	h := lineHasher{base: 1, hashes: []string{""}, seen: map[uint64]int{}, startOfLine: true}
	for range hashWindow {
		h.base *= 37
	}
	var units []uint16
	for _, r := range string(content) {
		units = utf16.AppendRune(units[:0], r)
		for _, u := range units {
			h.unit(u)
		}
	}
	h.unit(0xFFFF) // the end of the file counts as a character
	for range hashWindow {
		h.emit()
		h.shift(0)
	}
	return h.hashes
}

type lineHasher struct {
	window      [hashWindow]uint16
	lines       [hashWindow]int // line that begins at this place of the window; 0 for none
	at          int
	hash, base  uint64
	line        int
	startOfLine bool
	afterCR     bool
	hashes      []string // by line; lines are emitted in their order
	seen        map[uint64]int
}

func (h *lineHasher) unit(u uint16) {
	if u == ' ' || u == '\t' || (h.afterCR && u == '\n') {
		h.afterCR = false
		return
	}
	h.afterCR = u == '\r'
	if h.afterCR {
		u = '\n'
	}
	h.emit()
	if h.startOfLine {
		h.startOfLine = false
		h.line++
		h.lines[h.at] = h.line
	}
	h.startOfLine = u == '\n'
	h.shift(u)
}

func (h *lineHasher) emit() {
	if h.lines[h.at] == 0 {
		return
	}
	h.seen[h.hash]++
	h.hashes = append(h.hashes, fmt.Sprintf("%s:%d", strconv.FormatUint(h.hash, 16), h.seen[h.hash]))
	h.lines[h.at] = 0
}

func (h *lineHasher) shift(u uint16) {
	h.hash = 37*h.hash + uint64(u) - h.base*uint64(h.window[h.at])
	h.window[h.at] = u
	h.at = (h.at + 1) % hashWindow
}
