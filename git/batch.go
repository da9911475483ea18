package git

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/git/pack"
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

// batch reads objects: from their files if it can, and else by one long-lived
// cat-file --batch process, which takes three times as long. That starts when it is
// first needed, and again when it died.
type batch struct {
	mirror *Mirror
	life   context.Context
	store  *pack.Store
	// buffered is set where git need not write each answer at once, which costs as
	// much as finding it does.
	buffered bool

	mu      sync.Mutex
	process *batchProcess
	many    *batch // buffered, for many objects at once; nil until it is needed
}

func newBatch(m *Mirror, life context.Context) *batch {
	return &batch{mirror: m, life: life, store: pack.Open(m.objects())}
}

// objects returns the directory of the objects, which linked work trees share.
func (m *Mirror) objects() string {
	common, err := os.ReadFile(filepath.Join(m.opts.Dir, "commondir"))
	if err != nil {
		return filepath.Join(m.opts.Dir, "objects")
	}
	dir := strings.TrimSpace(string(common))
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(m.opts.Dir, dir)
	}
	return filepath.Join(dir, "objects")
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

// read returns the objects with these ids to each, in order. Content above limit
// bytes is passed over. It fails if ctx ends, if content is not what its id says, or
// if neither the files nor git, asked twice, give it.
func (b *batch) read(ctx context.Context, ids []string, limit int64, each func(object) error) error {
	for len(ids) > 0 {
		done, err := b.stored(ctx, ids, limit, each)
		if err != nil {
			return err
		}
		ids = ids[done:]
		// Git is asked for the first that is not found, and for all such after it.
		missed := min(1, len(ids))
		for missed < len(ids) && !b.store.Has(ids[missed]) {
			missed++
		}
		if err := b.ask(ctx, ids[:missed], limit, each); err != nil {
			return err
		}
		ids = ids[missed:]
	}
	return nil
}

// stored reads from the files up to the first object that is not to be had from
// them, or not as its id says: git tells what is wrong with it.
func (b *batch) stored(ctx context.Context, ids []string, limit int64, each func(object) error) (done int, err error) {
	for done, id := range ids {
		if ctx.Err() != nil {
			return done, fmt.Errorf("reading objects: %w", ctx.Err())
		}
		if b.life.Err() != nil {
			return done, errClosed
		}
		found, ok := b.store.Read(id, limit)
		if !ok {
			return done, nil
		}
		o := object{id: id, kind: found.Kind, size: found.Size, content: found.Content}
		err := b.mirror.checkHash(o)
		if _, wrong := errors.AsType[*CorruptError](err); wrong {
			return done, nil
		}
		if err == nil {
			err = each(o)
		}
		if err != nil {
			return done, err
		}
	}
	return len(ids), nil
}

var errClosed = errors.New("the mirror is closed")

// ask has git read the objects, and asks for more while it gives them to each.
func (b *batch) ask(ctx context.Context, ids []string, limit int64, each func(object) error) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if !isID(id) {
			return fmt.Errorf("%s is not a full object id", quoteName(id))
		}
	}
	if len(ids) >= atLeast && !b.buffered {
		return b.forMany().ask(ctx, ids, limit, each)
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
			return errClosed
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

// stop ends the process and closes the files; both are opened again when needed.
func (b *batch) stop() {
	if b.store != nil {
		b.store.Close()
	}
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
