package agent

import (
	"strings"
	"time"
	"unsafe"

	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// persistBytes is how much may wait in memory while DynamoDB is down.
const persistBytes = 1 << 20

// keptMessage is the largest buffer for a row's message that is used again.
const keptMessage = 64 << 10

// Intake takes one telemetry body: it follows the invocations and queues what
// is to be stored. It is called from one goroutine, in the order of arrival.
func (a *Agent) Intake(body []byte) {
	if a.silent.Load() {
		return
	}
	a.read(true)
	defer a.read(false)
	defer a.ahead.begin()()
	err := logsapi.Events(body, a.event)
	if err != nil {
		a.count(&a.counts.unreadable, 1)
		a.cfg.Diag.Fail("telemetry body", "Lambda posted telemetry that is no list of events; it is not stored", "", "bytes", len(body))
	}
	a.ahead.settle()
	a.urgent = a.storeDeaths(completed) > 0 || a.urgent
	a.sendAhead()
	if a.cfg.Store.Resting() && a.cfg.Store.Bytes() > persistBytes {
		// It would have to be done at the invocation's end, which is billed.
		a.cfg.Store.Persist()
	}
	a.arm()
}

// read notes whether a body is being read, and makes everybody who waits look
// when it has been.
func (a *Agent) read(now bool) {
	a.mu.Lock()
	a.reading = now
	a.mu.Unlock()
	if !now {
		a.wake()
	}
}

// sendAhead lets leave what need not wait for an event: full batches, so that
// little is left at the end of the invocation, and more where no end is waited
// for.
func (a *Agent) sendAhead() {
	urgent := a.urgent
	a.urgent = false
	a.mu.Lock()
	waits, sealed := a.trust.waits(), a.sealed()
	a.mu.Unlock()
	switch {
	case sealed || a.cfg.Store.Waiting() == 0:
	case a.cfg.Concurrent && urgent, !a.cfg.Concurrent && !waits, a.cfg.Flush == FlushBackground:
		// The environment may freeze at any time, or never.
		a.cfg.Store.Start()
		a.startAlerts()
	case urgent && !a.cfg.Concurrent && a.overlaps():
		a.cfg.Store.Start()
	default: // the end, or the clock, sends the rest
		a.cfg.Store.StartFull()
	}
}

// event handles one event. A panic over one event costs that event only.
func (a *Agent) event(e logsapi.Event) {
	defer a.recovered("event")
	at, ok := eventTime(e.Time)
	if !ok {
		at = a.cfg.Now()
	}
	switch {
	case e.Broken:
		a.ahead.release()
		// Whatever it was, it may have been a line.
		if line, ok := a.parser.Raw(e.Raw); ok {
			a.line(line, a.requestOf(line.RequestID, e.Raw, at), at)
		}
	case e.Type == "function":
		a.ahead.record(e.Record, at)
	case strings.HasPrefix(e.Type, "platform."):
		if e.Type == "platform.runtimeDone" || e.Type == "platform.report" && a.cfg.Concurrent {
			a.urgent = true
		}
		if !a.cfg.Concurrent || e.Type == "platform.report" {
			a.ahead.release()
		}
		a.platform(e.Type, platformRecord(e.Record), at)
	}
}

// recovered is for deferring: a panic over one thing costs that thing only.
func (a *Agent) recovered(where string) {
	if v := recover(); v != nil {
		a.count(&a.counts.unreadable, 1)
		a.cfg.Diag.Panic(where, v)
	}
}

// eventTime reads an event's time, which the platform writes as RFC 3339.
func eventTime(text []byte) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, string(text))
	return t, err == nil
}

// requestOf says whose line a record is, given what the line itself says, and
// remembers it for the case that the function dies.
func (a *Agent) requestOf(own string, record []byte, at time.Time) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := own
	if id == "" {
		id = a.tracker.requestOf(at)
	}
	if a.cfg.Platform != PlatformNone && record != nil {
		a.tracker.remember(id, record)
	}
	return id
}

// line queues one line of the request with the given ID. The strings of both are
// the parser's: they are valid during the call only.
func (a *Agent) line(line parse.Line, id string, at time.Time) {
	c := &a.cfg
	if line.Kind != parse.Invalid && line.Level.Rank < c.MinLevel.Rank && c.MinLevel.Name != "" {
		a.count(&a.counts.belowLevel, 1)
		return
	}
	if !line.Level.Error && c.MaxLines > 0 {
		a.mu.Lock()
		allowed := a.tracker.allow(id, c.MaxLines)
		a.mu.Unlock()
		if !allowed {
			a.count(&a.counts.overLimit, 1)
			c.Diag.Fail("max lines", "an invocation printed more lines than LOGTABLE_MAX_LINES; the rest is not stored",
				"raise LOGTABLE_MAX_LINES or log less", "limit", c.MaxLines)
			return
		}
	}
	if line.Kind == parse.Invalid {
		a.count(&a.counts.invalid, 1)
	}
	a.urgent = a.urgent || line.Level.Error
	var entry store.Entry
	entry, a.message = a.entryIn(a.message, &line, id, at)
	a.addLine(entry, !line.NoAlert)
	if cap(a.message) > keptMessage {
		a.message = nil
	}
}

// entry is the row of a line, without keys.
func (a *Agent) entry(line *parse.Line, id string, at time.Time) store.Entry {
	entry, _ := a.entryIn(nil, line, id, at)
	return entry
}

// entryIn is entry with a buffer, which it returns for the next one. The entry's
// message is a part of it: an Entry is read by Add only, and a copy for each row
// was the way's last allocation. What nobody should read is masked in it.
func (a *Agent) entryIn(buf []byte, line *parse.Line, id string, at time.Time) (store.Entry, []byte) {
	message, exceptionAt := line.AppendMessage(buf[:0])
	locator := line.Locator
	if locator == "" {
		locator = "?"
		if line.Kind == parse.Plain {
			locator = "plain"
		}
	}
	module := line.Module
	if module == "" {
		module = a.cfg.Module
	}
	entry := store.Entry{
		Time: at, Error: line.Level.Error, Level: line.Level.Name, Locator: locator, Module: module, RequestID: id,
		Message: unsafe.String(unsafe.SliceData(message), len(message)), ExceptionAt: exceptionAt, Fields: line.Fields, Issues: strings.Join(line.Issues, "; "),
	}
	a.redact(&entry)
	return entry, message
}
