package store

import "time"

// hungFor is how long a request may be on the wire before it counts as one that
// hangs, as far as the safety of its records is concerned.
const hungFor = 400 * time.Millisecond

// Age tells the Store that some time has passed since it was called last, and
// reports whether what waits is not getting on: something is only in memory
// that was there by the last call already, and DynamoDB has confirmed nothing
// since; or a request hangs. Somebody who calls it at even times, and Persist
// if it reports true, bounds what a kill of the process can cost in an outage
// to twice that time. Where much is written, and written, nothing need be
// moved.
func (s *Store) Age() (stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.tally
	stale = s.delivery.hangs(s.cfg.Now()) || t.written == t.writtenByAge && s.queues.agedInMemory()
	t.writtenByAge = t.written
	s.queues.age++
	return stale
}

// Unsafe is how many lines are in memory or on the wire only: the kill of this
// process would lose them.
func (s *Store) Unsafe() (lines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.delivery.calls {
		for _, r := range c.batch {
			if r.onlyInMemory() {
				lines += r.Lines()
			}
		}
	}
	for t := range s.queues.byTable {
		for r := range s.queues.byTable[t].all {
			if r.onlyInMemory() {
				lines += r.Lines()
			}
		}
	}
	return lines
}
