package agent

import (
	"context"
	"time"
)

// firstSign is how long after INVOKE the first platform.start or
// platform.runtimeDone of an environment is waited for: a multiple of the
// slowest delivery seen. A platform that sends neither never tells of an end.
const firstSign = 2 * time.Second

// trust is what is believed of the platform: will it tell of the end of an
// invocation?
type trust uint8

const (
	// unproven: nothing has been told of any invocation yet. The end is waited
	// for, but without a sign for firstSign only.
	unproven trust = iota
	// proven: starts or ends are told. The end is waited for.
	proven
	// doubted: an end did not come, or Lambda dropped telemetry. Nothing is
	// waited for until an end is seen.
	doubted
	// signless: firstSign passed without a sign. Nothing is waited for until
	// one is seen.
	signless
	// deaf: nothing will ever be told (no telemetry), or nothing need be
	// waited for (managed instances).
	deaf
)

// started is the trust after a platform.start.
func (t trust) started() trust {
	if t == unproven || t == signless {
		return proven
	}
	return t
}

// ended is the trust after a platform.runtimeDone.
func (t trust) ended() trust {
	if t == deaf {
		return deaf
	}
	return proven
}

// lost is the trust after an end that did not come, or may have been dropped.
func (t trust) lost() trust {
	if t == deaf {
		return deaf
	}
	return doubted
}

// waits reports whether the end of an invocation is waited for at all.
func (t trust) waits() bool { return t == unproven || t == proven }

// endFacts are what is known of an invocation while its end is waited for.
type endFacts struct {
	invoked  time.Time     // INVOKE was received
	deadline time.Time     // next must be called
	flush    time.Duration // the longest hold
	trust    trust
	overlaps bool // nothing need be written before next is called
	stopped  bool // the agent does nothing any more

	ended   time.Time // the end was seen; zero while it was not
	arrived time.Time // since when it has been there, read or not
	trouble bool      // a reset follows
	reading bool      // the body that told of it may hold more, a death for one
	unread  time.Time // since when an end seems to wait to be read; zero for none
}

// A decision is what to do about an invocation's end.
type decision uint8

const (
	keepWaiting decision = iota // look again at the time given, or when something changes
	hold                        // it has ended: write until the time given
	leave                       // call next; writing goes on beside what follows
	missed                      // call next: the end did not come by the deadline
	unheard                     // call next: no sign came by firstSign
)

// decide says what to do now, and until when.
func (f endFacts) decide(now time.Time) (what decision, until time.Time) {
	bound := f.flush
	if f.trouble {
		bound = min(bound, troubleHold)
	}
	if !f.ended.IsZero() {
		until = f.ended.Add(bound)
		if wait := earliest(until, f.deadline); f.reading && now.Before(wait) {
			return keepWaiting, wait
		}
		return hold, until
	}
	if f.stopped || f.overlaps {
		return leave, now
	}
	// The end may lie among bodies that there is no processor time to read:
	// then the bound counts from its arrival. One that came before INVOKE has
	// waited through a freeze.
	unread := f.deadline
	if !f.unread.IsZero() {
		unread = earliest(latest(f.unread, f.invoked).Add(f.flush), f.deadline)
	}
	switch {
	case f.trust == proven:
		until, what = unread, missed
	case f.trust == unproven && f.unread.IsZero():
		until, what = earliest(f.invoked.Add(firstSign), f.deadline), unheard
	case f.trust != deaf && !f.unread.IsZero():
		// If it is an end, it is trusted again. Without this, whether the
		// invocation is waited for would be chance.
		until, what = unread, leave
	default:
		return leave, now
	}
	switch {
	case now.Before(until):
		return keepWaiting, until
	case what == missed && until.Before(f.deadline):
		return leave, now
	}
	return what, now
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
	t := time.NewTimer(0)
	defer t.Stop()
	<-t.C
	for {
		woken := a.look(id, &f)
		f.stopped = a.silent.Load() || ctx.Err() != nil
		what, until = f.decide(a.cfg.Now())
		if what == missed || what == unheard {
			a.giveUpWaiting(what)
		}
		if what != keepWaiting {
			return what, until, f.arrived
		}
		t.Reset(until.Sub(a.cfg.Now()))
		select {
		case <-woken:
			t.Stop()
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// look brings the facts up to date, and returns what is closed when they may
// have changed again.
func (a *Agent) look(id string, f *endFacts) (woken <-chan struct{}) {
	a.mu.Lock()
	woken = a.woken
	a.mu.Unlock()
	// In this order: a body that no longer waits has been read, and what it
	// told is known.
	f.unread = time.Time{}
	if a.cfg.Receiver != nil {
		if since, waits := a.cfg.Receiver.DoneWaiting(); waits {
			f.unread = since
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f.trust, f.reading, f.overlaps = a.trust, a.reading, a.overlapping()
	if end := a.tracker.ended(id); end != nil {
		f.trouble = end.trouble
		if f.ended.IsZero() {
			f.ended = a.cfg.Now()
		}
	} else if f.unread.IsZero() {
		f.arrived = time.Time{} // what was there was another one's
	}
	if f.arrived.IsZero() {
		switch {
		case !f.unread.IsZero():
			f.arrived = latest(f.unread, f.invoked)
		case !f.ended.IsZero():
			f.arrived = f.ended
		}
	}
	return woken
}

// giveUpWaiting notes why an end was not waited for any longer. It is said with
// the next INVOKE only: after a time-out SHUTDOWN follows, and all is well.
func (a *Agent) giveUpWaiting(why decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.trust == deaf:
	case why == missed:
		a.trust = doubted
		a.doubt = "no platform.runtimeDone came for an invocation; none is waited for until one comes"
	default:
		a.trust = signless
		a.doubt = "Lambda has told of no invocation so far (neither platform.start nor platform.runtimeDone); " +
			"none is waited for until it does"
	}
}
