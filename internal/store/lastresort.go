package store

import (
	"io"
	"maps"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/spill"
)

const (
	reasonEnd    = "no room left at the end of the environment"
	reasonLong   = "too long for a last-resort line"
	reasonNoTime = "no time left at the end of the environment"
)

// Rest says what became of the records that neither DynamoDB nor the spill
// had at the very end.
type Rest struct {
	Lines int          // written as last-resort lines
	Lost  map[Loss]int // all losses of this process
}

// SignWith gives the Store the key that last-resort lines are signed with.
// Without one they are not signed.
func (s *Store) SignWith(k *signing.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = k
}

// LastResort writes what still waits to w, as JSON lines that
// row.ParseLastResort reads: errors first, at most max bytes. What is beyond
// that, or not done by the deadline, is counted as lost. If there are any, a
// last line reveals the key that they are signed with, which is not used again.
//
// With kept, /tmp survives (a reset follows): then what waits is put into the
// spill, and only what finds no room there is written.
func (s *Store) LastResort(w io.Writer, max int, kept bool, deadline time.Time) Rest {
	if kept {
		// What a slow disk does not take in half of the time is written.
		now := s.cfg.Now()
		s.PersistUntil(now.Add(deadline.Sub(now) / 2))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := lastResort{w: w, room: max, key: s.key}
	s.key = nil
	l.deadline, l.now = deadline, s.cfg.Now
	for _, r := range s.takeRemaining() {
		if r.IsError() {
			s.print(&l, r)
		} else {
			l.later = append(l.later, r)
		}
	}
	if !kept {
		s.printSpill(&l)
	}
	for _, r := range l.later {
		s.print(&l, r)
	}
	l.close()
	return Rest{Lines: l.lines, Lost: maps.Clone(s.tally.lost)}
}

// lastResort is what is being written.
type lastResort struct {
	w     io.Writer
	key   *signing.Key
	room  int // bytes that may still be written
	buf   []byte
	later []*record // informational records, until all errors are out
	held  int       // bytes of later, at least
	lines int

	deadline time.Time
	now      func() time.Time
	asked    int  // times that over was called
	late     bool // the deadline is over
}

// over reports whether the deadline is over. It looks at the clock now and
// then.
func (l *lastResort) over() bool {
	if l.asked++; l.asked%16 == 1 && !l.late {
		l.late = l.now().After(l.deadline)
	}
	return l.late
}

// takeRemaining takes everything out of memory that the spill does not have.
func (s *Store) takeRemaining() (all []*record) {
	for t := range s.queues.byTable {
		for queue := &s.queues.byTable[t]; queue.len() > 0; {
			if r := queue.pop(); r.replay == nil {
				all = append(all, r)
			} else {
				s.leaveToSpill(r)
			}
		}
	}
	// What is on the wire may be stored or not: writing twice does no harm.
	for c := range s.delivery.calls {
		for _, r := range c.batch {
			if r.replay != nil {
				s.returnSegment(r.replay)
			} else if !r.spilled {
				all = append(all, r)
			}
		}
	}
	return all
}

// printSpill prints what is in the spill, whose files are left alone: should
// /tmp survive after all, the next process replays them.
func (s *Store) printSpill(l *lastResort) {
	if !s.spill.there() {
		return
	}
	left := s.spill.waiting()
	for !l.now().After(l.deadline) {
		segment, err := s.spill.Take()
		if err != nil || segment == nil {
			break
		}
		s.tally.loseUnread(segment.Damaged, reasonDamaged)
		left -= segment.Damaged + s.printSegment(l, segment)
	}
	s.tally.loseUnread(max(0, left), reasonNoTime)
}

// printSegment prints errors, and puts other records aside, as long as there is
// time. It returns how many records it has dealt with.
func (s *Store) printSegment(l *lastResort, segment *spill.Segment) (done int) {
	for _, payload := range segment.Payloads {
		if l.over() {
			break // counted with the rest
		}
		done++
		r := new(record)
		ours, err := s.spill.read(payload, segment.Own, r)
		switch {
		case err != nil:
			s.tally.loseUnread(1, reasonDamaged)
		case !ours:
		case r.IsError():
			s.print(l, r)
		case l.held < l.room:
			l.later = append(l.later, r)
			l.held += len(r.Item())
		default:
			s.tally.lose(r, reasonEnd)
		}
	}
	return done
}

// print prints one record or counts it as lost.
func (s *Store) print(l *lastResort, r *record) {
	if l.over() {
		s.tally.lose(r, reasonNoTime)
		return
	}
	begin := len(l.buf)
	l.buf = r.AppendLastResort(l.buf, l.key, uint64(l.lines)+1)
	n := len(l.buf) - begin
	if n > l.room || n > row.MaxLastResortLine {
		l.buf = l.buf[:begin]
		reason := reasonEnd
		if n > row.MaxLastResortLine {
			reason = reasonLong
		}
		s.tally.lose(r, reason)
		return
	}
	l.room -= n
	l.lines++
	if len(l.buf) > 32<<10 {
		l.flush()
	}
}

// close writes what is buffered and, behind it, the key.
func (l *lastResort) close() {
	if l.key != nil && l.lines > 0 {
		l.buf = row.AppendLastResortEnd(l.buf, l.key, l.lines, l.now())
	}
	l.flush()
}

func (l *lastResort) flush() {
	if len(l.buf) > 0 {
		_, _ = l.w.Write(l.buf) // there is nobody left to tell
		l.buf = l.buf[:0]
	}
}
