// Package agent is the heart of the extension: the loop over Lambda's events,
// and the intake of telemetry. It decides which request a line belongs to,
// when what is written, and how long an invocation may be held for it.
//
// Its first rule is never to harm the function: every wait here has a bound,
// nothing ends the process except Lambda's own word, and whatever goes wrong
// inside leaves the agent in no-op mode, in which it calls next and does
// nothing else.
//
// # Goroutines
//
// Run waits for events and for the ends of invocations, and does nothing that a
// disk or the network could delay. A worker does what events ask for, one job
// after the other. Intake, the listener's goroutine, takes telemetry. One timer
// ticks while something waits (see clock), another ends the look-ahead.
//
// # Locks
//
// They are taken in this order:
//
//  1. intake.mu, held while a telemetry body is read. All but Intake only try
//     to take it, so that nobody waits for a body.
//  2. mark.mu, held while a mark is written to /tmp.
//  3. The locks of the Store and then those of the alerts, as the Store calls
//     Entry.Kept and Config.Losses with its own lock held.
//  4. Agent.mu, held for memory only: whoever holds it calls neither the Store
//     nor the alerts, nor anything that writes to /tmp, stderr or the network.
//
// The tests hold this: TestTheLockOrder and, in every story that is played, the
// clocks of the Store and of the alerts, which are asked under their locks.
package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/wait"
)

const (
	// margin is how long before an invocation's deadline next is called at
	// the latest: our own share of a slow processor, and Lambda's answer.
	margin = 200 * time.Millisecond
	// unknownDeadline is the deadline of an invocation that came without:
	// Lambda's longest.
	unknownDeadline = longestInvocation

	// backoffFirst and backoffMost bound the pause after a refused next.
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 5 * time.Second
)

// An Agent handles Lambda's events and takes telemetry. See the package's
// comment for its goroutines and the order of its locks.
type Agent struct {
	cfg      Config
	noop     atomic.Bool // see Disable
	restored atomic.Bool // see noteRestored
	finished atomic.Bool // SHUTDOWN has been handled to its end

	intake      intake
	jobs        chan job // for the worker
	mark        mark
	alerts      *alert.Sender // nil: nobody is alerted
	alertIssues atomic.Int64  // that were stored
	longHoldAt  time.Time     // Run's: when a hold longer than shortHold ended last

	mu          sync.Mutex // guards what follows
	invocations invocations
	clock       clock
	skipped     skipped
	changed     wait.Broadcast // of any of these
}

// skipped counts what was received and, on purpose or of necessity, not stored
// as printed. Agent.mu guards it.
type skipped struct {
	belowLevel, overLimit, invalid, unreadable int

	foreign sightings
}

// New returns an Agent that is about to see the first event.
func New(cfg Config) *Agent {
	cfg = cfg.withDefaults()
	a := &Agent{
		cfg:         cfg,
		invocations: newInvocations(cfg),
		jobs:        make(chan job, maxJobs),
	}
	a.intake.init(a)
	a.newAlerts()
	return a
}

// ErrLost is returned by Run when Lambda has said that the environment is
// beyond repair (HTTP 500 from next); the process should exit non-zero.
var ErrLost = errors.New("the environment is lost: Lambda reported a container error (HTTP 500 from next)")

// Run handles events until SHUTDOWN (nil), or ErrLost. Nothing else ends it
// but ctx.
func (a *Agent) Run(ctx context.Context) error {
	refusals := 0
	working, stop := context.WithCancel(ctx)
	defer stop()
	go a.work(working)
	for {
		ev, err := a.cfg.Events.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && ev.Type != extapi.Invoke && ev.Type != extapi.Shutdown:
			a.cfg.Diag.Fail("event", "Lambda sent an event of an unknown type; it is ignored", "")
		case err == nil:
			refusals = 0
			a.cfg.Diag.Recover("next", "Lambda answers the call for the next event again")
			if a.handle(ctx, ev) {
				return nil
			}
			continue
		case extapi.Fatal(err):
			a.cfg.Diag.Fail("next", "Lambda answered the call for the next event with HTTP 500; Logtable writes its "+
				"rows and exits", "")
			a.handle(ctx, extapi.NextEvent{Type: extapi.Shutdown, ShutdownReason: "failure"})
			return fmt.Errorf("%w: %w", ErrLost, err)
		default:
			a.cfg.Diag.Fail("next", "Lambda refused the call for the next event; Logtable retries it", "",
				"error", err.Error())
			a.startJob(func() {
				a.startWriting()
				a.arm()
			})
		}
		refusals++
		_ = wait.Sleep(ctx, wait.Backoff(backoffFirst, backoffMost, refusals)) // ctx is looked at above
	}
}

// handle handles an INVOKE or a SHUTDOWN, and reports whether it was the
// latter.
func (a *Agent) handle(ctx context.Context, ev extapi.NextEvent) (last bool) {
	now := a.cfg.Now()
	if ev.Type == extapi.Invoke {
		deadline := ev.Deadline
		if deadline.IsZero() || deadline.Sub(now) > unknownDeadline+time.Minute {
			deadline = now.Add(unknownDeadline)
		}
		a.guarded("invoke", func() { a.invoke(ctx, ev, deadline.Add(-margin)) })
		return false
	}
	end := a.shutdownEnd(now, ev.Deadline)
	shutdown := func() { a.shutdown(ctx, end, ev.ShutdownReason) }
	if !a.runNow(ctx, end.Add(shutdownMargin/2), shutdown) {
		a.reportStuck()
	}
	return true
}

// guarded runs f; a panic in it puts the agent into no-op mode.
func (a *Agent) guarded(where string, f func()) {
	defer a.cfg.Diag.Guard(where, a.Disable)
	f()
}

// Disable puts the agent into no-op mode, from any goroutine: telemetry is no
// longer looked at, nothing is waited for, and next is called.
func (a *Agent) Disable() {
	a.noop.Store(true)
	a.wake()
}

// wake makes everybody who waits look again.
func (a *Agent) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed.Notify()
}

// Arrived is for the listener to call when the end of an invocation may be
// among the bodies that wait, or no longer is.
func (a *Agent) Arrived() { a.wake() }

// count adds to one of the counters of skipped.
func (a *Agent) count(n *int, by int) {
	a.mu.Lock()
	*n += by
	a.mu.Unlock()
}
