package diag

import (
	"io"
	"sync"
	"time"
)

// An Async passes what is written to it on to another writer from a goroutine
// of its own: standard error may be a pipe that nobody reads, and nothing may
// wait for it. Up to a limit of bytes wait; what is beyond is dropped, with
// nobody to tell.
type Async struct {
	w     io.Writer
	limit int

	mu      sync.Mutex
	waiting [][]byte
	bytes   int
	busy    bool
	done    chan struct{} // closed when nothing waits any more; nil if idle
}

// NewAsync returns an Async that passes on to w, with at most limit bytes
// waiting.
func NewAsync(w io.Writer, limit int) *Async { return &Async{w: w, limit: limit} }

// Grow raises the limit by n bytes.
func (a *Async) Grow(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit += n
}

// Write never blocks and never fails.
func (a *Async) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes+len(p) > a.limit {
		return len(p), nil
	}
	a.waiting = append(a.waiting, append([]byte(nil), p...))
	a.bytes += len(p)
	if !a.busy {
		a.busy, a.done = true, make(chan struct{})
		go a.pass()
	}
	return len(p), nil
}

// pass writes until nothing waits.
func (a *Async) pass() {
	for {
		a.mu.Lock()
		if len(a.waiting) == 0 {
			a.busy = false
			close(a.done)
			a.mu.Unlock()
			return
		}
		p := a.waiting[0]
		a.waiting = a.waiting[1:]
		a.bytes -= len(p)
		a.mu.Unlock()
		_, _ = a.w.Write(p)
	}
}

// Flush waits until everything has been passed on, but no longer than limit.
func (a *Async) Flush(limit time.Duration) {
	a.mu.Lock()
	busy, done := a.busy, a.done
	a.mu.Unlock()
	if !busy {
		return
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}
