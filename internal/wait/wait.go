// Package wait has the two things that goroutines here wait with: a broadcast
// for changes of shared state, and an exponential backoff.
package wait

import (
	"context"
	"time"
)

// A Broadcast wakes everybody who waits for a change of some state. It has no
// lock of its own: all its methods must be called with the lock of that state
// held. The zero value is ready. Nothing is allocated while nobody waits.
//
// To wait, look at the state, take Changed under the same lock, unlock, and
// receive from it; then look again.
type Broadcast struct{ changed chan struct{} }

// Changed returns a channel that is closed at the next Notify.
func (b *Broadcast) Changed() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// Notify wakes everybody who waits.
func (b *Broadcast) Notify() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Backoff returns the pause after the n-th failure in a row (0 and 1 are the
// first): base, doubled each time, at most most.
func Backoff(base, most time.Duration, n int) time.Duration {
	for ; n > 1 && base < most; n-- {
		if base > most/2 {
			return most
		}
		base *= 2
	}
	return min(base, most)
}

// Sleep pauses for d. It returns the context's error if that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
