package logsapi

import (
	"bytes"
	"hash/maphash"
	"slices"
	"time"
)

// runtimeDone is what the end of an invocation looks like in a body.
var runtimeDone = []byte(`"platform.runtimeDone"`)

// enqueue hands the body to the worker. It waits only where MaxPending bytes
// already do.
func (l *Listener) enqueue(body []byte) {
	if l.dead.Load() {
		return
	}
	p := post{body: body, at: time.Now(), done: holdsEnd(body)}
	l.mu.Lock()
	for l.pending > 0 && l.pending+len(body) > l.MaxPending && !l.closed && !l.dead.Load() {
		l.cond.Wait()
	}
	behind := l.busy || len(l.queue) > 0
	l.queue = append(l.queue, p)
	l.pending += len(body)
	l.last = p.at
	l.cond.Broadcast()
	l.mu.Unlock()
	if p.done && behind && l.Arrived != nil {
		l.Arrived()
	}
}

// work handles the bodies in order.
func (l *Listener) work() {
	defer func() {
		if v := recover(); v != nil {
			l.dead.Store(true)
			l.mu.Lock()
			l.queue, l.pending, l.busy, l.current = nil, 0, false, post{}
			l.cond.Broadcast()
			l.mu.Unlock()
			if l.Panicked != nil {
				l.Panicked(v)
			}
		}
	}()
	l.mu.Lock()
	for {
		for len(l.queue) == 0 {
			if l.closed {
				l.mu.Unlock()
				return
			}
			l.cond.Wait()
		}
		p := l.queue[0]
		l.queue[0] = post{}
		l.queue = l.queue[1:]
		if len(l.queue) == 0 {
			l.queue = nil
		}
		l.busy, l.current = true, p
		l.mu.Unlock()
		if !l.repeat(p.body) {
			l.Handle(p.body)
		}
		l.mu.Lock()
		l.busy, l.current = false, post{}
		l.pending -= len(p.body)
		l.handled(p.body)
		l.cond.Broadcast()
		if p.done && l.Arrived != nil {
			l.mu.Unlock()
			l.Arrived()
			l.mu.Lock()
		}
	}
}

// repeat reports whether body is one of the last bodies once more, and
// remembers it.
func (l *Listener) repeat(body []byte) bool {
	d := digest{maphash.Bytes(l.seed, body), len(body)}
	if slices.Contains(l.digests[:], d) {
		// A tight loop that prints one line can fill two bodies within one
		// millisecond, and they are equal. Better twice than never.
		if len(body) >= Smallest.MaxBytes/2 && oneInstant(body) {
			return false
		}
		l.repeats.Add(1)
		return true
	}
	l.digests[l.next] = d
	l.next = (l.next + 1) % remembered
	return false
}

// oneInstant reports whether the first and the last event of body carry the
// same time. Only the events' own times count: what a function prints may have
// a `time`, too.
func oneInstant(body []byte) bool {
	var first, last []byte
	some := false
	_ = Events(body, func(e Event) { // a body that is not an array has no events
		if !some {
			first, some = e.Time, true
		}
		last = e.Time
	})
	return bytes.Equal(first, last)
}

// holdsEnd reports whether body holds an event of the type platform.runtimeDone.
// The bytes of its name may stand in what a function prints, too, so where they
// do the events are read; almost no other body costs more than a search.
func holdsEnd(body []byte) (found bool) {
	if !bytes.Contains(body, runtimeDone) {
		return false
	}
	_ = Events(body, func(e Event) { found = found || e.Type == "platform.runtimeDone" })
	return found
}

// Idle reports that nothing waits to be handled, and since when nothing has
// arrived. The time is zero if nothing ever has.
func (l *Listener) Idle() (idle bool, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.busy && len(l.queue) == 0, l.last
}

// DoneWaiting returns when the first body arrived that holds a
// platform.runtimeDone and is not handled to its end yet.
func (l *Listener) DoneWaiting() (since time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current.done {
		return l.current.at, true
	}
	for _, p := range l.queue {
		if p.done {
			return p.at, true
		}
	}
	return time.Time{}, false
}
