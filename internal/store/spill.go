package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/spill"
)

const (
	// spillChunk is how many bytes of records leave memory at once when it is
	// full: one write to the spill makes room for many lines.
	spillChunk = 64 << 10
	// persistMost is how long Persist may take.
	persistMost = time.Second
	// fullFor is for how long a spill that had no room is not tried again by
	// what merely found no room in memory: a function that prints on would have
	// 64 KiB encoded for each line, to be refused. One that gave nothing is not
	// asked again for as long: a flush would ask all the time.
	fullFor = 250 * time.Millisecond
	// smallRecord is how large a record must not be, for a spill that has no room
	// for it to count as full for all.
	smallRecord = 4 << 10

	reasonFull    = "memory and /tmp are full"
	reasonDamaged = "damaged in /tmp"
	reasonRemoved = "removed from /tmp by the function"
)

// A replay is a segment of the spill whose records are in memory again, on
// their way to DynamoDB. The segment's file is deleted when all are settled.
type replay struct {
	segment *spill.Segment // nil once it is done or given back
	records int            // in the segment
	left    int            // not settled yet
}

// UseSpill gives the Store a place to put what does not fit or cannot be
// written in time. Without one, such records wait in memory, within its bound.
// What it returns is for others who use the same spill: they wait for a disk that
// stalls no longer than the Store does, at the end as well.
func (s *Store) UseSpill(sp *spill.Spill) *spill.Patient {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spill = spill.NewPatient(sp)
	s.backlog = s.spilled() > 0
	return s.spill
}

// spilled is how many records wait in the spill and nowhere else. mu must be
// held.
func (s *Store) spilled() int {
	if s.spill == nil {
		return 0
	}
	return max(0, s.spill.Records()-s.taken)
}

// A fullness is what the Store remembers of a spill that had no room.
type fullness struct {
	size  int       // cost of the smallest record that found none
	until time.Time // when it is tried again
}

// noRoomFor returns the cost from which on the spill had no room for a record
// lately. mu must be held.
func (s *Store) noRoomFor() int {
	if s.noRoom.size > 0 {
		// A clock that was set back must not make it last.
		if left := s.noRoom.until.Sub(s.cfg.Now()); left > 0 && left <= fullFor {
			return s.noRoom.size
		}
	}
	return math.MaxInt
}

// evict moves the newest informational records to the spill, or errors where
// there are no others, and reports whether that made room. Large ones that the
// spill has no room for are passed over. mu must be held.
func (s *Store) evict() bool {
	if s.spill == nil {
		return false
	}
	queue := &s.queues[infoTable]
	if queue.len() == 0 {
		queue = &s.queues[errorsTable]
	}
	before := s.bytes
	var stay []*record
	for s.bytes == before && queue.len() > 0 && s.noRoomFor() > smallRecord {
		var chunk []*record
		for size := 0; queue.len() > 0 && size < spillChunk; {
			r := queue.popLast()
			size += r.cost()
			chunk = append(chunk, r)
		}
		slices.Reverse(chunk) // in the order of their keys
		stay = append(s.toSpill(chunk), stay...)
	}
	for _, r := range stay {
		queue.push(r)
	}
	return s.bytes < before
}

// toSpill puts records into the spill and forgets them, except those that it
// returns, which found no room. One that finds none keeps none behind it off.
// mu must be held; the records must be out of the queues.
func (s *Store) toSpill(records []*record) (kept []*record) {
	var fresh []*record
	for _, r := range records {
		if r.replay != nil || r.spilled {
			s.leave(r) // it is in the spill already
			continue
		}
		fresh = append(fresh, r)
	}
	for len(fresh) > 0 {
		n, err := 0, error(nil)
		if full := s.noRoomFor(); fresh[0].cost() < full {
			n, err = s.appendToSpill(fresh[:fitting(fresh, full)])
		}
		for _, r := range fresh[:n] {
			r.safe()
			s.forget(r)
		}
		if fresh = fresh[n:]; err != nil {
			s.spillFailed(fresh[0], err)
		}
		switch {
		case len(fresh) == 0 || n > 0 && err == nil:
		case err != nil && !errors.Is(err, spill.ErrFull) && !errors.Is(err, spill.ErrPayload), s.noRoomFor() <= smallRecord:
			return append(kept, fresh...)
		default:
			kept, fresh = append(kept, fresh[0]), fresh[1:]
		}
	}
	return kept
}

