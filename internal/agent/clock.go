package agent

import "time"

// writeEvery is how often what waits is sent while no end is near: a record
// leaves half a second after it came at the latest. One that is still not
// stored half a second later is on /tmp by then, so that a kill of the process
// costs a second at most.
const writeEvery = 500 * time.Millisecond

// A clock ticks while something waits: it is armed by what comes, and stops by
// itself when nothing is left. It is the only thing that writes without an
// event, in every mode. Agent.mu guards it.
type clock struct {
	timer *time.Timer // nil before it is armed first
	armed bool        // it will tick
}

// arm has the clock tick writeEvery from now, unless it does already. What came
// first decides: a function that prints all the time must not put it off.
func (a *Agent) arm() {
	if a.noop.Load() || a.beforeSnapshot() || !a.anythingWaits() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &a.clock
	switch {
	case c.armed:
		return
	case c.timer == nil:
		c.timer = time.AfterFunc(writeEvery, func() { a.guarded("clock", a.tick) })
	default:
		c.timer.Reset(writeEvery)
	}
	c.armed = true
}

// disarm stops the clock if nothing waits, which saves a wake-up.
func (a *Agent) disarm() {
	if !a.anythingWaits() {
		a.mu.Lock()
		if a.clock.armed && a.clock.timer.Stop() {
			a.clock.armed = false
		}
		a.mu.Unlock()
	}
	a.arm() // also for what came meanwhile and found the clock armed
}

// anythingWaits reports whether there is something to write or to send, or will
// be when the look-ahead has ended: the half second counts from its beginning.
func (a *Agent) anythingWaits() bool {
	return a.intake.ahead.waits.Load() || a.cfg.Store.Waiting() > 0 ||
		a.alerts != nil && a.alerts.Waiting() > 0 || a.deathWaits()
}

// tick lets leave what waits, and moves to /tmp what should have left by the
// tick before.
func (a *Agent) tick() {
	a.mu.Lock()
	a.clock.armed = false
	a.mu.Unlock()
	if a.noop.Load() {
		return
	}
	a.storeDeaths(overdueDeaths)
	if a.cfg.Concurrent {
		a.cfg.Store.CheckSpill() // there is no INVOKE that would do it
	}
	stale := a.cfg.Store.Age()
	a.cfg.Store.Start()
	a.startAlerts()
	if stale || a.cfg.Store.Resting() {
		a.cfg.Store.Persist()
	}
	a.arm()
}
