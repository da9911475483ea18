package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Pending is a policy of which only is known what it applies to. The rest is
// decoded when it is needed, for most policies are not needed by most scans.
type Pending struct {
	Head  *Policy  // ID, Platform and Match
	Guard []string // resources without any of these keys pass; nil if there is no such set
	Load  func() (*Policy, error)
}

// Index is what Pendings are made of, by the hash of the file that they are in,
// so that files which have changed are not in it.
type Index map[string][]Pending

// NewIndex indexes the policies of packs. The function finds the guard of one.
func NewIndex(guard func(*Policy) ([]string, error), packs ...*Pack) (Index, error) {
	index := Index{}
	for _, pack := range packs {
		for _, p := range pack.Policies {
			keys, err := guard(p)
			if err != nil {
				return nil, err
			}
			key := hashOf(p.File.Content)
			head := &Policy{Rule: finding.Rule{ID: p.ID}, Platform: p.Platform, Match: p.Match}
			index[key] = append(index[key], Pending{Head: head, Guard: keys})
		}
	}
	return index, nil
}

// ParseIndex reads what MarshalText wrote.
func ParseIndex(text string) (Index, error) {
	index := Index{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) < 4 {
			return nil, fmt.Errorf("index of policies: line %d is cut off", number)
		}
		p := &Policy{Rule: finding.Rule{ID: parts[1]}, Platform: resource.Platform(parts[2])}
		for _, m := range parts[4:] {
			lists := strings.Split(m, "|")
			if len(lists) != 3 {
				return nil, fmt.Errorf("index of policies: line %d has %q in the place of a match", number, m)
			}
			p.Match = append(p.Match, Match{Groups: names(lists[0]), Kinds: names(lists[1]), Resources: names(lists[2])})
		}
		index[parts[0]] = append(index[parts[0]], Pending{Head: p, Guard: names(parts[3])})
	}
	return index, nil
}

// MarshalText implements encoding.TextMarshaler: a line for each policy.
func (x Index) MarshalText() ([]byte, error) {
	var lines []string
	for key, heads := range x {
		for _, p := range heads {
			line := key + "\t" + p.Head.ID + "\t" + string(p.Head.Platform) + "\t" + list(p.Guard)
			for _, m := range p.Head.Match {
				line += "\t" + list(m.Groups) + "|" + list(m.Kinds) + "|" + list(m.Resources)
			}
			lines = append(lines, line+"\n")
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "")), nil
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

// NewIndexedPack returns a pack as NewPack does, in which the policies of the files
// that are in the index are Pending.
func NewIndexedPack(name string, files []*source.File, index Index) (*Pack, error) {
	pack, hashes := &Pack{Name: name}, make([]string, len(files))
	var rest []*source.File
	for i, file := range files {
		hashes[i] = hashOf(file.Content)
		heads, ok := index[hashes[i]]
		if !ok {
			rest = append(rest, file)
			continue
		}
		decode := sync.OnceValues(func() ([]*Policy, error) {
			one, err := NewPack(name, []*source.File{file})
			if err != nil {
				return nil, err
			}
			return one.Policies, nil
		})
		for _, head := range heads {
			pack.Pending = append(pack.Pending, Pending{Head: head.Head, Guard: head.Guard, Load: func() (*Policy, error) {
				all, err := decode()
				if err != nil {
					return nil, err
				}
				return all[slices.IndexFunc(all, func(p *Policy) bool { return p.ID == head.Head.ID })], nil
			}})
		}
	}
	decoded, err := NewPack(name, rest)
	if err != nil {
		return nil, err
	}
	pack.Policies, pack.Digest = decoded.Policies, digest(files, hashes)
	return pack, nil
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
