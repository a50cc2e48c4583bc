package agent

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/store"
)

const (
	// shutdownTime is what Lambda gives an environment with an external
	// extension, from the start of its shutdown.
	shutdownTime = 2 * time.Second
	// shutdownMargin is how long before the SHUTDOWN deadline we are gone.
	shutdownMargin = 150 * time.Millisecond
	// lastResortTime is the part of that which is kept for what DynamoDB does
	// not take: a megabyte of lines on a slow processor.
	lastResortTime = 250 * time.Millisecond
	// leastShutdown is tried even when the deadline seems to be over: a
	// clock may be wrong, and being killed costs nothing more.
	leastShutdown = 100 * time.Millisecond
	// quiet is how long no telemetry must have come before SHUTDOWN counts
	// it as complete: four times the least delay of a delivery.
	quiet = 100 * time.Millisecond
)

// shutdown takes what telemetry still arrives and writes everything, errors
// first, by end. What DynamoDB does not take goes to the spill if a
// reset follows, which /tmp survives, else to the function's log.
func (a *Agent) shutdown(ctx context.Context, end time.Time, reason string) {
	now := a.cfg.Now()
	if !a.noop.Load() {
		a.intake.ahead.flush()
		if a.alerts != nil {
			a.alerts.Hurry()
		}
		a.writeLast(ctx, now, end, reason)
		a.closeAlerts(ctx, end)
	}
	kept := reason == "timeout" || reason == "failure"
	rest := a.cfg.Store.LastResort(a.cfg.LastResort.Log, a.cfg.LastResort.MaxBytes, kept, end)
	a.reportTotals(rest)
	a.hint()
	a.finished.Store(true)
	a.removeMark()
}

// shutdownEnd is when everything must be done that SHUTDOWN asks for.
func (a *Agent) shutdownEnd(now, deadline time.Time) time.Time {
	latest := now.Add(shutdownTime)
	if deadline.IsZero() || deadline.After(latest) || deadline.Before(now.Add(-shutdownTime)) {
		deadline = latest // the platform's word for it makes no sense
	}
	end := deadline.Add(-shutdownMargin)
	if least := now.Add(leastShutdown); end.Before(least) {
		return least
	}
	return end
}

// writeLast writes to DynamoDB until everything is written or the time for it
// is over.
func (a *Agent) writeLast(ctx context.Context, now, end time.Time, reason string) {
	reserve := lastResortTime
	if a.alerts != nil {
		reserve += lastAlertTime
	}
	ctx, cancel := context.WithTimeout(ctx, end.Sub(now)-min(reserve, end.Sub(now)/2))
	defer cancel()
	if a.alerts != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.guarded("shutdown", func() { a.persistForAlerts(ctx) })
		}()
		defer func() {
			cancel()
			<-done
		}()
	}
	_ = a.flushLast(ctx)
	if a.cfg.Receiver != nil {
		a.waitForQuiet(ctx, now)
	}
	a.intake.ahead.flush()
	a.noteDeathAtShutdown(reason)
	a.storeDeaths(allDeaths)
	_ = a.flushLast(ctx)
}

func (a *Agent) flushLast(ctx context.Context) error {
	if a.cfg.Store.Waiting() == 0 {
		return nil
	}
	return a.cfg.Store.FlushLast(ctx)
}

// waitForQuiet waits until no telemetry has arrived for a while, writing as
// it comes.
func (a *Agent) waitForQuiet(ctx context.Context, since time.Time) {
	for ctx.Err() == nil {
		a.mu.Lock()
		changed := a.changed.Changed()
		a.mu.Unlock()
		idle, last := a.cfg.Receiver.Idle()
		if last.Before(since) {
			last = since
		}
		left := last.Add(quiet).Sub(a.cfg.Now())
		if idle && left <= 0 {
			return
		}
		t := time.NewTimer(max(left, time.Millisecond))
		select {
		case <-changed:
			a.cfg.Store.Start()
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// reportTotals says what was not stored as printed: once, at the end, and only
// if there is something to say.
func (a *Agent) reportTotals(rest store.Rest) {
	if rest.Lines > 0 {
		a.cfg.Diag.Say(diag.Warn, "the last-resort lines above are rows that DynamoDB did not accept",
			"write them to the tables with `logtable replay FILE`", "lines", rest.Lines)
	}
	var args []any
	for _, loss := range sorted(rest.Lost) {
		args = append(args, fmt.Sprintf("lost %s, %s", loss.Level, loss.Reason), rest.Lost[loss])
	}
	args = append(args, a.notStoredAsPrinted()...)
	if len(args) == 0 {
		return
	}
	level, message := diag.Info, "some lines of this environment were not stored as printed"
	if len(rest.Lost) > 0 {
		level, message = diag.Error, "rows of this environment were lost"
	}
	a.cfg.Diag.Say(level, message, "", append(args, "stored", a.cfg.Store.Written())...)
}

// notStoredAsPrinted names what is counted of skipped and of the Receiver's.
func (a *Agent) notStoredAsPrinted() (args []any) {
	a.mu.Lock()
	skipped := a.skipped
	a.mu.Unlock()
	var posts logsapi.Counts
	if a.cfg.Receiver != nil {
		posts = a.cfg.Receiver.Counts()
	}
	for _, n := range []struct {
		name  string
		count int
	}{
		{"below LOGTABLE_LEVEL", skipped.belowLevel}, {"over LOGTABLE_MAX_LINES", skipped.overLimit},
		{"invalid, stored as WARN", skipped.invalid}, {"unreadable", skipped.unreadable},
		{"posts over 4 MiB, cut", int(posts.CutOff)}, {"posts to other paths, refused", int(posts.Refused)},
		{"connections of strangers, closed", int(posts.Closed)},
	} {
		if n.count > 0 {
			args = append(args, n.name, n.count)
		}
	}
	return args
}

// sorted returns what was lost in a fixed order. There are a few kinds only,
// for which slices.SortFunc would cost the layer's zip file 8 KB.
func sorted(lost map[store.Loss]int) (all []store.Loss) {
	for loss := range lost {
		i := len(all)
		all = append(all, loss)
		for ; i > 0 && compareLoss(loss, all[i-1]) < 0; i-- {
			all[i] = all[i-1]
		}
		all[i] = loss
	}
	return all
}

func compareLoss(a, b store.Loss) int {
	return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Reason, b.Reason))
}
