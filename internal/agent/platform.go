package agent

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// Platform says which of the platform's events become rows.
type Platform uint8

const (
	// PlatformErrors stores the death of a function and what Lambda dropped.
	PlatformErrors Platform = iota
	// PlatformAll stores a row per platform.report and cold start as well.
	PlatformAll
	// PlatformNone stores what Lambda dropped only.
	PlatformNone
)

// platform follows the invocations, and makes rows of what must be known.
func (a *Agent) platform(kind string, r platform, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch kind {
	case "platform.initRuntimeDone", "platform.initReport":
		a.initDone(kind, r, at)
	case "platform.start":
		if r.requestID != "" {
			a.tracker.start(r.requestID, at)
		}
	case "platform.restoreStart":
		a.renew()
	case "platform.runtimeDone":
		a.trusted = a.cfg.Receiver != nil && !a.cfg.Concurrent
		a.cfg.Diag.Recover("runtimeDone", "platform.runtimeDone comes again")
		a.ended(r, at)
	case "platform.report":
		a.ended(r, at)
		if a.cfg.Platform == PlatformAll {
			a.info(kind, r.requestID, "report: "+r.figures(), at)
		}
	case "platform.logsDropped":
		// The end of the invocation may be among what was dropped: it is not
		// waited for, or the function would be held to its deadline.
		a.trusted = false
		a.logsDropped(r, at)
	}
}

// initDone handles the end of an init phase.
func (a *Agent) initDone(kind string, r platform, at time.Time) {
	first := a.tracker.initEnd.IsZero()
	if first {
		a.tracker.initEnd = at
	}
	switch {
	case r.status == "error" || r.status == "timeout" || r.status == "failure":
		a.die(death{id: initRequest, locator: "platform.init", record: r, at: at})
	case kind == "platform.initReport" && a.cfg.Platform == PlatformAll:
		a.info("platform.initReport", initRequest, "cold start: "+r.figures(), at)
	}
}

// ended handles an end of an invocation: its runtimeDone, or its report.
func (a *Agent) ended(r platform, at time.Time) {
	if r.requestID == "" {
		return
	}
	a.traffic.ended(r.requestID, at)
	tail := a.tracker.tailOf(r.requestID)
	a.tracker.parts(r.requestID, at)
	a.tracker.end(r.requestID, r.trouble())
	if locator := r.death(); locator != "" {
		a.die(death{id: r.requestID, locator: locator, record: r, at: at, tail: tail})
	}
}

// A death is a function's death (or an init's) on its way to becoming a row.
type death struct {
	id      string
	locator string
	record  platform
	at      time.Time // of the first signal
	tail    []string  // the last lines that the function printed, see tail.lines
}

// die notes a death. There is one row a request: a second signal that comes
// with the first one completes it, and a later one changes nothing.
func (a *Agent) die(d death) {
	if a.cfg.Platform == PlatformNone {
		return
	}
	for i := range a.deaths {
		if known := &a.deaths[i]; known.id == d.id {
			known.record.complete(d.record)
			if d.locator == "platform.oom" {
				known.locator = d.locator
			}
			return
		}
	}
	if a.tracker.told(d.id) {
		return
	}
	if d.tail == nil {
		d.tail = a.tracker.tailOf(d.id)
	}
	a.deaths = append(a.deaths, d)
}

// bury makes rows of the deaths that a telemetry body told of.
func (a *Agent) bury() {
	a.mu.Lock()
	deaths := a.deaths
	a.deaths = nil
	a.mu.Unlock()
	for _, d := range deaths {
		a.urgent = true
		a.add(a.deathEntry(d))
	}
}

// deathEntry is the row of a death. The last lines stand where an exception
// would.
func (a *Agent) deathEntry(d death) store.Entry {
	what := map[string]string{
		"platform.timeout": "the invocation timed out", "platform.crash": "the function's process ended",
		"platform.oom": "the function ran out of memory", "platform.init": "the function's initialisation failed",
		"platform.error": "the invocation ended with an error",
	}[d.locator]
	if figures := d.record.figures(); figures != "" {
		what += ": " + figures
	}
	line := parse.Line{Level: a.cfg.Scale.Top(), Locator: d.locator, Text: what}
	if level, ok := a.cfg.Scale.Find("ERROR"); ok {
		line.Level = level
	}
	if len(d.tail) > 0 {
		line.Exception = a.lastLines(d.tail)
	}
	return a.entry(&line, d.id, d.at)
}

// info stores an informational row about the platform.
func (a *Agent) info(locator, id, text string, at time.Time) {
	line := parse.Line{Level: a.cfg.Scale.Info(), Locator: locator, Text: text}
	if line.Level.Rank >= a.cfg.MinLevel.Rank {
		a.add(a.entry(&line, id, at))
	}
}

