package agent

import (
	"bytes"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logtable/logtable/internal/parse"
)

// Bounds of the look-ahead.
const (
	// aheadRecords and aheadBytes bound what waits for the rest of a line, and
	// aheadTime how long. A line that Lambda has cut is two records.
	aheadRecords = 64
	aheadBytes   = 64 << 10
	aheadTime    = 200 * time.Millisecond
	aheadPieces  = 2
	aheadBodies  = 2 // the one that the first record is in, and the next
	// keptAhead is the largest buffer for their text that is used again.
	keptAhead = 2 * aheadBytes // bytes
)

// A lookahead holds a line that may go on in the records that follow, until it
// is seen whether it does: the trace of an exception as text, a pretty-printed
// object, the second piece of a line that Lambda has cut. Nothing else waits.
//
// It ends at the first record that does not fit, at the end of the next body,
// at the end of the invocation, at an INVOKE or SHUTDOWN, or after 200 ms. The
// key of what is put together is made from the first record.
type lookahead struct {
	a *Agent

	flushAsked atomic.Bool // while a body was read
	waits      atomic.Bool // what is not Closed

	// All else is guarded by intake.mu, which is held while a body is read.
	what   parse.Tail // what is waited for; Closed for nothing
	bodies int        // begun since the first record, with its own
	timer  *time.Timer

	// The records that wait. The first is kept as it came; Traceable: its line
	// waits, too, which is the index-th of its record.
	held   []heldRecord
	copied []byte // the memory of the first
	line   parse.Line
	index  int
	joined parse.Joined
}

// A heldRecord is a record that waits.
type heldRecord struct {
	record []byte // a copy
	id     string // of its request, as far as was known when it came
	at     time.Time
}

// settle is called at a body's end: what has waited since the one before waits
// no longer.
func (l *lookahead) settle() {
	asked := l.flushAsked.Swap(false)
	switch {
	case l.what == parse.Closed:
	case asked || l.bodies >= aheadBodies || l.what == parse.Traceable && l.held[0].record[0] != '"':
		// In the JSON log format the trace is beside the message; one that was
		// printed by itself may follow at once, but is not worth a wait.
		l.release()
	case l.timer == nil:
		l.timer = time.AfterFunc(aheadTime, func() {
			l.a.guarded("look-ahead", l.flush)
		})
	default:
		l.timer.Reset(aheadTime)
	}
}

// flush queues what waits, from any goroutine but the one that reads a body,
// without Agent.mu: at INVOKE, at an invocation's end, at SHUTDOWN, and after a
// while. If a body is being read, it is done at that body's end.
func (l *lookahead) flush() {
	l.flushAsked.Store(true)
	if l.a.intake.mu.TryLock() && l.flushAndUnlock() {
		l.a.arm()
		l.a.wake()
	}
}

// flushAndUnlock is flush with intake.mu held, and reports whether something
// has waited. A panic must not leave the lock held: Intake would stand still,
// and with it whoever posts.
func (l *lookahead) flushAndUnlock() (waited bool) {
	defer l.a.intake.mu.Unlock()
	l.flushAsked.Store(false)
	if l.what == parse.Closed || l.a.noop.Load() {
		return false
	}
	l.release()
	l.a.sendAhead()
	return true
}

// record takes one record of the function. It is called while a body is read.
func (l *lookahead) record(record []byte, at time.Time) {
	if l.what != parse.Closed {
		if l.fits(record, at) {
			return
		}
		l.release()
	}
	a, n := l.a, 0
	parser := a.intake.parser
	unremembered := record
	parser.Lines(record, func(line parse.Line) {
		tail, lines := parser.Tail()
		if n++; tail >= parse.Open {
			return // read again when the rest is there, or nothing more comes
		}
		id := a.requestOf(line.RequestID, unremembered, at)
		unremembered = nil // remembered once, however many lines it holds
		if tail == parse.Traceable && n == lines && len(record) <= aheadBytes {
			l.line, l.index = line.Clone(), n-1
			l.hold(tail, record, strings.Clone(id), at)
			return
		}
		a.line(line, id, at)
	})
	if tail, _ := parser.Tail(); tail >= parse.Open {
		opening := parser.Opening()
		l.hold(tail, record, strings.Clone(a.requestOf("", record, at)), at)
		l.joined.Take(parser, l.copied)
		l.joined.Opening = opening
	} else if unremembered != nil {
		a.requestOf("", unremembered, at) // not ours, but perhaps the last word
		a.foreign(record)
	}
}

// wait notes what is waited for.
func (l *lookahead) wait(what parse.Tail) {
	l.what = what
	l.waits.Store(what != parse.Closed)
}

