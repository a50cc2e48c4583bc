package agent

import "time"

// A Flush says when what an invocation printed is written.
type Flush uint8

const (
	// FlushEnd writes everything before next is called: durable, and billed.
	FlushEnd Flush = iota
	// FlushAdaptive is FlushEnd while traffic is thin. In busy traffic next is
	// called at once, and the write overlaps the following invocation.
	FlushAdaptive
	// FlushBackground never waits for an end. The environment may freeze before
	// anything has been sent.
	FlushBackground
)

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
	end     time.Time // its end; zero while that is not known

	previous string    // the invocation before, while its end is not known
	gapEnd   time.Time // when the idle time after that ended

	short int // short gaps in a row, up to now
}

// invoke handles an INVOKE event. The end of the invocation before may not be
// known yet, because its telemetry takes longer than the next INVOKE. Then the
// gap is at most what has passed since the last INVOKE; if that is long, the end
// decides when it comes.
func (t *traffic) invoke(id string, now time.Time) {
	t.previous = ""
	switch {
	case t.invoked.IsZero():
	case !t.end.IsZero():
		t.gap(now.Sub(t.end))
	case now.Sub(t.invoked) < shortGap:
		t.gap(0)
	default:
		t.previous, t.gapEnd = t.id, now
	}
	t.id, t.invoked, t.end = id, now, time.Time{}
}

// ended handles the end of an invocation, by the platform's clock.
func (t *traffic) ended(id string, at time.Time) {
	switch {
	case id == t.id && t.end.IsZero(): // its report comes later
		t.end = at
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

// overlaps reports whether writing is left to the time after next.
func (a *Agent) overlaps() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.overlapping()
}

// overlapping is overlaps with mu held.
func (a *Agent) overlapping() bool {
	switch a.cfg.Flush {
	case FlushBackground:
		return true
	case FlushAdaptive:
		return a.traffic.busy()
	}
	return false
}
