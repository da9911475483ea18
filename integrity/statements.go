package integrity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// StatementsRef is where a repository keeps signed statements: a branch whose files
// are one statement each, named by its SHA-256. Whoever may push can write there, and
// take statements away; only signatures count.
const StatementsRef = "refs/holdfast/statements"

// Bounds of what is read of the ref.
const (
	maxStatements     = 20_000
	maxStatementBytes = 32 << 20
	maxIgnored        = 5 // of which is told
)

// Said is what statements say to a question.
type Said struct {
	By      []Signer // who made those that hold; one may stand there several times
	Ignored []string // why others, that seem to be about it, do not hold
}

// Statements are the signed statements of a repository. They are read when they are
// first asked for.
type Statements struct {
	repo interface {
		Tree(ctx context.Context, commit string) (source.Tree, error)
	}
	tip  string
	seen func(name string) time.Time

	mu   sync.Mutex
	read *statementList
}

// statementList is what the ref holds.
type statementList struct {
	about  map[string][]*signedStatement // by kind and each id that they name
	faults []string
}

type signedStatement struct {
	Statement
	name            string
	text, signature []byte
}

// NewStatements returns the statements of a commit of StatementsRef; of none if that
// is empty. Seen tells when the statement of a name was first seen; if it is nil or
// gives zero, that is now.
func NewStatements(repo History, tip string, seen func(name string) time.Time) *Statements {
	return &Statements{repo: repo, tip: tip, seen: seen}
}

// NoStatements returns none, and why there are none to be had.
func NoStatements(why string) *Statements {
	list := &statementList{}
	list.fault("%s", why)
	return &Statements{read: list}
}

// Approvers returns who approved a change.
func (s *Statements) Approvers(ctx context.Context, q Question) (Said, error) {
	return s.ask(ctx, Approval, q, q.From, q.Tree)
}

// Acknowledgers returns who acknowledged a change that is held.
func (s *Statements) Acknowledgers(ctx context.Context, q Question) (Said, error) {
	return s.ask(ctx, Acknowledgement, q, q.From, q.To)
}

func (s *Statements) ask(ctx context.Context, kind StatementKind, q Question, ids ...string) (Said, error) {
	list, err := s.list(ctx)
	if err != nil {
		return Said{}, err
	}
	said := Said{Ignored: slices.Clone(list.faults)}
	var asked []*signedStatement
	for _, id := range ids {
		asked = append(asked, list.about[string(kind)+" "+id]...)
	}
	slices.SortFunc(asked, func(a, b *signedStatement) int { return strings.Compare(a.name, b.name) })
	for _, st := range slices.Compact(asked) {
		signer, why := st.holds(q, s.seenAt(st.name))
		if why != "" {
			said.Ignored = append(said.Ignored, fmt.Sprintf("the %s %s %s", kind, short(st.name), why))
			continue
		}
		said.By = append(said.By, signer)
	}
	return said, nil
}

func (s *Statements) seenAt(name string) time.Time {
	if s.seen != nil {
		if at := s.seen(name); !at.IsZero() {
			return at
		}
	}
	return time.Now()
}

// holds tells who made a statement, or why it does not answer the question. It is
// judged at the time when both it and the change were first known.
func (st *signedStatement) holds(q Question, seen time.Time) (Signer, string) {
	no := func(format string, args ...any) (Signer, string) { return Signer{}, fmt.Sprintf(format, args...) }
	at := latest(q.At, seen)
	switch {
	case q.Signers.policy == nil:
		return no("counts only where there is a trust file")
	case q.Repository == "" || st.Repository != q.Repository:
		return no("is for the repository %s", quoted(st.Repository))
	case q.Ref == "" || st.Ref != q.Ref:
		return no("is for %s", quoted(st.Ref))
	case st.Kind == Acknowledgement && (st.Old != q.From || st.New != q.To):
		return no("is about the way from %s to %s", short(st.Old), short(st.New))
	case st.Kind == Approval && st.From != q.From:
		return no("is about a change of %s, not of %s", short(st.From), short(q.From))
	case st.Kind == Approval && st.Tree != q.Tree:
		return no("is about other content: what was approved is the tree %s, and this is %s", short(st.Tree), short(q.Tree))
	case st.Kind == Approval && st.Trust != q.Trust:
		return no("was made by another trust file than the one in force")
	case st.Made.After(at.Add(maxSkew)):
		return no("says that it was made at %s, which is yet to come", stamp(st.Made))
	case !at.Before(st.Expires):
		return no("ended at %s", stamp(st.Expires))
	}
	sig, err := parseSSHSignature(st.signature)
	if err != nil {
		return no("has a signature that is not accepted: %s", err)
	}
	signer, p := verifySSH(st.text, sig, q.Signers, at, st.Kind.Namespace())
	if p == nil {
		_, p = q.Signers.identify(signer, at)
	}
	if p != nil {
		return no("does not count: %s", p.Message)
	}
	signer.seen, signer.reason = at, st.Reason
	return signer, ""
}

