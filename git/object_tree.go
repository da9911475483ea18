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

var treeModes = map[string]source.Mode{
	"100644": source.ModeFile, "100755": source.ModeExecutable, "40000": source.ModeDir,
	"120000": source.ModeSymlink, "160000": source.ModeSubmodule,
}

// parseTree parses the content of a tree object, sorted by name. It accepts only
// entries that Git itself writes, in its order, and names that mean the same on
// every system.
func parseTree(id string, raw []byte) ([]source.Entry, error) {
	var entries []source.Entry
	last := ""
	for len(raw) > 0 {
		head, rest, ok := bytes.Cut(raw, []byte{0})
		modeText, name, ok2 := strings.Cut(string(head), " ")
		if !ok || !ok2 || len(rest) < len(id)/2 {
			return nil, &MalformedError{ID: id, Reason: "the tree ends within an entry"}
		}
		mode, ok := treeModes[modeText]
		if !ok {
			return nil, &TreeError{Tree: id, Name: quoteName(name), Reason: "unknown mode " + quoteName(modeText)}
		}
		if reason := badName(name); reason != "" {
			return nil, &TreeError{Tree: id, Name: quoteName(name), Reason: reason}
		}
		if !bytes.ContainsFunc(rest[:len(id)/2], func(r rune) bool { return r != 0 }) {
			return nil, &MalformedError{ID: id, Reason: "the entry " + quoteName(name) + " names no object"}
		}
		entries = append(entries, source.Entry{Name: name, Mode: mode, Size: -1, ID: hex.EncodeToString(rest[:len(id)/2])})
		if mode == source.ModeDir {
			name += "/" // so Git sorts
		}
		if name <= last {
			return nil, &MalformedError{ID: id, Reason: "entries of the tree are not sorted, or not unique"}
		}
		last, raw = name, rest[len(id)/2:]
	}
	slices.SortFunc(entries, func(a, b source.Entry) int { return cmp.Compare(a.Name, b.Name) })
	for i := 1; i < len(entries); i++ {
		if entries[i].Name == entries[i-1].Name { // a file and a directory
			return nil, &MalformedError{ID: id, Reason: "two entries of the tree have one name"}
		}
	}
	return entries, nil
}

// badName tells why an entry's name is refused.
func badName(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "not a name"
	case !utf8.ValidString(name):
		return "not UTF-8"
	case strings.ContainsAny(name, `/\`):
		return "holds a slash or backslash"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "holds a control character"
	case isGitDir(name):
		return "stands for .git on some systems"
	}
	return ""
}

// isGitDir reports names that some file systems take for .git: without regard to
// case, with NTFS's short name, ignored ends and streams, or with characters that
// HFS+ ignores.
func isGitDir(name string) bool {
	name = strings.Map(func(r rune) rune {
		if r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff {
			return -1
		}
		return r
	}, name)
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, " .")
	return strings.EqualFold(name, ".git") || strings.EqualFold(name, "git~1")
}
