package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// The ref log: what a server was seen to have goes to the ledger whenever it changed,
// so that what came between two looks can be told, and who was served what.

// observeInterval is how often a server is asked for all its refs if the followed one
// does not move.
const observeInterval = 5 * time.Minute

// maxTold bounds the changes that one record lists.
const maxTold = 100

// observed is what a server had when it was last asked.
type observed struct {
	git.Advertised
	FirstHead string // what HEAD led to when that was asked first
	Time      time.Time
}

// observedKey is where the store keeps it. No ref has such a name.
const observedKey = "observed refs"

// observe asks the server for its refs if it is time to, records what changed, and
// returns what is wrong with it. A server that does not answer is told elsewhere.
func (f *Follower) observe(ctx context.Context, ref, tip string) ([]integrity.Problem, error) {
	before, err := f.lastObserved(ctx)
	if err != nil {
		return nil, err
	}
	if tip == before.Refs[ref] && f.now().Sub(before.Time) < observeInterval {
		return f.wrongRefs(ref, before), nil
	}
	advertised, err := f.Mirror.Advertised(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		f.Log.Warn("the refs of the server cannot be listed", "source", f.Config.Name, "error", err)
		return nil, nil
	}
	now := observed{advertised, cmp.Or(before.FirstHead, advertised.Head), f.now()}
	if changes := changesOf(before, now); len(changes) > 0 {
		told := changes[:min(len(changes), maxTold)]
		if more := len(changes) - len(told); more > 0 {
			told = append(slices.Clone(told), fmt.Sprintf("and %d more", more))
		}
		if _, err := f.Ledger.Append(ledger.Record{
			Kind: ledger.Observe, Source: f.Config.Name, Commit: now.Refs[ref], Previous: before.Refs[ref], Outcome: "observed",
			Message: fmt.Sprintf("%s: %d of %d refs changed", f.Mirror.URL(), len(changes), len(now.Refs)), Details: told,
		}); err != nil {
			return nil, err
		}
	}
	doc, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	return f.wrongRefs(ref, now), f.Store.PutRef(ctx, f.Config.Name, observedKey, string(doc))
}

func (f *Follower) lastObserved(ctx context.Context) (before observed, err error) {
	doc, err := f.Store.Ref(ctx, f.Config.Name, observedKey)
	if err != nil || doc == "" {
		return observed{}, err
	}
	err = json.Unmarshal([]byte(doc), &before)
	return before, err
}

// changesOf lists what differs, by name: refs/heads/main: <old> -> <new>.
func changesOf(before, now observed) (changes []string) {
	names := map[string]bool{}
	for name := range before.Refs {
		names[name] = true
	}
	for name := range now.Refs {
		names[name] = true
	}
	if before.Head != now.Head {
		changes = append(changes, fmt.Sprintf("HEAD: %q -> %q", before.Head, now.Head))
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old, id := before.Refs[name], now.Refs[name]; old != id {
			changes = append(changes, fmt.Sprintf("%q: %s -> %s", name, cmp.Or(old, "none"), cmp.Or(id, "none")))
		}
	}
	return changes
}

