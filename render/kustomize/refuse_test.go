package kustomize

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// transport notes that something was fetched.
type transport struct{ used bool }

func (t *transport) RoundTrip(*http.Request) (*http.Response, error) {
	t.used = true
	return nil, errors.New("no network in tests")
}

// Whatever kustomize would fetch or clone, we refuse. There is no git program and
// no network here, so kustomize tells what it would have done.
func FuzzRemote(f *testing.F) {
	network := &transport{}
	before := http.DefaultTransport
	http.DefaultTransport = network
	f.Cleanup(func() { http.DefaultTransport = before })
	f.Setenv("PATH", "")
	for _, entry := range []string{
		"base", "../base", "./github.com/org/repo", "github.com/org/repo", "GITHUB.com:org/repo", "https://example.com/a?ref=b",
		"git::https://x/y", "git@host:org/repo.git", "a-b@c/d//e", "file:///etc", "FILE://x/.git/y", "ssh://x/y", "x.git/y", "_git/a/b",
		"git::git::a@b:c/d", "HTTP://x", "http:x", "a@b", "https:", "a1@github.com:x/y",
	} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		if isRemote(entry) {
			return
		}
		k := types.Kustomization{Resources: []string{entry}}
		content, err := yaml.Marshal(k)
		if err != nil {
			t.Skip()
		}
		fsys := filesys.MakeFsInMemory()
		if err := fsys.WriteFile("/k/kustomization.yaml", content); err != nil {
			t.Fatal(err)
		}
		network.used = false
		_, err = krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fsys, "/k")
		if network.used || err != nil && strings.Contains(err.Error(), "no 'git' program on path") {
			t.Errorf("%q is remote for kustomize: %v", entry, err)
		}
	})
}

func FuzzRefuse(f *testing.F) {
	f.Add("kustomization.yaml", []byte("resources: [https://x/y]\n"))
	f.Add("t.yaml", []byte("apiVersion: builtin\npath: [{files: [a=http://b]}]\n---\n- x\n"))
	f.Fuzz(func(_ *testing.T, name string, content []byte) {
		_, _ = refuse(name, content)
		_ = withOrigins(content)
	})
}
