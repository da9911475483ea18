package git

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/source"
)

// treeMode returns the mode that an entry's digits stand for.
func treeMode(digits string) (source.Mode, bool) {
	switch digits {
	case "100644":
		return source.ModeFile, true
	case "100755":
		return source.ModeExecutable, true
	case "40000":
		return source.ModeDir, true
	case "120000":
		return source.ModeSymlink, true
	case "160000":
		return source.ModeSubmodule, true
	}
	return 0, false
}

var noHash [32]byte

// parseTree parses the content of a tree object, sorted by name. It accepts only
// entries that Git itself writes, in its order, and names that mean the same on
// every system. Histories are read tree by tree, so that its entries share the memory
// of two strings: one of all names, and one of all ids.
func parseTree(id string, raw []byte) ([]source.Entry, error) {
	width := len(id) / 2
	entries := make([]source.Entry, 0, len(raw)/(width+10)+1)
	names := string(raw)
	ids := make([]byte, 0, 2*width*cap(entries))
	last, lastDir, sorted := "", false, true
	for at := 0; at < len(raw); {
		end := strings.IndexByte(names[at:], 0)
		if end < 0 || len(raw)-at-end-1 < width {
			return nil, &MalformedError{ID: id, Reason: "the tree ends within an entry"}
		}
		modeText, name, ok := strings.Cut(names[at:at+end], " ")
		if !ok {
			return nil, &MalformedError{ID: id, Reason: "the tree ends within an entry"}
		}
		mode, ok := treeMode(modeText)
		if !ok {
			return nil, &TreeError{Tree: id, Name: quoteName(name), Reason: "unknown mode " + quoteName(modeText)}
		}
		if reason := badName(name); reason != "" {
			return nil, &TreeError{Tree: id, Name: quoteName(name), Reason: reason}
		}
		hash := raw[at+end+1 : at+end+1+width]
		if bytes.Equal(hash, noHash[:width]) {
			return nil, &MalformedError{ID: id, Reason: "the entry " + quoteName(name) + " names no object"}
		}
		isDir := mode == source.ModeDir
		if len(entries) > 0 && compareInTree(last, lastDir, name, isDir) >= 0 {
			return nil, &MalformedError{ID: id, Reason: "entries of the tree are not sorted, or not unique"}
		}
		sorted = sorted && last < name
		entries = append(entries, source.Entry{Name: name, Mode: mode, Size: -1})
		ids = hex.AppendEncode(ids, hash)
		last, lastDir, at = name, isDir, at+end+1+width
	}
	text := string(ids)
	for i := range entries {
		entries[i].ID = text[2*width*i : 2*width*(i+1)]
	}
	if !sorted { // Git takes the names of directories to end with a slash
		slices.SortFunc(entries, func(a, b source.Entry) int { return cmp.Compare(a.Name, b.Name) })
	}
	for i := 1; i < len(entries); i++ {
		if entries[i].Name == entries[i-1].Name { // a file and a directory
			return nil, &MalformedError{ID: id, Reason: "two entries of the tree have one name"}
		}
	}
	return entries, nil
}

// compareInTree compares names of a tree as Git does.
func compareInTree(a string, aDir bool, b string, bDir bool) int {
	n := min(len(a), len(b))
	if order := strings.Compare(a[:n], b[:n]); order != 0 {
		return order
	}
	return cmp.Compare(after(a, n, aDir), after(b, n, bDir))
}

// after returns what Git takes to come after n bytes of a name.
func after(name string, n int, isDir bool) int {
	switch {
	case n < len(name):
		return int(name[n])
	case isDir:
		return '/'
	}
	return -1
}

// badName tells why an entry's name is refused.
func badName(name string) string {
	if plainName(name) {
		return ""
	}
	switch {
	case name == "" || name == "." || name == "..":
		return "not a name"
	case !utf8.ValidString(name):
		return "not UTF-8"
	case strings.ContainsAny(name, `/\`):
		return "holds a slash or backslash"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "holds a control character"
	case IsGitDir(name):
		return "stands for .git on some systems"
	}
	return ""
}

// plainName reports names that are beyond doubt, as nearly all are: of letters, digits
// and some punctuation, with a dot only where something stands before it.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}

// IsGitDir reports names that some file systems take for .git: without regard to
// case, with NTFS's short name, ignored ends and streams, or with characters that
// HFS+ ignores.
func IsGitDir(name string) bool { return standsFor(name, ".git", "git~1") }

// IsModulesFile reports names that some file systems take for .gitmodules.
func IsModulesFile(name string) bool {
	return standsFor(name, ".gitmodules", "gitmod~1", "gitmod~2", "gitmod~3", "gitmod~4") || shortModules(strings.ToLower(name))
}

// shortModules reports the names that NTFS gives where the short ones are taken: gi7eba
// and a number.
func shortModules(name string) bool {
	rest, ok := strings.CutPrefix(name, "gi7eb")
	return ok && len(name) == 8 && strings.Contains(rest, "~")
}

func standsFor(name string, names ...string) bool {
	name = strings.Map(func(r rune) rune {
		if r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff {
			return -1
		}
		return r
	}, name)
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, " .")
	return slices.ContainsFunc(names, func(one string) bool { return strings.EqualFold(name, one) })
}
