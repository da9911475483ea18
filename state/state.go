// Package state remembers, across restarts, how far the loop has come. It is
// an embedded SQLite database in the state directory.
//
//	Source       the last revision seen, the last one accepted, and why a
//	             newer one is held
//	Application  what runs, what was healthy last, what failed, and why it is
//	             as it is
//	Object       one object of an application: where it was declared, and the
//	             baseline that drift is measured against
//	Drift        a difference that was seen, until it is healed
//	Request      what a person asked a running loop to do
//
// Nothing here is the only record of what is owned: that is the inventory in
// the cluster. Nothing here proves anything: that is the ledger. No secret
// value is ever stored.
package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Status is how a source or an application is, in one word.
type Status string

// The states of sources and applications.
const (
	Pending     Status = "Pending"     // nothing has been decided yet
	Ready       Status = "Ready"       // the accepted revision is live and healthy
	Progressing Status = "Progressing" // a revision is on its way
	Blocked     Status = "Blocked"     // the gate stopped a revision; the last good one stays
	Held        Status = "Held"        // a revision waits for a person; the last good one stays
	Failed      Status = "Failed"      // a revision could not be applied or became unhealthy
	RolledBack  Status = "RolledBack"  // a revision failed and the last healthy one was restored
	Drifted     Status = "Drifted"     // shown for what is Ready and has open drifts; never stored
	Waiting     Status = "Waiting"     // for applications that it depends on
	Unreachable Status = "Unreachable" // Git or the cluster does not answer; what runs stays
)

// Source is what is known of a source.
type Source struct {
	Name     string
	URL, Ref string
	Seen     string // commit that the ref had when it was last fetched
	Accepted string // last commit that was verified and accepted
	Signer   string // of Accepted
	Root     string // that was pinned when Accepted was
	Trust    string // identifies the configuration by which Accepted was verified
	Refused  string // commit that was refused last and why, to record that once
	Around   string // what was wrong beside the history when Seen was judged
	Status   Status
	Reason   string
	Problems []string  // one a line, for status
	Fetched  time.Time // last successful fetch
	Changed  time.Time // last change of Accepted
}

// Application is what is known of an application.
type Application struct {
	Name     string
	Source   string
	Path     string
	Cluster  string
	Status   Status
	Reason   string
	Details  []string // findings, failed objects: one a line
	Revision string   // commit that is applied
	Signer   string   // of Revision
	Healthy  string   // last commit that was healthy
	// What is to be known of Healthy to go back to it: its signer, and the
	// fingerprints of its findings.
	HealthySigner string
	HealthyKnown  []string
	Tried         string // last commit that was decided on, with Outcome
	Outcome       Status // of Tried
	Digest        string // of the manifests at Revision
	Options       string // digest of everything besides files that the rendering depends on
	Deps          source.Deps
	Known         []string // fingerprints of the findings at Revision
	Fixed         []Fixed  // findings of earlier revisions that are gone, the oldest first
	Verdicts      map[string]int
	Objects       int
	Changed       time.Time // last change of Revision
	Updated       time.Time
}

// Fixed is a finding that a revision did away with.
type Fixed struct{ Fingerprint, Commit string }

// Object is one object of an application at its Revision.
type Object struct {
	ID       resource.ID
	File     string // where it is declared
	Line     int
	Via      []string
	Commit   string // at which the object last changed
	Signer   string // of Commit
	Verdicts map[string]int
	Findings []string
	Baseline drift.Baseline
}

// Drift is a difference that was seen.
type Drift struct {
	ID          int64
	Application string
	Drift       drift.Drift
	Policies    []string // what the policies say of the live object
	Healed      *time.Time
	Note        string // what was done, or why nothing was
}

// Request is what a person asked for.
type Request struct {
	ID          int64
	Kind        string // rollback, resume, reconcile
	Application string
	Argument    string
	By          string
	Time        time.Time
}

// Store is the database. It is safe for concurrent use, also by several
// processes.
type Store struct{ db *sql.DB }

// ErrNone is what look-ups match when there is no such thing.
var ErrNone = errors.New("not in the state database")

