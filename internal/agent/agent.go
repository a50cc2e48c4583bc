// Package agent is the heart of the extension: the loop over Lambda's events,
// and the intake of telemetry. It decides which request a line belongs to,
// when what is written, and how long an invocation may be held for it.
//
// Its first rule is never to harm the function: every wait here has a bound,
// nothing ends the process except Lambda's own word, and whatever goes wrong
// inside leaves a silent guest that calls next and does nothing else.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

const (
	// margin is how long before an invocation's deadline next is called at
	// the latest: our own share of a slow processor, and Lambda's answer.
	margin = 200 * time.Millisecond
	// holdSlack is how much later than it promised a hold is broken off.
	holdSlack = 50 * time.Millisecond
	// lastChance is how long before that mark what waits starts leaving,
	// though the function still runs: it is about to time out.
	lastChance = time.Second
	// troubleHold bounds the hold after an end that a reset follows. SHUTDOWN
	// is waiting for our next by then, and its 2 s are running.
	troubleHold = 300 * time.Millisecond
	// unknownDeadline is the deadline of an invocation that came without:
	// Lambda's longest.
	unknownDeadline = longestInvocation
	// writeEvery is how often what waits is sent while a function runs for
	// long.
	writeEvery = time.Second

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

	// backoffFirst and backoffMost bound the pause after a refused next.
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 5 * time.Second
)

// An Events is where Lambda's events come from.
type Events interface {
	Next(context.Context) (extapi.NextEvent, error)
}

// A Receiver is where telemetry arrives.
type Receiver interface {
	// Idle reports that nothing waits for the intake, and when something
	// last arrived.
	Idle() (idle bool, last time.Time)
	// DoneWaiting returns since when a body waits for the intake, or is being
	// read by it, that seems to hold the end of an invocation.
	DoneWaiting() (since time.Time, ok bool)
	// Counts says what was posted and not handed on.
	Counts() logsapi.Counts
}

// A Marker leaves a mark that the next process finds if this one does not end
// properly.
type Marker interface {
	Mark(payload []byte) error
	Unmark() error
}

// A Config wires an Agent.
type Config struct {
	Events   Events
	Receiver Receiver // nil where nothing will ever arrive
	Store    *store.Store
	Diag     *diag.Logger

	Scale        *parse.Scale
	MinLevel     parse.Level // zero for all
	Plain        string
	Mapping      *parse.Mapping // nil for our own names only
	Module       string         // of lines that name none
	MaxLines     int            // 0 for no limit
	Platform     Platform
	Redact       *redact.Redactor // nil masks nothing
	Flush        Flush
	FlushTimeout time.Duration
	// Marker keeps the mark of a process that has not ended properly; nil for
	// none.
	Marker Marker
	// Owner says whose process this is, in the mark: see store.Config.
	Owner string
	// Log is the function's log, for last-resort lines, at most LastResort bytes.
	Log        io.Writer
	LastResort int
	// Concurrent says that several invocations run at a time and nothing is
	// ever frozen (Lambda Managed Instances): there is no INVOKE, and writing
	// follows platform.report.
	Concurrent bool
	// Snapshot says that the process is cloned between its init and the first
	// INVOKE (SnapStart): until then nothing is sent.
	Snapshot bool
	// Alerts say who is told of what; nil for nobody.
	Alerts *Alerts
	Now    func() time.Time
}

// An Agent runs in two goroutines: Run in one, Intake in another. Run has a
// third where Config.Concurrent is set.
type Agent struct {
	cfg     Config
	parser  *parse.Parser // Intake's
	message []byte        // Intake's, for the row's message
	urgent  bool          // Intake's: an error has been queued, or an invocation is complete
	silent  atomic.Bool   // after a panic

	alerts   *alert.Sender // nil for none
	refusals atomic.Int64  // issues of the alerting that were stored

	// working holds a token while an event is being handled.
	working chan struct{}

	marking sync.Mutex // held while a mark is written
	marked  bool       // the first one is done with; guarded by marking

	mu      sync.Mutex // guards what follows; never held during I/O
	tracker tracker
	trusted bool // a runtimeDone may be waited for
	missed  bool // the last one did not come
	renewed bool // see restored
	reading bool // a body is being read
	traffic traffic
	later   bool          // a timer will start writing
	deaths  []death       // told of by the body that is being read
	woken   chan struct{} // closed and replaced when the above may have changed
	counts  counts
}

// counts are what was received and deliberately or necessarily not stored as
// printed.
type counts struct {
	belowLevel, overLimit, invalid, unreadable int
}

// New returns an Agent that is about to see the first event.
func New(cfg Config) *Agent {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Agent{
		cfg:     cfg,
		parser:  parse.New(parse.Options{Scale: cfg.Scale, Plain: cfg.Plain, Mapping: cfg.Mapping, Head: heads(cfg.Redact)}),
		tracker: tracker{concurrent: cfg.Concurrent},
		trusted: cfg.Receiver != nil && !cfg.Concurrent,
		woken:   make(chan struct{}),
		working: make(chan struct{}, 1),
	}
	a.newAlerts()
	return a
}