// fitting is how many records at the beginning cost less than full.
func fitting(records []*record, full int) int {
	for i, r := range records {
		if r.cost() >= full {
			return i
		}
	}
	return len(records)
}

// spillFailed tells why a record is not in the spill, and remembers for a moment
// that there is no room. mu must be held.
func (s *Store) spillFailed(r *record, err error) {
	if errors.Is(err, spill.ErrFull) {
		s.noRoom = fullness{size: min(r.cost(), s.noRoomFor()), until: s.cfg.Now().Add(fullFor)}
	}
	s.cfg.Report.Fail("spill", "cannot keep messages on /tmp: "+err.Error(),
		"they wait in memory as far as there is room; "+
			"LOGTABLE_SPILL_BYTES and the function's ephemeral storage bound what /tmp takes")
}

// appendToSpill writes records to the spill; the first n of them are safe. mu
// must be held.
func (s *Store) appendToSpill(records []*record) (n int, err error) {
	size := 0
	for _, r := range records {
		size += len(r.Item()) + row.Overhead + len(s.cfg.Owner)
	}
	buf, payloads := s.spillBuf[:0], make([][]byte, len(records))
	if cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	for i, r := range records {
		begin := len(buf)
		buf = r.AppendOwned(buf, s.cfg.Owner)
		payloads[i] = buf[begin:]
	}
	n, err = s.spill.Append(payloads...)
	s.spillBuf = nil
	switch {
	case errors.Is(err, spill.ErrStalled):
		// They may come to be in the spill all the same: a pack must not hold
		// what is elsewhere as well.
		for _, r := range records {
			r.alone = true
		}
	case cap(buf) <= 2*spillChunk:
		s.spillBuf = buf // a burst comes here a thousand times
	}
	return n, err
}

// leave forgets a record that is in the spill as well. mu must be held.
func (s *Store) leave(r *record) {
	s.forget(r)
	if r.replay != nil {
		s.replays--
	}
	s.giveBack(r.replay)
}

// giveBack returns a segment to the spill. All of it will be replayed once
// more, with what was stored meanwhile, which does no harm. Its records leave
// the queues, or a batch could hold one key twice. mu must be held.
func (s *Store) giveBack(p *replay) {
	if p == nil || p.segment == nil {
		return
	}
	s.spill.Return(p.segment)
	s.taken -= p.records
	p.segment = nil
	for t := range s.queues {
		s.queues[t].remove(s.inSpill)
	}
}

// inSpill reports whether the spill has a record that came back from the wire
// or lies in a queue, and forgets it then. mu must be held.
func (s *Store) inSpill(r *record) bool {
	if r.spilled || r.replay != nil && r.replay.segment == nil {
		s.forget(r)
		if r.replay != nil {
			s.replays--
		}
		return true
	}
	return false
}

// settle notes that a record of a replay is stored or lost. mu must be held.
func (s *Store) settle(r *record) {
	r.safe()
	p := r.replay
	if p == nil {
		return
	}
	s.replays--
	if p.left--; p.left == 0 && p.segment != nil {
		if err := s.spill.Done(p.segment); err != nil {
			s.cfg.Report.Fail("spill done", "cannot delete a file of the spill; its rows will be written again: "+err.Error(), "")
		}
		s.noRoom = fullness{}
		s.taken -= p.records
		p.segment = nil
	}
}

// Persist puts everything that waits into the spill, so that it survives the
// process: what is in the queues moves there, what is on the wire is copied. It
// reports whether nothing is left that only memory has.
//
// What came from the spill stays in the queues: it is safe, and a segment that
// was given back would be written again from its beginning, each time.
//
// On a slow disk it is broken off after a second.
func (s *Store) Persist() bool { return s.PersistUntil(s.cfg.Now().Add(persistMost)) }

