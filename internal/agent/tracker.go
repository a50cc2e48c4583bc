package agent

import (
	"slices"
	"time"
)

const (
	// maxOpen bounds the invocations that are tracked as open. On-demand has
	// one at a time; managed instances have a few, and forget none here
	// unless its report was lost.
	maxOpen = 1000
	// maxDone bounds the invocations whose end is remembered: until the INVOKE
	// event of the same request is handled, for the lines that come after it,
	// and for the report.
	maxDone = 64
	// maxPending bounds the INVOKE events that wait for their end to be read:
	// one, unless telemetry is late or lost.
	maxPending = 8
	// initRequest stands for a request ID before the first invocation.
	initRequest = "init"
	// longestInvocation is Lambda's limit. An event that lies further back
	// than this is not a late one but has a clock of its own.
	longestInvocation = 15 * time.Minute
)

// A tracker knows which invocations are open, from the platform events of
// the telemetry stream and from INVOKE events. Its zero value is ready. It is
// not safe for concurrent use.
//
// A request ID is not the name of one invocation: Lambda repeats a failed
// asynchronous one, up to twice, under the same ID and usually in the same
// environment. So what is known of one attempt ends where the next one begins
// (attempt.former), and what still comes of it, its report, is kept apart.
type tracker struct {
	concurrent bool // managed instances: several invocations at a time

	open    []attempt // in the order of their starts
	started bool      // a platform.start has been seen
	initEnd time.Time // of the platform's init events, if seen

	pending   []string  // requests of INVOKE events whose end has not been seen, oldest first
	previous  string    // the request of the last INVOKE event
	invoked   string    // the request of the last INVOKE event, until its end
	invokedAt time.Time // when it was received

	done    []attempt // the last ends, oldest first
	lastEnd time.Time // the latest of an invocation whose start was seen, by event time

	before tail  // what was printed when nothing was open: init, and late lines
	spare  *tail // empty, for the next invocation; nil for none

	number int // of attempts so far
	traced traced
	lines  int // informational lines that belong to no invocation's budget
}

// An attempt is one invocation for a request.
type attempt struct {
	id     string
	number int       // in this process
	start  time.Time // event time; zero if it had none
	tail   *tail     // what it printed last
	lines  int       // informational lines, for LOGTABLE_MAX_LINES
	origin origin

	end      time.Time // event time; zero while it is open
	reset    bool      // a reset follows it
	invoked  bool      // its INVOKE event has been handled
	reported bool      // its platform.report has been seen
	former   bool      // the next attempt at the request has begun

	deathNoted bool // its death has become a row, or is about to
}

// start handles platform.start.
func (t *tracker) start(id string, at time.Time) {
	t.started = true
	if !t.begin(id, at) {
		return
	}
	o := t.newAttempt(id, at)
	if o.tail = t.spare; o.tail == nil {
		o.tail = new(tail)
	}
	t.spare = nil
	if t.concurrent {
		t.forgetLost(at)
	}
	if len(t.open) >= maxOpen {
		t.open = append(t.open[:0], t.open[1:]...)
	}
	t.open = append(t.open, o)
	t.lines = 0
}

func (t *tracker) newAttempt(id string, start time.Time) attempt {
	t.number++
	return attempt{id: id, number: t.number, start: start}
}

// begin reports whether a platform.start begins an attempt, and ends what it
// follows. If it does not, it is one that was delivered before.
func (t *tracker) begin(id string, at time.Time) bool {
	if o := t.find(id); o != nil {
		if !at.After(o.start) || o.start.IsZero() {
			return false
		}
		// Its end was lost, or is its report only, which may come later.
		e := *o
		e.former = true
		t.close(e)
		return true
	}
	e := t.endOf(id)
	if e != nil && !e.start.IsZero() && !at.After(e.start) && t.invoked != id {
		return false
	}
	if e != nil {
		e.former = true
	}
	return true
}

func (t *tracker) find(id string) *attempt {
	for i := range t.open {
		if t.open[i].id == id {
			return &t.open[i]
		}
	}
	return nil
}

// end handles platform.runtimeDone, and platform.report, which is the only end
// on managed instances. It returns the attempt that has ended, and whether
// that is news of the invocation that runs, or ran last, under the ID: the
// report of an earlier attempt comes when the next one has begun.
func (t *tracker) end(id string, at time.Time, reset, report bool) (e *attempt, news bool) {
	if e := t.formerOf(id, at, report); e != nil {
		e.reported = e.reported || report
		return e, false
	}
	if e := t.endOf(id); e != nil {
		e.reported = e.reported || report
		return e, true
	}
	return t.close(t.finish(id, at, reset, report)), true
}

// finish returns the attempt that runs under the ID, as it has ended.
func (t *tracker) finish(id string, at time.Time, reset, report bool) attempt {
	var e attempt
	if o := t.find(id); o != nil {
		e = *o
		if t.lastEnd.Before(at) {
			t.lastEnd = at
		}
	} else {
		e = t.newAttempt(id, time.Time{})
	}
	e.end, e.reset, e.reported = at, reset, report
	if i := slices.Index(t.pending, id); i >= 0 {
		e.invoked = true
		t.pending = slices.Delete(t.pending, i, i+1)
	}
	// The INVOKE of the next attempt may have come before this end was read.
	e.former = slices.Contains(t.pending, id)
	if t.invoked == id && !e.former {
		t.invoked = ""
	}
	return e
}

