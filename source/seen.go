package source

import (
	"crypto/sha256"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stamp is what a file system says of a file beside its content. As for Git's
// index, a file with the same stamp is the same file, unless the stamp is so young
// that another change might not show in it.
type Stamp struct {
	Inode         uint64
	Size          int64
	Mode          Mode
	Changed, Meta int64 // the times of the last change of content, and of anything, in nanoseconds; 0 in an absent file
}

// Absent is the stamp of a path at which nothing is.
var Absent Stamp

// The times of file systems are those of the last tick of a clock.
const (
	tick       = 50 * time.Millisecond
	coarseTick = 2 * time.Second
)

// SettledAt reports whether a change after a moment would show in the stamp. Where
// a system does not tell when anything was changed, it never would.
func (s Stamp) SettledAt(moment time.Time) bool {
	wait := tick
	if s.Changed%int64(time.Second) == 0 && s.Meta%int64(time.Second) == 0 {
		wait = coarseTick
	}
	return s == Absent || s.Meta != 0 && time.Unix(0, max(s.Changed, s.Meta)).Add(wait).Before(moment)
}

// Looks reports whether two stamps are the same to whoever does not look into the
// files: in kind and size.
func (s Stamp) Looks(other Stamp) bool {
	return s.Mode == other.Mode && (s == Absent) == (other == Absent) && (!s.Mode.Regular() || s.Size == other.Size)
}

// Fact is what was seen at a path.
type Fact struct {
	Stamp Stamp
	// Sum is a hash of the content, of the names and modes in a directory, or of the
	// target of a link; nothing if only kind and size were seen.
	Sum string
}

// Seen notes the stamps of all that is read, listed or looked for in a disk tree.
// It is safe for concurrent use.
type Seen struct {
	mu    sync.Mutex
	facts map[string]Fact
	lost  bool
}

// NewSeen returns one for DiskOptions.
func NewSeen() *Seen { return &Seen{facts: map[string]Fact{}} }

func (s *Seen) note(name string, stamp Stamp) { s.add(name, stamp, nil) }

// add notes a fact. What the sum is of is only asked for if it is not known.
func (s *Seen) add(name string, stamp Stamp, sum func() string) {
	if s == nil {
		return
	}
	fact := Fact{Stamp: stamp}
	if sum != nil && !s.knows(name, stamp) {
		fact.Sum = sum()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.facts[name]; ok {
		s.lost = s.lost || before.Stamp != stamp // it changed meanwhile
		if fact.Sum == "" {
			fact.Sum = before.Sum
		}
	}
	s.facts[name] = fact
}

func (s *Seen) knows(name string, stamp Stamp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, ok := s.facts[name]
	return ok && before.Stamp == stamp && before.Sum != ""
}

func (s *Seen) read(name string, stamp Stamp, content []byte) {
	s.add(name, stamp, func() string { return sumOf(content) })
}

func (s *Seen) list(name string, stamp Stamp, entries []Entry) {
	s.add(name, stamp, func() string { return sumOfList(entries) })
}

func (s *Seen) link(name string, stamp Stamp, target string) {
	s.add(name, stamp, func() string { return sumOf([]byte(target)) })
}

// lose notes that something was seen that cannot be told again.
func (s *Seen) lose() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
}

// Facts returns the facts by path, and whether they are all on which a result
// depends. The directories on the way to a path are facts too: a link in place of
// one leads elsewhere.
func (s *Seen) Facts() (all map[string]Fact, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all = maps.Clone(s.facts)
	maps.DeleteFunc(all, func(name string, fact Fact) bool {
		dir := s.facts[path.Dir(name)]
		return fact.Stamp == Absent && dir.Sum != "" && dir.Stamp.Mode == ModeDir
	})
	for name, fact := range s.facts {
		for dir := path.Dir(name); fact.Stamp != Absent && dir != "."; dir = path.Dir(dir) {
			if _, ok := all[dir]; ok {
				break
			}
			all[dir] = Fact{Stamp: Stamp{Mode: ModeDir}}
		}
	}
	return all, !s.lost
}

// Holds reports whether what is at a path now, with the given stamp, is the same to
// whoever saw the fact. It reads what it has to.
func (f Fact) Holds(t Tree, name string, now Stamp) bool {
	if f.Sum == "" || f.Stamp == Absent || now == Absent {
		return f.Stamp.Looks(now)
	}
	if f.Stamp.Mode != now.Mode {
		return false
	}
	switch now.Mode {
	case ModeDir:
		entries, err := t.ReadDir(name)
		return err == nil && sumOfList(entries) == f.Sum
	case ModeSymlink:
		target, ok, err := readlink(t, name)
		return err == nil && ok && sumOf([]byte(target)) == f.Sum
	}
	content, err := t.ReadFile(name)
	return err == nil && sumOf(content) == f.Sum
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return string(sum[:])
}

func sumOfList(entries []Entry) string {
	entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return isGitDir(e.Name) })
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	var text []byte
	for _, e := range entries {
		text = append(append(text, e.Name...), 0, byte(e.Mode))
	}
	return sumOf(text)
}
