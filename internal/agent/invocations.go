package agent

import "time"

// invocations is what is known of the function's invocations, and of what
// Lambda tells of them. Agent.mu guards it.
type invocations struct {
	ignoreDeaths bool // PlatformNone: they do not become rows
	tracker      tracker
	traffic      traffic
	trust        trust
	doubt        string // why trust was lost, until that is reported; "" for nothing
	reading      bool   // a telemetry body is being read

	deaths         []death // that have not become rows yet
	initDeathNoted bool
}

func newInvocations(cfg Config) invocations {
	v := invocations{
		ignoreDeaths: cfg.Rows.Platform == PlatformNone,
		tracker:      tracker{concurrent: cfg.Concurrent},
		trust:        unproven,
	}
	if cfg.Receiver == nil || cfg.Concurrent {
		v.trust = notExpected
	}
	return v
}

// invoke handles an INVOKE event, and returns the doubt that is to be reported.
func (v *invocations) invoke(id string, now time.Time) (doubt string) {
	v.tracker.invoke(id, now)
	v.traffic.invoke(id, now)
	doubt, v.doubt = v.doubt, ""
	if v.trust.awaitsEnd() {
		return ""
	}
	return doubt
}

// follow handles a platform event.
func (v *invocations) follow(kind string, r platformRecord, at time.Time) {
	switch kind {
	case "platform.initRuntimeDone", "platform.initReport":
		if v.tracker.initEnd.IsZero() {
			v.tracker.initEnd = at
		}
		if r.failed() {
			v.noteDeath(death{id: initRequest, locator: "platform.init", record: r, at: at})
		}
	case "platform.restoreRuntimeDone", "platform.restoreReport":
		if r.failed() {
			v.noteDeath(death{id: initRequest, locator: "platform.restore", record: r, at: at})
		}
	case "platform.start":
		if r.requestID != "" {
			v.trust = v.trust.afterStart()
			v.tracker.start(r.requestID, at)
			v.tracker.identify(r.requestID, r.origin())
		}
	case "platform.runtimeDone":
		v.trust = v.trust.afterEnd()
		v.end(r, at, false)
	case "platform.report":
		v.end(r, at, true)
	case "platform.logsDropped":
		// The end of the invocation may be among what was dropped: it is not
		// waited for, or the function would be held to its deadline.
		v.trust = v.trust.afterLoss()
	}
}

// end handles an end of an invocation: its runtimeDone, or its report.
func (v *invocations) end(r platformRecord, at time.Time, report bool) {
	if r.requestID == "" {
		return
	}
	tail := v.tracker.tailOf(r.requestID)
	attempt, news := v.tracker.end(r.requestID, at, r.causesReset(), report)
	if news {
		v.traffic.end(r.requestID, at)
	} else {
		tail = []string{} // what is printed now is the next attempt's
	}
	locator := r.death()
	if v.completeDeath(attempt.number, r, report) || locator == "" || attempt.deathNoted {
		return
	}
	attempt.deathNoted = true
	v.noteDeath(death{
		id: r.requestID, attempt: attempt.number, locator: locator, record: r, at: at, tail: tail,
		awaitsReport: !report && !v.tracker.concurrent && locator == "platform.crash",
	})
}
