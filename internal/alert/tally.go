package alert

import "time"

const (
	// maxGroups bounds the groups whose windows are remembered; a forgotten one
	// costs one more question to the lock.
	maxGroups = 256
	// maxCounted bounds the groups that are counted one by one. All beyond are
	// counted together: whoever gets a function to print locators of his
	// chooses how many there are.
	maxCounted = 64
)

// A tally is what a gate knows of groups: until when they are muted, and how
// many alerts were held back. The gate's mu guards it.
type tally struct {
	longest   time.Duration // a mute that would last longer comes from a clock that has jumped
	windows   map[string]*window
	counted   int       // windows with held
	others    Held      // of all groups that have no count of their own
	fullUntil time.Time // the function has had its share
}

// A window is what is known of a group.
type window struct {
	until      time.Time // nothing is sent before
	held       Held      // in no message yet
	countAfter time.Time // the held were last written to the lock a window before
	unmarked   Held      // counts in a message that the lock does not know of yet
	markUntil  time.Time // the lock may be told of that message before
}

// mutes reports whether an alert of the group would be held back whatever the
// lock says; placed says that it has its places in the function's share.
func (t *tally) mutes(now time.Time, key string, placed bool) bool {
	if !placed && ahead(now, t.fullUntil, t.longest) {
		return true
	}
	w := t.windows[key]
	return w != nil && ahead(now, w.until, t.longest)
}

// mute remembers until when alerts are held back: of the group, or all. A zero
// time changes nothing.
func (t *tally) mute(now time.Time, key string, group, all time.Time) {
	if !group.IsZero() {
		w := t.window(now, key)
		t.extend(now, &w.until, group)
	}
	if !all.IsZero() {
		t.extend(now, &t.fullUntil, all)
	}
}

// extend moves the end of a mute to a later time, or from one that is over or
// not to be believed.
func (t *tally) extend(now time.Time, until *time.Time, to time.Time) {
	if to.After(*until) || !ahead(now, *until, t.longest) {
		*until = to
	}
}

// count adds to a group's count, or where there are many already to that of all
// others.
func (t *tally) count(now time.Time, key string, held Held) {
	w := t.windows[key]
	switch {
	case held.Count <= 0:
	case w != nil && w.held.Count > 0:
		w.held.join(held)
	case t.counted < maxCounted:
		t.window(now, key).held.join(held)
		t.counted++
	default:
		t.others.join(held)
	}
}

// uncount takes out of a group's count what a message or the lock has.
func (t *tally) uncount(w *window, reported Held) {
	if w.held.Count > 0 && reported.Count > 0 {
		if w.held.less(reported); w.held.Count == 0 {
			t.counted--
		}
	}
}

// lump moves a group's count to that of all others.
func (t *tally) lump(w *window) {
	t.others.join(w.held)
	t.uncount(w, w.held)
}

// window returns what is known of a group, making room where there is none.
func (t *tally) window(now time.Time, key string) *window {
	if w := t.windows[key]; w != nil {
		return w
	}
	if len(t.windows) >= maxGroups {
		t.forget(now)
	}
	w := &window{}
	t.windows[key] = w
	return w
}

// forget makes room: windows that are over go, or else any one, whose count
// lives on with the others'.
func (t *tally) forget(now time.Time) {
	last := ""
	for key, w := range t.windows {
		last = key
		if !ahead(now, w.until, t.longest) && !now.Before(w.markUntil) && w.held.Count == 0 {
			delete(t.windows, key)
		}
	}
	if len(t.windows) >= maxGroups {
		t.lump(t.windows[last])
		delete(t.windows, last)
	}
}

// fullest is the group with the most held back, of those that may be it; nil
// for none.
func (t *tally) fullest(may func(*window) bool) (key string, most *window) {
	for k, w := range t.windows {
		if w.held.Count > 0 && (most == nil || w.held.Count > most.held.Count) && may(w) {
			key, most = k, w
		}
	}
	return key, most
}
