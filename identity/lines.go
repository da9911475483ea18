package identity

import (
	"bytes"
	"slices"
)

// lineMap tells which lines of two versions of a file belong together, counted
// from 0. Lines are compared without the white space around them, so that they
// survive a change of indentation.
type lineMap struct {
	toOld []int // by new line: the same old line, or -1
	hunk  []int // by new line: the number of the hunk it is in, or -1
	hunks []hunk
	byOld []int // by old line: the hunk, or -1
}

// hunk is a run of lines without a counterpart: old ones were replaced by new
// ones.
type hunk struct{ oldStart, oldEnd, newStart, newEnd int }

// maxLines bounds the work for one file. Beyond it lines are not followed.
const maxLines = 50_000

func newLineMap(before, after []byte) *lineMap {
	a, b := splitLines(before), splitLines(after)
	m := &lineMap{toOld: filled(len(b)), hunk: filled(len(b)), byOld: filled(len(a))}
	if len(a) > maxLines || len(b) > maxLines {
		return m
	}
	m.match(a, b, 0, 0)
	m.findHunks(len(a), len(b))
	return m
}

func filled(n int) []int { return slices.Repeat([]int{-1}, n) }

func splitLines(content []byte) []string {
	lines := make([]string, 0, bytes.Count(content, []byte{'\n'})+1)
	for line := range bytes.Lines(content) {
		lines = append(lines, string(bytes.TrimSpace(line)))
	}
	return lines
}

// match pairs lines that are the same: those that both ends share, then those
// that are unique on both sides and in order, and so on in between.
func (m *lineMap) match(a, b []string, offsetA, offsetB int) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		m.toOld[offsetB] = offsetA
		a, b, offsetA, offsetB = a[1:], b[1:], offsetA+1, offsetB+1
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		m.toOld[offsetB+len(b)-1] = offsetA + len(a) - 1
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 0 || len(b) == 0 {
		return
	}
	anchors := uniqueInOrder(a, b)
	if len(anchors) == 0 {
		return
	}
	fromA, fromB := 0, 0
	for _, anchor := range anchors {
		m.toOld[offsetB+anchor.b] = offsetA + anchor.a
		m.match(a[fromA:anchor.a], b[fromB:anchor.b], offsetA+fromA, offsetB+fromB)
		fromA, fromB = anchor.a+1, anchor.b+1
	}
	m.match(a[fromA:], b[fromB:], offsetA+fromA, offsetB+fromB)
}

type pair struct{ a, b int }

// uniqueInOrder returns the longest rising sequence of the lines that both sides
// have exactly once.
func uniqueInOrder(a, b []string) []pair {
	type place struct{ countA, countB, at int }
	seen := make(map[string]place, len(a))
	for i, line := range a {
		p := seen[line]
		seen[line] = place{p.countA + 1, 0, i}
	}
	for _, line := range b {
		if p, ok := seen[line]; ok {
			p.countB++
			seen[line] = p
		}
	}
	var all []pair
	for i, line := range b {
		if p := seen[line]; p.countA == 1 && p.countB == 1 && line != "" {
			all = append(all, pair{p.at, i})
		}
	}
	return longestRising(all)
}

// longestRising returns the longest subsequence whose a rises, as b does.
func longestRising(all []pair) []pair {
	tails := []int{}                // index of the last pair of the best sequence of each length
	before := make([]int, len(all)) // index of the pair before
	for i, p := range all {
		at, _ := slices.BinarySearchFunc(tails, p.a, func(t, a int) int { return all[t].a - a })
		before[i] = -1
		if at > 0 {
			before[i] = tails[at-1]
		}
		if at == len(tails) {
			tails = append(tails, i)
		} else {
			tails[at] = i
		}
	}
	if len(tails) == 0 {
		return nil
	}
	var out []pair
	for i := tails[len(tails)-1]; i >= 0; i = before[i] {
		out = append(out, all[i])
	}
	slices.Reverse(out)
	return out
}

func (m *lineMap) findHunks(oldLines, newLines int) {
	oldAt := 0
	for i := 0; i <= newLines; {
		start := i
		for i < newLines && m.toOld[i] < 0 {
			i++
		}
		oldEnd := oldLines
		if i < newLines {
			oldEnd = m.toOld[i]
		}
		if i > start || oldEnd > oldAt {
			for n := start; n < i; n++ {
				m.hunk[n] = len(m.hunks)
			}
			for n := oldAt; n < oldEnd; n++ {
				m.byOld[n] = len(m.hunks)
			}
			m.hunks = append(m.hunks, hunk{oldAt, oldEnd, start, i})
		}
		oldAt = oldEnd + 1
		i++
	}
}

// old returns the old line of a new one: the same line, or the one that it
// replaces in a hunk that has as many lines on either side. It is -1 if there is
// none.
func (m *lineMap) old(line int) int {
	if line < 0 || line >= len(m.toOld) {
		return -1
	}
	if m.toOld[line] >= 0 {
		return m.toOld[line]
	}
	if m.hunk[line] < 0 {
		return -1
	}
	h := m.hunks[m.hunk[line]]
	if h.oldEnd-h.oldStart != h.newEnd-h.newStart {
		return -1
	}
	return h.oldStart + line - h.newStart
}

// hunkOfNew and hunkOfOld return the hunk that a line is in, or -1.
func (m *lineMap) hunkOfNew(line int) int { return get(m.hunk, line) }
func (m *lineMap) hunkOfOld(line int) int { return get(m.byOld, line) }

func get(of []int, i int) int {
	if i < 0 || i >= len(of) {
		return -1
	}
	return of[i]
}
