package store

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/spill"
)

const (
	// spillChunk is how many bytes of records leave memory at once when it is
	// full: one write to the spill makes room for many lines.
	spillChunk = 64 << 10
	// fullFor is for how long a spill that had no room is not tried again by
	// what merely found no room in memory: a function that prints on would have
	// 64 KiB encoded for each line, to be refused. One that gave nothing is not
	// asked again for as long: a flush would ask all the time.
	fullFor = 250 * time.Millisecond
	// smallRecord is how large a record must not be, for a spill that has no
	// room for it to count as full for all.
	smallRecord = 4 << 10

	reasonFull    = "memory and /tmp are full"
	reasonDamaged = "damaged in /tmp"
	reasonRemoved = "removed from /tmp by the function"
)

// spillSide is the Store's side of its spill: what was put there, what came
// back from it, and what is known of it. Store.mu guards it.
type spillSide struct {
	*spill.Patient // nil if there is none
	cfg            *Config

	buf     []byte    // of what was spilled last, to be used again
	noRoom  fullness  // when it is full
	unread  time.Time // when a spill that gave nothing is asked again
	taken   int       // records in it whose segments are being replayed
	replays int       // records in memory that came from it
	backlog bool      // some in it are older than this flush's invocation
}

// A fullness is what is remembered of a spill that had no room.
type fullness struct {
	size  int       // cost of the smallest record that found none
	until time.Time // when it is tried again
}

// A replay is a segment of the spill whose records are in memory again, on
// their way to DynamoDB. The segment's file is deleted when all are settled.
type replay struct {
	segment *spill.Segment // nil once it is done or returned
	records int            // in the segment
	lines   int            // informational ones in it
	left    int            // not settled yet
}

// UseSpill gives the Store a place to put what does not fit or cannot be
// written in time. Without one, such records wait in memory, within its bound.
// What it returns is for others who use the same spill: they wait for a disk
// that stalls no longer than the Store does, at the end as well.
func (s *Store) UseSpill(sp *spill.Spill) *spill.Patient {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spill.Patient = spill.NewPatient(sp)
	s.spill.backlog = s.spill.waiting() > 0
	return s.spill.Patient
}

// CheckSpill counts what somebody else removed from the spill. It is cheap
// enough for every invocation.
func (s *Store) CheckSpill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spill.there() {
		s.tally.loseUnread(s.spill.Vanished(), reasonRemoved)
	}
}

// there reports whether there is a spill.
func (sp *spillSide) there() bool { return sp.Patient != nil }

// waiting is how many records wait in the spill and nowhere else.
func (sp *spillSide) waiting() int {
	if !sp.there() {
		return 0
	}
	return max(0, sp.Records()-sp.taken)
}

// readable reports whether the spill has something to bring back, as far as is
// known: one that gave nothing is left alone for a moment.
func (sp *spillSide) readable() bool {
	left := sp.unread.Sub(sp.cfg.Now())
	return sp.waiting() > 0 && (left <= 0 || left > fullFor) // the clock may be set back
}

// noRoomFor returns the cost from which on the spill had no room for a record
// lately.
func (sp *spillSide) noRoomFor() int {
	if sp.noRoom.size > 0 {
		// A clock that was set back must not make it last.
		if left := sp.noRoom.until.Sub(sp.cfg.Now()); left > 0 && left <= fullFor {
			return sp.noRoom.size
		}
	}
	return math.MaxInt
}

// append writes records to the spill; the first n of them are safe.
func (sp *spillSide) append(records []*record) (n int, err error) {
	size := 0
	for _, r := range records {
		size += len(r.Item()) + row.Overhead + len(sp.cfg.Owner)
	}
	buf, payloads := sp.buf[:0], make([][]byte, len(records))
	if cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	for i, r := range records {
		begin := len(buf)
		buf = r.AppendOwned(buf, sp.cfg.Owner)
		payloads[i] = buf[begin:]
	}
	n, err = sp.Append(payloads...)
	sp.buf = nil
	switch {
	case errors.Is(err, spill.ErrStalled):
		// They may come to be in the spill all the same: a pack must not hold
		// what is elsewhere as well.
		for _, r := range records {
			r.StandAlone()
		}
	case cap(buf) <= 2*spillChunk:
		sp.buf = buf // a burst comes here a thousand times
	}
	return n, err
}

// failed reports why a record is not in the spill, and remembers for a moment
// that there is no room.
func (sp *spillSide) failed(r *record, err error) {
	if errors.Is(err, spill.ErrFull) {
		sp.noRoom = fullness{size: min(r.cost(), sp.noRoomFor()), until: sp.cfg.Now().Add(fullFor)}
	}
	sp.cfg.Report.Fail("spill", "cannot keep rows in /tmp: "+err.Error(),
		"they wait in memory while there is room; LOGTABLE_SPILL_BYTES and the function's ephemeral storage limit "+
			"what fits in /tmp")
}

// take takes the oldest segment; nil if there is none, or it cannot be read.
func (sp *spillSide) take() *replay {
	if !sp.readable() {
		return nil
	}
	segment, err := sp.Take()
	if err != nil || segment == nil {
		sp.unread = sp.cfg.Now().Add(fullFor)
		if err != nil {
			sp.cfg.Report.Fail("spill read", "cannot read rows kept in /tmp: "+err.Error(), "")
		}
		return nil
	}
	sp.taken += len(segment.Payloads)
	return &replay{segment: segment, records: len(segment.Payloads)}
}

// read reads a record of the spill into place; it reports false for another
// owner's. If own says that this process has written it, place shares the
// payload's memory. Whatever a stranger may have put there costs this one
// record: a panic over it is an error.
func (sp *spillSide) read(payload []byte, own bool, place *record) (ours bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			ours, err = false, fmt.Errorf("cannot read the record: %v", v)
		}
	}()
	if own {
		if r, ok := row.ReadOwned(payload, sp.cfg.Owner); ok {
			*place = record{Record: r}
			return true, nil
		}
	}
	r, owner, err := row.ParseOwned(payload)
	if err != nil {
		return false, err
	}
	if owner != sp.cfg.Owner {
		sp.cfg.Report.Fail("another owner",
			"rows of another function, or for other tables, are in /tmp; they are left there and not written",
			"give each function on this machine its own LOGTABLE_SPILL_DIR")
		return false, nil
	}
	*place = record{Record: *r}
	return true, nil
}

// settled notes that one of a segment's records is stored or lost. The file
// goes with the last of them.
func (sp *spillSide) settled(p *replay) {
	if p.left--; p.left > 0 || p.segment == nil {
		return
	}
	if err := sp.Done(p.segment); err != nil {
		sp.cfg.Report.Fail("spill done",
			"cannot delete a file of stored rows from /tmp; they will be written again: "+err.Error(), "")
	}
	sp.noRoom = fullness{}
	sp.closed(p)
}

// closed forgets a segment that is done, or was returned.
func (sp *spillSide) closed(p *replay) {
	sp.taken -= p.records
	p.segment = nil
}

// has reports whether the spill has a record that is in memory as well.
func (sp *spillSide) has(r *record) bool {
	return r.spilled || r.replay != nil && r.replay.segment == nil
}
