package agent

import (
	"context"
	"log/slog"
	"time"
)

// maxJobs is how many jobs may wait for the one that is being done: what begins
// an invocation, and what ends it.
const maxJobs = 2

// A job is something that an event asks for and that may take time: it writes
// to /tmp or to DynamoDB. Everything in it is bounded; should it take longer
// all the same, it is left behind, and Lambda is not kept waiting for it.
type job struct {
	do   func()
	done chan struct{} // closed when it is done; nil if nobody waits
}

// work does one job after the other, until ctx ends.
func (a *Agent) work(ctx context.Context) {
	for {
		select {
		case j := <-a.jobs:
			a.guarded("work", j.do)
			if j.done != nil {
				close(j.done)
			}
		case <-ctx.Done():
			return
		}
	}
}

// begin has f done behind what is being done, and does not wait for it. It
// leaves f out if the worker is two jobs behind: the end of the invocation
// does all that its beginning does.
func (a *Agent) begin(f func()) {
	select {
	case a.jobs <- job{do: f}:
	default:
	}
}

// do has f done behind what is being done, and reports whether it was by
// limit. A job that is not done by then is waited for no longer, and the next
// one waits for it within its own bound.
func (a *Agent) do(ctx context.Context, limit time.Time, f func()) bool {
	return a.await(ctx, limit, job{f, make(chan struct{})}, a.jobs)
}

// doNow has f done at once, whatever else is being done, and reports whether it
// was by limit.
func (a *Agent) doNow(ctx context.Context, limit time.Time, f func()) bool {
	j := job{f, make(chan struct{})}
	go func() {
		defer close(j.done)
		a.guarded("work", j.do)
	}()
	return a.await(ctx, limit, j, nil)
}

// await hands j to the worker, unless jobs is nil, and reports whether it was
// done by limit.
func (a *Agent) await(ctx context.Context, limit time.Time, j job, jobs chan<- job) bool {
	planned := latest(limit, a.cfg.Now().Add(holdSlack)) // a wrong clock must not have all take too long
	t := time.NewTimer(planned.Sub(a.cfg.Now()))
	defer t.Stop()
	for {
		select {
		case jobs <- j:
			jobs = nil // handed over
			continue
		case <-j.done:
			return true
		case <-ctx.Done():
			return done(j)
		case <-t.C:
		}
		if now := a.cfg.Now(); now.Sub(planned) > thawed {
			// The environment was frozen meanwhile: nothing was slow.
			planned = now.Add(holdSlack)
			t.Reset(holdSlack)
			continue
		}
		return done(j)
	}
}

func done(j job) bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// abandon is the last word of a process whose work is stuck at its end.
func (a *Agent) abandon() {
	if a.accounted.Load() {
		return // what was left has been told of
	}
	a.cfg.Diag.Say(slog.LevelError, "something is stuck at the end of this environment: messages may be lost",
		"see whether /tmp is on a slow disk, and report this line", "messages in memory", a.cfg.Store.InMemory())
}
