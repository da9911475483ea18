package source

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// maxLinks bounds the symbolic links followed for one path, as kernels do.
const maxLinks = 40

// LinkLoopError reports a path whose symbolic links never end.
type LinkLoopError struct{ Path string }

func (e *LinkLoopError) Error() string {
	return fmt.Sprintf("%s: more than %d symbolic links; they probably form a loop", e.Path, maxLinks)
}

// KindError reports a path that exists but is not what was asked for.
type KindError struct {
	Path string
	Mode Mode // what it is
}

func (e *KindError) Error() string {
	return fmt.Sprintf("%s: is a %s, which cannot be read this way", e.Path, e.Mode)
}

// String returns what people call the mode.
func (m Mode) String() string {
	switch m {
	case ModeFile:
		return "file"
	case ModeExecutable:
		return "executable file"
	case ModeDir:
		return "directory"
	case ModeSymlink:
		return "symbolic link"
	case ModeSubmodule:
		return "submodule"
	}
	return "special file"
}

// Linker is a Tree that can tell where a symbolic link points. Trees without
// symbolic links need not have it.
type Linker interface {
	// Readlink returns the text of the link at path, unresolved. A path that is
	// not a symbolic link gives a KindError.
	Readlink(path string) (string, error)
}

// Resolve returns the path without symbolic links that path stands for. The
// last element is followed only if follow is set. readlink returns the target
// of the link at a path whose parents hold no link, and false if there is no
// link there; it is asked for every prefix in turn. Links that leave the root,
// absolute ones among them, give an EscapeError.
func Resolve(name string, follow bool, readlink func(path string) (target string, ok bool, err error)) (string, error) {
	if err := CheckPath(name); err != nil {
		return "", err
	}
	done, rest := ".", name
	for links := 0; rest != "" && rest != "."; {
		elem, tail, more := strings.Cut(rest, "/")
		if elem == ".." { // only a link's target can hold it; done has no links
			if done == "." {
				return "", &EscapeError{Path: name, Target: rest}
			}
			done, rest = path.Dir(done), tail
			continue
		}
		next := path.Join(done, elem)
		rest = tail
		if !more && !follow {
			return next, nil
		}
		target, ok, err := readlink(next)
		if err != nil {
			return "", err
		}
		if !ok {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", &LinkLoopError{Path: name}
		}
		if strings.HasPrefix(target, "/") {
			return "", &EscapeError{Path: name, Target: target}
		}
		if rest = withoutDots(target + "/" + tail); !utf8.ValidString(rest) || strings.ContainsAny(rest, "\x00\\") {
			return "", notExist(name) // as no path of a tree can name it
		}
	}
	return done, nil
}

// withoutDots drops "." and empty elements. ".." stays, because what it means
// depends on links before it.
func withoutDots(name string) string {
	var elems []string
	for elem := range strings.SplitSeq(name, "/") {
		if elem != "" && elem != "." {
			elems = append(elems, elem)
		}
	}
	return strings.Join(elems, "/")
}

// CheckPath returns an error that matches fs.ErrInvalid unless name is a clean
// relative path as Trees take them.
func CheckPath(name string) error {
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\\") {
		return &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return nil
}

func notExist(name string) error {
	return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
