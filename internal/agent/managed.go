package agent

import (
	"context"
	"time"
)

// What is peculiar to Lambda Managed Instances: several invocations at a time,
// no INVOKE, no platform.runtimeDone, no freeze, and an environment that lives
// for days.

// lateLines is how long after an invocation's platform.report lines of it may
// still be stamped. In AWS's emulator up to a sixth of the lines come after their
// report, none of 500 later than by 1 ms; a loaded machine may take longer.
const lateLines = 100 * time.Millisecond

// writeMeanwhile sends what waits, rows and alerts that could not be sent before,
// writeEvery after it began to wait, until ctx ends. While nothing waits nothing wakes it.
func (a *Agent) writeMeanwhile(ctx context.Context) {
	for ctx.Err() == nil && !a.silent.Load() {
		a.mu.Lock()
		woken := a.woken // before looking, so that nothing is missed
		a.mu.Unlock()
		if a.cfg.Store.Waiting() == 0 && (a.alerts == nil || a.alerts.Waiting() == 0) {
			select {
			case <-woken:
			case <-ctx.Done():
			}
			continue
		}
		pause(ctx, writeEvery)
		a.cfg.Store.CheckSpill()
		a.cfg.Store.Start()
		a.startAlerts()
		if a.cfg.Store.Resting() {
			// Nothing ends here that would be a better moment.
			a.cfg.Store.Persist()
		}
	}
}

// begins is start's part for concurrent invocations. One that has been open for
// longer than any can last has ended; only its report was lost.
func (t *tracker) begins(o *invocation) {
	delete(t.lines, "") // lines without a request share a budget until the next start
	if o.start.IsZero() {
		return
	}
	kept := t.open[:0]
	for _, old := range t.open {
		if o.start.Sub(old.start) <= longestInvocation+time.Minute || old.start.IsZero() {
			kept = append(kept, old)
		}
	}
	clear(t.open[len(kept):])
	t.open = kept
}

// parts is end's part for concurrent invocations.
func (t *tracker) parts(id string, at time.Time) {
	if !t.concurrent || t.find(id) == nil {
		return
	}
	if t.lastEnd.Before(at) {
		t.lastEnd = at
	}
	delete(t.lines, id)
}

// shared reports whether a line of the given time, while only one invocation is
// open, may as well be a late one of another, or of init.
func (t *tracker) shared(at time.Time) bool {
	return t.concurrent && (at.Sub(t.lastEnd) < lateLines || at.Sub(t.initEnd) < lateLines)
}