const schema = `
CREATE TABLE IF NOT EXISTS source      (name TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS ref         (source TEXT NOT NULL, ref TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (source, ref)) STRICT;
CREATE TABLE IF NOT EXISTS application (name TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS object      (application TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (application, key)) STRICT;
CREATE TABLE IF NOT EXISTS drift       (id INTEGER PRIMARY KEY, application TEXT NOT NULL, key TEXT NOT NULL, open INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS drift_open ON drift (application, key) WHERE open;
CREATE TABLE IF NOT EXISTS seen        (source TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pin         (application TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS request     (id INTEGER PRIMARY KEY, doc TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;`

// fileName is the database's name in the state directory.
const fileName = "holdfast.db"

// Open opens the database in dir, and makes it if there is none.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return open(dir, "rwc")
}

// OpenReadOnly opens the database in dir for commands that only look.
func OpenReadOnly(dir string) (*Store, error) {
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		return nil, fmt.Errorf("there is no state in %s: has `holdfast run` been started with this configuration?", dir)
	}
	return open(dir, "rw")
}

func open(dir, mode string) (*Store, error) {
	path := filepath.Join(dir, fileName)
	dsn := (&url.URL{Scheme: "file", Opaque: path, RawQuery: url.Values{
		"mode": {mode}, "_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"},
	}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	db.SetMaxOpenConns(4)
	if _, err := db.Exec(schema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Source returns what is known of a source, or an error that matches ErrNone.
func (s *Store) Source(ctx context.Context, name string) (Source, error) {
	return one[Source](ctx, s.db, "source "+name, `SELECT doc FROM source WHERE name = ?`, name)
}

// Sources returns all sources, sorted by name.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	return all[Source](ctx, s.db, `SELECT doc FROM source ORDER BY name`)
}

// PutSource stores a source.
func (s *Store) PutSource(ctx context.Context, v Source) error {
	return put(ctx, s.db, `INSERT OR REPLACE INTO source (name, doc) VALUES (?, ?)`, v, v.Name)
}

// Ref returns what a ref of a source was when it was last seen, in the caller's
// form, and "" if it never was.
func (s *Store) Ref(ctx context.Context, source, ref string) (string, error) {
	return s.id(ctx, `SELECT id FROM ref WHERE source = ? AND ref = ?`, source, ref)
}

// PutRef remembers what a ref is.
func (s *Store) PutRef(ctx context.Context, source, ref, id string) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO ref (source, ref, id) VALUES (?, ?, ?)`, source, ref, id)
	return err
}

// FirstSeen returns when a commit of a source was first asked for: now, if it
// never was.
func (s *Store) FirstSeen(ctx context.Context, source, commit string, now time.Time) (time.Time, error) {
	if _, err := s.db.ExecContext(ctx, `INSERT OR IGNORE INTO seen (source, id, time) VALUES (?, ?, ?)`, source, commit, now.UnixMilli()); err != nil {
		return time.Time{}, err
	}
	var ms int64
	err := s.db.QueryRowContext(ctx, `SELECT time FROM seen WHERE source = ? AND id = ?`, source, commit).Scan(&ms)
	return time.UnixMilli(ms), err
}

// Pin returns the commit that a person rolled an application back to, and ""
// if it follows its source.
func (s *Store) Pin(ctx context.Context, application string) (string, error) {
	return s.id(ctx, `SELECT id FROM pin WHERE application = ?`, application)
}

// PutPin pins an application to a commit; with "" it follows its source again.
func (s *Store) PutPin(ctx context.Context, application, commit string) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO pin (application, id) VALUES (?, ?)`, application, commit)
	return err
}

