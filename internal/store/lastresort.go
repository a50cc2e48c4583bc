package store

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// lastResortKey is the member of a last-resort line that holds the record.
	lastResortKey = `{"logtable_record":`
	// maxLastResortLine bounds one line, in bytes: CloudWatch has cut longer
	// ones (256 KiB less 26).
	maxLastResortLine = 250_000

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

// LastResort writes what still waits to w, as JSON lines that ReadLastResort
// finds again: errors first, at most max bytes. What is beyond that, or not
// done by the deadline, is counted as lost.
//
// With kept, /tmp survives (a reset follows): then what waits is put into the
// spill, and only what finds no room there is written.
func (s *Store) LastResort(w io.Writer, max int, kept bool, deadline time.Time) Rest {
	if kept {
		s.Persist()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := lastResort{w: w, room: max}
	l.deadline, l.now = deadline, s.cfg.Now
	for _, r := range s.remains() {
		if r.error {
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
	l.flush()
	return Rest{Lines: l.lines, Lost: maps.Clone(s.lost)}
}

// lastResort is what is being written.
type lastResort struct {
	w     io.Writer
	room  int // bytes that may still be written
	buf   []byte
	later []*Record // informational records, until all errors are out
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
func (s *Store) remains() (all []*Record) {
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
			r, err := s.fromSpill(payload, segment.Own, new(Record))
			switch {
			case err != nil:
				s.damaged(1)
			case r == nil:
			case r.error:
				s.write(l, r)
			case l.held < l.room:
				l.later = append(l.later, r)
				l.held += len(r.item)
			default:
				s.lose(r, reasonEnd)
			}
		}
	}
	for range max(0, left) {
		s.loseLevel(unknownLevel, reasonNoTime)
	}
}

// write writes one record or counts it as lost. mu must be held.
func (s *Store) write(l *lastResort, r *Record) {
	if l.over() {
		s.lose(r, reasonNoTime)
		return
	}
	begin := len(l.buf)
	l.buf = append(l.buf, lastResortKey...)
	l.buf = r.AppendJSON(l.buf)
	l.buf = append(l.buf, '}', '\n')
	n := len(l.buf) - begin
	if n > l.room || n > maxLastResortLine {
		l.buf = l.buf[:begin]
		reason := reasonEnd
		if n > maxLastResortLine {
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

func (l *lastResort) flush() {
	if len(l.buf) > 0 {
		_, _ = l.w.Write(l.buf) // there is nobody left to tell
		l.buf = l.buf[:0]
	}
}

// escapedKey is lastResortKey inside a JSON string.
var escapedKey = []byte(`{\"logtable_record\":`)

// ReadLastResort looks for a last-resort record in a line of a log, wherever
// in the line it is (log tools put times and stream names in front), also
// inside a JSON string. found is false if there is none.
func ReadLastResort(line []byte) (r *Record, found bool, err error) {
	if i := bytes.Index(line, escapedKey); i >= 0 {
		dec := jsontext.NewDecoder(io.MultiReader(strings.NewReader(`"`), bytes.NewReader(line[i:])))
		text, err := dec.ReadToken()
		if err != nil {
			return nil, true, fmt.Errorf("cannot read the record: the line is cut off: %w", err)
		}
		line = []byte(text.String())
	}
	i := bytes.Index(line, []byte(lastResortKey))
	if i < 0 {
		return nil, false, nil
	}
	value, err := jsontext.NewDecoder(bytes.NewReader(line[i+len(lastResortKey):])).ReadValue()
	if err != nil {
		return nil, true, fmt.Errorf("cannot read the record: the line is cut off: %w", err)
	}
	r, err = ParseRecord(value)
	return r, true, err
}
