package store

import (
	"context"
	"errors"
	"time"
)

// replayHold is how much longer a flush may take for what earlier invocations
// left in the spill. What this one had no room for in memory is waited for like
// all else.
const replayHold = 250 * time.Millisecond

// ErrResting is returned by Flush while a table or DynamoDB as a whole does
// not take records; they are kept.
var ErrResting = errors.New("DynamoDB is not accepting writes; rows are kept")

// Start lets writers work on what waits, in the background. It returns at
// once. Where DynamoDB has been failing it only probes, and rarely.
func (s *Store) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
}

// StartFull is Start for as long as full batches wait: what remains is cheaper
// to write with what comes next.
func (s *Store) StartFull() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues.len() >= s.full() {
		s.startWriters()
	}
}

// full is how many records are worth a request while more may come: as many as
// it holds. A pack holds more, and is the cheaper the more there are in it.
func (s *Store) full() int {
	if s.packing() {
		return fullPack
	}
	return maxBatch
}

func (s *Store) start() {
	if s.takable(s.cfg.Now()) > 0 {
		s.delivery.sendPartial = true
	}
	s.startWriters()
}

func (s *Store) startWriters() {
	for want := s.delivery.wantedWriters(s.takable(s.cfg.Now())); s.delivery.writers < want; {
		s.delivery.writers++
		go writer{s}.run()
	}
}

// takable counts the records that a writer may take now.
func (s *Store) takable(now time.Time) int {
	n := 0
	for t := range s.queues.byTable {
		if !s.delivery.tables[t].blocked(now) {
			n += s.queues.byTable[t].len()
		}
	}
	if n == 0 && !s.delivery.anyBlocked(now) && s.spill.readable() {
		n = s.spill.waiting()
	}
	return n
}

// Flush writes everything that waits. It returns nil when all is confirmed,
// ErrResting when what is left must wait for DynamoDB (ErrCongested, which is
// one, where waiting for it is not worth its price), or ctx's error when the
// time is over; then requests that are on the wire stay there, and their
// answers still count.
//
// Because of tables that are slow, or take less than is written, at most one
// flush in any 60 s takes longer than 250 ms.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.noteBacklog()
	h := s.newHold()
	most := s.delivery.congestion.mayWait(h.began)
	if s.waiting() == 0 {
		return nil
	}
	if most == 0 {
		// Where there is a spill, records are on their way there, and a request
		// that begins now would be cut by the freeze, and be sent once more.
		if !s.spill.there() {
			s.start()
		}
		return ErrCongested
	}
	h.chance = s.delivery.congestion.on
	defer func() { s.judge(h) }()
	if most > 0 {
		t := time.NewTimer(most)
		defer t.Stop()
		h.over = t.C
	}
	return s.writeOut(ctx, h)
}

// FlushLast is Flush for the end of the process: nothing rests any more, and
// every wait is short.
func (s *Store) FlushLast(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.noteBacklog()
	if s.delivery.hurry() && s.spill.there() {
		s.spill.Hurry()
	}
	h := s.newHold()
	h.last = true
	return s.writeOut(ctx, h)
}

func (s *Store) newHold() hold {
	return hold{began: s.cfg.Now(), written: s.tally.written, troubles: s.delivery.congestion.troubles}
}

// noteBacklog notes at the end of a flush whether the spill keeps something:
// the next invocation does not wait for it as for its own.
func (s *Store) noteBacklog() { s.spill.backlog = s.spill.waiting()+s.spill.replays > 0 }

// writeOut waits until everything is written, or waiting longer is useless.
func (s *Store) writeOut(ctx context.Context, h hold) error {
	var replayed <-chan time.Time // fires when the spill has had its share of the hold
	for s.waiting() > 0 {
		if !h.last && s.spill.backlog && s.waitingAnew() == 0 && replayed == nil {
			t := time.NewTimer(replayHold)
			defer t.Stop()
			replayed = t.C
		}
		s.start()
		if s.delivery.writers == 0 || (s.delivery.health.open && !s.delivery.last) {
			return ErrResting
		}
		switch s.await(ctx, replayed, h.over) {
		case spillsShare:
			if s.waitingAnew() == 0 {
				return nil
			}
			replayed = nil
		case worthNoMore:
			s.restIfInVain(h)
			return ErrCongested
		case timeIsOver:
			s.restIfInVain(h)
			return ctx.Err()
		}
	}
	return nil
}

// What ends a flush's wait.
type wakeup int

const (
	progress    wakeup = iota + 1
	spillsShare        // the spill has had its share of the hold
	worthNoMore        // so has the whole flush: see congestion.mayWait
	timeIsOver
)

// await gives the lock up until something has changed, or time is over in one
// of the ways.
func (s *Store) await(ctx context.Context, replayed, over <-chan time.Time) wakeup {
	changed := s.delivery.changes.Changed()
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return progress
	case <-replayed:
		return spillsShare
	case <-over:
		return worthNoMore
	case <-ctx.Done():
		return timeIsOver
	}
}

// restIfInVain is called at the end of a flush that did not finish. If it has
// not had one record confirmed, the next invocation shall not pay for the same
// experience.
func (s *Store) restIfInVain(h hold) {
	now := s.cfg.Now()
	tried := s.delivery.health.failures > 0 || now.Sub(h.began) >= firstAttempt
	if tried && s.tally.written == h.written && s.waiting() > 0 {
		s.delivery.health.rest(now)
	}
}
