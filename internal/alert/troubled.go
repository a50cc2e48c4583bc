package alert

import (
	"time"

	"github.com/logtable/logtable/internal/wait"
)

const (
	// maxTroubled bounds the topics whose failures are remembered.
	maxTroubled = 64

	// restBase and restMost bound how long what fails is left alone.
	restBase = time.Second
	restMost = time.Minute
)

// A breaker leaves alone what fails.
type breaker struct {
	failures int
	until    time.Time
}

// open reports whether what failed is being left alone.
func (b *breaker) open(now time.Time) bool {
	return b.failures > 0 && ahead(now, b.until, restMost)
}

func (b *breaker) fail(now time.Time) {
	b.failures++
	b.until = now.Add(rest(b.failures))
}

// rest is how long something is left alone after the n-th failure in a row.
func rest(n int) time.Duration { return wait.Backoff(restBase, restMost, n) }

// troubled are the topics that have failed since they last took a message, by
// ARN. The Sender's mu guards it.
type troubled map[string]*breaker

// resting reports whether a topic is being left alone.
func (t troubled) resting(arn string, now time.Time) bool {
	b := t[arn]
	return b != nil && b.open(now)
}

// fail leaves a topic alone for a while, and reports whether it was well
// before.
func (t troubled) fail(arn string, now time.Time) (first bool) {
	b := t[arn]
	if b == nil {
		first, b = true, &breaker{}
		t.makeRoom()
		t[arn] = b
	}
	b.fail(now)
	return first
}

// makeRoom forgets any one topic if there are too many.
func (t troubled) makeRoom() {
	for arn := range t {
		if len(t) < maxTroubled {
			return
		}
		delete(t, arn)
	}
}

// success forgets the failures of a topic, and reports whether there were any.
func (t troubled) success(arn string) bool {
	_, failing := t[arn]
	delete(t, arn)
	return failing
}

// retryAll has no topic left alone any longer.
func (t troubled) retryAll() {
	for _, b := range t {
		b.until = time.Time{}
	}
}

// reachable is the delivery of an alert to be made next, to a topic that is
// well or else to one that has been failing and left alone for long enough.
func (t troubled) reachable(p *pending, now time.Time) (next *delivery, failing bool) {
	for i := range p.deliveries {
		d := &p.deliveries[i]
		b := t[d.topic.ARN]
		switch {
		case d.done:
		case b == nil:
			return d, false
		case next == nil && !b.open(now):
			next = d
		}
	}
	return next, true
}
