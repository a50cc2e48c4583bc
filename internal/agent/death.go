package agent

import (
	"time"

	"github.com/logtable/logtable/internal/parse"
)

// A death is a function's death (or an init's) on its way to becoming a row.
type death struct {
	id      string
	attempt int // see tracker; 0 for init
	locator string
	record  platformRecord
	at      time.Time // of the first signal
	tail    []string  // the last lines that the function printed, see tail.lines
	// awaitsReport: only the report tells whether the process ran out of
	// memory, and Lambda makes it when we have called next.
	awaitsReport bool
	ticks        int // of the clock, meanwhile
}

// noteDeath notes a death. There is one row an attempt: a second signal that
// comes before the row is made completes it, and a later one changes nothing.
func (v *invocations) noteDeath(d death) {
	isInit := d.attempt == 0
	if v.ignoreDeaths || v.completeDeath(d.attempt, d.record, true) || isInit && v.initDeathNoted {
		return
	}
	v.initDeathNoted = v.initDeathNoted || isInit
	if d.tail == nil {
		d.tail = v.tracker.tailOf(d.id)
	}
	v.deaths = append(v.deaths, d)
}

// completeDeath adds what a later event says to a death whose row is not made
// yet, and reports whether there is one.
func (v *invocations) completeDeath(attempt int, r platformRecord, last bool) bool {
	for i := range v.deaths {
		d := &v.deaths[i]
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

// noteDeathAtShutdown notes the death of the invocation that SHUTDOWN finds
// running, where only the reason of SHUTDOWN tells of it.
func (a *Agent) noteDeathAtShutdown(reason string) {
	locator := map[string]string{"timeout": "platform.timeout", "failure": "platform.crash"}[reason]
	if locator == "" || a.cfg.Concurrent || a.cfg.Receiver == nil {
		return
	}
	now := a.cfg.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if running := a.invocations.tracker.unfinished(); running != nil && !running.deathNoted {
		running.deathNoted = true
		a.invocations.noteDeath(death{id: running.id, attempt: running.number, locator: locator, at: now})
	}
}

// whichDeaths says which deaths become rows.
type whichDeaths uint8

const (
	completeDeaths whichDeaths = iota + 1 // of which all is known
	overdueDeaths                         // and those that have waited for their report for long
	allDeaths
)

// takeDeaths takes the deaths that become rows now.
func (v *invocations) takeDeaths(which whichDeaths) (now []death) {
	var waiting []death
	for _, d := range v.deaths {
		if which == overdueDeaths {
			d.ticks++
		}
		if d.awaitsReport && which != allDeaths && d.ticks < 2 {
			waiting = append(waiting, d)
		} else {
			now = append(now, d)
		}
	}
	v.deaths = waiting
	return now
}

// storeDeaths makes rows of deaths, and returns how many.
func (a *Agent) storeDeaths(which whichDeaths) int {
	a.mu.Lock()
	deaths := a.invocations.takeDeaths(which)
	a.mu.Unlock()
	for _, d := range deaths {
		a.add(a.deathRow(d))
	}
	return len(deaths)
}

// deathWaits reports whether a death has not become a row yet.
func (a *Agent) deathWaits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.invocations.deaths) > 0
}

// deathRow is the row of a death. The last lines stand where an exception
// would.
func (a *Agent) deathRow(d death) row {
	what := map[string]string{
		"platform.timeout": "the invocation timed out", "platform.crash": "the function's process exited",
		"platform.oom": "the function ran out of memory", "platform.init": "the function's initialization failed",
		"platform.error":   "the invocation ended with an error",
		"platform.restore": "the restore from the snapshot failed",
	}[d.locator]
	if figures := d.record.figures(); figures != "" {
		what += ": " + figures
	}
	line := parse.Line{Level: a.cfg.Rows.Scale.Top(), Locator: d.locator, Text: what}
	if level, ok := a.cfg.Rows.Scale.Find("ERROR"); ok {
		line.Level = level
	}
	if len(d.tail) > 0 {
		line.Exception = a.lastLines(d.tail)
	}
	w := a.whose(d.id, d.at)
	w.origin = d.record.origin().or(w.origin)
	return a.rowOf(line, w)
}
