package store

import (
	"io"
	"maps"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
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

// LastResort writes what still waits to w, as JSON lines that row.ParseLastResort
// reads: errors first, at most max bytes. What is beyond that, or not
// done by the deadline, is counted as lost. If there are any, a last line
// reveals the key that they are signed with, which is not used again.
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
	for _, r := range s.remains() {
		if r.IsError() {
			s.write(&l, r)
		} else {
			l.later = append(l.later, r)
		}
	}
	if !kept {
		s.spillRemains(&l)
	}
	for _, r := range l.later {
		s.write(&l, r)
	}
	l.close()
	return Rest{Lines: l.lines, Lost: maps.Clone(s.lost)}
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

// over reports whether the deadline is over. It looks at the clock now and then.
func (l *lastResort) over() bool {
	if l.asked++; l.asked%16 == 1 && !l.late {
		l.late = l.now().After(l.deadline)
	}
	return l.late
}

// remains takes everything out of memory that the spill does not have. mu must
// be held.
func (s *Store) remains() (all []*record) {
	for t := range s.queues {
		for s.queues[t].len() > 0 {
			if r := s.queues[t].pop(); r.replay == nil {
				all = append(all, r)
			} else {
				s.leave(r)
			}
		}
	}
	// What is on the wire may be stored or not: writing twice does no harm.
	for c := range s.calls {
		for _, r := range c.batch {
			if r.replay != nil {
				s.giveBack(r.replay)
			} else if !r.spilled {
				all = append(all, r)
			}
		}
	}
	return all
}

// spillRemains reads the spill, whose files are left alone: should /tmp
// survive after all, the next process replays them. mu must be held.
func (s *Store) spillRemains(l *lastResort) {
	if s.spill == nil {
		return
	}
	left := s.spilled()
	for !l.now().After(l.deadline) {
		segment, err := s.spill.Take()
		if err != nil || segment == nil {
			break
		}
		s.damaged(segment.Damaged)
		left -= segment.Damaged
		for _, payload := range segment.Payloads {
			if l.over() {
				break // counted with the rest
			}
			left--
			r, err := s.fromSpill(payload, segment.Own, new(record))
			switch {
			case err != nil:
				s.damaged(1)
			case r == nil:
			case r.IsError():
				s.write(l, r)
			case l.held < l.room:
				l.later = append(l.later, r)
				l.held += len(r.Item())
			default:
				s.lose(r, reasonEnd)
			}
		}
	}
	for range max(0, left) {
		s.loseLevel(row.UnknownLevel, reasonNoTime)
	}
}

// write writes one record or counts it as lost. mu must be held.
func (s *Store) write(l *lastResort, r *record) {
	if l.over() {
		s.lose(r, reasonNoTime)
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
		s.lose(r, reason)
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
