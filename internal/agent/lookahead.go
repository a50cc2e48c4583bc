package agent

import (
	"bytes"
	"strings"
	"sync"
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
// It ends at the first record that does not fit, at the end of the next body, at
// the end of the invocation, at an INVOKE or SHUTDOWN, or after 200 ms. The key
// of what is put together is made from the first record.
type lookahead struct {
	a *Agent

	// mu is held while a telemetry body is read, and by flush: it guards what
	// follows, the parser and everything else that is Intake's. It is taken
	// before Agent.mu, never the other way round.
	mu    sync.Mutex
	asked bool // to flush, while a body was read; guarded by Agent.mu

	what   parse.Tail // what is waited for; Closed for nothing
	bodies int        // begun since the first record, with its own
	timer  *time.Timer
	waits  atomic.Bool // what is not Closed; for everybody to read

	// The records that wait. The first is kept as it came; Traceable: its line
	// waits, too, which is the index-th of its record.
	held   []heldRecord
	copied []byte // the memory of the first
	line   parse.Line
	index  int

	// What has been put together of their texts, and what they have shown.
	around  parse.Unwrapped // what is around the first, with its text
	text    []byte
	trace   parse.Trace
	opening parse.Opening
}

// A heldRecord is a record that waits.
type heldRecord struct {
	record []byte // a copy
	id     string // of its request, as far as was known when it came
	at     time.Time
}

func newLookahead(a *Agent) *lookahead { return &lookahead{a: a} }

// begin is called before a body is read, and what it returns when that is done.
func (l *lookahead) begin() (done func()) {
	l.mu.Lock()
	l.bodies++
	return l.mu.Unlock
}

// settle is called at a body's end: what has waited since the one before waits no
// longer.
func (l *lookahead) settle() {
	a := l.a
	a.mu.Lock()
	asked := l.asked
	l.asked = false
	a.mu.Unlock()
	switch {
	case l.what == parse.Closed:
	case asked || l.bodies >= aheadBodies || l.what == parse.Traceable && l.held[0].record[0] != '"':
		// In the JSON log format the trace is beside the message; one that was
		// printed by itself may follow at once, but is not worth a wait.
		l.release()
	case l.timer == nil:
		l.timer = time.AfterFunc(aheadTime, func() {
			a.guarded("look-ahead", func() { l.flush("200 ms") })
		})
	default:
		l.timer.Reset(aheadTime)
	}
}

// flush queues what waits, from any goroutine but the one that reads a body,
// without a.mu: at INVOKE, at SHUTDOWN, and after a while. If a body is being
// read, it is done at that body's end. reason says why, for who reads the code.
func (l *lookahead) flush(reason string) {
	_ = reason
	a := l.a
	a.mu.Lock()
	l.asked = true
	a.mu.Unlock()
	if !l.mu.TryLock() {
		return
	}
	if l.flushLocked() {
		a.arm()
		a.wake()
	}
}

// flushLocked is flush with mu held, which it unlocks, and reports whether
// something has waited. A panic must not leave mu locked: Intake would stand
// still, and with it whoever posts.
func (l *lookahead) flushLocked() (waited bool) {
	defer l.mu.Unlock()
	a := l.a
	a.mu.Lock()
	l.asked = false
	a.mu.Unlock()
	if l.what == parse.Closed || a.silent.Load() {
		return false
	}
	l.release()
	a.sendAhead()
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
	unremembered := record
	a.parser.Lines(record, func(line parse.Line) {
		tail, lines := a.parser.Tail()
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
	if tail, _ := a.parser.Tail(); tail >= parse.Open {
		opening := a.parser.Opening()
		l.hold(tail, record, strings.Clone(a.requestOf("", record, at)), at)
		l.take()
		l.opening = opening
	} else if unremembered != nil {
		a.requestOf("", unremembered, at) // not ours, but perhaps the last word
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
	l.text, l.trace, l.opening = l.text[:0], parse.Trace{}, parse.Opening{}
}

// take takes the text of the first record.
func (l *lookahead) take() {
	u, ok := l.a.parser.Unwrap(l.held[0].record)
	if !ok {
		u = parse.Unwrapped{Text: l.held[0].record} // an object as it is
	}
	l.text = append(l.text[:0], u.Text...)
	u.Text, u.Level = nil, bytes.Clone(u.Level)
	l.around = u
}

// fits takes a record that follows, if it belongs to what waits, and reports
// whether it does.
func (l *lookahead) fits(record []byte, at time.Time) bool {
	a := l.a
	if len(l.held) == aheadRecords || len(l.text)+len(record) > aheadBytes && l.what != parse.CutOff {
		return false
	}
	if len(l.text) == 0 {
		l.take()
	}
	u, ok := a.parser.Unwrap(record)
	if !ok || u.RequestID != l.around.RequestID && (a.cfg.Concurrent || u.RequestID != "" && l.around.RequestID != "") ||
		a.cfg.Concurrent && u.RequestID == "" {
		return false
	}
	switch l.what {
	case parse.Traceable:
		trace := l.trace
		if !trace.Add(u.Text) {
			return false
		}
		l.trace = trace
		l.add("\n", u.Text)
	case parse.Open:
		opening := l.opening
		if !opening.Add(u.Text) {
			return false
		}
		l.opening = opening
		l.add("\n", u.Text)
	case parse.CutOff:
		if text := bytes.TrimSpace(u.Text); len(text) == 0 || text[0] == '{' {
			return false
		}
		l.add("", u.Text)
	}
	l.held = append(l.held, heldRecord{bytes.Clone(record), strings.Clone(a.requestOf("", record, at)), at})
	if l.what == parse.Open && l.opening.Done() || l.what == parse.CutOff && len(l.held) == aheadPieces {
		l.release()
	}
	return true
}

// add adds a record's text, without its line end, behind what separates it from
// the one before.
func (l *lookahead) add(separator string, text []byte) {
	if separator != "" {
		l.text = append(bytes.TrimSuffix(bytes.TrimSuffix(l.text, []byte("\n")), []byte("\r")), separator...)
	}
	l.text = append(l.text, text...)
}

// release queues what waits: put together, or each record by itself if that
// makes no sense. A panic over it costs what waits only, and not the event that
// ended the wait.
func (l *lookahead) release() {
	what := l.what
	if what == parse.Closed {
		return
	}
	l.wait(parse.Closed) // whatever happens, it is not tried again
	held := l.held
	defer l.forget()
	defer l.a.recovered("look-ahead")
	switch {
	case what == parse.Traceable && l.trace.Sure():
		if !l.together(&held[0], l.index, 0) {
			l.a.line(l.line, held[0].id, held[0].at)
		}
		return
	case what == parse.Traceable:
		l.a.line(l.line, held[0].id, held[0].at)
		held = held[1:]
	case what == parse.Open && l.opening.Done() && l.together(&held[0], 0, len(held)),
		what == parse.CutOff && len(held) == aheadPieces && l.together(&held[0], 0, len(held)):
		return
	}
	for i := range held {
		l.alone(&held[i])
	}
}

// forget lets go of the memory of what has waited.
func (l *lookahead) forget() {
	l.line, l.around = parse.Line{}, parse.Unwrapped{}
	clear(l.held)
	for _, buffer := range [...]*[]byte{&l.text, &l.copied} {
		if cap(*buffer) > keptAhead {
			*buffer = nil
		}
	}
}

// together queues the lines of all that waits, from the index-th on, as lines of
// the first record, and reports whether there are any. Those that are still
// broken do not count, where pieces were put together.
func (l *lookahead) together(first *heldRecord, index, pieces int) bool {
	u := l.around
	u.Text = l.text
	n, queued := 0, false
	l.a.parser.Lines(u.Wrap(nil), func(line parse.Line) {
		n++
		if n <= index || line.Kind == parse.Plain || pieces > 0 && line.NoAlert && line.Kind == parse.Invalid {
			return
		}
		queued = true
		l.queue(line, first)
	})
	return queued
}

// alone queues the lines of a record by itself.
func (l *lookahead) alone(h *heldRecord) {
	l.a.parser.Lines(h.record, func(line parse.Line) { l.queue(line, h) })
}

// queue queues a line of a record that has waited, and been remembered before.
func (l *lookahead) queue(line parse.Line, h *heldRecord) {
	id := line.RequestID
	if id == "" {
		id = h.id
	}
	l.a.line(line, id, h.at)
}
