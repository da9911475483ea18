package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// maxStack is the largest stack, in bytes, of a goroutine in a worker. Deep
// recursion then ends before it has eaten the memory limit.
const maxStack = 128 << 20

// Serve runs jobs for the parent process until in ends. It is the main function
// of a worker process and changes the process for good: limits, no network.
func Serve(jobs Jobs, in io.Reader, out io.Writer) error {
	http.DefaultTransport = noNetwork{}
	http.DefaultClient = &http.Client{Transport: noNetwork{}}
	debug.SetMaxStack(maxStack)

	// Frames are read ahead of the job, so that a job that never returns does
	// not outlive a parent that is gone.
	frames := make(chan frame)
	ended := make(chan error, 1)
	go func() {
		r := bufio.NewReader(in)
		for {
			kind, payload, err := readFrame(r, maxFrame)
			if err != nil {
				ended <- err
				close(frames)
				return
			}
			frames <- frame{kind, payload}
		}
	}()
	go func() {
		if err := <-ended; !errors.Is(err, io.EOF) {
			os.Exit(1)
		}
		os.Exit(0)
	}()

	w := bufio.NewWriter(out)
	for f := range frames {
		if f.kind != frameJob {
			return fmt.Errorf("expected a job, got %q", f.kind)
		}
		if err := serveJob(jobs, f.payload, frames, w); err != nil {
			return err
		}
	}
	return nil
}

type frame struct {
	kind    byte
	payload []byte
}

func serveJob(jobs Jobs, payload []byte, frames <-chan frame, w *bufio.Writer) error {
	head, request, _ := bytes.Cut(payload, []byte("\n"))
	var h jobHeader
	if err := json.Unmarshal(head, &h); err != nil {
		return fmt.Errorf("unreadable job: %w", err)
	}
	if err := limitProcess(h.Limits); err != nil {
		return err
	}
	debug.SetMemoryLimit(h.Limits.Memory / 4 * 3)
	ctx, cancel := context.WithTimeout(context.Background(), h.Limits.Time)
	defer cancel()
	// The parent kills a worker that is late; this is for a parent that cannot.
	alarm := time.AfterFunc(h.Limits.Time+time.Second, func() { os.Exit(1) })
	defer alarm.Stop()

	tree := &parentTree{revision: h.Revision, frames: frames, w: w}
	response, err := jobs.run(ctx, h.Job, tree, request)
	kind := byte(frameDone)
	switch {
	case err != nil && ctx.Err() != nil:
		kind, response = frameLate, nil
	case err != nil:
		kind, response = frameFailed, []byte(err.Error())
	}
	if err := writeFrame(w, kind, response); err != nil {
		return err
	}
	return w.Flush()
}

// parentTree is the parent's tree, one question at a time.
type parentTree struct {
	revision source.Revision
	frames   <-chan frame
	w        *bufio.Writer
	busy     sync.Mutex
}

func (t *parentTree) Revision() source.Revision { return t.revision }

func (t *parentTree) Stat(path string) (e source.Entry, err error) {
	err = t.askJSON(frameStat, path, &e)
	return e, err
}

func (t *parentTree) ReadDir(path string) (entries []source.Entry, err error) {
	err = t.askJSON(frameList, path, &entries)
	return entries, err
}

func (t *parentTree) ReadFile(path string) ([]byte, error) { return t.ask(frameRead, path) }

func (t *parentTree) Readlink(path string) (string, error) {
	target, err := t.ask(frameLink, path)
	return string(target), err
}

func (t *parentTree) askJSON(kind byte, path string, into any) error {
	data, err := t.ask(kind, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (t *parentTree) ask(kind byte, path string) ([]byte, error) {
	t.busy.Lock()
	defer t.busy.Unlock()
	if err := writeFrame(t.w, kind, []byte(path)); err != nil {
		return nil, err
	}
	if err := t.w.Flush(); err != nil {
		return nil, err
	}
	f, ok := <-t.frames
	switch {
	case !ok:
		return nil, io.ErrUnexpectedEOF
	case f.kind == frameAnswer:
		return f.payload, nil
	case f.kind == frameFailure:
		return nil, decodeError(f.payload)
	}
	return nil, fmt.Errorf("expected an answer, got %q", f.kind)
}

// noNetwork is the transport of a process that must not connect.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("no network while rendering: %s is not fetched", r.URL.Redacted())
}
