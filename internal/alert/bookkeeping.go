package alert

import (
	"context"
	"time"
)

const (
	// entriesPerWindow bounds the writes of counts that an environment makes in
	// a window, however many groups there are, and lastEntries those at its
	// end.
	entriesPerWindow = 4
	lastEntries      = 8
)

// bookkeeping is what a gate needs to write into the lock what was held back.
// The gate's mu guards it.
type bookkeeping struct {
	othersAfter time.Time // the others were last written a window before
	quotaUntil  time.Time // the window in which quota is left
	quota       int       // writes of counts
}

// An entry is something that the lock does not know of.
type entry struct {
	key  string
	w    *window // nil for the others
	mark bool    // that it was sent; else what was held back
}

// close says that the environment ends: what has not been counted is counted
// now, by the deadline. The groups with the most keep a count of their own.
func (g *gate) close(deadline time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closing, g.deadline = true, deadline
	g.quota, g.quotaUntil = lastEntries, g.now().Add(g.span)
	kept := map[*window]bool{}
	for range lastEntries - 1 {
		_, w := g.fullest(func(w *window) bool { return !kept[w] })
		kept[w] = true
	}
	for _, w := range g.windows {
		if !kept[w] {
			g.lump(w)
		}
	}
}

// dueEntry is what to write next: that something was sent, then what was held
// back, which is written once a window. mu must be held.
func (g *gate) dueEntry() (entry, bool) {
	now := g.now()
	if g.lock == nil || g.health.open(now) || g.closing && g.health.failures > 0 {
		return entry{}, false
	}
	for key, w := range g.windows {
		if ahead(now, w.markUntil, Lease) {
			return entry{key: key, w: w, mark: true}, true
		}
	}
	if g.quota == 0 && ahead(now, g.quotaUntil, g.span) {
		return entry{}, false
	}
	due := func(after time.Time) bool { return g.closing || !ahead(now, after, g.span) }
	if g.others.Count > 0 && due(g.othersAfter) {
		return entry{key: Others}, true
	}
	key, w := g.fullest(func(w *window) bool { return due(w.countAfter) })
	return entry{key: key, w: w}, w != nil
}

// hasEntries reports whether there is anything to write into the lock.
func (g *gate) hasEntries() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.dueEntry()
	return ok
}

// writeEntry writes one thing into the lock, by one call, and reports whether
// that has been done.
func (g *gate) writeEntry() bool {
	g.mu.Lock()
	e, ok := g.dueEntry()
	g.mu.Unlock()
	if !ok {
		return false
	}
	if e.mark {
		return g.mark(e)
	}
	held := g.takeHeld(e)
	if held.Count == 0 { // its group has been forgotten meanwhile
		return true
	}
	if g.ask(1, func(ctx context.Context) error { return g.lock.Count(ctx, e.key, held) }) == answered {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.w == nil {
		g.others.join(held)
	} else {
		g.count(g.now(), e.key, held)
	}
	return false
}

// takeHeld takes what an entry counts, at the cost of one of the window's
// quota.
func (g *gate) takeHeld(e entry) (held Held) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !ahead(now, g.quotaUntil, g.span) {
		g.quota, g.quotaUntil = entriesPerWindow, now.Add(g.span)
	}
	g.quota--
	if e.w == nil {
		held, g.others, g.othersAfter = g.others, Held{}, now.Add(g.span)
		return held
	}
	held, e.w.countAfter = e.w.held, now.Add(g.span)
	g.uncount(e.w, held)
	return held
}

// mark writes into the lock that something was sent before.
func (g *gate) mark(e entry) bool {
	g.mu.Lock()
	held := e.w.unmarked
	g.mu.Unlock()
	if g.ask(1, func(ctx context.Context) error { return g.lock.Sent(ctx, e.key, held) }) != answered {
		return false
	}
	g.mu.Lock()
	e.w.markUntil = time.Time{}
	g.mu.Unlock()
	return true
}
