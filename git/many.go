package git

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/source"
)

// Commits reads commits in one request, and gives each with what is wrong with it:
// errors as of Commit. What cannot be read at all ends it, as does an error of each.
func (m *Mirror) Commits(ctx context.Context, ids []string, each func(id string, c *Commit, err error) error) error {
	return m.readMany(ctx, ids, maxObject, func(o object, err error) error {
		switch {
		case err != nil:
		case o.kind != "commit":
			err = &MissingError{ID: o.id, Kind: "commit", Is: o.kind}
		case o.size > maxObject:
			err = &source.TooLargeError{Path: "commit " + o.id, Size: o.size, Limit: maxObject}
		default:
			c, err := ParseCommit(o.id, o.content)
			return each(o.id, c, err)
		}
		return each(o.id, nil, err)
	})
}

// Blobs reads files by their ids in one request, makes sure that they are what their
// ids say, and gives the size of each in bytes, with what is wrong with it. Files above
// the limit of the repository are not looked at: nothing else reads them either.
func (m *Mirror) Blobs(ctx context.Context, ids []string, each func(id string, size int64, err error) error) error {
	return m.readMany(ctx, ids, m.opts.MaxFileSize, func(o object, err error) error {
		if err == nil && o.kind != "blob" {
			err = m.incomplete(&MissingError{ID: o.id, Kind: "blob", Is: o.kind})
		}
		return each(o.id, o.size, err)
	})
}

// readMany is batch.read that goes on after an object with a collision.
func (m *Mirror) readMany(ctx context.Context, ids []string, limit int64, each func(object, error) error) error {
	for len(ids) > 0 {
		done := 0
		err := m.batch.read(ctx, ids, limit, func(o object) error {
			done++
			return each(o, nil)
		})
		if err == nil {
			return nil
		}
		collision, ok := errors.AsType[*CollisionError](err)
		if !ok || done == len(ids) || collision.ID != ids[done] {
			return err
		}
		if err := each(object{id: ids[done]}, collision); err != nil {
			return err
		}
		ids = ids[done+1:]
	}
	return nil
}

// Ahead reads the directories of commits that are asked for soon, in few requests. It
// is no more than a help: what is wrong with them is told when they are asked for.
func (m *Mirror) Ahead(ctx context.Context, commits []*Commit) {
	ids := make([]string, 0, len(commits))
	for _, c := range commits {
		m.trees.remember(c)
		if m.trees.get(c.Tree) == nil {
			ids = append(ids, c.Tree)
		}
	}
	_ = m.trees.loadAll(ctx, ids)
}

// FilesAhead reads files that are asked for soon, by their ids, and gives the content
// of those that have at most maxAhead bytes. As Ahead, it is no more than a help.
func (m *Mirror) FilesAhead(ctx context.Context, ids []string, each func(id string, content []byte)) {
	_ = m.batch.read(ctx, ids, maxAhead, func(o object) error {
		if o.kind == "blob" && o.content != nil {
			each(o.id, o.content)
		}
		return nil
	})
}

// FilesAhead is that of Mirror.
func (l *Local) FilesAhead(ctx context.Context, ids []string, each func(id string, content []byte)) {
	l.m.FilesAhead(ctx, ids, each)
}

// Commits is that of Mirror, as are the others.
func (l *Local) Commits(ctx context.Context, ids []string, each func(id string, c *Commit, err error) error) error {
	return l.m.Commits(ctx, ids, each)
}

// Blobs is that of Mirror.
func (l *Local) Blobs(ctx context.Context, ids []string, each func(id string, size int64, err error) error) error {
	return l.m.Blobs(ctx, ids, each)
}

// Ahead is that of Mirror.
func (l *Local) Ahead(ctx context.Context, commits []*Commit) { l.m.Ahead(ctx, commits) }
