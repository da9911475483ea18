// Package worker runs the engines of renderers where they can be stopped. Text
// templates and patches are programs of strangers: they can loop for ever, ask
// for all memory, or exhaust the stack, and Go can neither interrupt nor survive
// that within one process.
//
//	Job     a function from a tree and a request to a response
//	Runner  runs jobs by name: InProcess for files that one trusts, or a Pool
//	Pool    worker processes of the own program, reused, killed at a limit
//	Serve   the main function of a worker process
//	Limits  time, memory and size of the response
//
// A worker has no file, no network client, no environment and no other program:
// it asks its parent for each file of the tree, over its standard input and
// output, so that the parent's tree sees every read. A worker that dies takes one
// job with it.
package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// Job computes a response from files and a request. It reads through tree only
// and may hold on to nothing.
type Job func(ctx context.Context, tree source.Tree, request []byte) ([]byte, error)

// Jobs are the jobs that a program knows, by name.
type Jobs map[string]Job

// Runner runs a job. Errors are a LimitError, the context's error, or the job's.
type Runner interface {
	Run(ctx context.Context, job string, tree source.Tree, request []byte) ([]byte, error)
}

// Limits bound one job. Zero fields take the value of DefaultLimits.
type Limits struct {
	Time   time.Duration
	Memory int64 // bytes of data that the process may map
	Output int64 // bytes of the response
}

// DefaultLimits leave room for charts and overlays of a hundred times the usual
// size.
var DefaultLimits = Limits{Time: 30 * time.Second, Memory: 1 << 30, Output: 64 << 20}

func (l Limits) orDefault() Limits {
	if l.Time <= 0 {
		l.Time = DefaultLimits.Time
	}
	if l.Memory <= 0 {
		l.Memory = DefaultLimits.Memory
	}
	if l.Output <= 0 {
		l.Output = DefaultLimits.Output
	}
	return l
}

// LimitError reports a job that was stopped.
type LimitError struct {
	Job    string
	Reason string
	Err    error // the context's error, if that is the reason
}

func (e *LimitError) Unwrap() error { return e.Err }

func (e *LimitError) Error() string {
	return fmt.Sprintf("rendering with %s was stopped: %s", e.Job, e.Reason)
}

// IsLimit reports whether a job was stopped by a limit.
func IsLimit(err error) bool {
	_, ok := errors.AsType[*LimitError](err)
	return ok
}

// InProcess runs jobs in the calling process, one at a time, since the engines
// share global state. A job that never returns blocks its caller for ever: for
// files that one trusts, and for tests.
func InProcess(jobs Jobs) Runner { return &inProcess{jobs: jobs} }

type inProcess struct {
	mu   sync.Mutex
	jobs Jobs
}

func (r *inProcess) Run(ctx context.Context, job string, tree source.Tree, request []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs.run(ctx, job, tree, request)
}

func (j Jobs) run(ctx context.Context, name string, tree source.Tree, request []byte) (response []byte, err error) {
	fn := j[name]
	if fn == nil {
		return nil, fmt.Errorf("render: no job named %q; parent and worker are not the same program", name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rendering with %s failed inside the engine: %v", name, r)
		}
	}()
	return fn(ctx, tree, request)
}
