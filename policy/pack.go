package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// IsRemote reports whether the name of a pack is a reference to a repository or a
// registry, and not a directory.
func IsRemote(name string) bool {
	return strings.HasPrefix(name, "git+") || strings.HasPrefix(name, "oci://")
}

// Load reads the pack in a directory of a tree: all YAML files below it, which
// hold policies and nothing else, and all modules of Rego. The error lists all
// mistakes of all files, each a FileError or a resource.SyntaxError.
func Load(tree source.Tree, dir string) (*Pack, error) {
	var files []*source.File
	err := source.Walk(tree, dir, func(p string, e source.Entry) error {
		if !e.Mode.Regular() || !IsFile(p) {
			return nil
		}
		content, err := tree.ReadFile(p)
		files = append(files, source.NewFile(p, content))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("policy pack: %w", err)
	}
	name := path.Base(dir)
	if name == "." {
		name = path.Base(tree.Revision().Source)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("policy pack %s: no YAML file is in it, and none of Rego", name)
	}
	return NewPack(name, files)
}

// NewPack decodes files to a pack with the policies in the order of their ids.
// The error is as that of Load.
func NewPack(name string, files []*source.File) (*Pack, error) {
	slices.SortFunc(files, byPath)
	pack := &Pack{Name: name}
	var errs []error
	hashes := make([]string, len(files))
	admission := findAdmission(files...)
	for i, file := range files {
		hashes[i] = hashOf(file.Content)
		if path.Ext(file.Path) == moduleExt {
			pack.Modules = append(pack.Modules, file)
			continue
		}
		policies, mistakes := decode(file, admission)
		errs = append(errs, mistakes...)
		pack.Policies = append(pack.Policies, policies...)
	}
	imported, mistakes := admission.decode()
	errs = append(errs, mistakes...)
	pack.Policies = append(pack.Policies, imported...)
	pack.Templates = admission.inRego
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	sortByID(pack.Policies)
	pack.Digest = digest(files, hashes)
	return pack, Unique(pack)
}

// IsFile reports whether the file at a path is read as one of a pack.
func IsFile(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml" || ext == moduleExt
}

// Digest returns the digest of the pack that is made of files.
func Digest(files []*source.File) string {
	files = slices.SortedFunc(slices.Values(files), byPath)
	hashes := make([]string, len(files))
	for i, file := range files {
		hashes[i] = hashOf(file.Content)
	}
	return digest(files, hashes)
}

func byPath(a, b *source.File) int { return cmp.Compare(a.Path, b.Path) }

func sortByID(all []*Policy) {
	slices.SortStableFunc(all, func(a, b *Policy) int { return cmp.Compare(a.ID, b.ID) })
}

// Unique returns an error that names every id that several policies share.
func Unique(packs ...*Pack) error {
	var errs []error
	first := map[string]*Policy{}
	for _, pack := range packs {
		for _, p := range pack.Pending {
			first[p.Head.ID] = p.Head
		}
		for _, p := range pack.Policies {
			if one := first[p.ID]; one != nil {
				other := "the other one is built in"
				if one.File != nil {
					other = fmt.Sprintf("the other one is at %s:%d", one.File.Path, one.File.Position(one.Span.Start).Line)
				}
				errs = append(errs, &FileError{File: p.File, Span: p.Span,
					Message: fmt.Sprintf("the id %s is that of another policy", p.ID), Suggestion: other})
				continue
			}
			first[p.ID] = p
		}
	}
	return errors.Join(errs...)
}

// digest is a hash of the paths and the hashes of files.
func digest(files []*source.File, hashes []string) string {
	h := sha256.New()
	for i, f := range files {
		fmt.Fprintf(h, "%s\x00%s\n", f.Path, hashes[i])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Offset returns where in a file a byte of a decoded text is written. The span
// is that of the text. Layout between the two differs (indentation, folding,
// quotes), so it is the characters other than white space that are counted.
func Offset(file *source.File, span source.Span, text string, offset int) int {
	raw := file.Content[span.Start:min(span.End, len(file.Content))]
	i, escape := 0, byte(0)
	switch {
	case len(raw) > 0 && (raw[0] == '|' || raw[0] == '>'):
		i = max(strings.IndexByte(string(raw), '\n'), 0)
	case len(raw) > 0 && raw[0] == '"':
		i, escape = 1, '\\'
	case len(raw) > 0 && raw[0] == '\'':
		i, escape = 1, '\''
	}
	before := 0
	for _, c := range []byte(text[:min(max(offset, 0), len(text))]) {
		if !isSpace(c) {
			before++
		}
	}
	for ; i < len(raw); i++ {
		switch {
		case isSpace(raw[i]):
			continue
		case before == 0:
			return span.Start + i
		case escape != 0 && raw[i] == escape && i+1 < len(raw):
			i++
		}
		before--
	}
	return span.Start
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
