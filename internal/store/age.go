package store

import "time"

// hungFor is how long a request may be on the wire before it counts as one that
// hangs, as far as the safety of its records is concerned.
const hungFor = 400 * time.Millisecond

// Age tells the Store that some time has passed since it was called last, and
// reports whether what waits is not getting on: something is only in memory
// that was there by the last call already, and DynamoDB has confirmed nothing
// since; or a request hangs. Somebody who calls it at even times, and Persist if
// it reports true, bounds what a kill of the process can cost in an outage to
// twice that time. Where much is written, and written, nothing need be moved.
func (s *Store) Age() (stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stale = s.hangs() || s.written == s.writtenByAge && s.queuedLong()
	s.writtenByAge = s.written
	s.age++
	return stale
}

// onlyHere reports whether a record is in memory and nowhere else.
func onlyHere(r *record) bool { return r.replay == nil && !r.spilled }

// hangs reports whether a request has been on the wire for long whose records
// are nowhere else. mu must be held.
func (s *Store) hangs() bool {
	now := s.cfg.Now()
	for c := range s.calls {
		if c.began.IsZero() || now.Sub(c.began) < hungFor {
			continue
		}
		for _, r := range c.batch {
			if onlyHere(r) {
				return true
			}
		}
	}
	return false
}

// queuedLong reports whether a record has waited in a queue since before the
// last call of Age. mu must be held.
func (s *Store) queuedLong() bool {
	for t := range s.queues {
		q := &s.queues[t]
		// What came from the spill may lie in front; what has waited longest
		// comes next.
		for i := range q.len() {
			if r := q.at(i); onlyHere(r) {
				if r.age != s.age {
					return true
				}
				break
			}
		}
	}
	return false
}

// Unsafe is how many lines are in memory or on the wire only: the kill of this
// process would lose them.
func (s *Store) Unsafe() (lines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := func(r *record) {
		if onlyHere(r) {
			lines += r.Lines()
		}
	}
	for c := range s.calls {
		for _, r := range c.batch {
			count(r)
		}
	}
	for t := range s.queues {
		for i := range s.queues[t].len() {
			count(s.queues[t].at(i))
		}
	}
	return lines
}
