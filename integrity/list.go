package integrity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// startList puts the signers of the starting commit in force.
func (c *checker) startList(ctx context.Context, from string) error {
	if from == "" {
		if c.trust.Bootstrap != nil {
			c.signers = c.inForce(c.trust.Bootstrap)
		}
		return nil
	}
	var err error
	if c.base, err = c.h.Commit(ctx, from); err != nil {
		return err
	}
	c.mailmap = c.mailmapAt(ctx, from)
	p, err := c.adopt(ctx, cmp.Or(c.trust.Base, from))
	if p != nil {
		p.Hint = "Pin a root commit that has a valid signers file, or configure bootstrap signers."
		c.add(*p)
	}
	return err
}

// adopt puts the signers of a mainline commit in force. If they are not as they
// should be, it says so and leaves everything as it was.
func (c *checker) adopt(ctx context.Context, commit string) (*Problem, error) {
	tree, err := c.h.Tree(ctx, commit)
	if err != nil {
		return c.fault(commit, ObjMalformed, "the commit's tree is not accepted", err)
	}
	files, err := c.listFiles(tree)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.files == nil && c.trust.Bootstrap != nil:
		p := c.revocations(c.trust.Bootstrap)
		if p == nil {
			c.signers, c.adopted = c.inForce(c.trust.Bootstrap), commit
		}
		return p, nil
	case errors.Is(err, fs.ErrNotExist):
		return c.fault(commit, PolicyInvalid, "the list of signers is invalid", &FileError{c.trust.SignersPath, errors.New("does not exist")})
	case err != nil:
		return c.fault(commit, PolicyInvalid, "the list of signers is invalid", err)
	}
	if c.files != nil && slices.Equal(files, c.files) && !slices.ContainsFunc(files, func(f signerFile) bool { return f.id == "" }) {
		c.adopted = commit
		return nil, nil
	}
	signers, err := loadSigners(tree, files)
	if err != nil {
		return c.fault(commit, PolicyInvalid, "the list of signers is invalid", err)
	}
	if p := c.revocations(signers); p != nil {
		p.Commit = commit
		return p, nil
	}
	if p, err := c.succeeds(ctx, commit, signers); p != nil || err != nil {
		return p, err
	}
	c.signers, c.files, c.adopted = c.inForce(signers), files, commit
	return nil, nil
}

// follow puts the signers of a mainline commit in force. By the trust of a base they
// only have to be valid, if they are not those that the range began with.
func (c *checker) follow(ctx context.Context, commit string) (*Problem, error) {
	if c.trust.Base == "" {
		return c.adopt(ctx, commit)
	}
	same, err := c.sameFiles(ctx, c.base.ID, commit)
	if same || err != nil {
		return nil, err
	}
	_, p, err := c.signersOf(ctx, commit)
	return p, err
}

// sameFiles reports whether two commits have the same files that say whom to trust.
func (c *checker) sameFiles(ctx context.Context, a, b string) (bool, error) {
	var lists [2][]signerFile
	for i, id := range []string{a, b} {
		tree, err := c.h.Tree(ctx, id)
		if err != nil {
			return false, err
		}
		files, err := c.listFiles(tree)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, nil // whatever is wrong with them, signersOf tells
		}
		lists[i] = files
	}
	known := !slices.ContainsFunc(lists[1], func(f signerFile) bool { return f.id == "" })
	return known && slices.Equal(lists[0], lists[1]), nil
}

// listFiles finds the files of a tree that say whom to trust.
// Where all of them are in one directory, as they usually are, they are those that it
// had when it was the same.
func (c *checker) listFiles(tree source.Tree) ([]signerFile, error) {
	revoked := cmp.Or(c.trust.RevokedPath, beside(c.trust.SignersPath, DefaultRevokedName))
	dir := trustDir
	for _, name := range []string{c.trust.SignersPath, c.trust.KeysDir, revoked} {
		if !strings.HasPrefix(name, trustDir+"/") {
			dir = ""
		}
	}
	id := ""
	if dir != "" {
		if e, err := tree.Stat(dir); err == nil && e.Mode == source.ModeDir {
			id = e.ID
		}
	}
	if id != "" && id == c.listedIn {
		return c.listed, nil
	}
	files, err := signerFiles(tree, c.trust.SignersPath, c.trust.KeysDir, revoked)
	if err == nil && id != "" {
		c.listed, c.listedIn = files, id
	}
	return files, err
}

// revocations holds a list that lacks the revocations it should have, or has
// fewer than the one in force.
func (c *checker) revocations(signers *Signers) *Problem {
	var before *Revocations
	if c.files != nil {
		before = c.signers.revoked
	}
	switch {
	case signers.revoked == nil && c.trust.RevokedPath != "":
		p := problem(TrustMissing, "Commit it again: without it nobody knows which keys were stolen.", "the revocation list %s does not exist", quoted(c.trust.RevokedPath))
		return &p
	case signers.revoked.restores(before):
		p := problem(TrustShrink, "Put back what was revoked. A key that was revoked by mistake is replaced by a new one.", "what the revocation list %s revoked counts again", quoted(before.path))
		return &p
	}
	return nil
}

// inForce returns signers to which the operator's own revocations apply, those
// beside the bootstrap list among them.
func (c *checker) inForce(signers *Signers) *Signers {
	all := *signers
	all.revocations = []*Revocations{signers.revoked, c.trust.Revoked}
	if c.trust.Bootstrap != nil {
		all.revocations = append(all.revocations, c.trust.Bootstrap.revoked)
	}
	return &all
}

// fault tells what a commit holds from what our copy of it lacks: the first is
// a problem of the commit, the second ends the check.
func (c *checker) fault(commit string, code Code, what string, err error) (*Problem, error) {
	var (
		file      *FileError
		syntax    *SyntaxError
		mistakes  strict.Errors
		kind      *source.KindError
		tooLarge  *source.TooLargeError
		escape    *source.EscapeError
		malformed *git.MalformedError
		tree      *git.TreeError
		limit     *git.LimitError
	)
	if p := collision(err); p != nil {
		return p, nil
	}
	switch {
	case errors.As(err, &file), errors.As(err, &syntax), errors.As(err, &mistakes), errors.As(err, &kind), errors.As(err, &tooLarge), errors.As(err, &escape), errors.As(err, &malformed):
	case errors.As(err, &tree):
		code = TreePath
	case errors.As(err, &limit):
		code = TreeLimit
	default:
		return nil, fmt.Errorf("commit %s: %w", short(commit), err)
	}
	p := problem(code, "Repair it, or remove the commit from the branch; the list of signers before it stays in force.", "%s: %s", what, err)
	p.Commit = commit
	p = p.in(placeOf(err))
	return &p, nil
}

// placeOf returns the file and line that an error is about, as far as it says.
func placeOf(err error) (path string, line int) {
	var (
		file     *FileError
		syntax   *SyntaxError
		mistakes strict.Errors
	)
	switch {
	case errors.As(err, &syntax):
		return syntax.File, syntax.Line
	case errors.As(err, &mistakes) && len(mistakes) > 0:
		return mistakes[0].Path, mistakes[0].Position.Line
	case errors.As(err, &file):
		return file.Path, 0
	}
	return "", 0
}

// mailmapAt returns the content id of the .mailmap, empty if there is none or
// it cannot be had: it only serves to warn.
func (c *checker) mailmapAt(ctx context.Context, commit string) string {
	if commit == "" {
		return ""
	}
	tree, err := c.h.Tree(ctx, commit)
	if err != nil {
		return ""
	}
	entry, err := tree.Stat(".mailmap")
	if err != nil {
		return ""
	}
	return entry.ID
}
