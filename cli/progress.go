package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	progressAfter = 300 * time.Millisecond // what is faster needs no progress
	progressEvery = 100 * time.Millisecond
)

// progress shows how far something is, on one line that goes away at the end.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	now   func() time.Time
	next  time.Time // when a line may be written
	shown bool
}

// newProgress returns one for a terminal; elsewhere, and where a terminal is only
// pretended, it is nil, which shows nothing.
func (a *app) newProgress() *progress {
	f, ok := a.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return startProgress(f, time.Now)
}

func startProgress(w io.Writer, now func() time.Time) *progress {
	return &progress{w: w, now: now, next: now().Add(progressAfter)}
}

// step says that of some things so many are done. It is safe for concurrent use.
func (p *progress) step(what string, done, of int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	p.shown = true
	fmt.Fprintf(p.w, "\r\x1b[K%s %d of %d", what, done, of)
}

// end removes the line, and lets none follow.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown = false
	p.next = p.now().Add(1000 * time.Hour)
}
