package agent

import (
	"context"
	"time"

	"github.com/logtable/logtable/internal/extapi"
)

const (
	// shortHold is the longest hold, from the moment that the end is known,
	// while a longer one is less than longHoldPause back: with Lambda's own
	// delay of 25 ms and what moving to /tmp takes it stays below 300 ms.
	shortHold = 200 * time.Millisecond
	// longHoldPause is the time in which one invocation at most is held for
	// longer, whatever DynamoDB does: a table that is slow, or at its write
	// capacity, must not make every invocation longer.
	longHoldPause = time.Minute
)

// invoke handles one invocation: what was left over leaves while the function
// runs, and what the function printed before the environment can freeze.
func (a *Agent) invoke(ctx context.Context, ev extapi.NextEvent, deadline time.Time) {
	if a.noop.Load() {
		return
	}
	id := ev.RequestID
	a.noteInvoke(id, ev.Tracing)
	a.startJob(func() { a.writeLeftOver(id) })
	now := a.cfg.Now()
	facts := endFacts{invoked: now, deadline: deadline, flush: a.longestHold(now)}
	what, until, since := a.awaitEnd(ctx, id, facts)
	decided := a.cfg.Now()
	inTime := true
	switch {
	case what == holdAndWrite:
		until = earliest(until, deadline)
		inTime = a.runJob(ctx, until.Add(holdSlack), func() { a.writeBeforeNext(ctx, until) })
	case decided.After(now) || a.writesAfterNext():
		limit := earliest(decided.Add(shortHold), deadline.Add(holdSlack))
		inTime = a.runJob(ctx, limit, a.leaveToNext)
	}
	if !inTime {
		a.cfg.Diag.Fail("stuck", "writing to DynamoDB or /tmp takes too long; the function is not delayed for it", "")
	}
	if now := a.cfg.Now(); !since.IsZero() && now.Sub(since) > shortHold {
		a.longHoldAt = now
	}
}

// noteInvoke notes that an invocation begins.
func (a *Agent) noteInvoke(id, tracing string) {
	now := a.cfg.Now()
	a.mu.Lock()
	doubt := a.invocations.invoke(id, now)
	a.invocations.tracker.traceInvoke(id, tracing)
	a.mu.Unlock()
	if doubt != "" {
		a.cfg.Diag.Fail("runtimeDone", doubt, "")
	}
	if a.cfg.Snapshot {
		a.noteRestored()
	}
}

// longestHold is how long an invocation that begins now may be held.
func (a *Agent) longestHold(now time.Time) time.Duration {
	if !a.longHoldAt.IsZero() && now.Sub(a.longHoldAt) < longHoldPause {
		return min(a.cfg.FlushTimeout, shortHold)
	}
	return a.cfg.FlushTimeout
}

// writeLeftOver begins an invocation: what waits starts leaving, and the mark
// says who runs. The mark comes last: nothing waits for it.
func (a *Agent) writeLeftOver(id string) {
	if a.noop.Load() {
		return
	}
	a.intake.ahead.flush() // lines before deaths
	a.storeDeaths(allDeaths)
	a.cfg.Store.CheckSpill()
	a.cfg.Store.Start()
	a.startAlerts()
	a.arm()
	a.leaveMark(id)
}

// leaveToNext ends an invocation that is not held. Where writing is left to
// what follows, only what DynamoDB does not take moves to /tmp: there will be
// no better moment before the environment freezes.
func (a *Agent) leaveToNext() {
	if !a.writesAfterNext() || a.cfg.Store.Resting() {
		a.intake.ahead.flush()
		a.cfg.Store.Persist()
	}
	a.arm()
}

// writeBeforeNext writes what an ended invocation printed, until a moment at
// the latest. What is not confirmed by then moves to /tmp.
func (a *Agent) writeBeforeNext(ctx context.Context, until time.Time) {
	a.intake.ahead.flush() // what came behind the end, in its body
	left := until.Sub(a.cfg.Now())
	ctx, cancel := context.WithTimeout(ctx, left-a.persistTime(left))
	defer cancel()
	if a.cfg.Store.Flush(ctx) != nil {
		// It is kept, and the store has said why. /tmp keeps it longer.
		a.cfg.Store.Persist()
	}
	a.sendAlerts(ctx)
	if !a.deathWaits() {
		a.leaveMark("")
	}
	a.disarm()
}

// persistTime is the part of a hold that moving what waits to /tmp would take,
// at a speed that a slow processor still has.
func (a *Agent) persistTime(hold time.Duration) time.Duration {
	if a.cfg.Mark.Marker == nil {
		return 0
	}
	const perSecond = 32 << 20 // bytes
	return min(time.Duration(a.cfg.Store.Bytes())*time.Second/perSecond, hold/4)
}
