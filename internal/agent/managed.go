package agent

import (
	"slices"
	"time"
)

// What is peculiar to Lambda Managed Instances: several invocations at a time,
// no INVOKE, no platform.runtimeDone, no freeze, and an environment that lives
// for days.

// lateLines is how long after an invocation's platform.report lines of it may
// still be stamped. In AWS's emulator up to a sixth of the lines come after
// their report, none of 500 later than by 1 ms; a loaded machine may take
// longer.
const lateLines = 100 * time.Millisecond

// forgetLost forgets the invocations that have been open at a time for longer
// than any can last: they have ended, and only their reports were lost.
func (t *tracker) forgetLost(at time.Time) {
	if at.IsZero() {
		return
	}
	t.open = slices.DeleteFunc(t.open, func(o attempt) bool {
		return !o.start.IsZero() && at.Sub(o.start) > longestInvocation+time.Minute
	})
}

// shared reports whether a line of the given time, whose only candidate is the
// request with the given ID, may as well be a late one of another, or of init.
// Of an invocation that has ended since, the late lines of others that had
// ended before count; one that runs must be alone for a while.
func (t *tracker) shared(id string, ended bool, at time.Time) bool {
	if !ended {
		return at.Sub(t.lastEnd) < lateLines || at.Sub(t.initEnd) < lateLines
	}
	for i := range t.done {
		e := &t.done[i]
		if since := at.Sub(e.end); e.id != id && since >= 0 && since < lateLines {
			return true
		}
	}
	return at.Sub(t.initEnd) < lateLines
}
