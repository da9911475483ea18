package git

import (
	"context"
	"fmt"
)

// IsID reports whether a name is a full object id, and so cannot be moved.
func IsID(name string) bool { return isID(name) }

// FetchNamed gets what a short name means, and returns the id of the commit: a full
// commit id, a branch, a tag, or the branch that HEAD leads to if the name is empty.
func (m *Mirror) FetchNamed(ctx context.Context, name string) (commit string, err error) {
	if isID(name) {
		return name, m.FetchCommit(ctx, name)
	}
	branch, tag := "refs/heads/"+name, "refs/tags/"+name
	if name == "" {
		offer, err := m.Advertised(ctx)
		if err != nil {
			return "", err
		}
		if offer.Head == "" {
			return "", fmt.Errorf("the repository has no default branch")
		}
		branch, tag = offer.Head, ""
	}
	refs := []string{branch}
	if tag != "" {
		refs = append(refs, tag)
	}
	found, err := m.Fetch(ctx, refs...)
	if err != nil {
		return "", err
	}
	if id := found[branch]; id != "" {
		return id, nil
	}
	id := found[tag]
	if id == "" {
		return "", fmt.Errorf("the repository has no branch and no tag %s", quoteName(name))
	}
	if annotated, err := m.Tag(ctx, id); err == nil {
		return annotated.Object, nil
	}
	return id, nil
}

// FetchCommit gets a commit by its full id, and everything below it. Servers give
// what can be reached from their refs; of others the error is a RemoteError.
func (m *Mirror) FetchCommit(ctx context.Context, id string) error {
	if !isID(id) {
		return &RefError{Ref: id, Reason: "is not a full commit id"}
	}
	m.refs.Lock()
	defer m.refs.Unlock()
	if err := m.checkRepository(); err != nil {
		return err
	}
	if _, err := m.fetch(ctx, m.opts.MaxFetch, []string{id}); err != nil {
		return err
	}
	_, err := m.Commit(ctx, id)
	return err
}

// FetchSmall is Fetch of one ref that may add so many bytes and no more. The id is
// empty if the remote does not have it.
func (m *Mirror) FetchSmall(ctx context.Context, ref string, limit int64) (id string, err error) {
	if err := checkRef(ref); err != nil {
		return "", err
	}
	m.refs.Lock()
	defer m.refs.Unlock()
	if err := m.checkRepository(); err != nil {
		return "", err
	}
	absent, err := m.fetch(ctx, limit, []string{ref})
	if err != nil || absent != "" {
		return "", err
	}
	ids, err := m.tracked(ctx, []string{ref})
	return ids[ref], err
}
