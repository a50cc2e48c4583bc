package agent

import (
	"fmt"
	"time"

	"github.com/logtable/logtable/internal/parse"
)

// platformEvent follows the invocations, and makes rows of what must be known.
func (a *Agent) platformEvent(kind string, r platformRecord, at time.Time) {
	if kind == "platform.restoreStart" {
		a.noteRestored()
		return
	}
	a.mu.Lock()
	a.invocations.follow(kind, r, at)
	running := a.invocations.tracker.requestOf(at)
	a.mu.Unlock()
	if line, id := a.platformLine(kind, r, running); line.Locator != "" {
		w := a.whose(id, at)
		if id == r.requestID {
			w.origin = r.origin().or(w.origin) // the report of an attempt comes when the next one runs
		}
		a.add(a.rowOf(line, w))
	}
	if kind == "platform.runtimeDone" {
		a.cfg.Diag.Recover("runtimeDone", "Lambda reports the ends of invocations again (platform.runtimeDone)")
		a.wake() // whatever else is in the body
	}
}

// platformLine is what a platform event becomes, deaths apart, and whose line
// it is; a line without a locator for nothing.
func (a *Agent) platformLine(kind string, r platformRecord, running string) (line parse.Line, id string) {
	info := func(text string) parse.Line {
		level := a.cfg.Rows.Scale.Info()
		if a.cfg.Rows.Platform != PlatformAll || level.Rank < a.cfg.Rows.MinLevel.Rank {
			return parse.Line{}
		}
		return parse.Line{Level: level, Locator: kind, Text: text + r.figures()}
	}
	switch {
	case kind == "platform.initReport" && !r.failed():
		return info("cold start: "), initRequest
	case kind == "platform.report":
		return info("report: "), r.requestID
	case kind == "platform.logsDropped":
		return a.logsDropped(r), running
	}
	return line, id
}

// logsDropped tells of what the platform did not deliver to us: it is the only
// trace of those lines.
func (a *Agent) logsDropped(r platformRecord) parse.Line {
	unknown := func(s string) string {
		if s == "" {
			return "an unknown number of"
		}
		return s
	}
	text := fmt.Sprintf("Lambda dropped %s lines (%s bytes) before Logtable could receive them",
		unknown(r.droppedRecords), unknown(r.droppedBytes))
	if r.reason != "" {
		text += ": " + r.reason
	}
	return parse.Line{Level: a.cfg.Rows.Scale.Alarm(), Locator: "platform.logsDropped", Text: text}
}
