package agent

import (
	"context"
	"time"
)

// firstSign is how long after INVOKE the first platform.start or
// platform.runtimeDone of an environment is waited for: a multiple of the
// slowest delivery seen. A platform that sends neither never tells of an end.
const firstSign = 2 * time.Second

// troubleHold bounds the hold after an end that a reset follows. SHUTDOWN is
// waiting for our next by then, and its 2 s are running.
const troubleHold = 300 * time.Millisecond

// trust is what is believed of the platform: will it report the end of an
// invocation?
type trust uint8

const (
	// unproven: nothing has been reported of any invocation yet. The end is
	// waited for, but without a sign for firstSign only.
	unproven trust = iota + 1
	// proven: starts or ends are reported. The end is waited for.
	proven
	// doubted: an end did not come, or Lambda dropped telemetry. Nothing is
	// waited for until an end is seen.
	doubted
	// signless: firstSign passed without a sign. Nothing is waited for until
	// one is seen.
	signless
	// notExpected: nothing will ever be reported (no telemetry), or nothing
	// need be waited for (managed instances).
	notExpected
)

// afterStart is the trust after a platform.start.
func (t trust) afterStart() trust {
	if t == unproven || t == signless {
		return proven
	}
	return t
}

// afterEnd is the trust after a platform.runtimeDone.
func (t trust) afterEnd() trust { return t.unlessNotExpected(proven) }

// afterLoss is the trust after an end that did not come, or may have been
// dropped.
func (t trust) afterLoss() trust { return t.unlessNotExpected(doubted) }

func (t trust) unlessNotExpected(next trust) trust {
	if t == notExpected {
		return t
	}
	return next
}

// awaitsEnd reports whether the end of an invocation is waited for at all.
func (t trust) awaitsEnd() bool { return t == unproven || t == proven }

// endFacts are what is known of an invocation while its end is waited for.
type endFacts struct {
	invoked  time.Time     // INVOKE was received
	deadline time.Time     // next must be called
	flush    time.Duration // the longest hold
	trust    trust

	afterNext bool // writing is left to the time after next
	noop      bool // the agent does nothing any more

	endSeen time.Time // zero while it was not
	arrived time.Time // since when it has been there, read or not
	reset   bool      // a reset follows it
	reading bool      // the body with it may hold more, a death for one
	unread  time.Time // since when an end seems to wait to be read; zero for none
}

// A decision is what to do about an invocation's end.
type decision uint8

const (
	keepWaiting  decision = iota + 1 // look again at the time given, or when something changes
	holdAndWrite                     // it has ended: write until the time given
	callNext                         // writing goes on beside what follows
	noEndCame                        // by the deadline: call next
	noSignCame                       // by firstSign: call next
)

// decide says what to do now, and until when.
func (f endFacts) decide(now time.Time) (what decision, until time.Time) {
	if !f.endSeen.IsZero() {
		return f.decideAfterEnd(now)
	}
	if f.noop || f.afterNext {
		return callNext, now
	}
	until, otherwise := f.waitsUntil()
	if now.Before(until) {
		return keepWaiting, until
	}
	return otherwise, now
}

// decideAfterEnd is decide when the end has been seen.
func (f endFacts) decideAfterEnd(now time.Time) (what decision, until time.Time) {
	bound := f.flush
	if f.reset {
		bound = min(bound, troubleHold)
	}
	until = f.endSeen.Add(bound)
	if wait := earliest(until, f.deadline); f.reading && now.Before(wait) {
		return keepWaiting, wait
	}
	return holdAndWrite, until
}

// waitsUntil says until when an end that has not been seen is waited for, zero
// for not at all, and what is done if it has not come by then.
func (f endFacts) waitsUntil() (until time.Time, otherwise decision) {
	arrived := !f.unread.IsZero()
	// The end may lie among bodies that there is no processor time to read:
	// then the bound counts from its arrival. One that came before INVOKE has
	// waited through a freeze.
	read := f.deadline
	if arrived {
		read = earliest(latest(f.unread, f.invoked).Add(f.flush), f.deadline)
	}
	switch {
	case f.trust == proven && read.Before(f.deadline):
		return read, callNext
	case f.trust == proven:
		return read, noEndCame
	case f.trust == unproven && !arrived:
		return earliest(f.invoked.Add(firstSign), f.deadline), noSignCame
	case f.trust != notExpected && arrived:
		// If it is an end, it is trusted again. Without this, whether the
		// invocation is waited for would be chance.
		return read, callNext
	}
	return time.Time{}, callNext
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// awaitEnd waits for the end of the invocation with the given ID, and returns
// what was decided (anything but keepWaiting), until when it may be held, and
// since when it is being held.
func (a *Agent) awaitEnd(ctx context.Context, id string, f endFacts) (what decision, until, since time.Time) {
	for {
		changed := a.updateFacts(id, &f)
		f.noop = a.noop.Load() || ctx.Err() != nil
		what, until = f.decide(a.cfg.Now())
		if what == noEndCame || what == noSignCame {
			a.doubtEnds(what)
		}
		if what != keepWaiting {
			return what, until, f.arrived
		}
		t := time.NewTimer(until.Sub(a.cfg.Now()))
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// updateFacts brings the facts up to date, and returns what is closed when they
// may have changed again.
func (a *Agent) updateFacts(id string, f *endFacts) (changed <-chan struct{}) {
	a.mu.Lock()
	changed = a.changed.Changed()
	a.mu.Unlock()
	// In this order: a body that no longer waits has been read, and what it
	// reported is known.
	f.unread = time.Time{}
	if a.cfg.Receiver != nil {
		if since, waits := a.cfg.Receiver.DoneWaiting(); waits {
			f.unread = since
		}
	}
	now := a.cfg.Now()
	a.mu.Lock()
	v := &a.invocations
	f.trust, f.reading, f.afterNext = v.trust, v.reading, a.cfg.Flush.afterNext(v.traffic.busy())
	end := v.tracker.endOf(id)
	if end != nil {
		f.reset = end.reset
	}
	a.mu.Unlock()
	f.noteEnd(end != nil, now)
	return changed
}

// noteEnd notes whether the end has been seen by now, and since when it has
// been there.
func (f *endFacts) noteEnd(seen bool, now time.Time) {
	switch {
	case seen && f.endSeen.IsZero():
		f.endSeen = now
	case !seen && f.unread.IsZero():
		f.arrived = time.Time{} // what was there was another one's
	}
	switch {
	case !f.arrived.IsZero():
	case !f.unread.IsZero():
		f.arrived = latest(f.unread, f.invoked)
	default:
		f.arrived = f.endSeen
	}
}

// doubtEnds notes why an end was not waited for any longer. It is reported with
// the next INVOKE only: after a time-out SHUTDOWN follows, and all is well.
func (a *Agent) doubtEnds(why decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := &a.invocations
	switch {
	case v.trust == notExpected:
	case why == noEndCame:
		v.trust = doubted
		v.doubt = "Lambda did not report the end of an invocation (platform.runtimeDone); Logtable does not wait " +
			"for ends until it does"
	default:
		v.trust = signless
		v.doubt = "Lambda has reported no invocation so far (neither platform.start nor platform.runtimeDone); " +
			"Logtable does not wait for ends until it does"
	}
}
