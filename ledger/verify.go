package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Report is what a verification found out.
type Report struct {
	Records  int64     // covered by the checkpoint
	Root     tlog.Hash // of the tree
	Key      string    // verifier key
	Problems []string  // empty when the log is intact
}

// Kept is a checkpoint and verifier key that were kept away from the log.
// Either may be empty.
type Kept struct {
	Checkpoint []byte // an earlier checkpoint
	Key        string // the verifier key; the log's own key.pub otherwise
}

// Verify recomputes the whole tree of the log in dir from its records. It
// finds every record that was changed, removed, added or reordered, and with a
// kept checkpoint also a history that was written anew. The error is for a log
// that cannot be read at all.
func Verify(dir string, kept Kept) (Report, error) {
	key := kept.Key
	if key == "" {
		data, err := os.ReadFile(filepath.Join(dir, publicKeyFile))
		if errors.Is(err, fs.ErrNotExist) && hasRecords(dir) {
			return Report{Problems: []string{"there are records, and the verifier key " + publicKeyFile + " is gone: name it if you know it"}}, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return Report{}, fmt.Errorf("there is no ledger in %s", dir)
		}
		if err != nil {
			return Report{}, err
		}
		key = string(bytes.TrimSpace(data))
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Report{}, fmt.Errorf("verifier key: %w", err)
	}
	report := Report{Key: key}
	signed, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		report.Problems = append(report.Problems, "the checkpoint is gone: what the log once held cannot be told")
		return report, nil
	}
	if err != nil {
		return report, err
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		report.Problems = append(report.Problems, "checkpoint: "+err.Error())
		return report, nil //nolint:nilerr // what was tampered with is the result of a verification, not a failure of it
	}
	report.Records, report.Root = tree.N, tree.Hash
	recomputed, problems, err := recompute(dir, tree.N)
	if err != nil {
		return report, err
	}
	report.Problems = problems
	report.Problems = append(report.Problems, recomputed.compare("the checkpoint", tree)...)
	if len(kept.Checkpoint) > 0 {
		earlier, err := openCheckpoint(kept.Checkpoint, verifier)
		if err != nil {
			report.Problems = append(report.Problems, "kept checkpoint: "+err.Error())
		} else {
			report.Problems = append(report.Problems, recomputed.compare("the kept checkpoint", earlier)...)
		}
	}
	return report, nil
}

// memoryTree is a tree that was computed from the records.
type memoryTree struct {
	size   int64
	hashes []tlog.Hash
}

func (m *memoryTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at < 0 || at >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("hash %d is not in the tree", at)
		}
		out[i] = m.hashes[at]
	}
	return out, nil
}

func (m *memoryTree) compare(what string, tree tlog.Tree) []string {
	if m.size < tree.N {
		return []string{fmt.Sprintf("%s covers %d records, and only %d are there: records were removed", what, tree.N, m.size)}
	}
	root, err := tlog.TreeHash(tree.N, m)
	if err != nil {
		return []string{what + ": " + err.Error()}
	}
	if root != tree.Hash {
		return []string{fmt.Sprintf("%s says that the root of the first %d records is %v, and it is %v", what, tree.N, tree.Hash, root)}
	}
	return nil
}

// recompute builds the tree of the first n records, and names those that
// differ from the hash that was stored when they were written.
func recompute(dir string, n int64) (*memoryTree, []string, error) {
	f, err := os.Open(filepath.Join(dir, entriesFile))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	stored, err := os.Open(filepath.Join(dir, hashesFile))
	if err != nil {
		return nil, nil, err
	}
	defer stored.Close()
	tree := &memoryTree{}
	var problems []string
	lines := bufio.NewReader(f)
	for tree.size < n {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		line = line[:len(line)-1]
		if problem := checkRecord(line, tree.size, stored); problem != "" {
			problems = append(problems, problem)
		}
		hashes, err := tlog.StoredHashes(tree.size, line, tree)
		if err != nil {
			return nil, nil, err
		}
		tree.hashes = append(tree.hashes, hashes...)
		tree.size++
	}
	return tree, problems, nil
}

func checkRecord(line []byte, index int64, stored *os.File) string {
	leaf, err := readHashes(stored, []int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return fmt.Sprintf("record %d: its stored hash is missing", index)
	}
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Sprintf("record %d is not a record any more: %v", index, err)
	}
	if r.Index != index {
		return fmt.Sprintf("record %d stands in the place of record %d: records were removed or reordered", r.Index, index)
	}
	if leaf[0] != tlog.RecordHash(line) {
		return fmt.Sprintf("record %d (%s %s, %s) was changed after it was written", index, r.Kind, r.subject(), r.Time.Format("2006-01-02 15:04:05Z"))
	}
	return ""
}

func openCheckpoint(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("its signature does not verify: %w", err)
	}
	return tlog.ParseTree([]byte(opened.Text))
}

// readCheckpoint reads and verifies the checkpoint of the log in dir with the
// log's own key.
func readCheckpoint(dir string) (tlog.Tree, error) {
	signed, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		return tlog.Tree{}, err
	}
	key, err := os.ReadFile(filepath.Join(dir, publicKeyFile))
	if err != nil {
		return tlog.Tree{}, err
	}
	verifier, err := note.NewVerifier(string(bytes.TrimSpace(key)))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%s: %w", publicKeyFile, err)
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: checkpoint: %w", ErrTampered, err)
	}
	return tree, nil
}

func hasRecords(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, entriesFile))
	return err == nil && info.Size() > 0
}
