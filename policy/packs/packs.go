// Package packs holds the policies that are part of the program, as data: one
// folder for each area, one file for each policy.
//
//	kubernetes/pod-security    the Pod Security Standards, baseline and restricted
//	kubernetes/access          roles, bindings and service accounts
//	kubernetes/secrets         secrets in places where they do not belong
//	kubernetes/network         what is exposed, and what is not separated
//	kubernetes/reliability     images, resources, probes and replicas
package packs

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sync"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

//go:embed kubernetes
var files embed.FS

// checked are the expressions of all packs; see policy/packs/check.
//
//go:generate go run ./check
//go:embed checked.bin
var checked string

var builtin = sync.OnceValues(func() ([]*policy.Pack, error) {
	folders, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []*policy.Pack
	for _, folder := range folders {
		pack, err := load(folder.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, pack)
	}
	return all, nil
})

// Builtin returns the packs of the program. They are decoded once and must not
// be changed.
func Builtin() ([]*policy.Pack, error) { return builtin() }

func load(dir string) (*policy.Pack, error) {
	var all []*source.File
	err := fs.WalkDir(files, dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(p) != ".yaml" {
			return err
		}
		content, err := files.ReadFile(p)
		all = append(all, source.NewFile(p, content))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("built-in pack %s: %w", dir, err)
	}
	pack, err := policy.NewPack(dir, all)
	if err != nil {
		return nil, fmt.Errorf("built-in pack %s: %w", dir, err)
	}
	pack.Trusted, pack.Checked = true, checked
	return pack, nil
}
