// Package identity tells which findings of two states of the same files are one
// and the same, so that a problem is new once and not again with each edit.
//
//	Side      the findings of one state, and what was judged
//	Moves     what became of files, as Git tells it
//	Matching  which finding was which; what is new, and what is gone
//
// The fingerprint finds nearly all of them, since it holds no path or line. What
// is left over on both sides is compared in stages, the surest first:
//
//  1. the fingerprints are equal
//  2. Git's renames and a line map lead from one place to the other
//  3. the text of the line is the same, and its ordinal among such lines
//  4. one is left over on each side: of an object, of a hunk, of a moved file
//
// Every stage pairs findings of one policy only, and only where the answer is
// unique: what is ambiguous is new. A finding whose object, container or other
// named item is still there without it was mended; it cannot have moved, so that
// nobody can trade a problem that is known for one that is not.
package identity

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Side is one state.
type Side struct {
	Findings  []*finding.Finding
	Resources []*resource.Resource // all that was judged; only those of the later side count
}

// Matching is what became of findings. All are named by their fingerprints.
type Matching struct {
	Was  map[string]string // of the later side → that of the earlier side
	New  []string          // of the later side, sorted
	Gone []string          // of the earlier side, sorted
}

// Moves tell where files were before.
type Moves struct {
	before map[string]string // later path → earlier path
	gone   map[string]bool   // earlier paths
	added  map[string]bool   // later paths
}

// NewMoves reads what Git says of two states.
func NewMoves(changes []git.Change) Moves {
	m := Moves{before: map[string]string{}, gone: map[string]bool{}, added: map[string]bool{}}
	for _, c := range changes {
		from, to := c.Before.Name, c.After.Name
		switch {
		case from == "":
			m.added[to] = true
		case to == "":
			m.gone[from] = true
		case from != to:
			m.before[to] = from
		}
	}
	return m
}

// earlier returns where a file was before, "" if it was not there.
func (m Moves) earlier(path string) string {
	if from, ok := m.before[path]; ok {
		return from
	}
	if m.added[path] {
		return ""
	}
	return path
}

// Match compares two states.
func Match(before, after Side, moves Moves) Matching {
	m := &matcher{
		moves: moves, maps: map[[2]string]*lineMap{},
		old: byFingerprint(before.Findings), new: byFingerprint(after.Findings),
		result: Matching{Was: map[string]string{}},
	}
	for fingerprint := range m.new {
		if m.old[fingerprint] != nil {
			m.pair(fingerprint, fingerprint)
		}
	}
	if len(m.old) > 0 && len(m.new) > 0 {
		m.leftovers(newPresence(after.Resources))
	}
	for fingerprint := range m.new {
		m.result.New = append(m.result.New, fingerprint)
	}
	m.result.Gone = append(m.result.Gone, m.mended...)
	for fingerprint := range m.old {
		m.result.Gone = append(m.result.Gone, fingerprint)
	}
	slices.Sort(m.result.New)
	slices.Sort(m.result.Gone)
	return m.result
}

// byFingerprint keeps the first of each, preferring one whose place is exact.
func byFingerprint(all []*finding.Finding) map[string]*finding.Finding {
	out := make(map[string]*finding.Finding, len(all))
	for _, f := range all {
		if one := out[f.Fingerprint]; one == nil || !one.Location.Exact && f.Location.Exact {
			out[f.Fingerprint] = f
		}
	}
	return out
}

// matcher holds what is left over on both sides.
type matcher struct {
	moves    Moves
	old, new map[string]*finding.Finding
	files    map[string]*source.File // of old, by path
	maps     map[[2]string]*lineMap  // by the paths of both versions
	mended   []string
	result   Matching
}

func (m *matcher) pair(was, is string) {
	m.result.Was[is] = was
	delete(m.old, was)
	delete(m.new, is)
}

func (m *matcher) leftovers(present presence) {
	m.files = map[string]*source.File{}
	for fingerprint, f := range m.old {
		if present.has(f) {
			m.mended = append(m.mended, fingerprint)
			delete(m.old, fingerprint)
		} else if f.Location.File != nil {
			m.files[f.Location.File.Path] = f.Location.File
		}
	}
	for _, stage := range []stage{
		{old: place, new: m.earlierPlace, exact: true, shaped: true},
		{old: place, new: m.earlierPlace, exact: true},
		{old: text, new: m.earlierText, shaped: true, ordinal: true},
		{old: object, new: object, shaped: true},
		{old: m.oldHunk, new: m.newHunk, exact: true, shaped: true},
		{old: m.movedFrom, new: m.movedTo, shaped: true},
	} {
		m.run(stage)
	}
}

// stage pairs findings whose keys are equal and unique.
type stage struct {
	old, new func(*finding.Finding) string // "" if it has none
	exact    bool                          // only findings whose place is exact
	shaped   bool                          // the fields must have the same keys
	ordinal  bool                          // equally many on both sides are paired in their order
}

func (m *matcher) run(s stage) {
	group := func(all map[string]*finding.Finding, key func(*finding.Finding) string) map[string][]*finding.Finding {
		out := map[string][]*finding.Finding{}
		for _, f := range all {
			k := key(f)
			if k == "" || s.exact && !f.Location.Exact {
				continue
			}
			k = f.Rule.ID + "\x00" + k
			if s.shaped {
				k += "\x00" + shape(f)
			}
			out[k] = append(out[k], f)
		}
		return out
	}
	before, after := group(m.old, s.old), group(m.new, s.new)
	for key, is := range after {
		was := before[key]
		if len(was) != len(is) || len(is) > 1 && !s.ordinal {
			continue
		}
		finding.Sort(was)
		finding.Sort(is)
		for i := range is {
			m.pair(was[i].Fingerprint, is[i].Fingerprint)
		}
	}
}

