package agent

import (
	"slices"
	"strings"
	"time"
)

const (
	// maxOpen bounds the invocations that are tracked as open. On-demand has
	// one at a time; managed instances have a few, and forget none here
	// unless its report was lost.
	maxOpen = 1000
	// maxDone bounds the invocations whose end is remembered until the
	// INVOKE event of the same request is handled.
	maxDone = 64
	// initRequest stands for a request ID before the first invocation.
	initRequest = "init"
	// longestInvocation is Lambda's limit. An event that lies further back
	// than this is no late one but has a clock of its own.
	longestInvocation = 15 * time.Minute
)

// A tracker knows which invocations are open, from the platform events of
// the telemetry stream and from INVOKE events. Its zero value is ready. It is
// not safe for concurrent use.
type tracker struct {
	concurrent bool // managed instances: several invocations at a time

	open    []invocation // in the order of their starts
	started bool         // a platform.start has been seen
	initEnd time.Time    // of the platform's init events, if seen

	previous  string    // the request of the last INVOKE event
	invoked   string    // the request of the last INVOKE event, until its end
	invokedAt time.Time // when it was received

	done []ended // the last ends, oldest first

	before tail // what was printed when nothing was open: init, and late lines

	lastEnd time.Time // concurrent invocations' latest end, by event time

	lines map[string]int // informational lines by request, for LOGTABLE_MAX_LINES
}

type invocation struct {
	id    string
	start time.Time // event time; zero if it had none
	tail  *tail     // what it printed last
}

type ended struct {
	id      string
	trouble bool // a reset follows
	told    bool // its death has become a row
}

// start handles platform.start.
func (t *tracker) start(id string, at time.Time) {
	t.started = true
	if t.find(id) != nil {
		return
	}
	o := invocation{id: id, start: at, tail: new(tail)}
	if t.concurrent {
		t.begins(&o)
	}
	if len(t.open) >= maxOpen {
		t.open = append(t.open[:0], t.open[1:]...)
	}
	t.open = append(t.open, o)
	if !t.concurrent {
		clear(t.lines)
	}
}

func (t *tracker) find(id string) *invocation {
	for i := range t.open {
		if t.open[i].id == id {
			return &t.open[i]
		}
	}
	return nil
}

// end handles platform.runtimeDone, and platform.report where that is the
// only end there is.
func (t *tracker) end(id string, trouble bool) {
	for i := range t.open {
		if t.open[i].id == id {
			t.open = append(t.open[:i], t.open[i+1:]...)
			break
		}
	}
	if t.invoked == id {
		t.invoked = ""
	}
	if t.ended(id) != nil {
		return
	}
	if len(t.done) >= maxDone {
		t.done = append(t.done[:0], t.done[1:]...)
	}
	t.done = append(t.done, ended{id: id, trouble: trouble})
}

// ended returns the end of the invocation with the given id, nil if it has
// not been seen.
func (t *tracker) ended(id string) *ended {
	for i := range t.done {
		if t.done[i].id == id {
			return &t.done[i]
		}
	}
	return nil
}

// invoke handles an INVOKE event. An invocation that is still open though two
// others have followed it has ended; only its end was lost.
func (t *tracker) invoke(id string, at time.Time) {
	if !t.concurrent {
		t.open = slices.DeleteFunc(t.open, func(o invocation) bool { return o.id != id && o.id != t.previous })
		t.previous = id
	}
	if t.ended(id) == nil {
		t.invoked, t.invokedAt = id, at
	}
}

// requestOf says which request a line belongs to that carries no request ID:
// the open invocation if there is exactly one, else none. Before the first
// invocation it is "init".
//
// The only use of time stamps is to rule out: a line that the platform stamped
// before the open invocation's start is a late one of another. A line that
// arrives ahead of the very first platform.start belongs to the invocation
// if it was stamped after the end of init.
func (t *tracker) requestOf(at time.Time) string {
	if t.started {
		if len(t.open) != 1 {
			return ""
		}
		o := &t.open[0]
		if before := o.start.Sub(at); !o.start.IsZero() && before > 0 && before < longestInvocation {
			return ""
		}
		if t.shared(at) {
			return ""
		}
		return o.id
	}
	initEnd := t.initEnd
	if initEnd.IsZero() {
		initEnd = t.invokedAt
	}
	switch {
	case t.invokedAt.IsZero(), at.Before(initEnd):
		return initRequest
	default:
		return t.invoked // "" after its end: late, and nobody's for sure
	}
}

// remember keeps a line for the story of a death.
func (t *tracker) remember(id string, record []byte) {
	if o := t.find(id); o != nil {
		o.tail.add(record)
		return
	}
	t.before.add(record)
}

// tailOf is what the invocation printed last. One that was never seen to start
// may have printed what nobody else did.
func (t *tracker) tailOf(id string) []string {
	if o := t.find(id); o != nil {
		return o.tail.lines()
	}
	if !t.started {
		return t.before.lines()
	}
	return nil
}

// told notes that the death of an invocation becomes a row, and reports whether
// it was noted before.
func (t *tracker) told(id string) bool {
	if t.ended(id) == nil {
		t.end(id, false)
	}
	e := t.ended(id)
	before := e.told
	e.told = true
	return before
}

// allow counts an informational line of the request with the given id and
// reports whether it is within max. Lines of one request share a budget, known
// or not: those without a request share one until the next start.
func (t *tracker) allow(id string, max int) bool {
	if len(t.lines) > maxOpen {
		clear(t.lines)
	}
	if t.lines == nil {
		t.lines = make(map[string]int)
	}
	n, known := t.lines[id]
	if n >= max {
		return false
	}
	if !known {
		id = strings.Clone(id) // it may be a part of the parser's memory
	}
	t.lines[id] = n + 1
	return true
}
