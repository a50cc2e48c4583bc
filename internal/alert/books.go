package alert

import (
	"context"
	"time"
)

const (
	// entriesPerWindow bounds the writes of counts that an environment makes in a
	// window, however many groups there are, and lastEntries those at its end.
	entriesPerWindow = 4
	lastEntries      = 8
)

// bookkeeping is the part of a gate that tells the lock what was held back. The
// gate's mu guards it.
type bookkeeping struct {
	othersAfter time.Time // the others were last counted a window before
	quotaUntil  time.Time // the window in which quota is left
	quota       int
}

// An entry is something of which the lock does not know.
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
			g.others.join(w.held)
			g.uncount(w, w.held)
		}
	}
}

// fullest is the group with the most held back, of those that may be it; nil for
// none. mu must be held.
func (g *gate) fullest(may func(*window) bool) (key string, most *window) {
	for k, w := range g.windows {
		if w.held.Count > 0 && (most == nil || w.held.Count > most.held.Count) && may(w) {
			key, most = k, w
		}
	}
	return key, most
}

// dueEntry is what the lock is to be told next: that something was sent, then
// what was held back, which it is told once a window. mu must be held.
func (g *gate) dueEntry() (entry, bool) {
	now := g.now()
	if g.lock == nil || g.locking.open(now) || g.closing && g.locking.failures > 0 {
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

// owes reports whether there is anything to tell the lock.
func (g *gate) owes() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.dueEntry()
	return ok
}

// enter tells the lock one thing, by one call, and reports whether it has been
// told.
func (g *gate) enter() bool {
	g.mu.Lock()
	e, ok := g.dueEntry()
	g.mu.Unlock()
	if !ok {
		return false
	}
	if e.mark {
		return g.mark(e)
	}
	held := g.draw(e)
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
		g.count(e.key, held)
	}
	return false
}

// draw takes what an entry counts, at the cost of one of the window's quota.
func (g *gate) draw(e entry) (held Held) {
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

// mark tells the lock of what was sent before and it does not know of yet.
func (g *gate) mark(e entry) bool {
	g.mu.Lock()
	told := e.w.unmarked
	g.mu.Unlock()
	if g.ask(1, func(ctx context.Context) error { return g.lock.Sent(ctx, e.key, told) }) != answered {
		return false
	}
	g.mu.Lock()
	e.w.markUntil = time.Time{}
	g.mu.Unlock()
	return true
}
