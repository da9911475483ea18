package git

import "context"

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
