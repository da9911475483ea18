// Package secret finds secrets in texts of any kind: what opens something and
// is written where others can read it.
//
//	Rule       what is documented; one for each family of secrets
//	Kind       what a secret is, such as "GitHub token", with its pattern
//	Keyword    a text that every secret of a kind has in or near it
//	Hit        a secret at a place, with its kind
//	Fixture    a file whose secrets are made up for tests
//	Detector   finds the hits of a file and makes findings of them
//	History    the same over every version of every file in a repository
//
// A file is searched in one pass for the keywords of all kinds at once. Only on
// the lines where one is found the patterns of its kinds are tried, and only
// then are they compiled: most files have no line to look at. What matches is
// verified: it must look random and must not be a placeholder, a reference, an
// example of documentation, a digest or a public part.
//
// A secret is never shown. A finding tells where it is and what it is, and its
// fingerprint does not allow to guess it.
package secret

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
)

// MaxSize is the largest file, in bytes, that is searched.
const MaxSize = 1 << 20

// Reasons for which files are not searched.
const (
	TooLarge = "larger than 1 MiB"
	Binary   = "binary"
)

// Unsearchable says why a file is not searched; "" if it is.
func Unsearchable(content []byte) string {
	switch {
	case len(content) > MaxSize:
		return TooLarge
	case bytes.IndexByte(content[:min(len(content), 8<<10)], 0) >= 0:
		return Binary
	}
	return ""
}

// Hit is a secret in a text.
type Hit struct {
	Rule *finding.Rule
	Kind string      // such as "GitHub token"
	Span source.Span // of the secret itself

	guessable bool // chosen by a person: its hash must not be told
}

// Detector finds secrets. The zero value uses all rules.
type Detector struct {
	Without []string // ids of rules that are not used
}

// Find returns the secrets of a file, sorted by place. Where kinds match one
// place, the first in the list of kinds wins.
func (d *Detector) Find(path string, content []byte) []Hit {
	if Unsearchable(content) != "" {
		return nil
	}
	in := classify(path, content)
	var hits []Hit
	candidates(content, func(k *kind, start, end, at int) {
		if in.exempts(k) {
			return
		}
		k.find(in, content[start:end], at, func(from, to int) {
			hits = append(hits, Hit{Rule: &rules[k.rule], Kind: k.name, Span: source.Span{Start: start + from, End: start + to}, guessable: k.guessable})
		})
	})
	return slices.DeleteFunc(distinct(hits), func(h Hit) bool { return slices.Contains(d.Without, h.Rule.ID) })
}

// distinct sorts hits and drops those that overlap with one of a kind that is
// further to the front. They come in the order of kinds for each line.
func distinct(hits []Hit) []Hit {
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(rank(a), rank(b)) })
	var kept []Hit
	for _, h := range hits {
		if !slices.ContainsFunc(kept, func(k Hit) bool { return h.Span.Start < k.Span.End && k.Span.Start < h.Span.End }) {
			kept = append(kept, h)
		}
	}
	slices.SortFunc(kept, func(a, b Hit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return kept
}

// rank orders hits by how sure their kind is: what is known by its format comes
// before what is known by the name beside it.
func rank(h Hit) int {
	if h.guessable {
		return 1
	}
	return 0
}
