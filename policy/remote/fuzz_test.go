package remote

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/bundle"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// FuzzParse looks for references that do not survive being printed, or that lead
// out of where they may.
func FuzzParse(f *testing.F) {
	f.Add("git+https://host.example/a.git//b/c?ref=0123456789012345678901234567890123456789")
	f.Add("git+ssh://git@host.example/a.git?ref=main#sha256:0123456789012345678901234567890123456789012345678901234567890123")
	f.Add("oci://host.example:5000/a/b:v1")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(ref.String())
		if err != nil || again != ref {
			t.Errorf("%q is read as %#v, and printed and read again as %#v, %v", text, ref, again, err)
		}
		if ref.Git != "" && source.CheckPath(ref.Dir) != nil {
			t.Errorf("%q leads to %q", text, ref.Dir)
		}
	})
}

// FuzzArchive looks for archives that crash the reader, or give files that a pack
// cannot have.
func FuzzArchive(f *testing.F) {
	plain, err := bundle.Tar([]*source.File{source.NewFile("a/b.yaml", []byte("a: 1\n")), source.NewFile("c.rego", []byte("package c\n"))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	var odd bytes.Buffer
	w := tar.NewWriter(&odd)
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "../a.yaml"})
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "a.yaml", Linkname: "b.yaml"})
	_ = w.Close()
	f.Add(odd.Bytes())
	f.Fuzz(func(t *testing.T, archive []byte) {
		in := newFiles()
		if in.AddTar(bytes.NewReader(archive)) != nil {
			return
		}
		for _, file := range in.List {
			if source.CheckPath(file.Path) != nil || strings.HasPrefix(file.Path, "..") || !policy.IsFile(file.Path) {
				t.Errorf("a file at %q", file.Path)
			}
		}
		packed, err := bundle.Tar(in.List)
		again := newFiles()
		if err != nil || again.AddTar(bytes.NewReader(packed)) != nil || policy.Digest(again.List) != policy.Digest(in.List) {
			t.Errorf("what is kept is not what came: %v", err)
		}
	})
}