// shape is the field without what is named in its lists.
func shape(f *finding.Finding) string {
	var keys []string
	for _, step := range f.Path {
		if step.IsIndex() {
			keys = append(keys, "[]")
		} else {
			keys = append(keys, step.Name)
		}
	}
	return strings.Join(keys, "\x01")
}

// line returns the line of a finding, from 0.
func line(f *finding.Finding) int { return f.Location.Position().Line - 1 }

func at(path string, line int) string { return path + "\x00" + strconv.Itoa(line) }

// place is where a finding is.
func place(f *finding.Finding) string {
	if f.Location.File == nil {
		return ""
	}
	return at(f.Location.File.Path, line(f))
}

// earlierPlace is where the line of a new finding was before.
func (m *matcher) earlierPlace(f *finding.Finding) string {
	was, lines := m.lines(f)
	if was == nil {
		return ""
	}
	if old := lines.old(line(f)); old >= 0 {
		return at(was.Path, old)
	}
	return ""
}

// lines returns the earlier version of a new finding's file, and the map of the
// lines of both.
func (m *matcher) lines(f *finding.Finding) (*source.File, *lineMap) {
	is := f.Location.File
	if is == nil {
		return nil, nil
	}
	was := m.files[m.moves.earlier(is.Path)]
	if was == nil {
		return nil, nil
	}
	key := [2]string{was.Path, is.Path}
	if m.maps[key] == nil {
		m.maps[key] = newLineMap(was.Content, is.Content)
	}
	return was, m.maps[key]
}

// text is the text of a finding's line, in its file.
func text(f *finding.Finding) string { return textIn(f, place(f)) }

func textIn(f *finding.Finding, where string) string {
	if where == "" {
		return ""
	}
	path, _, _ := strings.Cut(where, "\x00")
	span := f.Location.File.Line(line(f) + 1)
	return path + "\x00" + strings.TrimSpace(string(f.Location.File.Content[span.Start:span.End]))
}

func (m *matcher) earlierText(f *finding.Finding) string {
	was, _ := m.lines(f)
	if was == nil {
		return ""
	}
	return textIn(f, was.Path+"\x00")
}

func object(f *finding.Finding) string { return f.Subject.Key() }

// newHunk and oldHunk name the run of changed lines that a finding is in.
func (m *matcher) newHunk(f *finding.Finding) string {
	was, lines := m.lines(f)
	if was == nil {
		return ""
	}
	return m.hunk(was.Path, f.Location.File.Path, lines.hunkOfNew(line(f)))
}

func (m *matcher) oldHunk(f *finding.Finding) string {
	if f.Location.File == nil {
		return ""
	}
	for key, lines := range m.maps {
		if key[0] == f.Location.File.Path {
			return m.hunk(key[0], key[1], lines.hunkOfOld(line(f)))
		}
	}
	return ""
}

func (m *matcher) hunk(was, is string, hunk int) string {
	if hunk < 0 {
		return ""
	}
	return at(was+"\x00"+is, hunk)
}

// movedFrom and movedTo are for files that moved and changed so much that Git
// takes them for others: all that left and all that came are one file each.
func (m *matcher) movedFrom(f *finding.Finding) string {
	if f.Location.File != nil && m.moves.gone[f.Location.File.Path] {
		return "moved"
	}
	return ""
}

func (m *matcher) movedTo(f *finding.Finding) string {
	if f.Location.File != nil && m.moves.added[f.Location.File.Path] {
		return "moved"
	}
	return ""
}

// presence knows what is there at the later side.
type presence map[string][]*resource.Resource

func newPresence(all []*resource.Resource) presence {
	p := presence{}
	for _, r := range all {
		p[r.ID.Key()] = append(p[r.ID.Key()], r)
	}
	return p
}

// has reports whether what an earlier finding is about is there still: its
// object, and the innermost item of a list that it is in. Of an item that has no
// name but its position nobody can tell.
func (p presence) has(f *finding.Finding) bool {
	for _, r := range p[f.Subject.Key()] {
		if hasItem(r.Root, f) {
			return true
		}
	}
	return false
}

func hasItem(root *resource.Value, f *finding.Finding) bool {
	paths := []resource.Path{nil}
	for n, step := range f.Path {
		if !slices.ContainsFunc(f.Path[n:], resource.Step.IsIndex) {
			break
		}
		var next []resource.Path
		for _, path := range paths {
			if !step.IsIndex() {
				next = append(next, path.Append(step))
				continue
			}
			list := root.At(path)
			if list == nil {
				continue
			}
			for i := range list.Items {
				item := path.Append(resource.Index(i))
				if name := root.Stable(item); begins(f.Field, name) && !strings.HasSuffix(name, "["+strconv.Itoa(i)+"]") {
					next = append(next, item)
				}
			}
		}
		paths = next
	}
	return len(paths) > 0
}

// begins reports whether a field is another one, or lies in it.
func begins(field, in string) bool {
	rest, ok := strings.CutPrefix(field, in)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
