package store

import (
	"errors"
	"slices"

	"github.com/logtable/logtable/internal/spill"
)

// evict moves the newest informational records to the spill, or errors where
// there are no others, and reports whether that made room. Large ones that the
// spill has no room for are passed over.
func (s *Store) evict() bool {
	if !s.spill.there() {
		return false
	}
	queue := &s.queues.byTable[infoTable]
	if queue.len() == 0 {
		queue = &s.queues.byTable[errorsTable]
	}
	before := s.queues.bytes
	var stay []*record
	for s.queues.bytes == before && queue.len() > 0 && s.spill.noRoomFor() > smallRecord {
		var chunk []*record
		for size := 0; queue.len() > 0 && size < spillChunk; {
			r := queue.popLast()
			size += r.cost()
			chunk = append(chunk, r)
		}
		slices.Reverse(chunk) // in the order of their keys
		stay = append(s.moveToSpill(chunk), stay...)
	}
	for _, r := range stay {
		queue.push(r)
	}
	return s.queues.bytes < before
}

// moveToSpill puts records into the spill and forgets them, except those that
// it returns, which found no room. One that finds none keeps none behind it
// off. The records must be out of the queues.
func (s *Store) moveToSpill(records []*record) (kept []*record) {
	var rest []*record
	for _, r := range records {
		if r.onlyInMemory() {
			rest = append(rest, r)
		} else {
			s.leaveToSpill(r)
		}
	}
	for len(rest) > 0 {
		n, err := 0, error(nil)
		if full := s.spill.noRoomFor(); rest[0].cost() < full {
			n, err = s.spill.append(rest[:fitting(rest, full)])
		}
		for _, r := range rest[:n] {
			r.safe()
			s.queues.forget(r)
		}
		if rest = rest[n:]; err != nil {
			s.spill.failed(rest[0], err)
		}
		switch {
		case len(rest) == 0 || n > 0 && err == nil:
		case s.refusesAll(err):
			return append(kept, rest...)
		default:
			kept, rest = append(kept, rest[0]), rest[1:]
		}
	}
	return kept
}

// refusesAll reports whether the spill would refuse whatever comes after a
// record that it did not take: it does not work, or has no room for a small
// one.
func (s *Store) refusesAll(err error) bool {
	works := err == nil || errors.Is(err, spill.ErrFull) || errors.Is(err, spill.ErrPayload)
	return !works || s.spill.noRoomFor() <= smallRecord
}

// fitting is how many records at the beginning cost less than full.
func fitting(records []*record, full int) int {
	if i := slices.IndexFunc(records, func(r *record) bool { return r.cost() >= full }); i >= 0 {
		return i
	}
	return len(records)
}

// leaveToSpill forgets a record that is in the spill as well.
func (s *Store) leaveToSpill(r *record) {
	s.queues.forget(r)
	if r.replay != nil {
		s.spill.replays--
	}
	s.returnSegment(r.replay)
}

// returnSegment returns a segment to the spill. All of it will be replayed once
// more, with what was stored meanwhile, which does no harm. Its records leave
// the queues, or a batch could hold one key twice.
func (s *Store) returnSegment(p *replay) {
	if p == nil || p.segment == nil {
		return
	}
	s.spill.Return(p.segment)
	s.spill.closed(p)
	for t := range s.queues.byTable {
		s.queues.byTable[t].remove(s.forgetSpilled)
	}
}

// forgetSpilled forgets a record that came back from the wire or lies in a
// queue, if the spill has it, and reports whether that is so.
func (s *Store) forgetSpilled(r *record) bool {
	if !s.spill.has(r) {
		return false
	}
	s.queues.forget(r)
	if r.replay != nil {
		s.spill.replays--
	}
	return true
}

// settle notes that a record is stored or lost.
func (s *Store) settle(r *record) {
	r.safe()
	if r.replay != nil {
		s.spill.replays--
		s.spill.settled(r.replay)
	}
}

// reload brings the oldest segment of the spill back into the queues.
func (s *Store) reload() {
	p := s.spill.take()
	if p == nil {
		return
	}
	p.left = 1 // until all are queued
	queued := false
	defer func() {
		if !queued { // a panic: LastResort shall find it in the spill
			s.returnSegment(p)
		}
	}()
	others := s.queueReplay(p)
	queued = true
	if !others { // or the file stays for its owner; this process does not take it again
		s.spill.settled(p)
	}
}

// queueReplay queues the records of a segment. It reports whether some are
// another owner's.
func (s *Store) queueReplay(p *replay) (others bool) {
	s.tally.loseUnread(p.segment.Damaged, reasonDamaged)
	records := make([]record, len(p.segment.Payloads))
	for i, payload := range p.segment.Payloads {
		r := &records[i]
		ours, err := s.spill.read(payload, p.segment.Own, r)
		switch {
		case err != nil:
			s.tally.loseUnread(1, reasonDamaged)
		case !ours:
			others = true
		default:
			r.replay = p
			if !r.IsError() {
				p.lines += r.Lines()
			}
			p.left++
			s.spill.replays++
			s.queues.account(r)
			s.queues.push(r)
		}
	}
	return others
}
