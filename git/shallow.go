package git

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// ShallowError reports that a question goes beyond where the history of a clone
// was cut off. What is unknown is not false.
type ShallowError struct{ Commit string } // where it is cut off; empty if it is not known which cut matters

func (e *ShallowError) Error() string {
	if e.Commit == "" {
		return "the clone is shallow, and the answer lies beyond where its history is cut off"
	}
	return "the clone is shallow: what comes before " + e.Commit + " is missing"
}

// shallow returns the commits at which the history is cut off, to which git
// shows no parents.
func (m *Mirror) shallow() (map[string]bool, error) {
	dir := m.opts.Dir
	common, err := os.ReadFile(filepath.Join(dir, "commondir")) // of a linked work tree
	if err == nil {
		name := strings.TrimRight(string(common), "\r\n")
		if dir = filepath.Join(dir, name); filepath.IsAbs(name) {
			dir = name
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "shallow"))
	if err != nil {
		if source.IsNotExist(err) {
			return nil, nil
		}
		return nil, err
	}
	cuts := map[string]bool{}
	for _, id := range strings.Fields(string(content)) {
		cuts[id] = true
	}
	return cuts, nil
}

// whole fails if any of the commits is where the history is cut off.
func (m *Mirror) whole(ids []string) error {
	cuts, err := m.shallow()
	if err != nil || len(cuts) == 0 {
		return err
	}
	for _, id := range ids {
		if cuts[id] {
			return &ShallowError{Commit: id}
		}
	}
	return nil
}

// unknownIfShallow is the error of a negative answer about ancestry.
func (m *Mirror) unknownIfShallow() error {
	cuts, err := m.shallow()
	if err == nil && len(cuts) > 0 {
		err = &ShallowError{}
	}
	return err
}
