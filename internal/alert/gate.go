package alert

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// A gate answers whether an alert may be sent now, and counts what it held
// back: with the lock for all environments, without it for this one. Its
// methods may be called from any goroutine, except those that ask the lock,
// which belong to the Sender's run.
type gate struct {
	rules

	mu sync.Mutex // guards the parts below; never held during I/O
	tally
	share share
	bookkeeping
	asking
}

// rules are what a gate goes by. They stay as they are.
type rules struct {
	lock   Lock          // nil: this environment decides alone
	span   time.Duration // of a window
	max    int           // publishes in a window
	now    func() time.Time
	down   func() bool // nil for never
	report Reporter
	issue  func(text string)
	end    context.Context // cancelled when there is no time left
}

// A share is what this environment has published in a window of its own. The
// gate's mu guards it.
type share struct {
	opened  time.Time
	sent    int
	noticed bool // people are notified that more is held back
}

func newGate(cfg Config, end context.Context) *gate {
	return &gate{
		rules: rules{
			lock: cfg.Lock, span: cfg.Window, max: cfg.Max, now: cfg.Now, down: cfg.Down, report: cfg.Report,
			issue: func(text string) { cfg.Issue(nil, false, text) }, end: end,
		},
		tally: tally{longest: cfg.Window + Skew, windows: map[string]*window{}},
	}
}

// muted reports whether an alert of the group would be held back whatever the
// lock says; placed says that it has its places in the function's share.
func (g *gate) muted(key string, placed bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mutes(g.now(), key, placed)
}

// countIfMuted counts an alert that is muted, and reports whether it was.
func (g *gate) countIfMuted(key string, at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !g.mutes(now, key, false) {
		return false
	}
	g.count(now, key, Held{1, at, at})
	return true
}

// hold counts what is held back, and remembers until when that will be so: for
// the group, or for all.
func (g *gate) hold(key string, held Held, group, all time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.mute(now, key, group, all)
	g.count(now, key, held)
}

// held returns what a message of the group is to say was held back, beyond what
// the lock says.
func (g *gate) held(key string) (same, others Held) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.windows[key]; w != nil {
		same = w.held
	}
	return same, g.others
}

// acquire asks the lock whether the group may be sent. Without a lock that
// answers, this environment decides alone, and it may: muted has looked.
func (g *gate) acquire(key string, busySince *time.Time) (answer Answer) {
	switch g.ask(busyTries, func(ctx context.Context) (err error) {
		answer, err = g.lock.Acquire(ctx, key)
		return decided(answer, err)
	}) {
	case answered:
		return answer
	case busy:
		if g.patient(busySince) {
			return g.askLater()
		}
	}
	return Answer{Verdict: Granted, Window: g.ownWindow()}
}

// ownWindow names the time that we are in without asking anybody: environments
// that agree on the hour agree on it, which lets a FIFO topic deduplicate.
func (g *gate) ownWindow() string {
	return "alone " + strconv.FormatInt(g.now().Truncate(g.span).UnixMilli(), 10)
}

// places takes up to n of the function's places in this window.
//
// Two of the function's windows may lie in one of ours, which bounds what the
// lock grants: its items may be damaged, or reset by somebody whose clock is
// wrong.
func (g *gate) places(n int, busySince *time.Time) (answer Answer) {
	switch g.ask(busyTries, func(ctx context.Context) (err error) {
		answer, err = g.lock.Places(ctx, n)
		return decided(answer, err)
	}) {
	case answered:
		if answer.Verdict == Granted {
			answer.Places = n
		}
		g.mu.Lock()
		g.others.join(answer.Held)
		g.mu.Unlock()
		if own := g.ownPlaces(answer.Places, 2*g.max); own.Places < answer.Places {
			return own
		}
		return answer
	case busy:
		if g.patient(busySince) {
			return g.askLater()
		}
	}
	return g.ownPlaces(n, g.max)
}

// ownPlaces takes up to n places in a window of this environment's own, which
// has so many, and answers as if nobody else was there.
func (g *gate) ownPlaces(n, most int) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, own := g.now(), &g.share
	if !ahead(now, own.opened.Add(g.span), g.span) {
		*own = share{opened: now}
	}
	answer := Answer{
		Verdict: Granted, Places: max(0, min(n, most-own.sent)),
		Until: own.opened.Add(g.span), Window: g.ownWindow(),
	}
	own.sent += answer.Places
	switch {
	case answer.Places == n:
	case own.noticed:
		answer.Verdict = Full
	default:
		own.noticed, answer.Verdict = true, Last
	}
	return answer
}

// settle marks a group as sent in this window, here and for all, once for an
// alert: what is sent of it later must not mute the group for longer. The
// counts are those that are in the message.
func (g *gate) settle(key string, c counts) {
	g.mu.Lock()
	now := g.now()
	w := g.window(now, key)
	first := !ahead(now, w.until, g.longest)
	if first {
		w.until = now.Add(g.span)
		g.uncount(w, c.same)
		if c.others.Count > 0 {
			g.others.less(c.others)
		}
	}
	g.mu.Unlock()
	if !first || g.lock == nil {
		return
	}
	if g.ask(busyTries, func(ctx context.Context) error { return g.lock.Sent(ctx, key, c.locked) }) != answered {
		// Tried again with the next event, or others send it when the lease
		// ends.
		g.mu.Lock()
		w.unmarked, w.markUntil = c.locked, g.now().Add(Lease)
		g.mu.Unlock()
	}
}

// release gives a group's lease back. A failure costs others the lease's time.
func (g *gate) release(key string) {
	g.ask(1, func(ctx context.Context) error { return g.lock.Release(ctx, key) })
}
