package store

import (
	"slices"
	"time"
)

// persistMost is how long Persist may take.
const persistMost = time.Second

// Persist puts everything that waits into the spill, so that it survives the
// process: what is in the queues moves there, what is on the wire is copied. It
// reports whether nothing is left that only memory has.
//
// What came from the spill stays in the queues: it is safe, and a segment that
// was given back would be written again from its beginning, each time.
//
// On a slow disk it is broken off after a second.
func (s *Store) Persist() bool { return s.PersistUntil(s.cfg.Now().Add(persistMost)) }

// PersistUntil is Persist for as long as a caller has time, and for one write
// of errors and one of others at the least. It begins with the errors.
func (s *Store) PersistUntil(until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.spill.there() {
		return s.waiting() == 0
	}
	s.spill.backlog = s.spill.backlog || s.waiting() > 0
	s.spill.noRoom = fullness{} // somebody may have made room
	all := true
	for t := range s.queues.byTable {
		all = s.persist(&s.queues.byTable[t], until) && all
	}
	return s.copyInHand() && all
}

// persist is PersistUntil for one queue.
func (s *Store) persist(queue *fifo, until time.Time) (all bool) {
	var stay, chunk []*record
	all = true
	size, wrote := 0, false
	for n := queue.len(); n > 0; n-- {
		if size == 0 && wrote && s.cfg.Now().After(until) {
			for _, r := range slices.Backward(stay) {
				queue.pushFirst(r)
			}
			return false
		}
		r := queue.pop()
		if r.replay != nil {
			stay = append(stay, r)
		} else {
			chunk = append(chunk, r)
			size += r.cost()
		}
		if len(chunk) > 0 && (size >= spillChunk || n == 1) {
			kept := s.moveToSpill(chunk)
			stay = append(stay, kept...)
			all = all && len(kept) == 0
			chunk, size, wrote = chunk[:0], 0, true
		}
	}
	for _, r := range stay {
		queue.push(r)
	}
	return all
}

// copyInHand copies what writers have in hand into the spill. Should it come
// back, it is forgotten: see requeue.
func (s *Store) copyInHand() bool {
	all := true
	for c := range s.delivery.calls {
		var unsafe []*record
		for _, r := range c.batch {
			if r.onlyInMemory() {
				unsafe = append(unsafe, r)
			}
		}
		if len(unsafe) == 0 {
			continue
		}
		if c.groups == nil { // or they are not sent: see pack
			for _, r := range unsafe {
				r.mayComeLate()
			}
		}
		n, _ := s.spill.append(unsafe) // what is not safe stays in hand
		for _, r := range unsafe[:n] {
			r.spilled = true
			r.safe()
		}
		all = all && n == len(unsafe)
	}
	return all
}