// ErrLost is returned by Run when Lambda has said that the environment is
// beyond repair (HTTP 500 from next); the process should exit non-zero.
var ErrLost = errors.New("this environment is lost by Lambda's own word (HTTP 500 from next)")

// Run handles events until SHUTDOWN (nil), or ErrLost. Nothing else ends it
// but ctx.
func (a *Agent) Run(ctx context.Context) error {
	refusals := 0
	if a.cfg.Concurrent {
		meanwhile, stop := context.WithCancel(ctx)
		defer stop()
		go a.guarded("timer", func() { a.writeMeanwhile(meanwhile) })
	}
	for {
		ev, err := a.cfg.Events.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && ev.Type != extapi.Invoke && ev.Type != extapi.Shutdown:
			a.cfg.Diag.Fail("event", "Lambda sends an event that Logtable does not know; it is ignored", "")
			pause(ctx, min(backoffFirst<<min(refusals, 10), backoffMost))
			refusals++
		case err == nil:
			refusals = 0
			a.cfg.Diag.Recover("next", "Lambda answers next again")
			if a.handle(ctx, ev) {
				return nil
			}
		case extapi.Fatal(err):
			a.cfg.Diag.Fail("next", "Lambda answered next with HTTP 500: writing what is there, then exiting", "")
			a.handle(ctx, extapi.NextEvent{Type: extapi.Shutdown, ShutdownReason: "failure"})
			return fmt.Errorf("%w: %w", ErrLost, err)
		default:
			a.cfg.Diag.Fail("next", "Lambda refuses the call for the next event; trying again", "", "error", err.Error())
			a.startWriting()
			pause(ctx, min(backoffFirst<<min(refusals, 10), backoffMost))
			refusals++
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// handle handles one event and reports whether it was the last.
func (a *Agent) handle(ctx context.Context, ev extapi.NextEvent) (last bool) {
	now := a.cfg.Now()
	switch ev.Type {
	case extapi.Invoke:
		deadline := ev.Deadline
		if deadline.IsZero() || deadline.Sub(now) > unknownDeadline+time.Minute {
			deadline = now.Add(unknownDeadline)
		}
		a.bounded(deadline.Add(holdSlack-margin), func(ended func(time.Time)) {
			a.guarded("invoke", func() { a.invoke(ctx, ev.RequestID, deadline.Add(-margin), ended) })
		})
	case extapi.Shutdown:
		end := a.shutdownEnd(now, ev.Deadline)
		a.bounded(end.Add(shutdownMargin/2), func(func(time.Time)) {
			a.guarded("shutdown", func() { a.shutdown(ctx, end, ev.ShutdownReason) })
		})
		return true
	}
	return false
}

// bounded runs work and returns when it is done, but at limit at the latest,
// and soon after the time that work says itself. Everything that work does is
// bounded already; this is for what cannot be: a disk that stalls under a lock.
// While work is still stuck, nothing further is begun.
func (a *Agent) bounded(limit time.Time, work func(ended func(until time.Time))) {
	select {
	case a.working <- struct{}{}:
	default:
		return
	}
	done, until := make(chan struct{}), make(chan time.Time, 1)
	go func() {
		defer func() {
			<-a.working
			close(done)
		}()
		work(func(t time.Time) { until <- t })
	}()
	t := time.NewTimer(limit.Sub(a.cfg.Now()))
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case at := <-until:
			t.Reset(min(at.Sub(a.cfg.Now())+holdSlack, limit.Sub(a.cfg.Now())))
		case <-t.C:
			a.cfg.Diag.Fail("stuck", "writing or /tmp takes longer than it may: the function is not held for it", "")
			return
		}
	}
}

// guarded runs f; a panic in it makes a silent guest of the agent.
func (a *Agent) guarded(where string, f func()) {
	defer a.cfg.Diag.Guard(where, a.Silence)
	f()
}

// Silence makes a silent guest of the agent, from any goroutine: telemetry is
// no longer looked at, nothing is waited for, and next is called.
func (a *Agent) Silence() {
	a.silent.Store(true)
	a.wake()
}

// wake makes everybody who waits look again.
func (a *Agent) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.woken)
	a.woken = make(chan struct{})
}

// Arrived is for the listener to call when the end of an invocation may be
// among the bodies that wait, or no longer is.
func (a *Agent) Arrived() { a.wake() }

func (a *Agent) count(n *int, by int) {
	a.mu.Lock()
	*n += by
	a.mu.Unlock()
}

