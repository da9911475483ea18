package edit

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Lines returns edits of whole lines that turn one text into another.
func Lines(before, after []byte) []source.Edit {
	a, b := lines(before), lines(after)
	offsets := make([]int, len(a)+1)
	for i, line := range a {
		offsets[i+1] = offsets[i] + len(line)
	}
	var edits []source.Edit
	for _, h := range hunks(a, b) {
		edits = append(edits, source.Edit{
			Span: source.Span{Start: offsets[h.a], End: offsets[h.aEnd]},
			New:  strings.Join(b[h.b:h.bEnd], ""),
		})
	}
	return edits
}

func lines(text []byte) (all []string) {
	for line := range bytes.Lines(text) {
		all = append(all, string(line))
	}
	return all
}

// hunk says that lines a to aEnd of one text are lines b to bEnd of another.
type hunk struct{ a, aEnd, b, bEnd int }

// hunks finds what differs, by the shortest edit script after Myers: the furthest
// place on each diagonal that a number of steps can reach.
func hunks(a, b []string) []hunk {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []hunk
	for _, h := range script(a[head:len(a)-tail], b[head:len(b)-tail]) {
		h = hunk{h.a + head, h.aEnd + head, h.b + head, h.bEnd + head}
		if n := len(out); n > 0 && out[n-1].aEnd == h.a && out[n-1].bEnd == h.b {
			out[n-1].aEnd, out[n-1].bEnd = h.aEnd, h.bEnd
			continue
		}
		out = append(out, h)
	}
	return out
}

// maxSteps bounds the work for texts that have little in common.
const maxSteps = 500

func script(a, b []string) []hunk {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	furthest := map[int]int{1: 0}
	var trace []map[int]int
	for d := 0; d <= min(len(a)+len(b), maxSteps); d++ {
		state := make(map[int]int, len(furthest))
		for k, x := range furthest {
			state[k] = x
		}
		trace = append(trace, state)
		for k := -d; k <= d; k += 2 {
			x := furthest[k-1] + 1
			if k == -d || k != d && furthest[k-1] < furthest[k+1] {
				x = furthest[k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			furthest[k] = x
			if x >= len(a) && x-k >= len(b) {
				return backtrack(trace, len(a), len(b))
			}
		}
	}
	return []hunk{{0, len(a), 0, len(b)}}
}

func backtrack(trace []map[int]int, x, y int) (out []hunk) {
	for d := len(trace) - 1; d > 0; d-- {
		k := x - y
		before := k - 1
		if k == -d || k != d && trace[d][k-1] < trace[d][k+1] {
			before = k + 1
		}
		fromX := trace[d][before]
		fromY := fromX - before
		for x > fromX && y > fromY {
			x, y = x-1, y-1
		}
		out = append([]hunk{{fromX, x, fromY, y}}, out...)
		x, y = fromX, fromY
	}
	return out
}

const around = 3 // lines of a diff before and after what differs

// Unified returns the difference of two versions of a file as a unified diff, and
// "" if there is none.
func Unified(name string, before, after []byte) string {
	a, b := lines(before), lines(after)
	all := hunks(a, b)
	if len(all) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n", name, name)
	for i := 0; i < len(all); {
		last := i
		for last+1 < len(all) && all[last+1].a-all[last].aEnd <= 2*around {
			last++
		}
		group(&out, a, b, all[i:last+1])
		i = last + 1
	}
	return out.String()
}

func group(out *strings.Builder, a, b []string, all []hunk) {
	first, last := all[0], all[len(all)-1]
	before := min(around, first.a)
	end := min(last.aEnd+around, len(a))
	fromA, fromB := first.a-before, first.b-before
	fmt.Fprintf(out, "@@ -%s +%s @@\n", extent(fromA, end-fromA), extent(fromB, last.bEnd+end-last.aEnd-fromB))
	at := fromA
	for _, h := range all {
		writeLines(out, " ", a[at:h.a])
		writeLines(out, "-", a[h.a:h.aEnd])
		writeLines(out, "+", b[h.b:h.bEnd])
		at = h.aEnd
	}
	writeLines(out, " ", a[at:end])
}

func extent(from, n int) string {
	if n > 0 {
		from++
	}
	if n == 1 {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d,%d", from, n)
}

func writeLines(out *strings.Builder, sign string, all []string) {
	for _, line := range all {
		out.WriteString(sign + line)
		if !strings.HasSuffix(line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
