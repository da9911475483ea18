package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/holdfast-dev/holdfast/source"
)

// The wire: frames of one byte that says what follows, four bytes of length, and
// that many bytes. A worker has one job at a time, and asks one thing at a time.
const (
	frameJob     = 'j' // to the worker: jobHeader, newline, request
	frameAnswer  = 'a' // to the worker: the answer to a question
	frameFailure = 'e' // to the worker: wireError in place of an answer
	frameStat    = 's' // from the worker: a path, answered with an Entry
	frameList    = 'l' // from the worker: a path, answered with Entries
	frameRead    = 'r' // from the worker: a path, answered with its content
	frameLink    = 'k' // from the worker: the path of a symbolic link, answered with its target
	frameDone    = 'd' // from the worker: the response
	frameFailed  = 'f' // from the worker: the job's error
	frameLate    = 't' // from the worker: the job noticed that its time is over
)

// maxFrame bounds what a worker accepts; a parent uses its limits.
const maxFrame = 1 << 30

// jobHeader comes before a request.
type jobHeader struct {
	Job      string
	Limits   Limits
	Revision source.Revision
}

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	if len(payload) > maxFrame {
		return fmt.Errorf("a message of %d bytes is too long", len(payload))
	}
	head := [5]byte{kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(payload)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

// errFrameTooLong reports a frame above the reader's limit.
var errFrameTooLong = errors.New("message is longer than the limit")

func readFrame(r io.Reader, limit int64) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[1:]))
	if size > limit {
		return head[0], nil, errFrameTooLong
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(r, payload)
	return head[0], payload, err
}

// wireError carries the errors of trees that callers tell apart.
type wireError struct {
	Kind        string // absent, escape, large, loop, kind or other
	Path        string
	Target      string      `json:",omitempty"`
	Size, Limit int64       `json:",omitempty"`
	Mode        source.Mode `json:",omitempty"`
	Text        string      `json:",omitempty"`
}

func encodeError(path string, err error) []byte {
	w := wireError{Kind: "other", Path: path, Text: err.Error()}
	if e, ok := errors.AsType[*source.EscapeError](err); ok {
		w = wireError{Kind: "escape", Path: e.Path, Target: e.Target}
	} else if e, ok := errors.AsType[*source.TooLargeError](err); ok {
		w = wireError{Kind: "large", Path: e.Path, Size: e.Size, Limit: e.Limit}
	} else if e, ok := errors.AsType[*source.LinkLoopError](err); ok {
		w = wireError{Kind: "loop", Path: e.Path}
	} else if e, ok := errors.AsType[*source.KindError](err); ok {
		w = wireError{Kind: "kind", Path: e.Path, Mode: e.Mode}
	} else if source.IsNotExist(err) {
		w = wireError{Kind: "absent", Path: path}
	}
	data, _ := json.Marshal(w)
	return data
}

func decodeError(data []byte) error {
	var w wireError
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("unreadable error from the parent process: %w", err)
	}
	switch w.Kind {
	case "absent":
		return &fs.PathError{Op: "open", Path: w.Path, Err: fs.ErrNotExist}
	case "escape":
		return &source.EscapeError{Path: w.Path, Target: w.Target}
	case "large":
		return &source.TooLargeError{Path: w.Path, Size: w.Size, Limit: w.Limit}
	case "loop":
		return &source.LinkLoopError{Path: w.Path}
	case "kind":
		return &source.KindError{Path: w.Path, Mode: w.Mode}
	}
	return errors.New(w.Text)
}
