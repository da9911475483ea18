package git

import (
	"context"
	"strings"
)

// Advertised is what a server says that it has.
type Advertised struct {
	Head string            // full name of the branch that HEAD leads to; empty if it is not told
	Refs map[string]string // ids of branches and tags, by full name; of annotated tags that of the object
}

// maxAdvertised bounds how many refs are looked at.
const maxAdvertised = 100_000

// Advertised asks the remote for the names of all its branches and tags, and fetches
// nothing. More than 100,000 give a LimitError.
func (m *Mirror) Advertised(ctx context.Context) (Advertised, error) {
	out, err := m.run(ctx, m.remoteEnvironment(), "ls-remote", "--quiet", "--symref", "--end-of-options", m.remote.url, "HEAD", "refs/heads/*", "refs/tags/*")
	if err != nil {
		return Advertised{}, m.remoteFailure(ctx, err)
	}
	return parseAdvertised(string(out))
}

// parseAdvertised reads lines of an id and a name, or of "ref: target" and a name.
// Names that could not be fetched are kept: that they are there is worth knowing.
func parseAdvertised(out string) (Advertised, error) {
	a := Advertised{Refs: map[string]string{}}
	for line := range strings.Lines(out) {
		value, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		target, symbolic := strings.CutPrefix(value, "ref: ")
		switch {
		case !ok || strings.HasSuffix(name, "^{}"):
		case symbolic && name == "HEAD":
			a.Head = target
		case isID(value) && (strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/")):
			if a.Refs[name] = value; len(a.Refs) > maxAdvertised {
				return Advertised{}, &LimitError{What: "branches and tags", Limit: maxAdvertised}
			}
		}
	}
	return a, nil
}
