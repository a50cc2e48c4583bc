package agent

import (
	"context"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/version"
)

// maxJobs is how many jobs may wait for the one that is being done: what begins
// an invocation, and what ends it.
const maxJobs = 2

const (
	// holdSlack is how much later than it promised a hold is broken off.
	holdSlack = 50 * time.Millisecond
	// thawed is by how much a timer must be late before the process is taken
	// to have been frozen meanwhile.
	thawed = time.Second
)

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

// startJob has f done behind what is being done, and does not wait for it. It
// leaves f out if the worker is two jobs behind: the end of the invocation
// does all that its beginning does.
func (a *Agent) startJob(f func()) {
	select {
	case a.jobs <- job{do: f}:
	default:
	}
}

// runJob has f done behind what is being done, and reports whether it was by
// limit. A job that is not done by then is waited for no longer, and the next
// one waits for it within its own bound.
func (a *Agent) runJob(ctx context.Context, limit time.Time, f func()) bool {
	return a.awaitJob(ctx, limit, job{f, make(chan struct{})}, a.jobs)
}

// runNow has f done at once, whatever else is being done, and reports whether
// it was by limit.
func (a *Agent) runNow(ctx context.Context, limit time.Time, f func()) bool {
	j := job{f, make(chan struct{})}
	go func() {
		defer close(j.done)
		a.guarded("work", j.do)
	}()
	return a.awaitJob(ctx, limit, j, nil)
}

// awaitJob hands j to the worker, unless jobs is nil, and reports whether it
// was done by limit.
func (a *Agent) awaitJob(ctx context.Context, limit time.Time, j job, jobs chan<- job) bool {
	// At least holdSlack: by a wrong clock everything would take too long.
	planned := latest(limit, a.cfg.Now().Add(holdSlack))
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
			return j.isDone()
		case <-t.C:
		}
		if now := a.cfg.Now(); now.Sub(planned) > thawed {
			// The environment was frozen meanwhile: nothing was slow.
			planned = now.Add(holdSlack)
			t.Reset(holdSlack)
			continue
		}
		return j.isDone()
	}
}

func (j job) isDone() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// reportStuck is the last word of a process whose work is stuck at its end.
func (a *Agent) reportStuck() {
	if a.finished.Load() {
		return // what was left has been reported
	}
	a.cfg.Diag.Say(diag.Error, "Logtable is stuck at the end of this environment; rows may be lost",
		"check whether /tmp is on a slow disk, and report this line at "+version.ReportAt, "version", version.Number(),
		"messages in memory", a.cfg.Store.InMemory())
}
