package scan

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-dev/holdfast/render"
)

// patience is for how long one worker does all: to wake another, on a processor that has
// nothing of the policies in its cache, takes more than it saves.
const patience = 5 * time.Millisecond

// each calls do for 0 to n-1, some at a time. If each is known to take little, others
// begin to help when the first has been at it for a while.
func (s *Scanner) each(ctx context.Context, what string, n int, little bool, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		begun         = time.Now()
		next, done    atomic.Int64
		workers, most = atomic.Int64{}, int64(min(s.jobs(), n))
		group         sync.WaitGroup
		failed        sync.Once
		failure       error
		work          func()
	)
	help := func() {
		if workers.Add(1) < most {
			group.Go(work)
		}
	}
	work = func() { // a worker keeps its stack, which grows in the first units
		helped := false
		for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			if !helped && (!little || time.Since(begun) > patience) {
				helped = true
				help()
			}
			if err := do(ctx, i); err != nil {
				failed.Do(func() { failure = err })
				cancel()
				return
			}
			if s.Progress != nil {
				s.Progress(what, int(done.Add(1)), n)
			}
		}
	}
	work()
	group.Wait()
	if failure == nil {
		return ctx.Err()
	}
	return failure
}

// little reports whether no unit takes much.
func little(units []render.Unit) bool {
	for _, u := range units {
		if u.Composed() || u.Renderer == terraformRenderer {
			return false
		}
	}
	return true
}