// close moves an attempt from those that are open to those that have ended.
func (t *tracker) close(e attempt) *attempt {
	t.open = slices.DeleteFunc(t.open, func(o attempt) bool { return o.number == e.number })
	if e.tail != nil {
		t.spare = e.tail.empty()
		e.tail = nil
	}
	if len(t.done) >= maxDone {
		t.done = append(t.done[:0], t.done[1:]...)
	}
	t.done = append(t.done, e)
	return &t.done[len(t.done)-1]
}

// formerOf returns the earlier attempt at a request whose end an event tells
// of; nil if it is the present one's.
func (t *tracker) formerOf(id string, at time.Time, report bool) *attempt {
	i := slices.IndexFunc(t.done, func(e attempt) bool { return e.id == id && e.former && !e.reported })
	if i < 0 {
		return nil
	}
	o := t.find(id)
	switch {
	case o != nil && !o.start.IsZero() && at.Before(o.start):
	case report && !t.concurrent && !t.endedBy(id, at):
		// Each attempt has one report, and they come in order.
	default:
		return nil
	}
	return &t.done[i]
}

// endOf returns the end of the last attempt at a request, nil if it has not
// been seen.
func (t *tracker) endOf(id string) *attempt {
	for i := range t.done {
		if e := &t.done[i]; e.id == id && !e.former {
			return e
		}
	}
	return nil
}

// invoke handles an INVOKE event. An invocation that is still open though two
// others have followed it has ended; only its end was lost.
func (t *tracker) invoke(id string, at time.Time) {
	if !t.concurrent {
		t.open = slices.DeleteFunc(t.open, func(o attempt) bool { return o.id != id && o.id != t.previous })
		t.previous = id
	}
	if !t.started {
		t.lines = 0
	}
	e := t.endOf(id)
	switch {
	case e != nil && !e.invoked:
		e.invoked = true // its end came before
		return
	case e != nil:
		e.former = true // Lambda tries again
	}
	t.invoked, t.invokedAt = id, at
	if len(t.pending) >= maxPending {
		t.pending = slices.Delete(t.pending, 0, 1)
	}
	t.pending = append(t.pending, id)
}

// endedBy reports whether the last attempt at a request had ended at a time: a
// report that was made then is its.
func (t *tracker) endedBy(id string, at time.Time) bool {
	e := t.endOf(id)
	return e != nil && !e.start.IsZero() && !at.Before(e.end)
}

// requestOf returns the request that a line belongs to which carries no
// request ID: the one invocation that can have printed it, else "". Before the
// first invocation it is "init".
//
// Time stamps serve to rule out only: a line that the platform stamped before
// an invocation's start, or after its end, is not its. A line that arrives
// ahead of the very first platform.start belongs to the invocation if it was
// stamped after the end of init.
func (t *tracker) requestOf(at time.Time) string {
	if t.started {
		return t.candidate(at)
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

// candidate is the request of the only invocation during which a line of the
// given time can have been printed, "" if there is none or more than one.
func (t *tracker) candidate(at time.Time) string {
	found, ended := "", false
	for i := range t.open {
		if o := &t.open[i]; o.runsAt(at) {
			if found != "" && found != o.id {
				return ""
			}
			found = o.id
		}
	}
	for i := range t.done {
		if e := &t.done[i]; e.ranAt(at) && !(t.concurrent && at.Equal(e.end)) {
			if found != "" && found != e.id {
				return ""
			}
			found, ended = e.id, true
		}
	}
	if t.concurrent && t.shared(found, ended, at) {
		return ""
	}
	return found
}

// runsAt reports whether an open attempt may have printed a line at a time. One
// whose start lies too far ahead has a clock of its own.
func (o *attempt) runsAt(at time.Time) bool {
	ahead := o.start.Sub(at)
	return o.start.IsZero() || ahead <= 0 || ahead >= longestInvocation
}

// ranAt reports whether an attempt that has ended was running at a time.
func (o *attempt) ranAt(at time.Time) bool {
	return !o.start.IsZero() && !at.Before(o.start) && !at.After(o.end)
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

// unfinished is the invocation that runs as far as is known, nil for none.
func (t *tracker) unfinished() *attempt {
	if o := t.find(t.invoked); o != nil {
		return o
	}
	if t.invoked == "" {
		if n := len(t.open); n > 0 {
			return &t.open[n-1]
		}
		return nil
	}
	a := t.newAttempt(t.invoked, time.Time{})
	return &a
}

// allow counts an informational line that was attributed to the request with
// the given ID, or names it, and reports whether it is within max. The budget
// is that of an invocation that the platform has told of: a line's own word
// opens none, or any number of IDs would evade the limit. Lines of none share a
// budget until the next start.
func (t *tracker) allow(id string, max int) bool {
	lines := &t.lines
	if t.concurrent {
		if o := t.find(id); o != nil {
			lines = &o.lines
		} else if e := t.endOf(id); e != nil {
			lines = &e.lines
		}
	}
	if *lines >= max {
		return false
	}
	*lines++
	return true
}
