package logsapi

import (
	"bytes"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxPending bounds the bodies that wait to be handled, in bytes. Beyond
	// it a post is answered only when there is room again: Lambda buffers
	// better than we do.
	maxPending = 2 << 20
	// maxSpares and maxSpare (in bytes: what Lambda sends at once, by the
	// subscription) bound the memory that waits for the next bodies.
	maxSpares, maxSpare = 2, 300 << 10
)

// runtimeDone is what the end of an invocation looks like in a body.
var runtimeDone = []byte(`"platform.runtimeDone"`)

// A post is a body that waits to be handled.
type post struct {
	body []byte
	room int64 // what it has of the backlog's room
	at   time.Time
	done bool // holds a platform.runtimeDone
}

// A backlog is the bodies that have been read and are not handled yet. Any
// goroutine may put bodies into it; one takes them out again.
type backlog struct {
	room    *semaphore.Weighted // maxPending bytes; a larger body takes all of it
	arrived chan struct{}       // has a token if something was put since the last look
	open    context.Context     // ends with close: from then on nobody waits
	end     context.CancelFunc

	mu        sync.Mutex // guards what follows
	queue     []post
	current   post // in hand; its time is zero if there is none
	last      time.Time
	abandoned bool     // nothing is handled any more
	spares    [][]byte // of bodies that have been handled, to be used again
}

func newBacklog() backlog {
	open, end := context.WithCancel(context.Background())
	return backlog{room: semaphore.NewWeighted(maxPending), arrived: make(chan struct{}, 1), open: open, end: end}
}

// put appends a body. It waits only where maxPending bytes wait already. It
// reports whether the body is the end of an invocation and waits behind others.
func (b *backlog) put(body []byte) (endWaits bool) {
	p := post{body: body, room: min(int64(len(body)), maxPending), at: time.Now(), done: holdsEnd(body)}
	if b.room.Acquire(b.open, p.room) != nil {
		p.room = 0 // closed: what was read is still handled
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.abandoned {
		return false
	}
	behind := !b.current.at.IsZero() || len(b.queue) > 0
	b.queue = append(b.queue, p)
	b.last = p.at
	select {
	case b.arrived <- struct{}{}:
	default:
	}
	return p.done && behind
}

// next waits for a body and takes it in hand. After close it reports false when
// nothing is left.
func (b *backlog) next() (post, bool) {
	for {
		if p, ok := b.take(); ok {
			return p, true
		}
		select {
		case <-b.arrived:
		case <-b.open.Done():
			return b.take()
		}
	}
}

func (b *backlog) take() (post, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return post{}, false
	}
	b.current = b.queue[0]
	b.queue[0] = post{}
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.queue = nil
	}
	return b.current, true
}

// handled ends the work on the body in hand and makes room for others.
func (b *backlog) handled(p post) {
	b.mu.Lock()
	b.current = post{}
	b.keep(p.body)
	b.mu.Unlock()
	b.room.Release(p.room)
}

// close ends the waiting of everybody.
func (b *backlog) close() { b.end() }

// abandon forgets everything, and what comes from now on.
func (b *backlog) abandon() {
	b.mu.Lock()
	b.abandoned, b.queue, b.current = true, nil, post{}
	b.mu.Unlock()
	b.end()
}

// idle reports whether nothing waits or is in hand, and when the last body was
// put.
func (b *backlog) idle() (idle bool, last time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current.at.IsZero() && len(b.queue) == 0, b.last
}

// doneWaiting returns when the first body was put that holds the end of an
// invocation and is not handled to its end yet.
func (b *backlog) doneWaiting() (since time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current.done {
		return b.current.at, true
	}
	for _, p := range b.queue {
		if p.done {
			return p.at, true
		}
	}
	return time.Time{}, false
}

// spare returns memory for a body that says to have n bytes: that of an earlier
// one where it is large enough.
func (b *backlog) spare(n int64) []byte {
	if n <= 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range b.spares {
		if int64(cap(s)) > n {
			b.spares = append(b.spares[:i], b.spares[i+1:]...)
			return s[:0]
		}
	}
	return make([]byte, 0, n+1) // with room to see the end
}

// keep takes a body's memory back. Of more than there is room for the largest
// stay. mu must be held.
func (b *backlog) keep(body []byte) {
	if cap(body) > maxSpare {
		return
	}
	if len(b.spares) < maxSpares {
		b.spares = append(b.spares, body)
		return
	}
	for i, s := range b.spares {
		if cap(s) < cap(body) {
			b.spares[i] = body
			return
		}
	}
}

// holdsEnd reports whether body holds an event of the type
// platform.runtimeDone. The bytes of its name may stand in what a function
// prints, too, so where they do the events are read; almost no other body costs
// more than a search.
func holdsEnd(body []byte) (found bool) {
	if !bytes.Contains(body, runtimeDone) {
		return false
	}
	_ = Events(body, func(e Event) { found = found || e.Type == "platform.runtimeDone" })
	return found
}
