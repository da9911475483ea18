// Package setup builds the parts of Holdfast from what a user configured. It
// is the one place that lists every renderer and every built-in pack; only
// surfaces import it.
package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/policy/rego"
	"github.com/holdfast-dev/holdfast/policy/remote"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/source"
)

// PolicyOptions say which policies judge.
type PolicyOptions struct {
	NoBuiltin bool
	Packs     []string // directories, or pinned references: see policy/remote
	Disable   []string // policy ids
	Params    []string // id.name=value
	Decode    bool     // all of them, not only those that a resource needs

	// Load reads the pack of a name; LoadPack if nil.
	Load func(name string) (*policy.Pack, error)
}

// Policies are compiled packs.
type Policies struct {
	policy.Mender
	Packs  []*policy.Pack
	Digest string // of all packs and of what was disabled

	builtin bool // they are among the packs
}

// LoadPolicies reads and compiles packs.
func LoadPolicies(opts PolicyOptions) (*Policies, error) {
	var all []*policy.Pack
	if !opts.NoBuiltin {
		load := packs.Indexed
		if opts.Decode {
			load = packs.Builtin
		}
		builtin, err := load()
		if err != nil {
			return nil, err
		}
		all = append(all, builtin...)
	}
	load := opts.Load
	if load == nil {
		load = LoadPack
	}
	for _, dir := range opts.Packs {
		pack, err := load(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, pack)
	}
	all, err := disable(all, opts.Disable)
	if err != nil {
		return nil, err
	}
	if err := choose(all, opts.Params); err != nil {
		return nil, err
	}
	engine, err := cel.New(all...)
	if err != nil {
		return nil, err
	}
	return &Policies{Mender: engine, Packs: all, Digest: digest(all, opts.Disable, opts.Params), builtin: !opts.NoBuiltin}, nil
}

// LoadPack reads the pack in a directory of this machine, or the one that a pinned
// reference leads to, which is fetched if it is not in the cache.
func LoadPack(dir string) (*policy.Pack, error) {
	if policy.IsRemote(dir) {
		return loadRemote(dir)
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		return nil, fmt.Errorf("policy pack: %w", err)
	}
	return LoadPackOf(tree, ".")
}

// LoadPackOf reads the pack in a directory of a tree.
func LoadPackOf(tree source.Tree, dir string) (*policy.Pack, error) {
	pack, err := policy.Load(tree, dir)
	if err != nil {
		return nil, err
	}
	return pack, rego.Decode(pack)
}

func loadRemote(name string) (*policy.Pack, error) {
	ref, err := remote.Parse(name)
	if err != nil {
		return nil, err
	}
	store, err := remote.UserStore()
	if err != nil {
		return nil, err
	}
	files, err := store.Files(context.Background(), ref)
	if err != nil {
		return nil, err
	}
	pack, err := policy.NewPack(ref.PackName(), files)
	if err != nil {
		return nil, err
	}
	return pack, rego.Decode(pack)
}

// Find returns the policy with an id among those that are decoded, or nil.
func (p *Policies) Find(id string) *policy.Policy { return Find(p.Packs, id) }

// Find returns the policy of packs with an id, in either case, or nil.
func Find(packs []*policy.Pack, id string) *policy.Policy {
	for _, pack := range packs {
		for _, one := range pack.Policies {
			if strings.EqualFold(one.ID, id) {
				return one
			}
		}
	}
	return nil
}

// Number returns how many policies judge.
func (p *Policies) Number() (n int) {
	for _, pack := range p.Packs {
		n += len(pack.Policies) + len(pack.Pending)
	}
	return n
}

// disable leaves policies out. An id that does not exist is an error, since
// somebody believes that it changes something.
func disable(all []*policy.Pack, ids []string) ([]*policy.Pack, error) {
	left := slices.DeleteFunc(slices.Clone(ids), secret.IsRule)
	var out []*policy.Pack
	for _, pack := range all {
		disabled := func(p *policy.Policy) bool {
			left = slices.DeleteFunc(left, func(id string) bool { return id == p.ID })
			return slices.Contains(ids, p.ID)
		}
		kept := *pack
		kept.Policies = slices.DeleteFunc(slices.Clone(pack.Policies), disabled)
		kept.Pending = slices.DeleteFunc(slices.Clone(pack.Pending), func(p policy.Pending) bool { return disabled(p.Head) })
		out = append(out, &kept)
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("cannot disable %s: no policy has that id", strings.Join(left, ", "))
	}
	return out, nil
}

// choose gives params of policies their values.
func choose(all []*policy.Pack, params []string) error {
	for _, text := range params {
		id, name, value, err := policy.ParseParam(text)
		if err != nil {
			return err
		}
		found := false
		with := func(p *policy.Policy) (*policy.Policy, error) {
			return p.Choose(map[string]*resource.Value{name: value})
		}
		for _, pack := range all {
			for i, p := range pack.Policies {
				if p.ID == id {
					found = true
					if pack.Policies[i], err = with(p); err != nil {
						return err
					}
				}
			}
			for i, pending := range pack.Pending {
				if pending.Head.ID == id {
					found = true
					p, err := pending.Load()
					if err == nil {
						p, err = with(p)
					}
					if err != nil {
						return err
					}
					pack.Pending[i].Load = func() (*policy.Policy, error) { return p, nil }
				}
			}
		}
		if !found {
			return fmt.Errorf("there is no policy %s to choose the param %s of", id, name)
		}
	}
	return nil
}

func digest(all []*policy.Pack, disabled, params []string) string {
	h := sha256.New()
	for _, pack := range all {
		fmt.Fprintf(h, "%s %s\n", pack.Name, pack.Digest)
	}
	for _, id := range slices.Sorted(slices.Values(disabled)) {
		fmt.Fprintf(h, "without %s\n", id)
	}
	for _, param := range slices.Sorted(slices.Values(params)) {
		fmt.Fprintf(h, "with %s\n", param)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
