package agent

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// startWriting is how many waiting records are worth a request while the
// function still runs: four full ones.
const startWriting = 100

// Intake takes one telemetry body: it follows the invocations and queues what
// is to be stored. It is called from one goroutine, in the order of arrival.
func (a *Agent) Intake(body []byte) {
	if a.silent.Load() {
		return
	}
	err := logsapi.Events(body, a.event)
	if err != nil {
		a.count(&a.counts.unreadable, 1)
		a.cfg.Diag.Fail("telemetry body", "Lambda posted telemetry that is no list of events; it is not stored", "", "bytes", len(body))
	}
	if a.cfg.Store.Waiting() >= startWriting {
		a.cfg.Store.Start()
	}
	a.wake()
}

// event handles one event. A panic over one event costs that event only.
func (a *Agent) event(e logsapi.Event) {
	defer func() {
		if v := recover(); v != nil {
			a.count(&a.counts.unreadable, 1)
			a.cfg.Diag.Panic("event", v)
		}
	}()
	at, ok := eventTime(e.Time)
	if !ok {
		at = a.cfg.Now()
	}
	switch {
	case e.Broken:
		// Whatever it was, it may have been a line.
		if line, ok := a.parser.Raw(e.Raw); ok {
			a.line(line, at)
		}
	case e.Type == "function":
		if line, ok := a.parser.Record(e.Record); ok {
			a.line(line, at)
		}
	case strings.HasPrefix(e.Type, "platform."):
		a.platform(e.Type, platformRecord(e.Record), at)
	}
}

// eventTime reads an event's time, which the platform writes as RFC 3339.
func eventTime(text []byte) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, string(text))
	return t, err == nil
}

// line queues one line.
func (a *Agent) line(line parse.Line, at time.Time) {
	c := &a.cfg
	if line.Kind != parse.Invalid && line.Level.Rank < c.MinLevel.Rank && c.MinLevel.Name != "" {
		a.count(&a.counts.belowLevel, 1)
		return
	}
	a.mu.Lock()
	id := line.RequestID
	if id == "" {
		id = a.tracker.requestOf(at)
	}
	allowed := line.Level.Error || c.MaxLines == 0 || a.tracker.allow(id, c.MaxLines)
	a.mu.Unlock()
	if !allowed {
		a.count(&a.counts.overLimit, 1)
		c.Diag.Fail("max lines", "an invocation printed more lines than LOGTABLE_MAX_LINES; the rest is not stored",
			"raise LOGTABLE_MAX_LINES or log less", "limit", c.MaxLines)
		return
	}
	if line.Kind == parse.Invalid {
		a.count(&a.counts.invalid, 1)
	}
	c.Store.Add(a.entry(&line, id, at))
}

// entry is the row of a line, without keys.
func (a *Agent) entry(line *parse.Line, id string, at time.Time) store.Entry {
	message, exceptionAt := line.Message()
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
	return store.Entry{
		Time: at, Error: line.Level.Error, Level: line.Level.Name, Locator: locator, Module: module, RequestID: id,
		Message: message, ExceptionAt: exceptionAt, Fields: line.Fields, Issues: strings.Join(line.Issues, "; "),
	}
}

// platform follows the invocations.
func (a *Agent) platform(kind string, r platform, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch kind {
	case "platform.initRuntimeDone", "platform.initReport":
		if a.tracker.initEnd.IsZero() {
			a.tracker.initEnd = at
		}
	case "platform.start":
		if r.requestID != "" {
			a.tracker.start(r.requestID, at)
		}
	case "platform.runtimeDone":
		a.trusted = a.cfg.Receiver != nil && !a.cfg.Concurrent
		a.cfg.Diag.Recover("runtimeDone", "platform.runtimeDone comes again")
		if r.requestID != "" {
			a.tracker.end(r.requestID, r.trouble())
		}
	case "platform.report":
		if r.requestID != "" {
			a.tracker.end(r.requestID, r.trouble())
		}
		if a.cfg.Concurrent {
			// No freeze and no other end: now is the time to write.
			a.cfg.Store.Start()
		}
	case "platform.logsDropped":
		a.logsDropped(r, at)
	}
}

// logsDropped stores what the platform did not deliver to us, as the only
// trace of those lines. mu is held.
func (a *Agent) logsDropped(r platform, at time.Time) {
	level, ok := a.cfg.Scale.Find("ALARM")
	if !ok {
		level = a.cfg.Scale.Warn()
	}
	const locator = "platform.logsDropped"
	a.cfg.Store.Add(store.Entry{
		Time: at, Error: level.Error, Level: level.Name, Locator: locator, Module: a.cfg.Module,
		RequestID: a.tracker.requestOf(at), ExceptionAt: -1,
		Message: fmt.Sprintf("%s: (%s) Lambda dropped %s lines (%s bytes) before Logtable could receive them: %s",
			level.Name, locator, orUnknown(r.droppedRecords), orUnknown(r.droppedBytes), orUnknown(r.reason)),
	})
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown number of"
	}
	return s
}

// platform is what we need of a platform event's record.
type platform struct {
	requestID, status, errorType         string
	droppedRecords, droppedBytes, reason string
}

// trouble reports whether Lambda will reset the environment after this end:
// after a time-out, a fault of the sandbox, or when the process has gone. An
// error that the runtime itself reported (errorType Function.… or none) is
// an ordinary end.
func (p *platform) trouble() bool {
	return p.status == "timeout" || p.status == "failure" ||
		p.status == "error" && strings.HasPrefix(p.errorType, "Runtime.")
}

// platformRecord reads a record leniently: some platforms and emulators send
// a string where others send an object, which then tells us nothing.
func platformRecord(record []byte) (p platform) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(record), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return p
	}
	fields := map[string]*string{
		"requestId": &p.requestID, "status": &p.status, "errorType": &p.errorType,
		"droppedRecords": &p.droppedRecords, "droppedBytes": &p.droppedBytes, "reason": &p.reason,
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return p
		}
		field := fields[name.String()]
		if kind := dec.PeekKind(); field == nil || kind == '{' || kind == '[' {
			if dec.SkipValue() != nil {
				return p
			}
			continue
		}
		value, err := dec.ReadToken()
		if err != nil {
			return p
		}
		*field = value.String()
	}
	return p
}