func (s *Store) id(ctx context.Context, query string, args ...any) (id string, err error) {
	err = s.db.QueryRowContext(ctx, query, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// Application returns what is known of an application, or an error that
// matches ErrNone.
func (s *Store) Application(ctx context.Context, name string) (Application, error) {
	return one[Application](ctx, s.db, "application "+name, `SELECT doc FROM application WHERE name = ?`, name)
}

// Applications returns all applications, sorted by name.
func (s *Store) Applications(ctx context.Context) ([]Application, error) {
	return all[Application](ctx, s.db, `SELECT doc FROM application ORDER BY name`)
}

// PutApplication stores an application without its objects.
func (s *Store) PutApplication(ctx context.Context, v Application) error {
	return put(ctx, s.db, `INSERT OR REPLACE INTO application (name, doc) VALUES (?, ?)`, v, v.Name)
}

// Objects returns the objects of an application, sorted by key.
func (s *Store) Objects(ctx context.Context, application string) ([]Object, error) {
	return all[Object](ctx, s.db, `SELECT doc FROM object WHERE application = ? ORDER BY key`, application)
}

// Object returns one object of an application, or an error that matches ErrNone.
func (s *Store) Object(ctx context.Context, application, key string) (Object, error) {
	return one[Object](ctx, s.db, "object "+key, `SELECT doc FROM object WHERE application = ? AND key = ?`, application, key)
}

// PutObject stores one object of an application.
func (s *Store) PutObject(ctx context.Context, application string, v Object) error {
	return put(ctx, s.db, `INSERT OR REPLACE INTO object (application, key, doc) VALUES (?, ?, ?)`, v, application, v.ID.Key())
}

// PutObjects replaces the objects of an application.
func (s *Store) PutObjects(ctx context.Context, application string, objects []Object) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `DELETE FROM object WHERE application = ?`, application); err != nil {
		return err
	}
	for _, o := range objects {
		if err := put(ctx, tx, `INSERT INTO object (application, key, doc) VALUES (?, ?, ?)`, o, application, o.ID.Key()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// OpenDrift records a drift that is not healed yet, in place of an earlier
// open one of the same object, and returns its id.
func (s *Store) OpenDrift(ctx context.Context, v Drift) (int64, error) {
	key := v.Drift.Object.Key()
	var id int64
	err := s.db.QueryRowContext(ctx, `SELECT id FROM drift WHERE application = ? AND key = ? AND open`, v.Application, key).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		result, err := s.db.ExecContext(ctx, `INSERT INTO drift (application, key, open, doc) VALUES (?, ?, 1, '{}')`, v.Application, key)
		if err != nil {
			return 0, err
		}
		if id, err = result.LastInsertId(); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	}
	v.ID = id
	return id, put(ctx, s.db, `UPDATE drift SET doc = ?2 WHERE id = ?1`, v, id)
}

// CloseDrift marks the open drift of an object as healed, and does nothing if
// there is none.
func (s *Store) CloseDrift(ctx context.Context, application, key, note string, healed time.Time) error {
	v, err := one[Drift](ctx, s.db, key, `SELECT doc FROM drift WHERE application = ? AND key = ? AND open`, application, key)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Healed, v.Note = &healed, note
	if err := put(ctx, s.db, `UPDATE drift SET open = 0, doc = ?2 WHERE id = ?1`, v, v.ID); err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, `DELETE FROM drift WHERE NOT open AND id <= ?`, v.ID-closedDrifts)
	return err
}

// closedDrifts is about how many closed drifts are kept; the ledger has all.
const closedDrifts = 1000

// Drifts returns the newest drifts first; open ones only unless closed ones
// are asked for as well.
func (s *Store) Drifts(ctx context.Context, closed bool) ([]Drift, error) {
	return all[Drift](ctx, s.db, `SELECT doc FROM drift WHERE open OR ? ORDER BY open DESC, id DESC LIMIT 1000`, closed)
}

// Ask stores a request for the running loop.
func (s *Store) Ask(ctx context.Context, r Request) error {
	return put(ctx, s.db, `INSERT INTO request (id, doc) VALUES (?, ?)`, r, nil)
}

// Requests takes all stored requests, oldest first, and removes them.
func (s *Store) Requests(ctx context.Context) ([]Request, error) {
	if id, err := s.id(ctx, `SELECT id FROM request LIMIT 1`); id == "" || err != nil {
		return nil, err // a look takes no lock; the deletion below would
	}
	requests, err := all[Request](ctx, s.db, `DELETE FROM request RETURNING doc`)
	slices.SortStableFunc(requests, func(a, b Request) int { return a.Time.Compare(b.Time) }) // what is returned has no order
	return requests, err
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func put(ctx context.Context, db execer, query string, v any, keys ...any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	_, err = db.ExecContext(ctx, query, append(keys, string(doc))...)
	return err
}

func one[T any](ctx context.Context, db *sql.DB, what, query string, args ...any) (v T, err error) {
	var doc string
	err = db.QueryRowContext(ctx, query, args...).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return v, fmt.Errorf("%s: %w", what, ErrNone)
	}
	if err != nil {
		return v, err
	}
	err = json.Unmarshal([]byte(doc), &v)
	return v, err
}

func all[T any](ctx context.Context, db *sql.DB, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		var v T
		if err := json.Unmarshal([]byte(doc), &v); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
