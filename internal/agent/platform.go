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
	if kind == "platform.restoreStart" {
		a.restored()
		return
	}
	if row, ok := a.follow(kind, r, at); ok {
		a.add(row)
	}
	if kind == "platform.runtimeDone" {
		a.wake() // whatever else is in the body
	}
}

// follow brings what is known of the invocations up to date. It returns the
// row that an event becomes, deaths apart.
func (a *Agent) follow(kind string, r platform, at time.Time) (row store.Entry, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch kind {
	case "platform.initRuntimeDone", "platform.initReport":
		return a.initDone(kind, r, at)
	case "platform.restoreRuntimeDone", "platform.restoreReport":
		if r.failed() {
			a.die(death{id: initRequest, locator: "platform.restore", record: r, at: at})
		}
	case "platform.start":
		if r.requestID != "" {
			a.trust = a.trust.started()
			a.tracker.start(r.requestID, at)
		}
	case "platform.runtimeDone":
		a.trust = a.trust.ended()
		a.cfg.Diag.Recover("runtimeDone", "platform.runtimeDone comes again")
		a.ended(r, at, false)
	case "platform.report":
		a.ended(r, at, true)
		if a.cfg.Platform == PlatformAll {
			return a.info(kind, r.requestID, "report: "+r.figures(), at)
		}
	case "platform.logsDropped":
		// The end of the invocation may be among what was dropped: it is not
		// waited for, or the function would be held to its deadline.
		a.trust = a.trust.lost()
		return a.logsDropped(r, at), true
	}
	return row, false
}

// initDone handles the end of an init phase.
func (a *Agent) initDone(kind string, r platform, at time.Time) (row store.Entry, ok bool) {
	if a.tracker.initEnd.IsZero() {
		a.tracker.initEnd = at
	}
	switch {
	case r.failed():
		a.die(death{id: initRequest, locator: "platform.init", record: r, at: at})
	case kind == "platform.initReport" && a.cfg.Platform == PlatformAll:
		return a.info("platform.initReport", initRequest, "cold start: "+r.figures(), at)
	}
	return row, false
}

// ended handles an end of an invocation: its runtimeDone, or its report.
func (a *Agent) ended(r platform, at time.Time, report bool) {
	if r.requestID == "" {
		return
	}
	tail := a.tracker.tailOf(r.requestID)
	attempt, news := a.tracker.end(r.requestID, at, r.trouble(), report)
	if news {
		a.traffic.ended(r.requestID, at)
	} else {
		tail = []string{} // what is printed now is the next attempt's
	}
	locator := r.death()
	if a.complete(attempt.number, r, report) || locator == "" || attempt.told {
		return
	}
	attempt.told = true
	a.die(death{
		id: r.requestID, attempt: attempt.number, locator: locator, record: r, at: at, tail: tail,
		awaitsReport: !report && !a.cfg.Concurrent && locator == "platform.crash",
	})
}

// A death is a function's death (or an init's) on its way to becoming a row.
type death struct {
	id      string
	attempt int // see tracker; 0 for init
	locator string
	record  platform
	at      time.Time // of the first signal
	tail    []string  // the last lines that the function printed, see tail.lines
	// awaitsReport: only the report tells whether the process ran out of
	// memory, and Lambda makes it when we have called next.
	awaitsReport bool
	ticks        int // of the clock, meanwhile
}

// die notes a death. There is one row an attempt: a second signal that comes
// before the row is made completes it, and a later one changes nothing.
func (a *Agent) die(d death) {
	if a.cfg.Platform == PlatformNone || a.complete(d.attempt, d.record, true) || d.attempt == 0 && a.initTold {
		return
	}
	a.initTold = a.initTold || d.attempt == 0
	if d.tail == nil {
		d.tail = a.tracker.tailOf(d.id)
	}
	a.deaths = append(a.deaths, d)
}

// complete adds what a later event says to a death whose row is not made yet,
// and reports whether there is one.
func (a *Agent) complete(attempt int, r platform, last bool) bool {
	for i := range a.deaths {
		d := &a.deaths[i]
		if d.attempt != attempt {
			continue
		}
		d.record.complete(r)
		if locator := d.record.death(); locator == "platform.oom" && attempt != 0 {
			d.locator = locator
		}
		d.awaitsReport = d.awaitsReport && !last
		return true
	}
	return false
}

// dieAtTheEnd notes the death of the invocation that SHUTDOWN finds running,
// where only the reason of SHUTDOWN tells of it.
func (a *Agent) dieAtTheEnd(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	locator := map[string]string{"timeout": "platform.timeout", "failure": "platform.crash"}[reason]
	running := a.tracker.unfinished()
	if locator == "" || running == nil || running.told || a.cfg.Concurrent || a.cfg.Receiver == nil {
		return
	}
	running.told = true
	a.die(death{
		id: running.id, attempt: running.number, locator: locator, at: a.cfg.Now(),
	})
}

// Which deaths become rows.
type which uint8

const (
	completed  which = iota // those of which all is known
	overdue                 // and those that have waited for their report for long
	everything              // all
)

// storeDeaths makes rows of deaths, and returns how many.
func (a *Agent) storeDeaths(which which) int {
	a.mu.Lock()
	var now, later []death
	for _, d := range a.deaths {
		if which == overdue {
			d.ticks++
		}
		if d.awaitsReport && which != everything && d.ticks < 2 {
			later = append(later, d)
		} else {
			now = append(now, d)
		}
	}
	a.deaths = later
	a.mu.Unlock()
	for _, d := range now {
		a.add(a.deathEntry(d))
	}
	return len(now)
}

// deathWaits reports whether a death has not become a row yet.
func (a *Agent) deathWaits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.deaths) > 0
}

// deathEntry is the row of a death. The last lines stand where an exception
// would.
func (a *Agent) deathEntry(d death) store.Entry {
	what := map[string]string{
		"platform.timeout": "the invocation timed out", "platform.crash": "the function's process ended",
		"platform.oom": "the function ran out of memory", "platform.init": "the function's initialisation failed",
		"platform.error": "the invocation ended with an error", "platform.restore": "the restore from the snapshot failed",
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

// info is an informational row about the platform.
func (a *Agent) info(locator, id, text string, at time.Time) (row store.Entry, ok bool) {
	line := parse.Line{Level: a.cfg.Scale.Info(), Locator: locator, Text: text}
	if line.Level.Rank < a.cfg.MinLevel.Rank {
		return row, false
	}
	return a.entry(&line, id, at), true
}

// logsDropped is the row of what the platform did not deliver to us, the only
// trace of those lines.
func (a *Agent) logsDropped(r platform, at time.Time) store.Entry {
	unknown := func(s string) string {
		if s == "" {
			return "an unknown number of"
		}
		return s
	}
	line := parse.Line{
		Level: a.cfg.Scale.Alarm(), Locator: "platform.logsDropped",
		Text: fmt.Sprintf("Lambda dropped %s lines (%s bytes) before Logtable could receive them",
			unknown(r.droppedRecords), unknown(r.droppedBytes)),
	}
	if r.reason != "" {
		line.Text += ": " + r.reason
	}
	return a.entry(&line, a.tracker.requestOf(at), at)
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

// failed reports whether an init or a restore failed.
func (p *platform) failed() bool {
	return p.status == "error" || p.status == "timeout" || p.status == "failure"
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
