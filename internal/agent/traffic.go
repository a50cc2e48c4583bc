package agent

import "time"

const (
	// shortGap is the idle time between two invocations up to which traffic is
	// busy: the following invocation is near enough to leave a write to it.
	shortGap = time.Second
	// shortGaps is how many of them in a row it takes.
	shortGaps = 3
)

// traffic measures the idle time between the invocations of an environment.
// The clock of an end is the platform's, on the same machine. Its zero value is
// ready. It is not safe for concurrent use.
type traffic struct {
	id      string    // of the last INVOKE
	invoked time.Time // when it was received
	endAt   time.Time // its end; zero while that is not known

	previous string    // the invocation before, while its end is not known
	gapEnd   time.Time // when the idle time after that ended

	short int // short gaps in a row, up to now
}

// invoke handles an INVOKE event. The end of the invocation before may not be
// known yet, because its telemetry takes longer than the next INVOKE. Then the
// gap is at most what has passed since the last INVOKE; if that is long, the
// end decides when it comes.
func (t *traffic) invoke(id string, now time.Time) {
	t.previous = ""
	switch {
	case t.invoked.IsZero():
	case !t.endAt.IsZero():
		t.gap(now.Sub(t.endAt))
	case now.Sub(t.invoked) < shortGap:
		t.gap(0)
	default:
		t.previous, t.gapEnd = t.id, now
	}
	t.id, t.invoked, t.endAt = id, now, time.Time{}
}

// end handles the end of an invocation, by the platform's clock.
func (t *traffic) end(id string, at time.Time) {
	switch {
	case id == t.id && t.endAt.IsZero(): // its report comes later
		t.endAt = at
	case id == t.previous && id != "":
		t.previous = ""
		t.gap(t.gapEnd.Sub(at))
	}
}

func (t *traffic) gap(d time.Duration) {
	if d >= shortGap {
		t.short = 0
		return
	}
	t.short++
}

// busy reports whether the following invocation can be expected soon.
func (t *traffic) busy() bool { return t.short >= shortGaps && t.previous == "" }

// afterNext reports whether writing is left to the time after next.
func (f Flush) afterNext(busy bool) bool {
	return f == FlushBackground || f == FlushAdaptive && busy
}

// writesAfterNext reports whether writing is left to the time after next now.
func (a *Agent) writesAfterNext() bool {
	a.mu.Lock()
	busy := a.invocations.traffic.busy()
	a.mu.Unlock()
	return a.cfg.Flush.afterNext(busy)
}
