package store

import (
	"bytes"
	"time"

	"github.com/logtable/logtable/internal/row"
)

// A pack (see row.Packer) is made when its lines are taken from the queue, and
// is a record like any other from then on: retry, spill and replay have its key
// and its content. That its first line's row can be overwritten by it, or the
// other way round, loses nothing, because a pack never holds lines that are
// elsewhere as well: not those that were copied to the spill, nor those whose
// row may still be on its way (record.mayComeLate), and of replayed ones only
// those of one segment, which are replayed all or none.

// packable reports whether a record may go into a pack that begins with first.
// One that somebody waits for (Entry.Kept: people are told of it) stays a row
// of its own, which they can be led to.
func packable(first, r *record) bool {
	if r.IsError() || r.Lines() > 1 || r.Alone() || r.kept != nil || r.refusedAt > 0 || r.replay != first.replay {
		return false
	}
	firstDate, _ := first.Key()
	date, _ := r.Key()
	return bytes.Equal(firstDate, date)
}

// A stretch is the time from the earliest to the latest of some lines, in whole
// seconds. What was evicted from memory comes back newest first.
type stretch struct{ from, to int64 }

// stretchOf is that of one line.
func stretchOf(r *record) stretch {
	_, stamp := r.Key()
	at := row.StampSeconds(stamp)
	return stretch{at, at}
}

// with is the stretch that also has a line; ok is false if a pack may not be as
// long.
func (s stretch) with(r *record) (longer stretch, ok bool) {
	at := stretchOf(r)
	longer = stretch{min(s.from, at.from), max(s.to, at.to)}
	return longer, time.Duration(longer.to-longer.from+1)*time.Second < row.PackSpan // rounded up
}

// packing reports whether lines share items that are taken now, those apart
// that came from the spill. What is on the wire waits, too: while a burst is
// being written, what comes meanwhile belongs to it. So do the spill's records,
// whatever they are.
func (s *Store) packing() bool {
	l := s.cfg.Layout
	return l.Packed || l.Auto && int(s.queues.lines[infoTable].Load())+s.spill.waiting() > calmLines
}

// packing is Store.packing for the records of a segment, or of none. A segment
// decides for itself: it may be returned and replayed again, also by another
// process, and if its lines became packs the one time and rows the next, the
// first row would take the place of a pack whose other lines come later.
func (p *replay) packing(l Layout) bool { return l.Packed || l.Auto && p.lines > calmLines }

// takeGroup takes from the queue what will be one item: the first record and,
// if records are packed, those after it that may go with it.
func (s *Store) takeGroup(queue *fifo, dst []*record, packing bool) []*record {
	first := queue.pop()
	dst = append(dst, first)
	if first.replay != nil {
		packing = first.replay.packing(s.cfg.Layout)
	}
	if !packing || !packable(first, first) {
		return dst
	}
	size, span := len(first.Item()), stretchOf(first)
	for n := 1; n < row.MaxPackLines && queue.len() > 0; n++ {
		r := queue.first()
		if size += len(r.Item()); size > row.MaxPackBytes || !packable(first, r) {
			break
		}
		var ok bool
		if span, ok = span.with(r); !ok {
			break
		}
		dst = append(dst, queue.pop())
	}
	return dst
}

// pack makes packs of a call's groups. It reports false if it has put the call
// back because somebody copied some of its lines to the spill meanwhile: they
// must not be in two places.
func (w writer) pack(c *call) bool {
	batch := make([]*record, 0, len(c.groups))
	rest := c.batch
	for _, n := range c.groups {
		if n == 1 {
			batch = append(batch, rest[0])
		} else {
			batch = append(batch, w.packOf(rest[:n]))
		}
		rest = rest[n:]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	rest = c.batch
	for _, n := range c.groups {
		for _, r := range rest[:n] {
			if n > 1 && r.Alone() || w.spill.has(r) {
				w.requeueCall(c)
				return false
			}
		}
		rest = rest[n:]
	}
	rest = c.batch
	for i, n := range c.groups {
		if n > 1 {
			w.replace(rest[:n], batch[i:i+1])
		}
		rest = rest[n:]
	}
	c.batch, c.groups = batch, nil
	return true
}

// packOf makes one record of several.
func (w writer) packOf(records []*record) *record {
	lines := make([]*row.Record, len(records)) // sorted there; the call's own may be read meanwhile
	for i, r := range records {
		lines[i] = &r.Record
	}
	return &record{Record: *w.packer.Pack(lines), replay: records[0].replay, age: records[0].age}
}

// replace has some records take the place of others in the account, with the
// same lines and of the same segment of the spill.
func (s *Store) replace(old, by []*record) {
	for _, r := range old {
		s.queues.forget(r)
	}
	for _, r := range by {
		s.queues.account(r)
	}
	if p := old[0].replay; p != nil {
		more := len(by) - len(old)
		p.left += more
		s.spill.replays += more
	}
}

// unpacked makes a record of each line of a pack, to be written alone.
func unpacked(pack *record) ([]*record, error) {
	lines, err := pack.Unpack()
	if err != nil {
		return nil, err
	}
	records := make([]*record, len(lines))
	for i, line := range lines {
		records[i] = &record{Record: *line, replay: pack.replay, age: pack.age}
		records[i].StandAlone()
	}
	return records, nil
}
