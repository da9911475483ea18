package git

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Collect packs the mirror and deletes objects that no ref needs and that are
// older than age. It should run now and then, because fetches leave many packs.
func (m *Mirror) Collect(ctx context.Context, age time.Duration) error {
	m.refs.Lock()
	defer m.refs.Unlock()
	prune := "--prune=" + strconv.FormatInt(int64(age/time.Second), 10) + ".seconds.ago"
	if age <= 0 {
		prune = "--prune=now"
	}
	err := m.write(ctx, "gc", "--quiet", prune)
	m.batch.stop() // it holds packs open that are gone
	return err
}

// write runs a git command that changes the mirror.
func (m *Mirror) write(ctx context.Context, args ...string) error {
	_, err := m.run(ctx, m.environment(), args...)
	if err != nil {
		m.sweep()
	}
	return m.localFailure(err)
}

// sweep deletes what processes left that were killed: locks, which would stop
// all later ones, and parts of packs. Nobody else writes to the mirror.
func (m *Mirror) sweep() {
	_ = filepath.WalkDir(m.opts.Dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
		case d.IsDir() && d.Name() == "objects" && filepath.Dir(p) == m.opts.Dir:
			return fs.SkipDir
		case !d.IsDir() && (strings.HasSuffix(p, ".lock") || d.Name() == "gc.pid"):
			_ = os.Remove(p)
		}
		return nil //nolint:nilerr // what cannot be read is passed over: the rest can still be swept
	})
	packs, _ := filepath.Glob(filepath.Join(m.opts.Dir, "objects", "pack", "*tmp_*"))
	for _, pack := range packs {
		_ = os.Remove(pack)
	}
}