// logsDropped stores what the platform did not deliver to us, as the only
// trace of those lines.
func (a *Agent) logsDropped(r platform, at time.Time) {
	level, ok := a.cfg.Scale.Find("ALARM")
	if !ok {
		level = a.cfg.Scale.Top()
	}
	unknown := func(s string) string {
		if s == "" {
			return "an unknown number of"
		}
		return s
	}
	line := parse.Line{Level: level, Locator: "platform.logsDropped", Text: fmt.Sprintf("Lambda dropped %s lines (%s bytes) before Logtable could receive them",
		unknown(r.droppedRecords), unknown(r.droppedBytes))}
	if r.reason != "" {
		line.Text += ": " + r.reason
	}
	a.add(a.entry(&line, a.tracker.requestOf(at), at))
}

// platform is what we need of a platform event's record. Figures are kept as
// printed; empty means absent.
type platform struct {
	requestID, status, errorType         string
	droppedRecords, droppedBytes, reason string
	initializationType                   string

	duration, billed, memory, used, init string
}

// trouble reports whether Lambda will reset the environment after this end:
// after a time-out, a fault of the sandbox, or when the process has gone. An
// error that the runtime itself reported (errorType Function.… or none) is
// an ordinary end.
func (p *platform) trouble() bool {
	return p.status == "timeout" || p.status == "failure" ||
		p.status == "error" && strings.HasPrefix(p.errorType, "Runtime.")
}

// death is the locator of the row that this end of an invocation deserves, ""
// for a good end. Out of memory shows in the error type (Node.js, Python,
// Ruby) or in a report whose used memory is all there is.
func (p *platform) death() string {
	switch {
	case p.status == "" || p.status == "success":
		return ""
	case p.status == "timeout":
		return "platform.timeout"
	case strings.Contains(p.errorType, "OutOfMemory"), p.memory != "" && p.used == p.memory:
		return "platform.oom"
	case p.trouble(), strings.HasPrefix(p.errorType, "Extension."), strings.HasPrefix(p.errorType, "Sandbox."):
		return "platform.crash"
	}
	return "platform.error"
}

// complete takes over what p does not know yet.
func (p *platform) complete(more platform) {
	for _, field := range []struct{ to, from *string }{
		{&p.errorType, &more.errorType}, {&p.duration, &more.duration}, {&p.billed, &more.billed},
		{&p.memory, &more.memory}, {&p.used, &more.used}, {&p.init, &more.init},
	} {
		if *field.to == "" {
			*field.to = *field.from
		}
	}
}

// figures says in words what is known.
func (p *platform) figures() string {
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%s", p.initializationType)
	add("%s", p.errorType)
	add("%s ms", p.duration)
	add("billed %s ms", p.billed)
	add("memory %s MB", p.memory)
	add("used %s MB", p.used)
	add("init %s ms", p.init)
	return strings.Join(parts, ", ")
}

// platformRecord reads a record leniently: some platforms and emulators send
// a string where others send an object, which then tells us nothing.
func platformRecord(record []byte) (p platform) {
	fields := map[string]*string{
		"requestId": &p.requestID, "status": &p.status, "errorType": &p.errorType, "initializationType": &p.initializationType,
		"droppedRecords": &p.droppedRecords, "droppedBytes": &p.droppedBytes, "reason": &p.reason,
	}
	metrics := map[string]*string{
		"durationMs": &p.duration, "billedDurationMs": &p.billed, "memorySizeMB": &p.memory, "maxMemoryUsedMB": &p.used, "initDurationMs": &p.init,
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(record), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	readScalars(dec, func(name string) (*string, map[string]*string) {
		if name == "metrics" {
			return nil, metrics
		}
		return fields[name], nil
	})
	return p
}

// readScalars reads the strings and numbers of the object that comes next, into
// where field says, one level of objects included. It stops at the first error.
func readScalars(dec *jsontext.Decoder, field func(name string) (*string, map[string]*string)) bool {
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		to, inner := field(name.String())
		switch kind := dec.PeekKind(); {
		case inner != nil && kind == '{':
			if !readScalars(dec, func(name string) (*string, map[string]*string) { return inner[name], nil }) {
				return false
			}
		case to != nil && (kind == '"' || kind == '0'):
			value, err := dec.ReadToken()
			if err != nil {
				return false
			}
			*to = value.String()
		default:
			if dec.SkipValue() != nil {
				return false
			}
		}
	}
	tok, err := dec.ReadToken()
	return err == nil && tok.Kind() == '}'
}
