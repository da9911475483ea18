package testcluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// AuditEvent is a request as the API server recorded it, without the objects.
// A watch has two events: one at its start, one at its end.
type AuditEvent struct {
	AuditID    string
	Stage      string // ResponseStarted (of a watch), ResponseComplete or Panic
	Verb       string // get, list, watch, create, update, patch, delete, …
	RequestURI string
	UserAgent  string
	User       struct {
		Username string
		Groups   []string
	}
	ImpersonatedUser *struct{ Username string }
	ObjectRef        *struct {
		APIGroup, APIVersion, Resource, Subresource, Namespace, Name string
	}
	ResponseStatus *struct{ Code int }
}

// AuditLog returns the requests so far, in the order in which they ended. It
// needs Options.Audit. A client may have its answer a moment before the event
// is in the log: wait for the event that is expected before counting.
func (c *Cluster) AuditLog() ([]AuditEvent, error) {
	data, err := os.ReadFile(filepath.Join(c.Dir, "audit.log"))
	if err != nil {
		return nil, fmt.Errorf("%w (the audit log is written with Options.Audit only)", err)
	}
	var events []AuditEvent
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // half written
		}
		var event AuditEvent
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("audit.log, line %d: %w", len(events)+1, err)
		}
		events = append(events, event)
	}
	return events, nil
}
