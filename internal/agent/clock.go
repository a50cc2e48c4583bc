package agent

import "time"

// writeEvery is how often what waits is sent while no end is near: a record
// leaves half a second after it came at the latest. One that is still not
// stored half a second later is on /tmp by then, so that a kill of the process
// costs a second at most.
const writeEvery = 500 * time.Millisecond

// The clock ticks while something waits: it is armed by what comes, and stops
// by itself when nothing is left. It is the only thing that writes without an
// event, in every mode.

// arm has the clock tick writeEvery from now, unless it does already. What came
// first decides: a function that prints all the time must not put it off.
func (a *Agent) arm() {
	if a.silent.Load() || !a.anythingWaits() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.armed || a.sealed() {
		return
	}
	a.armed = true
	if a.clock == nil {
		a.clock = time.AfterFunc(writeEvery, func() { a.guarded("clock", a.tick) })
		return
	}
	a.clock.Reset(writeEvery)
}

// disarm stops the clock if nothing waits, which saves a wake-up.
func (a *Agent) disarm() {
	if a.anythingWaits() {
		a.arm()
		return
	}
	a.mu.Lock()
	if a.armed && a.clock.Stop() {
		a.armed = false
	}
	a.mu.Unlock()
	a.arm() // for what came meanwhile and found the clock armed
}

// anythingWaits reports whether there is something to write or to send, or will
// be when the look-ahead has ended: the half second counts from its beginning.
func (a *Agent) anythingWaits() bool {
	return a.ahead.waits.Load() || a.cfg.Store.Waiting() > 0 || a.alerts != nil && a.alerts.Waiting() > 0 || a.deathWaits()
}

// tick lets leave what waits, and moves to /tmp what should have left by the
// tick before.
func (a *Agent) tick() {
	a.mu.Lock()
	a.armed = false
	a.mu.Unlock()
	if a.silent.Load() {
		return
	}
	a.storeDeaths(overdue)
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
