package git

import (
	"bytes"
	"slices"
)

// maxEdits bounds how much two versions of a file may differ to be merged here, in
// lines that come and go. Time grows with its square, as does memory.
const maxEdits = 1000

// hunk is a place where lines of a base are replaced by others.
type hunk struct {
	from, to int // lines of the base, to excluded
	lines    [][]byte
}

// mergeLines merges two versions of a base by lines, as git does where what they
// change is at least one line apart. Anything else it leaves to git.
func mergeLines(base, ours, theirs []byte) ([]byte, bool) {
	lines := splitLines(base)
	a, okA := hunks(lines, splitLines(ours))
	b, okB := hunks(lines, splitLines(theirs))
	if !okA || !okB {
		return nil, false
	}
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y hunk) int { return x.from - y.from })
	var out []byte
	done := 0
	for i, h := range all {
		if i > 0 && h.from <= done {
			return nil, false // they touch: a person decides, or git does
		}
		for _, line := range lines[done:h.from] {
			out = append(out, line...)
		}
		for _, line := range h.lines {
			out = append(out, line...)
		}
		done = h.to
	}
	for _, line := range lines[done:] {
		out = append(out, line...)
	}
	return out, true
}

// dropsLines reports whether a result of a merge by hand lacks what one side changed in a
// place that the other one left alone: there the lines are as in the base. What it cannot
// tell it does not report.
func dropsLines(base, ours, theirs, result []byte) bool {
	lines, out := splitLines(base), splitLines(result)
	a, okA := hunks(lines, splitLines(ours))
	b, okB := hunks(lines, splitLines(theirs))
	done, ok := hunks(lines, out)
	if !okA || !okB || !ok {
		return false
	}
	dropped := func(side, other []hunk) bool {
		return slices.ContainsFunc(side, func(h hunk) bool {
			return !touched(other, h) && !touched(done, h) && (len(h.lines) == 0 || !containsLines(out, h.lines))
		})
	}
	return dropped(a, b) || dropped(b, a)
}

// touched reports whether one of the hunks is where another one is, or next to it.
func touched(all []hunk, h hunk) bool {
	return slices.ContainsFunc(all, func(o hunk) bool { return o.from <= h.to && h.from <= o.to })
}

func containsLines(text, lines [][]byte) bool {
	for i := range len(text) - len(lines) + 1 {
		if slices.EqualFunc(text[i:i+len(lines)], lines, bytes.Equal) {
			return true
		}
	}
	return false
}

func splitLines(content []byte) [][]byte { return slices.Collect(bytes.Lines(content)) }

// hunks lists how one text becomes another, by the shortest edit script (E. Myers, "An
// O(ND) Difference Algorithm and Its Variations", 1986). It gives up beyond maxEdits.
func hunks(from, to [][]byte) ([]hunk, bool) {
	start := 0
	for start < min(len(from), len(to)) && bytes.Equal(from[start], to[start]) {
		start++
	}
	end := 0
	for end < min(len(from), len(to))-start && bytes.Equal(from[len(from)-1-end], to[len(to)-1-end]) {
		end++
	}
	a, b := number(from[start:len(from)-end], to[start:len(to)-end])
	steps, ok := furthest(a, b)
	if !ok {
		return nil, false
	}
	var all []hunk
	x, y := len(a), len(b)
	for d := len(steps) - 1; d > 0; d-- {
		k := x - y
		before := steps[d-1]
		down := k == -d || k != d && at(before, k-1) < at(before, k+1) // a line comes
		previous := k - 1
		if down {
			previous = k + 1
		}
		px := at(before, previous)
		py := px - previous
		edit := hunk{from: px, to: px}
		if down {
			edit.lines = to[start+py : start+py+1]
		} else {
			edit.to++
		}
		if n := len(all); n > 0 && all[n-1].from == edit.to { // they join
			all[n-1].from = edit.from
			all[n-1].lines = append(slices.Clone(edit.lines), all[n-1].lines...)
		} else {
			all = append(all, edit)
		}
		x, y = px, py
	}
	slices.Reverse(all)
	for i := range all {
		all[i].from += start
		all[i].to += start
	}
	return all, true
}

// number stands each distinct line for a number.
func number(a, b [][]byte) (x, y []int32) {
	known := make(map[string]int32, len(a)+len(b))
	numbers := func(lines [][]byte) []int32 {
		out := make([]int32, len(lines))
		for i, line := range lines {
			n, ok := known[string(line)]
			if !ok {
				n = int32(len(known)) //nolint:gosec // lines of a file of bounded size
				known[string(line)] = n
			}
			out[i] = n
		}
		return out
	}
	return numbers(a), numbers(b)
}

// furthest returns for each number of edits how far each diagonal gets; the last one
// reaches the ends of both.
func furthest(a, b []int32) (steps [][]int32, ok bool) {
	for d := range maxEdits + 1 {
		reach := make([]int32, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := 0
			if d > 0 {
				before := steps[d-1]
				if k == -d || k != d && at(before, k-1) < at(before, k+1) {
					x = at(before, k+1)
				} else {
					x = at(before, k-1) + 1
				}
			}
			y := x - k
			for x < len(a) && y < len(b) && x >= 0 && y >= 0 && a[x] == b[y] {
				x++
				y++
			}
			reach[k+d] = int32(x) //nolint:gosec // as above
			if x == len(a) && y == len(b) {
				return append(steps, reach), true
			}
		}
		steps = append(steps, reach)
	}
	return nil, false
}

// at returns how far the diagonal k got.
func at(reach []int32, k int) int { return int(reach[k+len(reach)/2]) }
