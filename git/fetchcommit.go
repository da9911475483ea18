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
	if _, err := m.fetch(ctx, []string{id}); err != nil {
		return err
	}
	_, err := m.Commit(ctx, id)
	return err
}
