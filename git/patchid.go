package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/holdfast-dev/holdfast/source"
)

const (
	maxPatchFiles = 300 // that a commit may change to be compared
	maxPatchBytes = 16 << 20
	patchContext  = 3 // lines
)

// PatchID identifies what a commit changes of its first parent: equal ids mean the same
// lines in the same surroundings, wherever in the history and wherever in the file.
// It is empty for commits that change nothing, or too much to be compared.
func (m *Mirror) PatchID(ctx context.Context, commit string) (string, error) {
	c, err := m.Commit(ctx, commit)
	if err != nil {
		return "", err
	}
	parent := ""
	if len(c.Parents) > 0 {
		parent = c.Parents[0]
	}
	changes, err := m.Changes(ctx, parent, commit)
	if err != nil || len(changes) == 0 || len(changes) > maxPatchFiles {
		return "", err
	}
	var ids []string
	for _, change := range changes {
		for _, e := range []source.Entry{change.Before, change.After} {
			if e.Mode.Regular() && e.ID != "" {
				ids = append(ids, e.ID)
			}
		}
	}
	contents := map[string][]byte{}
	total := 0
	err = m.batch.read(ctx, ids, maxMergedFile, func(o object) error {
		if o.kind != "blob" {
			return m.incomplete(&MissingError{ID: o.id, Kind: "blob", Is: o.kind})
		}
		if o.size <= maxMergedFile && total <= maxPatchBytes {
			contents[o.id] = o.content
			total += len(o.content)
		}
		return nil
	})
	if err != nil || total > maxPatchBytes {
		return "", err
	}
	sum := sha256.New()
	for _, change := range changes {
		patch(sum, change, contents)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// patch writes what identifies the change of one file.
func patch(sum hash.Hash, change Change, contents map[string][]byte) {
	fmt.Fprintf(sum, "%q %d %d\n", change.Path(), change.Before.Mode, change.After.Mode)
	before, okBefore := lines(change.Before, contents)
	after, okAfter := lines(change.After, contents)
	edits, ok := []hunk(nil), false
	if okBefore && okAfter {
		edits, ok = hunks(before, after)
	}
	if !ok {
		fmt.Fprintf(sum, "ids %s %s\n", change.Before.ID, change.After.ID)
		return
	}
	for _, h := range edits {
		for _, part := range []struct {
			mark  string
			lines [][]byte
		}{
			{" ", before[max(0, h.from-patchContext):h.from]}, {"-", before[h.from:h.to]},
			{"+", h.lines}, {" ", before[h.to:min(len(before), h.to+patchContext)]},
		} {
			for _, line := range part.lines {
				fmt.Fprintf(sum, "%s%q\n", part.mark, line)
			}
		}
		fmt.Fprintln(sum, "@")
	}
}

// lines returns the lines of a file, none of one that is absent.
func lines(e source.Entry, contents map[string][]byte) ([][]byte, bool) {
	if e.ID == "" {
		return nil, true
	}
	content, known := contents[e.ID]
	if !known || isBinary(content) {
		return nil, false
	}
	return splitLines(content), true
}

// PatchID is that of Mirror.
func (l *Local) PatchID(ctx context.Context, commit string) (string, error) {
	return l.m.PatchID(ctx, commit)
}
