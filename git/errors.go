package git

import "fmt"

// RemoteError reports that the remote did not answer, or not as hoped: to be
// tried again later. It holds no credentials and no control characters.
type RemoteError struct {
	URL     string // without credentials
	Message string // what git said
	Err     error  // may be nil
}

func (e *RemoteError) Error() string { return fmt.Sprintf("%s: %s", e.URL, e.Message) }
func (e *RemoteError) Unwrap() error { return e.Err }

// URLError reports a URL that is not used, and why. It does not repeat the URL,
// which may hold a password.
type URLError struct{ Reason string }

func (e *URLError) Error() string { return "repository URL: " + e.Reason }

// MalformedError reports an object that is not in the one form that Git writes.
// Readers may differ about what it says, so nobody may rely on it.
type MalformedError struct {
	ID     string // of the object; empty when git refused a whole fetch
	Reason string
}

func (e *MalformedError) Error() string {
	if e.ID == "" {
		return "malformed object: " + e.Reason
	}
	return fmt.Sprintf("object %s is malformed: %s", e.ID, e.Reason)
}

// MissingError reports an object that the mirror does not have, or that is not
// of the kind asked for.
type MissingError struct {
	ID   string
	Kind string // what was asked for: commit, tag, tree, blob
	Is   string // what it is instead; empty when it is absent
}

func (e *MissingError) Error() string {
	if e.Is != "" {
		return fmt.Sprintf("object %s is a %s, not a %s", e.ID, e.Is, e.Kind)
	}
	return fmt.Sprintf("%s %s is not in the repository", e.Kind, e.ID)
}

// CorruptError reports a damaged or altered repository.
type CorruptError struct {
	Dir, Reason string
	Own         bool // somebody's own repository, and not a mirror that can be fetched again
}

func (e *CorruptError) Error() string {
	if e.Own {
		return fmt.Sprintf("repository %s is damaged: %s\nlook at it with git fsck", e.Dir, e.Reason)
	}
	return fmt.Sprintf("mirror %s is damaged: %s\ndelete the directory, and it is fetched again", e.Dir, e.Reason)
}

func (m *Mirror) corrupt(reason string) *CorruptError {
	return &CorruptError{Dir: m.opts.Dir, Reason: reason, Own: m.workTree != "" || m.bare}
}

// LimitError reports a repository that is larger than it may be.
type LimitError struct {
	What  string // such as "entries of a tree"
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

// TreeError reports a tree that holds a name or mode that is dangerous or cannot
// be shown.
type TreeError struct {
	Tree   string // id of the tree object that holds the entry
	Name   string // of the entry, escaped
	Reason string
}

func (e *TreeError) Error() string {
	return fmt.Sprintf("tree %s: entry %s: %s", e.Tree, e.Name, e.Reason)
}