// wrongRefs tells of names on the server that do not mean one thing.
func (f *Follower) wrongRefs(ref string, now observed) (problems []integrity.Problem) {
	add := func(code integrity.Code, decision integrity.Decision, hint, format string, args ...any) {
		problems = append(problems, integrity.Problem{Code: code, Decision: decision, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	if now.FirstHead == ref && now.Head != ref {
		add(integrity.RefRetarget, integrity.Hold, "Find out who changed the default branch. If that is right, follow the other branch, or pin the commit as verify.root.",
			"the server's HEAD led to %q, which is followed, and leads to %q now", ref, now.Head)
	}
	names := slices.Sorted(maps.Keys(now.Refs))
	problems = append(problems, integrity.RefNames(ref, names)...)
	for _, name := range names {
		if named := integrity.RefNames(name, nil); name != ref && len(named) > 0 {
			named[0].Decision = integrity.Warn // only the followed ref counts, by its full name
			problems = append(problems, named[0])
		}
	}
	slices.SortFunc(problems, func(a, b integrity.Problem) int {
		return cmp.Or(cmp.Compare(b.Decision, a.Decision), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return problems[:min(len(problems), maxTold)]
}

// around returns what is wrong beside the history itself: with the server's other refs,
// with how long nothing new came, and with what another server has.
func (f *Follower) around(ctx context.Context, ref, tip string) ([]integrity.Problem, error) {
	problems, err := f.observe(ctx, ref, tip)
	if err != nil {
		return nil, err
	}
	problems = append(problems, f.stale(ctx, tip)...)
	return append(problems, f.witnessed(ctx, ref, tip)...), ctx.Err()
}

// lastLogged returns the commit that the ledger says was accepted last, if a person has
// not begun anew since. The tip must contain it also when the state was lost, or is an
// older copy.
func (f *Follower) lastLogged() ([]string, error) {
	if f.judged {
		return nil, nil // the state is this process's own
	}
	last := ""
	err := f.Ledger.Records(func(r ledger.Record) error {
		switch {
		case r.Source != f.Config.Name:
		case r.Kind == ledger.Accept:
			last = r.Commit
		case r.Kind == ledger.Request && r.Outcome == "anchored":
			last = ""
		}
		return nil
	})
	if last == "" || err != nil {
		return nil, err
	}
	return []string{last}, nil
}

// gone is what is said of a ref that the server does not have any more.
func gone(ref string, st state.Source) []integrity.Problem {
	if st.Accepted == "" {
		return nil
	}
	p := integrity.Problem{
		Code: integrity.RefDeleted, Decision: integrity.Hold, Commit: st.Accepted,
		Message: fmt.Sprintf("the branch %q is gone from the server; it was %s", ref, shortID(st.Accepted)),
		Hint:    "Push it again as it was, or follow another branch. What runs stays.",
	}
	if strings.HasPrefix(ref, "refs/tags/") {
		p.Code, p.Decision = integrity.TagDeleted, integrity.Deny
		p.Message = fmt.Sprintf("the tag %q is gone from the server; it was %s", ref, shortID(st.Accepted))
		p.Hint = "Push the tag again as it was, or follow another one. What runs stays; a tag that comes back as something else is refused."
	}
	return []integrity.Problem{p}
}

// stale holds a source whose ref has not moved for longer than it should, by the
// configuration: a server that keeps what is new to itself looks like one where
// nothing happens.
func (f *Follower) stale(ctx context.Context, tip string) []integrity.Problem {
	limit := f.Config.Verify.Freshness
	if limit <= 0 {
		return nil
	}
	since := f.firstSeen(ctx)(tip)
	if f.now().Sub(since) <= limit {
		return nil
	}
	return []integrity.Problem{{
		Code: integrity.Freeze, Decision: integrity.Hold, Commit: tip,
		Message: fmt.Sprintf("nothing new was served since %s, and there should be something every %s", since.UTC().Format(time.DateTime), limit),
		Hint:    "Compare with the server by another way: git ls-remote. A signed commit, empty if need be, shows that new ones arrive.",
	}}
}

// witnessed compares the tip with what another server of the same repository has, if
// there is one.
func (f *Follower) witnessed(ctx context.Context, ref, tip string) []integrity.Problem {
	if f.Witness == nil {
		return nil
	}
	problem := func(code integrity.Code, hint, format string, args ...any) []integrity.Problem {
		return []integrity.Problem{{Code: code, Decision: integrity.Hold, Commit: tip, Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
	ids, err := f.Witness.Fetch(ctx, ref)
	var limit *git.LimitError
	var malformed *git.MalformedError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.As(err, &limit), errors.As(err, &malformed):
		return problem(integrity.Unverified, "Look at the witness.", "the witness %s serves what is not accepted: %v", f.Witness.URL(), err)
	case err != nil:
		f.Log.Warn("the witness does not answer", "source", f.Config.Name, "witness", f.Witness.URL(), "error", err)
		return nil
	}
	other := ids[ref]
	switch other {
	case tip:
		return nil
	case "":
		return problem(integrity.Equivocation, "Find out which of the two is right.", "the witness %s has no %q", f.Witness.URL(), ref)
	}
	commit := func(m *git.Mirror, id string) string {
		if tag, err := m.Tag(ctx, id); err == nil {
			return tag.Object
		}
		return id
	}
	ours, theirs := commit(f.Mirror, tip), commit(f.Witness, other)
	behind, err := f.Mirror.IsAncestor(ctx, theirs, ours)
	if err == nil && behind {
		return nil // the witness is late
	}
	ahead, err := f.Witness.IsAncestor(ctx, ours, theirs)
	var missing *git.MissingError
	if err != nil && !errors.As(err, &missing) {
		return problem(integrity.Unverified, "It is tried again.", "what the witness %s has cannot be compared: %v", f.Witness.URL(), err)
	}
	if !ahead {
		return problem(integrity.Equivocation, "Keep both, and find out which of the two servers was changed: git fetch from each, and compare.",
			"the witness %s has %s as %q, and the server %s: neither continues the other", f.Witness.URL(), shortID(theirs), ref, shortID(ours))
	}
	if seen := f.firstSeen(ctx)(theirs); f.now().Sub(seen) < witnessGrace {
		return nil // the server may be late
	}
	return problem(integrity.Freeze, "Find out why the server does not serve it.",
		"the witness %s has had %s for more than %s, and the server still has %s", f.Witness.URL(), shortID(theirs), witnessGrace, shortID(ours))
}

// witnessGrace is how much later a server may show what another one has.
const witnessGrace = 10 * time.Minute
