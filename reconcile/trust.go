package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/trust"
)

// anchor starts from another root if the operator has pinned one since: that is
// how a person accepts a history that was rewritten. A root that the accepted
// commit contains changes nothing.
func (f *Follower) anchor(ctx context.Context, st *state.Source, ref string) error {
	root := f.Config.Verify.Root
	if root == "" || root == st.Root {
		return nil
	}
	if st.Accepted != "" {
		contained, err := f.Mirror.IsAncestor(ctx, root, st.Accepted)
		if err != nil {
			return fmt.Errorf("source %s: the pinned root: %w", f.Config.Name, err)
		}
		if !contained {
			message := fmt.Sprintf("another root was pinned; what was accepted up to %s no longer counts", shortID(st.Accepted))
			if _, err := f.Ledger.Append(ledger.Record{
				Kind: ledger.Request, Source: f.Config.Name, Commit: root, Previous: st.Accepted, Outcome: "anchored", Message: message,
			}); err != nil {
				return err
			}
			f.Log.Warn(message, "source", f.Config.Name, "root", root)
			st.Accepted, st.Seen = "", ""
			if err := f.Store.PutRef(ctx, f.Config.Name, observedKey, ""); err != nil {
				return err
			}
			if err := f.Store.PutRef(ctx, f.Config.Name, ref, ""); err != nil { // a tag that moved
				return err
			}
		}
	}
	st.Root = root
	return nil
}

// stillTrusted verifies what was accepted once more if whom to trust was
// configured differently then. What does not pass is not offered to anybody;
// what runs stays, and is not taken back to an older revision either.
func (f *Follower) stillTrusted(ctx context.Context, st *state.Source) (bool, error) {
	key, err := f.trustKey()
	if err != nil || st.Trust == key {
		return err == nil, err
	}
	if st.Accepted == "" || f.Config.Verify.Off {
		st.Trust = key
		return true, nil
	}
	trust, err := f.trust()
	if err != nil {
		return false, err
	}
	trust.Ref, trust.Approvals = st.Ref, f.statements(ctx)
	result, err := integrity.Check(ctx, f.Mirror, trust, "", st.Accepted, f.firstSeen(ctx))
	if err != nil || ctx.Err() != nil {
		return false, errors.Join(err, ctx.Err())
	}
	if result.Decision.Passes() {
		st.Trust = key
		return true, nil
	}
	st.Status, st.Seen = state.Held, ""
	st.Reason = fmt.Sprintf("whom to trust was changed, and %s, which was accepted before, does not pass now: %s", shortID(st.Accepted), firstProblem(result))
	st.Problems = describeIntegrity(result.Problems)
	if err := f.refuse(st, st.Accepted, result.Decision); err != nil {
		return false, err
	}
	return false, f.Store.PutSource(ctx, *st)
}

// trustKey identifies whom the source trusts.
func (f *Follower) trustKey() (string, error) {
	v := f.Config.Verify
	if v.Off {
		return "disabled", nil
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q", v.Root, v.Signers, v.Keys, v.Revoked)
	if v.Bootstrap != "" {
		content, err := os.ReadFile(v.Bootstrap)
		if err != nil {
			return "", fmt.Errorf("source %s: %w", f.Config.Name, err)
		}
		fmt.Fprintf(h, " %q", content)
		beside, err := os.ReadFile(filepath.Join(filepath.Dir(v.Bootstrap), filepath.Base(trust.Path)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("source %s: %w", f.Config.Name, err)
		}
		if err == nil {
			fmt.Fprintf(h, " %q", beside)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// trust returns whom the configuration trusts first.
func (f *Follower) trust() (integrity.Trust, error) {
	signers, err := f.bootstrap()
	return integrity.Trust{
		SignersPath: f.Config.Verify.Signers, KeysDir: f.Config.Verify.Keys, RevokedPath: f.Config.Verify.Revoked,
		Root: f.Config.Verify.Root, Bootstrap: signers,
	}, err
}

// firstSeen tells when a commit was first seen, and remembers it: whether a key
// was valid is judged at that time, however often the commit is judged again.
func (f *Follower) firstSeen(ctx context.Context) func(commit string) time.Time {
	return func(commit string) time.Time {
		seen, err := f.Store.FirstSeen(ctx, f.Config.Name, commit, f.now())
		if err != nil {
			return time.Time{}
		}
		return seen
	}
}

// bootstrap reads the signers file or trust file of the operator's own disk, what
// is beside it of the other, and OpenPGP keys from the directory gpg.
func (f *Follower) bootstrap() (*integrity.Signers, error) {
	path := f.Config.Verify.Bootstrap
	if path == "" {
		return nil, nil
	}
	tree, err := source.Disk(filepath.Dir(path), source.DiskOptions{})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", f.Config.Name, err)
	}
	name := filepath.Base(path)
	if name == filepath.Base(trust.Path) {
		name = filepath.Base(integrity.DefaultSignersPath) // beside which it is, if there is one
	}
	signers, err := integrity.LoadSigners(tree, name, "gpg")
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", f.Config.Name, err)
	}
	return signers, nil
}
