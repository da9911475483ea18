package integrity

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// treeRules judges what a commit puts into the tree: names, links, submodules and
// attributes by which people, or other programs, see something else than what is
// there. Only what a commit changes is judged.
func (c *checker) treeRules(ctx context.Context, j *judged, set changeSet) ([]Problem, error) {
	if len(set.line) == 0 {
		return nil, nil
	}
	tree, err := c.h.Tree(ctx, j.commit.ID)
	if err != nil {
		return nil, err
	}
	r := &treeRules{checker: c, tree: tree, own: set.own}
	if len(j.commit.Parents) > 0 {
		if r.before, err = c.h.Tree(ctx, j.commit.Parents[0]); err != nil {
			return nil, err
		}
	}
	for _, judge := range []func() error{r.links, r.submodules, r.attributes} {
		if err := judge(); err != nil {
			return nil, fmt.Errorf("commit %s: %w", short(j.commit.ID), err)
		}
	}
	if err := r.names(set.line); err != nil {
		return nil, err
	}
	if err := r.limits(ctx, j.commit.ID, set.line); err != nil {
		return nil, err
	}
	return about(j.commit.ID, r.problems), nil
}

type treeRules struct {
	*checker
	tree     source.Tree
	before   source.Tree // of the first parent; nil if there is none
	own      []git.Change
	problems []Problem
}

func (r *treeRules) add(code Code, decision Decision, path, hint, format string, args ...any) {
	p := problem(code, hint, format, args...).in(path, 0)
	p.Decision = decision
	r.problems = append(r.problems, p)
}

const hintLink = "Replace the link by a file, or have it point to a file of the repository by the shortest way."

// links refuses symbolic links that lead out of the repository or into .git, and
// those in the place of files that protect it.
func (r *treeRules) links() error {
	for _, change := range r.own {
		if change.After.Mode != source.ModeSymlink || change.After.ID == change.Before.ID && change.Before.Mode == source.ModeSymlink {
			continue
		}
		name := change.Path()
		target, err := r.target(name)
		if err != nil {
			return err
		}
		if reason := badTarget(name, target); reason != "" {
			r.add(TreeSymlink, Deny, name, hintLink, "%s is a symbolic link to %s, which %s", quoted(name), quoted(target), reason)
		} else if r.guarded(name) && !r.isTrustFile(name) { // of the trust files, that is told already
			r.add(TreeSymlink, Deny, name, "Commit a regular file: what protects the repository is never read through a link.",
				"%s, which protects the repository, is a symbolic link to %s", quoted(name), quoted(target))
		}
	}
	return nil
}

func (r *treeRules) target(name string) (string, error) {
	links, ok := r.tree.(source.Linker)
	if !ok {
		return "", fmt.Errorf("the link %s cannot be read", quoted(name))
	}
	return links.Readlink(name)
}

// badTarget tells why a link may not point to where it does. What it leads to may be
// a link itself, which is judged for itself; so the way back up may only come first:
// behind another link it would begin elsewhere.
func badTarget(name, target string) string {
	switch {
	case target == "":
		return "is no path"
	case strings.HasPrefix(target, "/"), len(target) > 1 && target[1] == ':':
		return "is a path of the machine"
	case strings.ContainsAny(target, "\\\x00") || !printable(target):
		return "holds characters that no path should"
	}
	depth := strings.Count(name, "/")
	down := false
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "" || part == ".":
		case part == "..":
			if down {
				return "goes up again after it went down"
			}
			if depth--; depth < 0 {
				return "leads out of the repository"
			}
		case git.IsGitDir(part):
			return "leads into the directory of Git"
		default:
			down = true
		}
	}
	return ""
}

// guarded reports whether a path is, or is above or below, one of the files that
// protect the repository.
func (r *treeRules) guarded(name string) bool {
	if name == trustDir || r.isTrustFile(name) || slices.Contains(guardedNames, path.Base(name)) {
		return true
	}
	for _, dir := range guardedDirs {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	policy := r.policy()
	return policy != nil && (policy.Guards(name) || policy.Protects(name) || policy.Protects(name+"/x"))
}

const trustDir = ".holdfast"

// What protects most repositories.
var (
	guardedDirs  = []string{trustDir, ".github", ".gitlab", ".gitea", ".forgejo", ".husky"}
	guardedNames = []string{"CODEOWNERS", ".gitlab-ci.yml", ".gitattributes", ".gitmodules", ".mailmap", ".pre-commit-config.yaml", "lefthook.yml", "holdfast.yaml"}
)

// names tells of new names that are others' on systems that fold upper and lower
// case, or the forms of accented letters: one of the two is then not what is read.
func (r *treeRules) names(line []git.Change) error {
	added := map[string]map[string]bool{} // names by directory
	for _, change := range line {
		if change.Before.ID != "" {
			continue
		}
		for name := change.Path(); name != "."; name = path.Dir(name) {
			dir := path.Dir(name)
			if added[dir] == nil {
				added[dir] = map[string]bool{}
			}
			if added[dir][name] {
				break
			}
			added[dir][name] = true
			r.unseen(name)
		}
	}
	dirs := make([]string, 0, len(added))
	for dir := range added {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		entries, err := r.tree.ReadDir(dir)
		if err != nil {
			return err
		}
		r.collisions(dir, entries, added[dir])
	}
	return nil
}

// collisions looks for new names among the entries of a directory that stand for the
// same name as another one.
func (r *treeRules) collisions(dir string, entries []source.Entry, added map[string]bool) {
	r.shortened(dir, entries, added)
	folded := make(map[string]string, len(entries))
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		key := fold(e.Name)
		other, taken := folded[key]
		if !taken {
			folded[key] = name
			continue
		}
		if !added[name] && !added[other] {
			continue
		}
		decision := Warn
		if r.guarded(name) || r.guarded(other) {
			decision = Deny
		}
		r.add(TreePath, decision, name, "Rename one of them: on many systems only one can be there.",
			"%s and %s are one name where case, or the form of letters, does not count", quoted(other), quoted(name))
	}
}

