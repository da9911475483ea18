package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Pending is a policy of which only is known what it applies to. The rest is
// decoded when it is needed, for most policies are not needed by most scans.
type Pending struct {
	Head  *Policy // ID, Platform, Match and Stages
	Guard Guard
	Load  func() (*Policy, error)
}

// Guard tells what a policy says of resources that lack some keys.
type Guard struct {
	Pass    []string // without any of these, a resource passes if it is asked about; nil if there is no such set
	Skip    []string // without any of these, it is not asked about; nil if there is no such set
	Settled []string // without any of these, it fares like others of its kind and shape; nil if there is no such set
}

// Index tells of packs what is known without reading their files: their digests, and
// their Pendings. Whoever keeps one sees to it that it is made anew with each change.
type Index []IndexedPack

// IndexedPack is a pack in an Index.
type IndexedPack struct {
	Name, Digest string
	Policies     []IndexedPolicy
}

// IndexedPolicy is a policy in an Index.
type IndexedPolicy struct {
	Path  string // of its file
	Head  *Policy
	Guard Guard
}

// NewIndex indexes the policies of packs. The function finds the guard of one.
func NewIndex(guard func(*Policy) (Guard, error), packs ...*Pack) (Index, error) {
	index := make(Index, len(packs))
	for i, pack := range packs {
		index[i] = IndexedPack{Name: pack.Name, Digest: pack.Digest}
		for _, p := range pack.Policies {
			keys, err := guard(p)
			if err != nil {
				return nil, err
			}
			head := &Policy{Rule: finding.Rule{ID: p.ID}, Platform: p.Platform, Match: p.Match, Stages: p.Stages}
			index[i].Policies = append(index[i].Policies, IndexedPolicy{p.File.Path, head, keys})
		}
	}
	return index, nil
}

// packMark begins the line of a pack, which no path does.
const packMark = "\t"

// ParseIndex reads what MarshalText wrote.
func ParseIndex(text string) (Index, error) {
	index := make(Index, 0, strings.Count(text, "\n"+packMark)+1)
	heads := make([]Policy, strings.Count(text, "\n"))
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, packMark); ok {
			name, digest, _ := strings.Cut(rest, "\t")
			index = append(index, IndexedPack{Name: name, Digest: digest})
			continue
		}
		name, rest, _ := strings.Cut(line, "\t")
		id, rest, _ := strings.Cut(rest, "\t")
		platform, rest, ok := strings.Cut(rest, "\t")
		if !ok || len(index) == 0 {
			return nil, fmt.Errorf("index of policies: line %d is cut off", number)
		}
		pass, rest, _ := strings.Cut(rest, "\t")
		skip, rest, _ := strings.Cut(rest, "\t")
		settled, rest, _ := strings.Cut(rest, "\t")
		stages, matches, more := strings.Cut(rest, "\t")
		p := &heads[number-1]
		p.ID, p.Platform = id, resource.Platform(platform)
		for _, stage := range names(stages) {
			p.Stages = append(p.Stages, Stage(stage))
		}
		for more {
			var m string
			m, matches, more = strings.Cut(matches, "\t")
			groups, rest, _ := strings.Cut(m, "|")
			kinds, resources, ok := strings.Cut(rest, "|")
			if !ok {
				return nil, fmt.Errorf("index of policies: line %d has %q in the place of a match", number, m)
			}
			p.Match = append(p.Match, Match{Groups: names(groups), Kinds: names(kinds), Resources: names(resources)})
		}
		pack := &index[len(index)-1]
		pack.Policies = append(pack.Policies, IndexedPolicy{name, p, Guard{names(pass), names(skip), names(settled)}})
	}
	return index, nil
}

// MarshalText implements encoding.TextMarshaler: a line for each pack, and for each
// of its policies.
func (x Index) MarshalText() ([]byte, error) {
	var out strings.Builder
	for _, pack := range x {
		out.WriteString(packMark + pack.Name + "\t" + pack.Digest + "\n")
		for _, p := range pack.Policies {
			out.WriteString(p.Path + "\t" + p.Head.ID + "\t" + string(p.Head.Platform) + "\t" + list(p.Guard.Pass) + "\t" + list(p.Guard.Skip) + "\t" + list(p.Guard.Settled) + "\t")
			for _, stage := range p.Head.Stages {
				out.WriteString("," + string(stage))
			}
			for _, m := range p.Head.Match {
				out.WriteString("\t" + list(m.Groups) + "|" + list(m.Kinds) + "|" + list(m.Resources))
			}
			out.WriteString("\n")
		}
	}
	return []byte(out.String()), nil
}

// list is the inverse of names. No list is not the list of the core group alone.
func list(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return "," + strings.Join(all, ",")
}

func names(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text[1:], ",")
}

// NewIndexedPack returns a pack of which all policies are Pending. Their files are
// opened when they are decoded.
func NewIndexedPack(indexed IndexedPack, open func(path string) (*source.File, error)) *Pack {
	pack := &Pack{Name: indexed.Name, Digest: indexed.Digest, Pending: make([]Pending, len(indexed.Policies))}
	for i, p := range indexed.Policies {
		pack.Pending[i] = Pending{Head: p.Head, Guard: p.Guard, Load: func() (*Policy, error) {
			file, err := open(p.Path)
			if err != nil {
				return nil, err
			}
			one, err := NewPack(indexed.Name, []*source.File{file})
			if err != nil {
				return nil, err
			}
			at := slices.IndexFunc(one.Policies, func(other *Policy) bool { return other.ID == p.Head.ID })
			if at < 0 {
				return nil, fmt.Errorf("the index of policies says that %s is in %s", p.Head.ID, p.Path)
			}
			return one.Policies[at], nil
		}}
	}
	return pack
}

// Decode decodes all that is pending.
func (p *Pack) Decode() error {
	for _, one := range p.Pending {
		decoded, err := one.Load()
		if err != nil {
			return err
		}
		p.Policies = append(p.Policies, decoded)
	}
	p.Pending = nil
	sortByID(p.Policies)
	return nil
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