// PersistUntil is Persist for as long as a caller has time, and for one write of
// errors and one of others at the least. It begins with the errors.
func (s *Store) PersistUntil(until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spill == nil {
		return s.waiting() == 0
	}
	s.backlog = s.backlog || s.waiting() > 0
	s.noRoom = fullness{} // somebody may have made room
	all := true
	for t := range s.queues {
		all = s.persist(&s.queues[t], until) && all
	}
	return s.copyWire() && all
}

// persist is PersistUntil for one queue. mu must be held.
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
			kept := s.toSpill(chunk)
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

// copyWire copies what is on the wire into the spill. Should it come back, it
// is forgotten: see putBack. mu must be held.
func (s *Store) copyWire() bool {
	all := true
	for c := range s.calls {
		var fresh []*record
		for _, r := range c.batch {
			if r.replay == nil && !r.spilled {
				fresh = append(fresh, r)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		n, _ := s.appendToSpill(fresh) // what is not safe stays in hand
		for _, r := range fresh[:n] {
			r.spilled = true
			r.safe()
		}
		all = all && n == len(fresh)
	}
	return all
}

// readable reports whether the spill has something to bring back, as far as is
// known: one that gave nothing is left alone for a moment. mu must be held.
func (s *Store) readable(now time.Time) bool {
	left := s.unread.Sub(now)
	return s.spilled() > 0 && (left <= 0 || left > fullFor) // the clock may be set back
}

// reload brings the oldest segment of the spill back into the queues. mu must
// be held.
func (s *Store) reload() {
	if !s.readable(s.cfg.Now()) {
		return
	}
	segment, err := s.spill.Take()
	if err != nil || segment == nil {
		s.unread = s.cfg.Now().Add(fullFor)
		if err != nil {
			s.cfg.Report.Fail("spill read", "cannot read what was kept on /tmp: "+err.Error(), "")
		}
		return
	}
	p := &replay{segment: segment, records: len(segment.Payloads), left: 1} // 1: until all are queued
	s.taken += p.records
	queued := false
	defer func() {
		if !queued { // a panic: LastResort shall find it in the spill
			s.giveBack(p)
		}
	}()
	s.damaged(segment.Damaged)
	records := make([]record, len(segment.Payloads))
	others := false
	for i, payload := range segment.Payloads {
		r, err := s.fromSpill(payload, segment.Own, &records[i])
		if err != nil {
			s.damaged(1)
			continue
		}
		if r == nil {
			others = true
			continue
		}
		r.replay = p
		p.left++
		s.replays++
		s.account(r)
		s.queues[tableOf(r)].push(r)
	}
	queued = true
	if others {
		return // the file stays for its owner; this process does not take it again
	}
	s.replays++ // as for a record, which settle takes it for
	s.settle(&record{replay: p})
}

// fromSpill reads a record of the spill; nil for another owner's. If own says
// that this process has written it, it is read into place, and shares the
// payload's memory. Whatever a stranger may have put there costs this one
// record: a panic over it is an error.
func (s *Store) fromSpill(payload []byte, own bool, place *record) (r *record, err error) {
	defer func() {
		if v := recover(); v != nil {
			r, err = nil, fmt.Errorf("cannot read the record: %v", v)
		}
	}()
	if own {
		if rec, ok := row.ReadOwned(payload, s.cfg.Owner); ok {
			*place = record{Record: rec}
			return place, nil
		}
	}
	rec, owner, err := row.ParseOwned(payload)
	if err != nil {
		return nil, err
	}
	if owner != s.cfg.Owner {
		s.cfg.Report.Fail("another owner", "messages of another function, or for other tables, are left on /tmp; they are not written", "give each function on one machine a LOGTABLE_SPILL_DIR of its own")
		return nil, nil
	}
	*place = record{Record: *rec}
	return place, nil
}

// damaged counts records of the spill that cannot be read.
func (s *Store) damaged(n int) {
	for range n {
		s.loseLevel(row.UnknownLevel, reasonDamaged)
	}
}

// CheckSpill counts what somebody else removed from the spill. It is cheap
// enough for every invocation.
func (s *Store) CheckSpill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spill == nil {
		return
	}
	for range s.spill.Vanished() {
		s.loseLevel(row.UnknownLevel, reasonRemoved)
	}
}