// shortened looks for new names that are the short ones of files that protect the
// repository.
func (r *treeRules) shortened(dir string, entries []source.Entry, added map[string]bool) {
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		at := strings.IndexByte(e.Name, '~')
		if at < 0 || at+2 != len(e.Name) || !added[name] {
			continue
		}
		for _, other := range entries {
			if path := path.Join(dir, other.Name); path != name && r.guarded(path) && strings.EqualFold(e.Name[:at+1], shortName(other.Name)) {
				r.add(TreePath, Deny, name, "Rename it.", "%s stands for %s on some systems", quoted(name), quoted(path))
				break
			}
		}
	}
}

// unseen tells of a new name that shows as another: letters that turn the direction of
// writing, and those that nobody sees.
func (r *treeRules) unseen(name string) {
	const hint = "Rename it: what people read is not what it is named."
	for _, c := range path.Base(name) {
		switch {
		case unicode.Is(unicode.Bidi_Control, c) || unicode.IsControl(c):
			r.add(TreePath, Deny, name, hint, "%s holds a character that changes how the rest is shown", quoted(name))
			return
		case unicode.Is(unicode.Cf, c) && c != '\u200d': // which emojis are joined by
			r.add(TreePath, Warn, name, hint, "%s holds a character that nobody sees", quoted(name))
			return
		}
	}
}

// fold returns what a name is on systems that fold case and letters, leave out what
// nobody sees, dots and blanks at the end, and take what follows a colon for a stream
// of the same file.
func fold(name string) string {
	if i := strings.IndexByte(name, ':'); i > 0 {
		name = name[:i]
	}
	name = strings.TrimRight(name, ". ")
	for i := range len(name) {
		if name[i] >= 0x80 {
			name = strings.Map(func(c rune) rune {
				if unicode.Is(unicode.Cf, c) {
					return -1
				}
				return c
			}, name)
			return strings.ToLower(norm.NFKC.String(strings.ToLower(norm.NFC.String(name))))
		}
	}
	return strings.ToLower(name)
}

// shortName returns the name that systems with names of eight and three letters give to
// a file or directory beside its own, without the number at its end.
func shortName(name string) string {
	name = strings.ToLower(strings.TrimLeft(name, "."))
	name, _, _ = strings.Cut(name, ".")
	return name[:min(6, len(name))] + "~"
}

// limits holds a commit to the limits of the trust file.
func (r *treeRules) limits(ctx context.Context, commit string, line []git.Change) error {
	policy := r.policy()
	if policy == nil {
		return nil
	}
	const hint = "Leave out what is not needed, or have the limit raised in the trust file."
	limit := policy.Limits
	if limit.Entries > 0 || limit.Depth > 0 {
		size, err := r.h.TreeSize(ctx, commit)
		if err != nil {
			return err
		}
		if limit.Entries > 0 && size.Entries > limit.Entries {
			r.add(TreeLimit, Deny, "", hint, "the tree has %d files and directories, more than the limit of %d in %s", size.Entries, limit.Entries, policy.File())
		}
		if limit.Depth > 0 && size.Depth > limit.Depth {
			r.add(TreeLimit, Deny, "", hint, "the tree has %d directories within each other, more than the limit of %d in %s", size.Depth, limit.Depth, policy.File())
		}
	}
	if limit.Bytes == 0 {
		return nil
	}
	large := slices.Clone(line)
	slices.SortFunc(large, func(a, b git.Change) int { return cmp.Compare(r.sizes[b.After.ID], r.sizes[a.After.ID]) })
	for _, change := range large[:min(len(large), maxPaths)] {
		if size := r.sizes[change.After.ID]; change.After.ID != "" && size > limit.Bytes {
			r.add(TreeLimit, Deny, change.Path(), hint, "%s has %d bytes, more than the limit of %d in %s", quoted(change.Path()), size, limit.Bytes, policy.File())
		}
	}
	return nil
}
