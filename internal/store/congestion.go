package store

import (
	"fmt"
	"time"
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
var ErrCongested = fmt.Errorf("DynamoDB takes records too slowly to be waited for: %w", ErrResting)

// congestion is what the Store knows of a DynamoDB that works, but not well
// enough. It belongs to the Store, whose mu guards it.
type congestion struct {
	on       bool
	troubles int       // answers that were slow, refused or left something behind
	chances  int       // given since it began
	next     time.Time // of the next chance
	longAt   time.Time // when a flush ended last that took as long as patience
}

// A hold is one flush.
type hold struct {
	began    time.Time
	written  int // records, when it began
	troubles int
	chance   bool             // it is a chance
	last     bool             // it is the end's
	over     <-chan time.Time // fires when it may wait no longer; nil for never
}

// mayWait returns how long a flush that begins now may wait at most: none at
// all for 0, as long as it likes for a negative value. mu must be held.
func (s *Store) mayWait(now time.Time) time.Duration {
	c := &s.congestion
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

// judge looks back at a flush that has ended: whether it was long, and whether
// the next one should wait. Length alone is not a reason, for what takes long may
// be much: only a table that was slow, or did not take what it was given,
// counts. mu must be held.
func (s *Store) judge(h hold) {
	now, c := s.cfg.Now(), &s.congestion
	took := now.Sub(h.began)
	troubled := c.troubles != h.troubles || s.overdue(now)
	if troubled && took >= patience {
		c.longAt = now
	}
	switch {
	case s.health.open: // the breaker sees to it
	case h.chance && !troubled && s.written > h.written:
		s.decongest() // what is left is only much
	case h.chance && c.on:
		s.congest(now)
	case troubled && took >= chance && s.waiting() > 0:
		s.congest(now)
	}
}

// overdue reports whether a request has been on the wire for longer than an
// answer should take. mu must be held.
func (s *Store) overdue(now time.Time) bool {
	for c := range s.calls {
		if !c.began.IsZero() && now.Sub(c.began) > slowAnswer {
			return true
		}
	}
	return false
}

// congest begins congestion, or puts the next chance off. mu must be held.
func (s *Store) congest(now time.Time) {
	c := &s.congestion
	if !c.on {
		c.on, c.chances = true, 0
		s.cfg.Report.Fail("congested",
			"DynamoDB takes messages more slowly than they come; the function is not held for it, they wait on /tmp or in memory",
			"raise the tables' write throughput, or its maximum, if they are throttled; set LOGTABLE_LAYOUT=packed, or log less")
	}
	c.next = now.Add(min(chanceBase<<min(c.chances, 10), chanceMost))
	c.chances++
}

// decongest ends congestion. mu must be held.
func (s *Store) decongest() {
	if s.congestion.on {
		s.congestion.on = false
		s.cfg.Report.Recover("congested", "DynamoDB takes messages as fast as they come again")
	}
}

// answered notes how a request that DynamoDB answered went. With less taken
// than was given, the pause before the next one grows; it shrinks by as much
// only when all is taken, so that requests find the pace of the table.
// Congestion ends when a quick answer leaves nothing that waits. mu must be
// held.
func (s *Store) answered(took time.Duration, all bool) {
	h := &s.health
	if all {
		h.squeeze /= 2
	} else {
		h.squeeze = min(h.squeeze+1, backoffDoublings)
	}
	if !all || took > slowAnswer {
		s.congestion.troubles++
		return
	}
	if s.waiting() == 0 {
		s.decongest()
	}
}

// Congested reports that DynamoDB takes less than is written, or answers so
// slowly that nobody should wait for it.
func (s *Store) Congested() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.congestion.on && !s.force
}
