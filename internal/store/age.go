package store

// Age tells the Store that some time has passed since it was called last, and
// reports whether anything is only in memory that was there by the last call
// already. Somebody who calls it at even times, and Persist if it reports
// true, bounds what a kill of the process can cost to twice that time.
func (s *Store) Age() (stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stale = s.stale()
	s.age++
	return stale
}

// stale must be called with mu held.
func (s *Store) stale() bool {
	old := func(r *Record) bool { return r.replay == nil && !r.spilled && r.age != s.age }
	for c := range s.calls {
		for _, r := range c.batch {
			if old(r) {
				return true
			}
		}
	}
	for t := range s.queues {
		q := &s.queues[t]
		// What came from the spill may lie in front; what has waited longest
		// comes next.
		for i := range q.len() {
			if r := q.at(i); r.replay == nil {
				if old(r) {
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
	count := func(r *Record) {
		if r.replay == nil && !r.spilled {
			lines += int(r.lines)
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
