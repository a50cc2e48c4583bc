package alert

import (
	"slices"
	"time"
)

// maxWaiting and maxWaitingBytes bound the alerts that wait to be sent.
const (
	maxWaiting      = 64
	maxWaitingBytes = 1 << 20
)

// A queue holds the alerts that wait to be sent, one a group, or a few of
// different causes. The Sender's mu guards it.
type queue struct {
	waiting  []*pending
	bytes    int
	overflow Held // what found no room
}

// add appends an alert and reports whether there was room for it.
func (q *queue) add(p *pending) bool {
	if len(q.waiting) >= maxWaiting || q.bytes+p.size > maxWaitingBytes {
		q.overflow.add(p.Time)
		return false
	}
	q.push(p)
	return true
}

// push appends an alert whether or not there is room.
func (q *queue) push(p *pending) {
	q.waiting = append(q.waiting, p)
	q.bytes += p.size
}

// remove takes an alert out.
func (q *queue) remove(p *pending) {
	if i := slices.Index(q.waiting, p); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.bytes -= p.size
	}
}

// clear takes everything out.
func (q *queue) clear() (left []*pending) {
	left = q.waiting
	q.waiting, q.bytes = nil, 0
	return left
}

// unsafe returns the number of alerts whose rows are not safe yet.
func (q *queue) unsafe() (n int) {
	for _, p := range q.waiting {
		if !p.ready {
			n++
		}
	}
	return n
}

// due is the alert to be sent now, and whether that is an attempt at a topic
// that has been failing: such wait until all others have had their turn. Those
// that have failed least often come first, so that none keeps the rest waiting.
func (q *queue) due(now time.Time, topics troubled) (next *pending, probe bool) {
	for _, p := range q.waiting {
		if !p.ready || ahead(now, p.retryAt, restMost) {
			continue
		}
		d, failing := topics.reachable(p, now)
		if d == nil {
			continue
		}
		sooner := probe && !failing
		if next == nil || sooner || probe == failing && p.attempts < next.attempts {
			next, probe = p, failing
		}
	}
	return next, probe
}

// competes reports whether something else than the delivery d of p waits that
// could be published now.
func (q *queue) competes(p *pending, d *delivery, now time.Time, topics troubled) bool {
	for _, other := range q.waiting {
		if !other.ready || other != p && ahead(now, other.retryAt, restMost) {
			continue
		}
		for i := range other.deliveries {
			o := &other.deliveries[i]
			if o != d && !o.done && o.topic.ARN != d.topic.ARN && !topics.resting(o.topic.ARN, now) {
				return true
			}
		}
	}
	return false
}
