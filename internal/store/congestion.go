package store

import (
	"fmt"
	"time"

	"github.com/logtable/logtable/internal/wait"
)

// The circuit breaker (health) knows that nothing works. Congestion is the
// other reason not to wait: DynamoDB works, but takes less than is written (a
// table at its write limit), or answers so slowly that nobody should be billed
// for the wait. Then what is written waits on /tmp, and leaves in the
// background as the table takes it.
const (
	// chance is how long a flush waits in congestion, when it waits at all.
	chance = 100 * time.Millisecond
	// slowAnswer is what an answer may take before it counts as slow. A small
	// function has its processor for a few ms of each 100, so that a quick
	// table's answers may seem to take 100 or 200 ms.
	slowAnswer = 200 * time.Millisecond
	// chanceBase and chanceMost bound the time from one chance to the next,
	// which is doubled while they are in vain.
	chanceBase = time.Second
	chanceMost = 10 * time.Second
	// patience is how long a flush waits for a table that made another one wait
	// for longer than that within patienceEvery: an environment has one long
	// hold a minute.
	patience      = 250 * time.Millisecond
	patienceEvery = time.Minute
)

// ErrCongested is returned by Flush while the tables take records, but too few
// or too slowly to be waited for; they are kept. It is an ErrResting.
var ErrCongested = fmt.Errorf("DynamoDB accepts rows too slowly to wait for: %w", ErrResting)

// congestion is what is known of a DynamoDB that works, but not well enough.
type congestion struct {
	report   Reporter
	on       bool
	troubles int       // answers that were slow, refused or left something behind
	chances  int       // given since it began
	next     time.Time // of the next chance
	longAt   time.Time // when a flush ended last that took as long as patience
}

// mayWait returns how long a flush that begins now may wait at most: none at
// all for 0, as long as it likes for a negative value.
func (c *congestion) mayWait(now time.Time) time.Duration {
	switch {
	case c.on && now.Before(c.next):
		return 0
	case c.on:
		return chance
	case !c.longAt.IsZero() && now.Sub(c.longAt) < patienceEvery:
		return patience
	}
	return -1
}

// begin begins congestion, or puts the next chance off.
func (c *congestion) begin(now time.Time) {
	if !c.on {
		c.on, c.chances = true, 0
		c.report.Fail("congested",
			"DynamoDB accepts rows more slowly than they arrive; they wait in /tmp or in memory, and the function "+
				"is not delayed for it",
			"raise the tables' write throughput, or its maximum, if they are throttled; "+
				"set LOGTABLE_LAYOUT=packed, or log less")
	}
	c.chances++
	c.next = now.Add(wait.Backoff(chanceBase, chanceMost, c.chances))
}

func (c *congestion) end() {
	if c.on {
		c.on = false
		c.report.Recover("congested", "DynamoDB accepts rows as fast as they arrive again")
	}
}

// answered notes how a request that DynamoDB answered went. With less taken
// than was given, the pause before the next one grows; it shrinks by as much
// only when all is taken, so that requests find the pace of the table.
// Congestion ends when a quick answer leaves nothing that waits (idle).
func (d *delivery) answered(took time.Duration, all, idle bool) {
	h := &d.health
	if all {
		h.squeeze /= 2
	} else {
		h.squeeze = min(h.squeeze+1, backoffDoublings)
	}
	if !all || took > slowAnswer {
		d.congestion.troubles++
		return
	}
	if idle {
		d.congestion.end()
	}
}

// A hold is one flush.
type hold struct {
	began    time.Time
	written  int // lines, when it began
	troubles int
	chance   bool             // it is a chance
	last     bool             // it is the end's
	over     <-chan time.Time // fires when it may wait no longer; nil for never
}

// judge looks back at a flush that has ended: whether it was long, and whether
// the next one should wait. Length alone is not a reason, for what takes long
// may be much: only a table that was slow, or did not take what it was given,
// counts.
func (s *Store) judge(h hold) {
	now, c := s.cfg.Now(), &s.delivery.congestion
	took := now.Sub(h.began)
	troubled := c.troubles != h.troubles || s.delivery.overdue(now)
	if troubled && took >= patience {
		c.longAt = now
	}
	switch {
	case s.delivery.health.open: // the breaker sees to it
	case h.chance && !troubled && s.tally.written > h.written:
		c.end() // what is left is only much
	case h.chance && c.on, troubled && took >= chance && s.waiting() > 0:
		c.begin(now)
	}
}
