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
	"github.com/logtable/logtable/internal/level"
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
	// thawed is by how much a timer must be late before the process is taken
	// to have been frozen meanwhile.
	thawed = time.Second
	// troubleHold bounds the hold after an end that a reset follows. SHUTDOWN
	// is waiting for our next by then, and its 2 s are running.
	troubleHold = 300 * time.Millisecond
	// unknownDeadline is the deadline of an invocation that came without:
	// Lambda's longest.
	unknownDeadline = longestInvocation
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

	Scale        *level.Scale
	MinLevel     level.Level // zero for all
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

// An Agent has three goroutines: Run waits for events and for the ends of
// invocations, and does nothing that a disk or the network could delay; work
// does what events ask for, one thing after the other; Intake, the listener's,
// takes telemetry. A timer ticks while something waits (see clock), and another
// ends the look-ahead.
//
// Lock order: marking, then the Store's and the alerts' locks; and ahead.mu, then
// mu. ahead.mu is held while a body is read, and is only tried by all others. mu
// is held for memory only: never into the Store, the alerts, /tmp or the network.
type Agent struct {
	cfg     Config
	parser  *parse.Parser // Intake's, as what follows is: ahead.mu guards it
	ahead   *lookahead    // but for its flush
	message []byte        // for the row's message
	urgent  bool          // an error has been queued, or an invocation is complete
	silent  atomic.Bool   // after a panic
	longest time.Time     // Run's: when a hold longer than shortHold ended last

	alerts   *alert.Sender // nil for none
	refusals atomic.Int64  // issues of the alerting that were stored

	jobs      chan job    // for work
	accounted atomic.Bool // the last word has been said
	renewed   atomic.Bool // see restored

	marking  sync.Mutex // guards what follows; held while a mark is written
	marked   bool       // the first one is done with
	unmarked bool       // the process ends properly: no more marks

	mu       sync.Mutex // guards what follows
	tracker  tracker
	trust    trust  // in that the end of an invocation will be told
	doubt    string // what made trust end, until that is said; "" for nothing
	reading  bool   // a body is being read
	traffic  traffic
	clock    *time.Timer   // nil before it is armed first
	armed    bool          // it will tick
	deaths   []death       // that have not become rows yet
	initTold bool          // the death of init has become one
	woken    chan struct{} // closed and replaced when the above may have changed
	counts   counts
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
		woken:   make(chan struct{}),
		jobs:    make(chan job, maxJobs),
	}
	if cfg.Receiver == nil || cfg.Concurrent {
		a.trust = deaf
	}
	a.ahead = newLookahead(a)
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
	working, stop := context.WithCancel(ctx)
	defer stop()
	go a.work(working)
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
			a.begin(func() {
				a.startWriting()
				a.arm()
			})
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
		a.guarded("invoke", func() { a.invoke(ctx, ev.RequestID, deadline.Add(-margin)) })
	case extapi.Shutdown:
		end := a.shutdownEnd(now, ev.Deadline)
		if !a.doNow(ctx, end.Add(shutdownMargin/2), func() { a.shutdown(ctx, end, ev.ShutdownReason) }) {
			a.abandon()
		}
		return true
	}
	return false
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
