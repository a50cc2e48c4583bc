package agent

import (
	"strings"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
)

// persistBytes is how much may wait in memory while DynamoDB is down.
const persistBytes = 1 << 20

// An intake is what reading telemetry needs.
type intake struct {
	// mu is held while a body is read, and by a flush of the look-ahead: it
	// guards what follows, but for what the look-ahead says of its own. Only
	// Intake waits for it.
	mu       sync.Mutex
	parser   *parse.Parser
	memory   rowMemory
	writeNow bool // an error has been queued, or an invocation is complete
	ahead    lookahead
	hints    hints
}

func (in *intake) init(a *Agent) {
	in.parser = a.cfg.Rows.Parser()
	in.ahead.a = a
	in.hints.init(a.cfg.Hints, in.parser)
}

// Intake takes one telemetry body: it follows the invocations and queues what
// is to be stored. It is called from one goroutine, in the order of arrival.
func (a *Agent) Intake(body []byte) {
	if a.noop.Load() {
		return
	}
	a.setReading(true)
	defer a.setReading(false)
	a.intake.mu.Lock()
	defer a.intake.mu.Unlock()
	a.intake.ahead.bodies++
	err := logsapi.Events(body, a.event)
	if err != nil {
		a.count(&a.skipped.unreadable, 1)
		a.cfg.Diag.Fail("telemetry body",
			"received telemetry that is not a JSON array of events; it is not stored", "", "bytes", len(body))
	}
	a.intake.ahead.settle()
	a.intake.writeNow = a.storeDeaths(completeDeaths) > 0 || a.intake.writeNow
	a.sendAhead()
	a.hintInTime()
	if a.cfg.Store.Resting() && a.cfg.Store.Bytes() > persistBytes {
		// It would have to be done at the invocation's end, which is billed.
		a.cfg.Store.Persist()
	}
	a.arm()
}

// setReading notes whether a body is being read, and makes everybody who waits
// look when it has been.
func (a *Agent) setReading(reading bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.invocations.reading = reading
	if !reading {
		a.changed.Notify()
	}
}

// sendAhead lets leave what need not wait for an event: full batches, so that
// little is left at the end of the invocation, and more where no end is waited
// for.
func (a *Agent) sendAhead() {
	writeNow := a.intake.writeNow
	a.intake.writeNow = false
	a.mu.Lock()
	awaited := a.invocations.trust.awaitsEnd()
	a.mu.Unlock()
	switch {
	case a.beforeSnapshot() || a.cfg.Store.Waiting() == 0:
	case a.cfg.Concurrent && writeNow, !a.cfg.Concurrent && !awaited, a.cfg.Flush == FlushBackground:
		// The environment may freeze at any time, or never.
		a.cfg.Store.Start()
		a.startAlerts()
	case writeNow && !a.cfg.Concurrent && a.writesAfterNext():
		a.cfg.Store.Start()
	default: // the end, or the clock, sends the rest
		a.cfg.Store.StartFull()
	}
}

// event handles one event. A panic over one event costs that event only.
func (a *Agent) event(e logsapi.Event) {
	defer a.recovered("event")
	at, err := time.Parse(time.RFC3339, string(e.Time))
	if err != nil {
		at = a.cfg.Now()
	}
	switch {
	case e.Broken:
		a.intake.ahead.release()
		// Whatever it was, it may have been a line.
		if line, ok := a.intake.parser.Raw(e.Raw); ok {
			a.line(line, a.requestOf(line.RequestID, e.Raw, at), at)
		}
	case e.Type == "function":
		a.intake.ahead.record(e.Record, at)
	case strings.HasPrefix(e.Type, "platform."):
		if e.Type == "platform.runtimeDone" || e.Type == "platform.report" && a.cfg.Concurrent {
			a.intake.writeNow = true
		}
		if !a.cfg.Concurrent || e.Type == "platform.report" {
			a.intake.ahead.release()
		}
		a.platformEvent(e.Type, readPlatformRecord(e.Record), at)
	}
}

// recovered is for deferring: a panic over one thing costs that thing only.
func (a *Agent) recovered(where string) {
	if v := recover(); v != nil {
		a.count(&a.skipped.unreadable, 1)
		a.cfg.Diag.Panic(where, v)
	}
}

// requestOf says whose line a record is, given what the line itself says, and
// remembers it for the case that the function dies.
func (a *Agent) requestOf(own string, record []byte, at time.Time) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := own
	if id == "" {
		id = a.invocations.tracker.requestOf(at)
	}
	if a.cfg.Rows.Platform != PlatformNone && record != nil {
		a.invocations.tracker.remember(id, record)
	}
	return id
}

// line queues one line of the request with the given ID. The strings of both
// are the parser's: they are valid during the call only.
func (a *Agent) line(line parse.Line, id string, at time.Time) {
	if !a.wanted(&line, id) {
		return
	}
	if line.Kind == parse.Invalid {
		a.count(&a.skipped.invalid, 1)
	}
	in := &a.intake
	in.writeNow = in.writeNow || line.Level.Error
	a.add(a.rowIn(&in.memory, &line, a.whose(id, at)))
	if cap(in.memory.message) > keptMessage {
		in.memory.message = nil
	}
}

// wanted reports whether a line is stored, and counts it if it is not.
func (a *Agent) wanted(line *parse.Line, id string) bool {
	rows := &a.cfg.Rows
	if a.belowLevel(line) {
		a.count(&a.skipped.belowLevel, 1)
		return false
	}
	if line.Level.Error || rows.MaxLines <= 0 {
		return true
	}
	a.mu.Lock()
	allowed := a.invocations.tracker.allow(id, rows.MaxLines)
	a.mu.Unlock()
	if !allowed {
		a.count(&a.skipped.overLimit, 1)
		a.cfg.Diag.Fail("max lines",
			"an invocation printed more informational lines than LOGTABLE_MAX_LINES; the rest are not stored",
			"raise LOGTABLE_MAX_LINES or log less", "limit", rows.MaxLines)
	}
	return allowed
}
