package git

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/source"
)

// object is an object's kind and content. One that is absent has no kind; one
// above the limit has no content.
type object struct {
	id      string
	kind    string
	size    int64
	content []byte
}

// batch is one long-lived cat-file --batch process. It starts when it is first
// needed, and again when it died.
type batch struct {
	mirror *Mirror
	life   context.Context
	// buffered is set where git need not write each answer at once, which costs as
	// much as finding it does.
	buffered bool

	mu      sync.Mutex
	process *batchProcess
	many    *batch // buffered, for many objects at once; nil until it is needed
}

// atLeast is how many objects it takes for answers to be worth buffering.
const atLeast = 32

type batchProcess struct {
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
	kill   context.CancelFunc
	wait   func() error
}

// read returns the objects with these ids to each, in order, while it asks for
// more. Content above limit bytes is passed over. It fails if ctx ends, if the
// process dies twice, or if content is not what its id says.
func (b *batch) read(ctx context.Context, ids []string, limit int64, each func(object) error) error {
	for _, id := range ids {
		if !isID(id) {
			return fmt.Errorf("%s is not a full object id", quoteName(id))
		}
	}
	if len(ids) >= atLeast && !b.buffered {
		return b.forMany().read(ctx, ids, limit, each)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, b.mirror.opts.Timeout)
	defer cancel()
	for died := false; len(ids) > 0; died = true {
		done, err := b.attempt(ctx, ids, limit, each)
		if err == nil {
			return nil
		}
		ids = ids[done:]
		detail := b.stopLocked()
		if ctx.Err() != nil {
			return fmt.Errorf("git cat-file: %w", ctx.Err())
		}
		if b.life.Err() != nil {
			return errors.New("the mirror is closed")
		}
		if failure, ok := errors.AsType[*readFailure](err); !ok {
			return err
		} else if died && done == 0 { // it is not the process but the object
			if detail == "" {
				detail = failure.Error()
			}
			return b.mirror.corrupt("object " + ids[0] + " cannot be read: " + detail)
		}
	}
	return nil
}

func (b *batch) forMany() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.many == nil {
		b.many = &batch{mirror: b.mirror, life: b.life, buffered: true}
	}
	return b.many
}

// readFailure is a process that does not answer as it should.
type readFailure struct{ err error }

func (e *readFailure) Error() string { return "git cat-file: " + e.err.Error() }
func (e *readFailure) Unwrap() error { return e.err }

// attempt asks one process for all ids, and tells how many it answered.
func (b *batch) attempt(ctx context.Context, ids []string, limit int64, each func(object) error) (done int, err error) {
	if b.process == nil {
		if err := b.start(); err != nil {
			return 0, err
		}
	}
	p := b.process
	defer context.AfterFunc(ctx, p.kill)()
	written := make(chan struct{})
	go func() { // as neither side of the pipes holds everything
		defer close(written)
		w := bufio.NewWriter(p.in)
		for _, id := range ids {
			_, _ = w.WriteString(id)
			_ = w.WriteByte('\n')
		}
		if b.buffered { // git writes all that it holds back when it misses an object
			_, _ = w.WriteString(noObject(ids[0]) + "\n")
		}
		_ = w.Flush() // a failure shows when the answer does not come
	}()
	for _, id := range ids {
		o, err := p.answer(id, limit)
		if err == nil {
			err = b.mirror.checkHash(o)
		}
		if err == nil {
			err = each(o)
		}
		if err != nil {
			p.kill() // unread answers are in the pipe
			<-written
			return done, err
		}
		done++
	}
	<-written
	if b.buffered {
		if o, err := p.answer(noObject(ids[0]), 0); err != nil || o.kind != "" {
			p.kill()
			return done, &readFailure{cmp.Or(err, errors.New("git has an object that cannot be"))}
		}
	}
	return done, nil
}

// noObject is the id of no object, as long as another id.
func noObject(id string) string { return strings.Repeat("0", len(id)) }

// answer reads one "<id> <kind> <size>" header, and the content.
func (p *batchProcess) answer(id string, limit int64) (object, error) {
	header, err := p.out.ReadString('\n')
	if err != nil {
		return object{}, &readFailure{err}
	}
	fields := strings.Fields(header)
	if len(fields) == 2 && fields[0] == id && fields[1] == "missing" {
		return object{id: id}, nil
	}
	if len(fields) != 3 || fields[0] != id {
		return object{}, &readFailure{fmt.Errorf("unexpected answer %s", quoteName(header))}
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return object{}, &readFailure{fmt.Errorf("unexpected size %s", quoteName(fields[2]))}
	}
	o := object{id: id, kind: fields[1], size: size}
	if size > limit {
		_, err = io.CopyN(io.Discard, p.out, size+1)
	} else {
		o.content = make([]byte, size)
		if _, err = io.ReadFull(p.out, o.content); err == nil {
			_, err = p.out.Discard(1)
		}
	}
	if err != nil {
		return object{}, &readFailure{err}
	}
	return o, nil
}

func (b *batch) start() error {
	ctx, kill := context.WithCancel(b.life)
	args := []string{"cat-file", "--batch"}
	if b.buffered {
		args = append(args, "--buffer")
	}
	cmd := b.mirror.command(ctx, b.mirror.environment(), args...)
	stderr := &tail{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		kill()
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		kill()
		return err
	}
	if err := cmd.Start(); err != nil {
		kill()
		return err
	}
	b.process = &batchProcess{in: in, out: bufio.NewReaderSize(out, 64<<10), stderr: stderr, kill: kill, wait: cmd.Wait}
	return nil
}

// stop ends the process; another one starts when it is needed.
func (b *batch) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked()
	if b.many != nil {
		b.many.stop()
	}
}

// stopLocked returns what the process said on standard error.
func (b *batch) stopLocked() string {
	p := b.process
	if p == nil {
		return ""
	}
	b.process = nil
	_ = p.in.Close()
	p.kill()
	_ = p.wait()
	return b.mirror.remote.clean(p.stderr.String())
}

// object returns one object of a kind, whose content may have limit bytes.
func (m *Mirror) object(ctx context.Context, id, kind string, limit int64) ([]byte, error) {
	var found object
	if err := m.batch.read(ctx, []string{id}, limit, func(o object) error { found = o; return nil }); err != nil {
		return nil, err
	}
	if found.kind != kind {
		return nil, &MissingError{ID: id, Kind: kind, Is: found.kind}
	}
	if found.size > limit {
		return nil, &source.TooLargeError{Path: kind + " " + id, Size: found.size, Limit: limit}
	}
	return found.content, nil
}

// expect makes sure that an object of a kind is there and whole.
func (m *Mirror) expect(ctx context.Context, id, kind string) error {
	_, err := m.object(ctx, id, kind, maxObject)
	return err
}