// hold begins to wait.
func (l *lookahead) hold(what parse.Tail, record []byte, id string, at time.Time) {
	l.wait(what)
	l.bodies = 1
	l.copied = append(l.copied[:0], bytes.TrimLeft(record, " \t\r\n")...)
	l.held = append(l.held[:0], heldRecord{l.copied, id, at})
	l.joined.Reset()
}

// fits takes a record that follows, if it belongs to what waits, and reports
// whether it does.
func (l *lookahead) fits(record []byte, at time.Time) bool {
	a := l.a
	tooLong := len(l.joined.Text)+len(record) > aheadBytes && l.what != parse.CutOff
	if len(l.held) == aheadRecords || tooLong {
		return false
	}
	if len(l.joined.Text) == 0 {
		l.joined.Take(a.intake.parser, l.held[0].record)
	}
	u, ok := a.intake.parser.Unwrap(record)
	if !ok || !l.sameRequest(u.RequestID) || !l.joined.Add(l.what, u.Text) {
		return false
	}
	id := strings.Clone(a.requestOf("", record, at))
	l.held = append(l.held, heldRecord{bytes.Clone(record), id, at})
	if l.isWhole() {
		l.release()
	}
	return true
}

// sameRequest reports whether a record with the given request ID may belong to
// the invocation of the first one. Where there are several at a time it must
// say so.
func (l *lookahead) sameRequest(id string) bool {
	first := l.joined.Around.RequestID
	if id == first {
		return id != "" || !l.a.cfg.Concurrent
	}
	return !l.a.cfg.Concurrent && (id == "" || first == "")
}

// isWhole reports whether all of what is waited for is there. A trace is never
// known to be.
func (l *lookahead) isWhole() bool {
	return l.what == parse.Open && l.joined.Opening.Done() || l.what == parse.CutOff && len(l.held) == aheadPieces
}

// release queues what waits: put together, or each record by itself if that
// makes no sense. A panic over it costs what waits only, and not the event that
// ended the wait.
func (l *lookahead) release() {
	what, whole := l.what, l.isWhole()
	if what == parse.Closed {
		return
	}
	l.wait(parse.Closed) // whatever happens, it is not tried again
	held := l.held
	defer l.forget()
	defer l.a.recovered("look-ahead")
	switch {
	case what == parse.Traceable && l.joined.Trace.Sure():
		if !l.together(&held[0], l.index, 0) {
			l.a.line(l.line, held[0].id, held[0].at)
		}
		return
	case what == parse.Traceable:
		l.a.line(l.line, held[0].id, held[0].at)
		held = held[1:]
	case whole && l.together(&held[0], 0, len(held)):
		return
	}
	queued := false
	for i := range held {
		queued = l.alone(&held[i]) || queued
	}
	if !queued {
		l.foreign(held, whole)
	}
}

// foreign hands on what has waited and yields no row: as one record if it is
// the whole of an object.
func (l *lookahead) foreign(held []heldRecord, whole bool) {
	if whole {
		if weight := l.a.intake.hints.sample(); weight > 0 {
			l.a.look(l.joined.Wrap(), weight)
		}
		return
	}
	for i := range held {
		l.a.foreign(held[i].record)
	}
}

// forget lets go of the memory of what has waited.
func (l *lookahead) forget() {
	l.line, l.joined.Around = parse.Line{}, parse.Unwrapped{}
	clear(l.held)
	for _, buffer := range [...]*[]byte{&l.joined.Text, &l.copied} {
		if cap(*buffer) > keptAhead {
			*buffer = nil
		}
	}
}

// together queues the lines of all that waits, from the index-th on, as lines
// of the first record, and reports whether there are any. Those that are still
// broken do not count, where pieces were put together.
func (l *lookahead) together(first *heldRecord, index, pieces int) bool {
	n, queued := 0, false
	l.a.intake.parser.Lines(l.joined.Wrap(), func(line parse.Line) {
		n++
		broken := pieces > 0 && line.NoAlert && line.Kind == parse.Invalid
		if n <= index || line.Kind == parse.Plain || broken {
			return
		}
		queued = true
		l.queue(line, first)
	})
	return queued
}

// alone queues the lines of a record by itself, and reports whether there are
// any.
func (l *lookahead) alone(h *heldRecord) (queued bool) {
	l.a.intake.parser.Lines(h.record, func(line parse.Line) {
		queued = true
		l.queue(line, h)
	})
	return queued
}

// queue queues a line of a record that has waited, and been remembered before.
func (l *lookahead) queue(line parse.Line, h *heldRecord) {
	id := line.RequestID
	if id == "" {
		id = h.id
	}
	l.a.line(line, id, h.at)
}
