package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/state"
)

// maxStatementsFetch bounds what one fetch of signed statements adds, in bytes.
const maxStatementsFetch = 64 << 20

// statements are the signed statements that the source has now. What is wrong with
// the ref must not hold up what nobody has to approve: then there are none, and
// whoever asks is told why.
func (f *Follower) statements(ctx context.Context) *integrity.Statements {
	f.stated = f.statementsTip(ctx)
	if why, failed := strings.CutPrefix(f.stated, noStatements); failed {
		return integrity.NoStatements(why)
	}
	return integrity.NewStatements(f.Mirror, f.stated, func(name string) time.Time {
		seen, err := f.Store.FirstSeen(ctx, f.Config.Name, "statement:"+name, f.now())
		if err != nil {
			return time.Time{}
		}
		return seen
	})
}

// noStatements begins the reason why there is no tip.
const noStatements = "!"

// statementsTip returns the commit of the ref, "" if it does not exist, or why it is
// not known.
func (f *Follower) statementsTip(ctx context.Context) string {
	id, err := f.Mirror.FetchSmall(ctx, integrity.StatementsRef, maxStatementsFetch)
	if err == nil {
		return id
	}
	if why := noStatements + err.Error(); why != f.stated {
		f.Log.Warn("signed statements cannot be fetched", "source", f.Config.Name, "reason", err)
		return why
	}
	return f.stated
}

// news reports whether there are other statements than when a source was judged that
// waits for some.
func (f *Follower) news(ctx context.Context, st state.Source) bool {
	return (st.Status == state.Held || st.Status == state.Blocked) && !f.Config.Verify.Off && f.statementsTip(ctx) != f.stated
}

// rewritten says in the ledger who released a rewrite.
func rewritten(r *integrity.Rewrite) []string {
	if r == nil || len(r.Acknowledged) == 0 {
		return nil
	}
	details := []string{fmt.Sprintf("rewritten from %s to %s, acknowledged by %s: %q", r.Old, r.New, strings.Join(r.Acknowledged, ", "), r.Reasons)}
	for _, l := range r.Lost {
		details = append(details, strings.TrimSpace(fmt.Sprintf("lost %s %q %s %s", l.Commit, l.Subject, l.Fate, l.Now)))
	}
	return details
}

// whole takes back what was accepted of a rewrite that does not pass as a whole: it
// was acknowledged as a whole.
func whole(result integrity.Result, accepted, commit string) integrity.Result {
	if result.Rewrite != nil && result.Accepted != commit {
		result.Accepted = accepted
	}
	return result
}
