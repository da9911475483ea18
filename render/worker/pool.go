package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// idleTime is how long a worker without a job keeps its memory.
const idleTime = time.Minute

// Pool runs jobs in processes, at most one per processor at a time. A process
// that finished its job serves the next one.
type Pool struct {
	command func() *exec.Cmd
	limits  Limits
	slots   chan struct{}

	mu     sync.Mutex
	idle   []*process
	closed bool
}

// NewPool returns a pool. The command must start the own program so that it calls
// Serve on its standard input and output; unless it sets an environment it gets
// an empty one. Nothing is started before the first job.
func NewPool(command func() *exec.Cmd, limits Limits) *Pool {
	return &Pool{
		command: command,
		limits:  limits.orDefault(),
		slots:   make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
}

// Close ends the processes. Jobs that run are not waited for.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, w := range idle {
		w.kill()
	}
}

// Run runs a job in a process.
func (p *Pool) Run(ctx context.Context, job string, tree source.Tree, request []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.slots }()

	limits := p.limits
	if deadline, ok := ctx.Deadline(); ok {
		limits.Time = max(min(limits.Time, time.Until(deadline)), 1)
	}
	bounded, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()

	w, err := p.take()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(bounded, w.kill)
	response, jobErr, err := w.do(jobHeader{Job: job, Limits: limits, Revision: tree.Revision()}, tree, request)
	if !stop() || err != nil {
		w.kill()
		return nil, explain(ctx, bounded, job, limits, w, err)
	}
	p.put(w)
	return response, jobErr
}

// explain says why a process did not finish its job.
func explain(ctx, bounded context.Context, job string, limits Limits, w *process, err error) error {
	if ctx.Err() != nil {
		return &LimitError{Job: job, Reason: "the time given to it is over", Err: ctx.Err()}
	}
	if bounded.Err() != nil {
		return jobHeader{Job: job, Limits: limits}.late()
	}
	if errors.Is(err, errFrameTooLong) {
		return &LimitError{Job: job, Reason: fmt.Sprintf("its result is larger than %d bytes", limits.Output)}
	}
	switch last := w.lastWords(); {
	case strings.Contains(last, "out of memory"), strings.Contains(last, "cannot allocate memory"),
		strings.Contains(last, "failed to create new OS thread"), strings.Contains(last, "pthread_create failed"):
		return &LimitError{Job: job, Reason: fmt.Sprintf("it needs more than %d MiB of memory", limits.Memory>>20)}
	case strings.Contains(last, "stack overflow"), strings.Contains(last, "stack exceeds"):
		return &LimitError{Job: job, Reason: "it recurses too deeply"}
	case last != "":
		return fmt.Errorf("rendering with %s: the worker process ended: %s", job, last)
	}
	return fmt.Errorf("rendering with %s: the worker process ended: %w", job, err)
}

func (h jobHeader) late() error {
	reason := fmt.Sprintf("it took longer than %s", h.Limits.Time.Round(time.Millisecond))
	return &LimitError{Job: h.Job, Reason: reason, Err: context.DeadlineExceeded}
}

func (p *Pool) take() (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("render: the pool of workers is closed")
	}
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		w.retire.Stop()
		return w, nil
	}
	return start(p.command())
}

func (p *Pool) put(w *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.kill()
		return
	}
	p.idle = append(p.idle, w)
	w.retire = time.AfterFunc(idleTime, func() {
		p.mu.Lock()
		i := slices.Index(p.idle, w)
		if i >= 0 {
			p.idle = slices.Delete(p.idle, i, i+1)
		}
		p.mu.Unlock()
		if i >= 0 {
			w.kill()
		}
	})
}

// process is one worker.
type process struct {
	cmd    *exec.Cmd
	in     *bufio.Writer
	out    *bufio.Reader
	stdin  io.Closer
	stderr *messages
	retire *time.Timer
	kill   func()
	exited chan struct{}
}

func start(cmd *exec.Cmd) (*process, error) {
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	cmd.Dir = "/"
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w := &process{
		cmd: cmd, stdin: stdin, in: bufio.NewWriter(stdin), out: bufio.NewReader(stdout),
		stderr: &messages{}, exited: make(chan struct{}),
	}
	cmd.Stderr = w.stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a worker process for rendering: %w", err)
	}
	w.kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		go func() {
			_ = cmd.Wait()
			close(w.exited)
		}()
	})
	return w, nil
}

// do runs one job. jobErr is the job's own error; err one of the process, which
// is of no more use then.
func (w *process) do(h jobHeader, tree source.Tree, request []byte) (response []byte, jobErr, err error) {
	w.stderr.forget()
	head, err := json.Marshal(h)
	if err != nil {
		return nil, nil, err
	}
	if err := w.send(frameJob, append(append(head, '\n'), request...)); err != nil {
		return nil, nil, err
	}
	for {
		kind, payload, err := readFrame(w.out, h.Limits.Output)
		if err != nil {
			return nil, nil, err
		}
		switch kind {
		case frameDone:
			return payload, nil, nil
		case frameFailed:
			return nil, errors.New(string(payload)), nil
		case frameLate:
			return nil, h.late(), nil
		}
		answer, err := answer(tree, kind, string(payload))
		if err != nil {
			err = w.send(frameFailure, encodeError(string(payload), err))
		} else {
			err = w.send(frameAnswer, answer)
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

func (w *process) send(kind byte, payload []byte) error {
	if err := writeFrame(w.in, kind, payload); err != nil {
		return err
	}
	return w.in.Flush()
}

func answer(tree source.Tree, kind byte, path string) ([]byte, error) {
	switch kind {
	case frameStat:
		e, err := tree.Stat(path)
		if err != nil {
			return nil, err
		}
		return json.Marshal(e)
	case frameList:
		entries, err := tree.ReadDir(path)
		if err != nil {
			return nil, err
		}
		return json.Marshal(entries)
	case frameRead:
		return tree.ReadFile(path)
	case frameLink:
		links, ok := tree.(source.Linker)
		if !ok {
			return nil, &source.KindError{Path: path, Mode: source.ModeFile}
		}
		target, err := links.Readlink(path)
		return []byte(target), err
	}
	return nil, fmt.Errorf("unknown question %q", kind)
}

// lastWords returns the line in which a process that ended says why.
func (w *process) lastWords() string {
	w.kill()
	<-w.exited
	return w.stderr.cause()
}

// messages picks out of what a process writes the line that tells why it ended:
// that of the runtime, or else the first. Engines write warnings, and the runtime
// writes long traces.
type messages struct {
	mu           sync.Mutex
	line         []byte // that is being written, up to maxMessage bytes
	first, fatal string
}

const maxMessage = 500

func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for rest := p; len(rest) > 0; {
		text, after, ended := bytes.Cut(rest, []byte("\n"))
		m.line = append(m.line, text[:min(len(text), maxMessage-len(m.line))]...)
		if ended {
			m.end()
		}
		rest = after
	}
	return len(p), nil
}

func (m *messages) end() {
	line := strings.TrimSpace(string(m.line))
	m.line = m.line[:0]
	switch {
	case m.fatal == "" && (strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "runtime: goroutine stack exceeds")):
		m.fatal = line
	case m.first == "":
		m.first = line
	}
}

// forget drops what the last job caused.
func (m *messages) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.line, m.first, m.fatal = m.line[:0], "", ""
}

func (m *messages) cause() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end()
	if m.fatal != "" {
		return m.fatal
	}
	return m.first
}
