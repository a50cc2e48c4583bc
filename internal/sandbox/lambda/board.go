package lambda

import (
	"context"
	"sync"

	"github.com/logtable/logtable/internal/wait"
)

// board is a mutex on whose state one can wait, with a context.
type board struct {
	mu        sync.Mutex
	broadcast wait.Broadcast
}

// update runs f under the lock and wakes everyone who waits.
func (b *board) update(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	b.broadcast.Notify()
}

// look runs f under the lock; f changes nothing.
func (b *board) look(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// await returns when cond is true, or with the context's error. cond runs
// under the lock. When it is true it may change the state in the same breath
// (take what it waited for), as long as nobody waits for that change.
func (b *board) await(ctx context.Context, cond func() bool) error {
	for {
		b.mu.Lock()
		if cond() {
			b.mu.Unlock()
			return nil
		}
		changed := b.broadcast.Changed()
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch returns a channel that is closed at the next change.
func (b *board) watch() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broadcast.Changed()
}