// list reads all statements, once. Only what may be otherwise the next time is an error:
// whoever wrote nonsense there has made no statement.
func (s *Statements) list(ctx context.Context) (*statementList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != nil {
		return s.read, nil
	}
	list := &statementList{about: map[string][]*signedStatement{}}
	if s.tip != "" {
		if err := list.fill(ctx, s.repo.Tree, s.tip); err != nil {
			return nil, fmt.Errorf("%s: %w", StatementsRef, err)
		}
	}
	s.read = list
	return list, nil
}

func (l *statementList) fill(ctx context.Context, open func(context.Context, string) (source.Tree, error), tip string) error {
	tree, err := open(ctx, tip)
	if err != nil {
		return l.unless(err, "it is not read")
	}
	entries, err := tree.ReadDir(".")
	if err != nil {
		return l.unless(err, "it is not read")
	}
	if len(entries) > maxStatements {
		l.fault("it has %d files, more than the limit of %d, and is not read", len(entries), maxStatements)
		return nil
	}
	total := 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Mode != source.ModeFile || !isHex(e.Name, 64) {
			l.fault("%s is not a statement: those are files that have their SHA-256 as name", quoted(e.Name))
			continue
		}
		blob, err := tree.ReadFile(e.Name)
		if err != nil {
			if err := l.unless(err, short(e.Name)+" is not read"); err != nil {
				return err
			}
			continue
		}
		if total += len(blob); total > maxStatementBytes {
			l.fault("its files have more than %d bytes, and not all are read", maxStatementBytes)
			return nil
		}
		l.add(e.Name, blob)
	}
	return nil
}

func (l *statementList) add(name string, blob []byte) {
	if StatementName(blob) != name {
		l.fault("%s has another content than its name says", short(name))
		return
	}
	s, text, signature, err := SplitStatement(blob)
	if err != nil {
		l.fault("%s %s", short(name), err)
		return
	}
	st := &signedStatement{s, name, text, signature}
	for _, id := range []string{s.Old, s.New, s.From, s.Tree} {
		if id != "" {
			key := string(s.Kind) + " " + id
			l.about[key] = append(l.about[key], st)
		}
	}
}

// fault tells of what is on the ref and no statement, the first few of it.
func (l *statementList) fault(format string, args ...any) {
	if len(l.faults) < maxIgnored {
		l.faults = append(l.faults, StatementsRef+": "+fmt.Sprintf(format, args...))
	}
}

// unless makes a fault of an error that lies in what was pushed, and returns others.
func (l *statementList) unless(err error, what string) error {
	var (
		kind      *source.KindError
		tooLarge  *source.TooLargeError
		tree      *git.TreeError
		limit     *git.LimitError
		malformed *git.MalformedError
		collision *git.CollisionError
		missing   *git.MissingError
	)
	switch {
	case errors.As(err, &kind), errors.As(err, &tooLarge), errors.As(err, &tree), errors.As(err, &limit), errors.As(err, &malformed), errors.As(err, &collision):
	case errors.As(err, &missing) && missing.Is != "":
	default:
		return err
	}
	l.fault("%s: %s", what, err)
	return nil
}
