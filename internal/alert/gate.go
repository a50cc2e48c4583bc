package alert

import (
	"context"
	"strconv"
	"sync"
	"time"
)

const (
	// maxGroups bounds the groups whose windows are remembered; a forgotten one
	// costs one more question to the lock.
	maxGroups = 256
	// maxCounted bounds the groups that are counted one by one. All beyond are
	// counted together: whoever gets a function to print locators of his chooses
	// how many there are.
	maxCounted = 64
)

// A gate answers whether an alert may be sent now, and keeps the account of what
// it held back: with the lock for all environments, without it for this one. Its
// methods may be called from any goroutine, except those that ask the lock, which
// belong to the Sender's run.
type gate struct {
	lock   Lock // nil: this environment decides alone
	span   time.Duration
	most   int
	now    func() time.Time
	down   func() bool
	report Reporter
	issue  func(text string)
	end    context.Context // cancelled when there is no time left

	mu        sync.Mutex // guards all below; never held during I/O
	windows   map[string]*window
	counted   int       // windows with held
	others    Held      // of all groups that have no count of their own
	fullUntil time.Time // the function has had its share

	// This environment's own window, and what it has published in it.
	opened   time.Time
	sent     int
	saidFull bool

	bookkeeping
	asking
}

// A window is what is known of a group.
type window struct {
	until      time.Time // nothing is sent before
	held       Held      // not told anybody yet
	countAfter time.Time // the held were last counted a window before
	unmarked   Held      // what was told of by a message that the lock does not know of yet
	markUntil  time.Time // it may be told of it before
}

// muted reports whether an alert of the group would be held back whatever the
// lock says; placed that it has its places in the function's share.
func (g *gate) muted(key string, placed bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mutes(key, placed)
}

// mutes is muted with mu held.
func (g *gate) mutes(key string, placed bool) bool {
	now, most := g.now(), g.span+Skew
	w := g.windows[key]
	return !placed && ahead(now, g.fullUntil, most) || w != nil && ahead(now, w.until, most)
}

// holds counts an alert that is muted, and reports whether it was.
func (g *gate) holds(key string, at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.mutes(key, false) {
		return false
	}
	g.count(key, Held{1, at, at})
	return true
}

// hold counts what is held back, and remembers until when that will be so: for
// the group, or for all.
func (g *gate) hold(key string, held Held, group, all time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !group.IsZero() {
		if w := g.window(key); group.After(w.until) || !ahead(g.now(), w.until, g.span+Skew) {
			w.until = group
		}
	}
	if all.After(g.fullUntil) || !all.IsZero() && !ahead(g.now(), g.fullUntil, g.span+Skew) {
		g.fullUntil = all
	}
	g.count(key, held)
}

// count adds to a group's count, or where there are many already to that of all
// others. mu must be held.
func (g *gate) count(key string, held Held) {
	w := g.windows[key]
	switch {
	case held.Count <= 0:
	case w != nil && w.held.Count > 0:
		w.held.join(held)
	case g.counted < maxCounted:
		g.window(key).held.join(held)
		g.counted++
	default:
		g.others.join(held)
	}
}

// uncount takes out of a group's count what has been told of. mu must be held.
func (g *gate) uncount(w *window, told Held) {
	if w.held.Count > 0 && told.Count > 0 {
		if w.held.less(told); w.held.Count == 0 {
			g.counted--
		}
	}
}

// window returns what is known of a group, making room where there is none. mu
// must be held.
func (g *gate) window(key string) *window {
	if w := g.windows[key]; w != nil {
		return w
	}
	if len(g.windows) >= maxGroups {
		g.forget()
	}
	w := &window{}
	g.windows[key] = w
	return w
}

// forget makes room: windows that are over go, or else any one. Its count lives
// on with the others'. mu must be held.
func (g *gate) forget() {
	now := g.now()
	any := ""
	for key, w := range g.windows {
		if any = key; !ahead(now, w.until, g.span+Skew) && !now.Before(w.markUntil) && w.held.Count == 0 {
			delete(g.windows, key)
		}
	}
	if len(g.windows) >= maxGroups {
		w := g.windows[any]
		g.others.join(w.held)
		g.uncount(w, w.held)
		delete(g.windows, any)
	}
}

// account is what a message of the group is to tell of, beyond what the lock
// says.
func (g *gate) account(key string) (same, others Held) {
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
			return g.later()
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
		return g.ownPlaces(answer, 2*g.most)
	case busy:
		if g.patient(busySince) {
			return g.later()
		}
	}
	return g.ownPlaces(Answer{Verdict: Undecided, Places: n}, g.most)
}

// ownPlaces counts what this environment publishes in a window of its own, at
// most so much, and decides where nobody else has. Two of the function's windows
// may lie in one of ours, which is the bound on what the lock grants: its items
// may be damaged, or reset by somebody whose clock is wrong.
func (g *gate) ownPlaces(answer Answer, most int) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !ahead(now, g.opened.Add(g.span), g.span) {
		g.opened, g.sent, g.saidFull = now, 0, false
	}
	wanted := answer.Places
	answer.Places = max(0, min(wanted, most-g.sent))
	g.sent += answer.Places
	if answer.Verdict != Undecided && answer.Places == wanted {
		return answer
	}
	answer.Until, answer.Window = g.opened.Add(g.span), g.ownWindow()
	switch {
	case answer.Places == wanted:
		answer.Verdict = Granted
	case !g.saidFull:
		g.saidFull, answer.Verdict = true, Last
	default:
		answer.Verdict = Full
	}
	return answer
}

// settle marks a group as sent in this window, here and for all, once for an
// alert: what is sent of it later must not mute the group for longer. told is
// what was told of: by the lock's count, and of our own.
func (g *gate) settle(key string, locked, same, others Held) {
	g.mu.Lock()
	now := g.now()
	w := g.window(key)
	first := !ahead(now, w.until, g.span+Skew)
	if first {
		w.until = now.Add(g.span)
		g.uncount(w, same)
		if others.Count > 0 {
			g.others.less(others)
		}
	}
	g.mu.Unlock()
	if !first || g.lock == nil {
		return
	}
	if g.ask(busyTries, func(ctx context.Context) error { return g.lock.Sent(ctx, key, locked) }) != answered {
		// Tried again with the next event, or others send it when the lease ends.
		g.mu.Lock()
		w.unmarked, w.markUntil = locked, g.now().Add(Lease)
		g.mu.Unlock()
	}
}

// release gives a group's lease back. A failure costs others the lease's time.
func (g *gate) release(key string) {
	g.ask(1, func(ctx context.Context) error { return g.lock.Release(ctx, key) })
}
