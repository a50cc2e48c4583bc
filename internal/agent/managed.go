package agent

import (
	"context"
	"time"
)

// What is peculiar to Lambda Managed Instances: several invocations at a time,
// no INVOKE, no platform.runtimeDone, no freeze, and an environment that lives
// for days.

// lateLines is how long after an invocation's platform.report lines of it are
// still expected. In AWS's emulator a tenth to a sixth of the lines come after
// their report, all of them within milliseconds; a second is Lambda's usual
// buffering time.
const lateLines = time.Second

// writeMeanwhile sends what waits, writeEvery after it began to wait, until
// ctx ends. While nothing waits nothing wakes it.
func (a *Agent) writeMeanwhile(ctx context.Context) {
	for ctx.Err() == nil && !a.silent.Load() {
		a.mu.Lock()
		woken := a.woken // before looking, so that nothing is missed
		a.mu.Unlock()
		if a.cfg.Store.Waiting() == 0 {
			select {
			case <-woken:
			case <-ctx.Done():
			}
			continue
		}
		pause(ctx, writeEvery)
		a.cfg.Store.CheckSpill()
		a.cfg.Store.Start()
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
	if t.lastEnd.After(o.start) {
		o.parted = t.lastEnd // the stream has starts and reports in any order
	}
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

// parts is end's part for concurrent invocations: those that ran beside this
// one share with it, for a while, the lines that say nothing of their request.
func (t *tracker) parts(id string, at time.Time) {
	if !t.concurrent || t.find(id) == nil {
		return
	}
	for i := range t.open {
		if o := &t.open[i]; o.parted.Before(at) {
			o.parted = at
		}
	}
	if t.lastEnd.Before(at) {
		t.lastEnd = at
	}
	delete(t.lines, id)
}

// shared reports whether a line of the given time, while o is the only open
// invocation, may as well be a late one of another that ran beside it.
func (o *invocation) shared(at time.Time) bool {
	return !o.parted.IsZero() && at.Sub(o.parted) < lateLines
}
