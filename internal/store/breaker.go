package store

import (
	"time"

	"github.com/logtable/logtable/internal/wait"
)

const (
	// firstAttempt is the time that a request gets at first, and perMiB what a
	// large one gets on top. Doubled with every time-out up to maxAttempt, so
	// that a dead socket costs little and a slow table is still waited for in
	// the end.
	firstAttempt = 1500 * time.Millisecond
	maxAttempt   = 8 * time.Second
	perMiB       = 2 * time.Second
	// restBase and restMost bound how long a dead DynamoDB, or a table that
	// refuses us, is left alone before the next probe.
	restBase = 250 * time.Millisecond
	restMost = 10 * time.Second
	// openAfter is how many failed requests in a row, none confirmed in
	// between, mean that DynamoDB is down.
	openAfter = 5
)

// health is what is known of DynamoDB as a whole: a circuit breaker.
// While it is open nothing is held for writing; one writer probes now and
// then, beside the function.
type health struct {
	failures int           // in a row
	attempt  time.Duration // time limit of the next request
	open     bool
	until    time.Time // of the next probe, while open
	rested   int       // times opened since the last success
	cut      bool      // a freeze cut a request since the last success
	skewed   time.Time // of the first refusal since then that is about the clock
	squeeze  int       // how often less was taken than was given: see answered
}

// frozenFor is by how much a time limit must be overrun before the process is
// taken to have been frozen meanwhile.
const frozenFor = time.Second

// cutByFreeze reports whether a request's time limit, which ended so long ago,
// has only run out because the environment was frozen with the request on the
// wire. That says nothing of DynamoDB: the request is sent again, and nobody is
// told. A second one before any success is a failure as any other.
func (h *health) cutByFreeze(ago time.Duration) bool {
	if h.cut || ago < frozenFor {
		return false
	}
	h.cut = true
	return true
}

// signedTooEarly reports whether a request, refused because of the time it was
// signed for, is one of the first since the last success: it was signed before
// a freeze, or with a clock that the SDK corrects from the answer. It is signed
// afresh and sent again, and nobody is told. One that was sent after such a
// refusal is a failure as any other.
func (h *health) signedTooEarly(began, now time.Time) bool {
	if h.skewed.IsZero() {
		h.skewed = now
	}
	return !began.After(h.skewed)
}

// rest opens the breaker, or leaves it open for longer.
func (h *health) rest(now time.Time) {
	h.open = true
	h.rested++
	h.until = now.Add(wait.Backoff(restBase, restMost, h.rested))
}

// success closes the breaker: a request that took so long stored something.
func (h *health) success(took time.Duration) {
	h.failures, h.open, h.rested, h.cut, h.skewed = 0, false, 0, false, time.Time{}
	h.attempt = min(max(4*took, firstAttempt), maxAttempt)
}

// failure counts a request that DynamoDB did not answer, or took nothing of.
func (h *health) failure(now time.Time, timedOut bool) {
	h.failures++
	if timedOut {
		h.attempt = min(2*h.attempt, maxAttempt)
	}
	if h.open || h.failures >= openAfter {
		h.rest(now)
	}
}

// A table is what is known of one table.
type table struct {
	name         string
	accepted     uint32    // records taken
	failures     int       // refusals in a row that are the table's fault
	refusedAlone int       // records refused alone before any was accepted
	blockedUntil time.Time // of the next try
}

func (t *table) blocked(now time.Time) bool { return now.Before(t.blockedUntil) }

// block leaves the table alone for a while.
func (t *table) block(now time.Time) {
	t.failures++
	t.blockedUntil = now.Add(wait.Backoff(restBase, restMost, t.failures))
	t.refusedAlone = 0
}

// accept notes that the table has taken a record.
func (t *table) accept() {
	t.accepted++
	t.failures, t.refusedAlone = 0, 0
	t.blockedUntil = time.Time{}
}
