package ledger

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The files of a log's directory.
const (
	entriesFile    = "entries.jsonl"
	hashesFile     = "hashes"
	checkpointFile = "checkpoint"
	keyFile        = "key"
	publicKeyFile  = "key.pub"
	lockFile       = "lock"
	asideFile      = "unacknowledged.jsonl"
)

// ErrTampered is what errors about a changed, removed or reordered record match.
var ErrTampered = errors.New("the ledger was tampered with")

// ErrLocked is returned when another process has the log open for writing.
var ErrLocked = errors.New("the ledger is in use by another process")

// Log is a ledger open for appending. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	dir     string
	lock    *os.File
	entries *os.File
	hashes  *os.File
	signer  note.Signer
	size    int64 // records
	now     func() time.Time
}

// Open opens the log in dir for appending, and makes a new one with a new key
// if there is none. Only one process at a time can have a log open.
func Open(dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	lock, err := lockDir(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, lock: lock, now: time.Now}
	if err := l.open(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("ledger %s: %w", dir, err)
	}
	return l, nil
}

func (l *Log) open() (err error) {
	if l.signer, err = loadKey(l.dir); err != nil {
		return err
	}
	if l.entries, err = os.OpenFile(l.path(entriesFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if l.hashes, err = os.OpenFile(l.path(hashesFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	tree, err := readCheckpoint(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return l.begin()
	}
	if err != nil {
		return err
	}
	if err := l.dropUnacknowledged(tree.N); err != nil {
		return err
	}
	l.size = tree.N
	root, err := tlog.TreeHash(tree.N, l)
	if err != nil || root != tree.Hash {
		return fmt.Errorf("%w: its hashes do not give the root of its checkpoint (run `holdfast ledger verify`)", ErrTampered)
	}
	return nil
}

// begin starts an empty log. Records without a checkpoint are not ours.
func (l *Log) begin() error {
	if info, err := l.entries.Stat(); err != nil || info.Size() > 0 {
		return fmt.Errorf("%w: there are records and no checkpoint", ErrTampered)
	}
	if err := l.hashes.Truncate(0); err != nil {
		return err
	}
	return l.sign()
}

// dropUnacknowledged moves what a crash left behind the checkpoint aside.
func (l *Log) dropUnacknowledged(size int64) error {
	end, n, err := endOfRecord(l.entries, size)
	if err != nil {
		return err
	}
	if n < size {
		return fmt.Errorf("%w: %d records are there, and the checkpoint covers %d", ErrTampered, n, size)
	}
	rest, err := io.ReadAll(io.NewSectionReader(l.entries, end, 1<<62))
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		if err := appendFile(l.path(asideFile), append(rest, '\n')); err != nil {
			return err
		}
		if err := l.entries.Truncate(end); err != nil {
			return err
		}
	}
	if _, err := l.entries.Seek(end, io.SeekStart); err != nil {
		return err
	}
	return l.hashes.Truncate(tlog.StoredHashCount(size) * tlog.HashSize)
}

// Append writes a record, sets its index and time, and returns it as written.
// When it returns without an error, the record is on disk and signed for.
func (l *Log) Append(r Record) (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Index = l.size
	r.Time = l.now().UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(r)
	if err != nil {
		return r, fmt.Errorf("ledger: %w", err)
	}
	if err := l.append(line); err != nil {
		// The state on disk is not known: what follows the checkpoint is
		// dropped, so that the next record does not land behind garbage, and it
		// is signed anew, in case the checkpoint already counted the record.
		err = errors.Join(err, l.dropUnacknowledged(l.size), l.sign())
		return r, fmt.Errorf("ledger: record %d was not written: %w", r.Index, err)
	}
	return r, nil
}

func (l *Log) append(line []byte) error {
	if _, err := l.entries.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := l.entries.Sync(); err != nil {
		return err
	}
	hashes, err := tlog.StoredHashes(l.size, line, l)
	if err != nil {
		return err
	}
	at := tlog.StoredHashCount(l.size) * tlog.HashSize
	if _, err := l.hashes.WriteAt(joinHashes(hashes), at); err != nil {
		return err
	}
	if err := l.hashes.Sync(); err != nil {
		return err
	}
	l.size++
	if err := l.sign(); err != nil {
		l.size--
		return err
	}
	return nil
}

// sign writes the checkpoint of the current size.
func (l *Log) sign() error {
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		return err
	}
	text := string(tlog.FormatTree(tlog.Tree{N: l.size, Hash: root}))
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		return err
	}
	return replaceFile(l.path(checkpointFile), signed)
}

// ReadHashes implements tlog.HashReader over the stored hashes.
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return readHashes(l.hashes, indexes)
}

// Size returns the number of records.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Checkpoint returns the latest signed checkpoint, to be kept elsewhere.
func (l *Log) Checkpoint() ([]byte, error) { return os.ReadFile(l.path(checkpointFile)) }

// Records calls fn for each record that the checkpoint covers, oldest first.
func (l *Log) Records(fn func(Record) error) error { return Read(l.dir, fn) }

// Close releases the log.
func (l *Log) Close() error {
	var errs []error
	for _, f := range []*os.File{l.entries, l.hashes, l.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

// Read calls fn for each record of the log in dir, oldest first, as far as the
// checkpoint goes. It needs no lock and verifies nothing: that is Verify's job.
func Read(dir string, fn func(Record) error) error {
	tree, err := readCheckpoint(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no ledger in %s", dir)
	}
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dir, entriesFile))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for i := range tree.N {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("%w: record %d is missing", ErrTampered, i)
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("%w: record %d cannot be read: %w", ErrTampered, i, err)
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// loadKey reads the signer of the log in dir, and makes one for a new log.
func loadKey(dir string) (note.Signer, error) {
	path := filepath.Join(dir, keyFile)
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, checkpointFile)); err == nil {
			return nil, fmt.Errorf("the signing key %s is gone and the log is not: restore it, or keep the log and start another in an empty directory", path)
		}
		private, public, err := note.GenerateKey(rand.Reader, "holdfast-ledger")
		if err != nil {
			return nil, err
		}
		if err := replaceFile(filepath.Join(dir, publicKeyFile), []byte(public+"\n")); err != nil {
			return nil, err
		}
		if err := replaceFile(path, []byte(private+"\n")); err != nil {
			return nil, err
		}
		return note.NewSigner(private)
	}
	if err != nil {
		return nil, err
	}
	return note.NewSigner(string(bytes.TrimSpace(secret)))
}
