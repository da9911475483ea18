package git

import (
	"slices"
	"strings"
	"sync"
)

// span is what git said about a range: each commit with its parents. Whoever verifies
// a range asks several questions about it, and git reads all of its commits for each.
// Ids stand for contents, so that it stays true.
type span struct {
	from, to string
	lines    []string // "id parent…", parents before children
}

// lastSpan keeps the range that was asked for last.
type lastSpan struct {
	mu   sync.Mutex
	span *span
}

func (l *lastSpan) get() *span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.span
}

func (l *lastSpan) set(s *span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.span = s
}

// commitOf returns the id of a line, and its parents.
func commitOf(line string) (id, parents string) {
	id, parents, _ = strings.Cut(line, " ")
	return id, parents
}

func (s *span) ids() []string {
	ids := make([]string, len(s.lines))
	for i, line := range s.lines {
		ids[i], _ = commitOf(line)
	}
	return ids
}

// firstParents lists those that lie on the line of first parents, oldest first.
func (s *span) firstParents() []string {
	var line []string
	next := s.to
	for _, l := range slices.Backward(s.lines) {
		if id, parents := commitOf(l); id == next {
			line = append(line, id)
			next, _, _ = strings.Cut(parents, " ")
		}
	}
	slices.Reverse(line)
	return line
}

// descends reports whether the list shows that the end of the range has a commit as
// an ancestor. Not every ancestor is shown.
func (s *span) descends(ancestor string) bool {
	for _, line := range s.lines {
		id, parents := commitOf(line)
		if id == ancestor || ancestor == s.from && ancestor != "" && strings.Contains(parents, ancestor) {
			return true
		}
	}
	return false
}

// sound reports whether the lines are ids only, and lead to the end of the range.
func (s *span) sound() bool {
	last := ""
	for _, line := range s.lines {
		for i := 0; i < len(line); i += len(s.to) + 1 {
			if len(line)-i < len(s.to) || !isID(line[i:i+len(s.to)]) || i > 0 && line[i-1] != ' ' {
				return false
			}
		}
		last = line[:len(s.to)]
	}
	return last == s.to || last == "" && s.from != ""
}
