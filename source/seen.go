package source

import (
	"maps"
	"path"
	"sync"
	"time"
)

// Stamp is what a file system says of a file beside its content. As for Git's
// index, a file with the same stamp is the same file, unless the stamp is so young
// that another change might not show in it.
type Stamp struct {
	Inode         uint64
	Size          int64
	Mode          uint32
	Changed, Meta int64 // the times of the last change of content, and of anything, in nanoseconds; 0 in an absent file
}

// Absent is the stamp of a path at which nothing is.
var Absent Stamp

// Newest returns the later of the two times.
func (s Stamp) Newest() time.Time { return time.Unix(0, max(s.Changed, s.Meta)) }

// Coarse reports whether the file system keeps times in whole seconds only.
func (s Stamp) Coarse() bool {
	return s.Changed%int64(time.Second) == 0 && s.Meta%int64(time.Second) == 0
}

// Seen notes the stamps of all that is read, listed or looked for in a disk tree.
// It is safe for concurrent use.
type Seen struct {
	mu     sync.Mutex
	stamps map[string]Stamp
	listed map[string]bool
	lost   bool
}

// NewSeen returns one for DiskOptions.
func NewSeen() *Seen { return &Seen{stamps: map[string]Stamp{}, listed: map[string]bool{}} }

func (s *Seen) note(name string, stamp Stamp) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.stamps[name]; ok && before != stamp {
		s.lost = true // it changed meanwhile
	}
	s.stamps[name] = stamp
}

func (s *Seen) list(name string, stamp Stamp) {
	if s == nil {
		return
	}
	s.note(name, stamp)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed[name] = true
}

// lose notes that something was seen which has no stamp.
func (s *Seen) lose() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
}

// Stamps returns the stamps by path, and whether they are all on which a result
// depends. What is not in a directory that was listed needs none of its own.
func (s *Seen) Stamps() (all map[string]Stamp, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all = maps.Clone(s.stamps)
	maps.DeleteFunc(all, func(name string, stamp Stamp) bool {
		return stamp == Absent && s.listed[path.Dir(name)]
	})
	return all, !s.lost
}
