package ledger

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrRolledBack is matched by what Follows says of a log that does not continue a
// checkpoint: it was lost, restored from an older copy, or written anew.
var ErrRolledBack = errors.New("STATE_ROLLBACK")

// Follows makes sure that the log begins with what a checkpoint of it, which was kept
// elsewhere, fixes. An error that does not match ErrRolledBack says that nothing was
// found out.
func (l *Log) Follows(kept []byte) error {
	key, err := os.ReadFile(l.path(publicKeyFile))
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return fmt.Errorf("%s: %w", publicKeyFile, err)
	}
	opened, err := note.Open(kept, note.VerifierList(verifier))
	var unknown *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: the checkpoint is that of another ledger: this one is not the one that ran before", ErrRolledBack)
	case err != nil:
		return fmt.Errorf("%w: the checkpoint cannot be read: %w", ErrRolledBack, err)
	}
	tree, err := tlog.ParseTree([]byte(opened.Text))
	if err != nil {
		return fmt.Errorf("%w: the checkpoint cannot be read: %w", ErrRolledBack, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if tree.N > l.size {
		return fmt.Errorf("%w: the checkpoint covers %d records, and the ledger has %d", ErrRolledBack, tree.N, l.size)
	}
	root, err := tlog.TreeHash(tree.N, l)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("%w: the first %d records are not those of the checkpoint", ErrRolledBack, tree.N)
	}
	return nil
}