// invoke handles one invocation: what was left over leaves beside the running
// function, and what the function printed before the environment can freeze.
func (a *Agent) invoke(ctx context.Context, id string, end time.Time, ended func(until time.Time)) {
	if a.silent.Load() {
		return
	}
	if a.cfg.Snapshot {
		a.restored()
	}
	now := a.cfg.Now()
	a.mark(id)
	a.cfg.Store.CheckSpill()
	a.cfg.Store.Start()
	a.startAlerts()
	a.mu.Lock()
	a.tracker.invoke(id, now)
	a.traffic.invoke(id, now)
	trusted, missed := a.trusted, a.missed
	a.missed = false
	a.mu.Unlock()
	if missed && !trusted {
		// Said only now: after a time-out SHUTDOWN follows, and all is well.
		a.cfg.Diag.Fail("runtimeDone", "no platform.runtimeDone came for an invocation; none is waited for until one comes", "")
	}
	if !trusted && !a.trustedSoon(ctx, end) {
		return
	}
	if a.overlaps() {
		a.overlap()
		return
	}
	hold, ok := a.waitForEnd(ctx, id, end)
	if !ok {
		if !a.overlaps() {
			a.cfg.Store.Persist()
		}
		return
	}
	if hold.Before(end) {
		end = hold
	}
	ended(end)
	left := end.Sub(a.cfg.Now())
	ctx, cancel := context.WithTimeout(ctx, left-a.persistTime(left))
	defer cancel()
	if a.cfg.Store.Flush(ctx) != nil {
		// It is kept, and the store has said why. /tmp keeps it longer.
		a.cfg.Store.Persist()
	}
	a.sendAlerts(ctx)
	a.mark("")
}

// trustedSoon reports whether a body that has arrived already, but is not read
// yet, brings the first platform.runtimeDone after one that never came. Without
// this, whether the invocation is waited for would be chance.
func (a *Agent) trustedSoon(ctx context.Context, deadline time.Time) bool {
	if a.cfg.Receiver == nil {
		return false
	}
	for {
		a.mu.Lock()
		woken := a.woken
		a.mu.Unlock()
		// In this order: a body that no longer waits has been read, and what it
		// told is known.
		since, waits := a.cfg.Receiver.DoneWaiting()
		a.mu.Lock()
		trusted := a.trusted
		a.mu.Unlock()
		left := min(since.Add(a.cfg.FlushTimeout).Sub(a.cfg.Now()), deadline.Sub(a.cfg.Now()))
		if trusted || !waits || left <= 0 || a.silent.Load() {
			return trusted
		}
		t := time.NewTimer(left)
		select {
		case <-woken:
		case <-t.C:
		case <-ctx.Done():
			return false
		}
		t.Stop()
	}
}

// persistTime is the part of a hold that moving what waits to /tmp would take,
// at a speed that a slow processor still has.
func (a *Agent) persistTime(hold time.Duration) time.Duration {
	if a.cfg.Marker == nil {
		return 0
	}
	const perSecond = 32 << 20 // bytes
	return min(time.Duration(a.cfg.Store.Bytes())*time.Second/perSecond, hold/4)
}

// waitForEnd waits until the invocation with the given ID has ended, and says
// until when it may be held for writing. ok is false if nothing may be held:
// the end did not come by the deadline, or there is nobody left to tell us.
func (a *Agent) waitForEnd(ctx context.Context, id string, deadline time.Time) (hold time.Time, ok bool) {
	tick := time.NewTimer(0)
	defer tick.Stop()
	<-tick.C
	urged := false
	var ended time.Time // when the end was seen
	for {
		now := a.cfg.Now()
		a.mu.Lock()
		end, woken, trusted, reading := a.tracker.ended(id), a.woken, a.trusted, a.reading
		a.mu.Unlock()
		bound := a.cfg.FlushTimeout
		if end != nil {
			if end.trouble {
				bound = min(bound, troubleHold)
			}
			if ended.IsZero() {
				ended = now
			}
			// The body that told of the end may hold more, a death for one.
			if !reading || !now.Before(ended.Add(bound)) {
				return ended.Add(bound), true
			}
		}
		if !trusted || a.silent.Load() || ctx.Err() != nil || a.overlaps() {
			return now, false
		}
		until := deadline
		if end != nil && ended.Add(bound).Before(until) {
			until = ended.Add(bound)
		}
		// The end may lie among bodies that we have no processor time to
		// read: then the bound counts from its arrival.
		if since, waits := a.cfg.Receiver.DoneWaiting(); waits && since.Add(a.cfg.FlushTimeout).Before(until) {
			until = since.Add(a.cfg.FlushTimeout)
		}
		if !now.Before(until) {
			if until.Equal(deadline) && end == nil {
				a.giveUpWaiting()
			}
			return now, false
		}
		next := until
		if urge := deadline.Add(-lastChance); !urged && now.Before(urge) && urge.Before(next) {
			next = urge
		}
		if every := now.Add(writeEvery); a.cfg.Store.Waiting() > 0 && every.Before(next) {
			next = every
		}
		tick.Reset(next.Sub(now))
		select {
		case <-woken:
			tick.Stop()
		case <-tick.C:
			urged = urged || !a.cfg.Now().Before(deadline.Add(-lastChance))
			a.cfg.Store.Start()
			a.startAlerts()
		case <-ctx.Done():
		}
	}
}

// giveUpWaiting is called when a deadline came and no runtimeDone.
func (a *Agent) giveUpWaiting() {
	a.cfg.Store.Start()
	a.mu.Lock()
	a.trusted, a.missed = false, true
	a.mu.Unlock()
}
