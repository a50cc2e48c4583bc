package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/signing"
)

// Members of a last-resort line: the record, and if the process has a key the
// line's number and the record's signature under it (see internal/signing).
const (
	LastResortRecord = "logtable_record"
	lastResortNumber = "n"
	lastResortMAC    = "mac"
)

const (
	lastResortKey = `{"` + LastResortRecord + `":`
	afterRecord   = `,"` + lastResortNumber + `":`
	afterNumber   = `,"` + lastResortMAC + `":"`
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

// SignWith gives the Store the key that last-resort lines are signed with.
// Without one they are not signed.
func (s *Store) SignWith(k *signing.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = k
}

// LastResort writes what still waits to w, as JSON lines that ParseLastResort
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
	l.close()
	return Rest{Lines: l.lines, Lost: maps.Clone(s.lost)}
}

// lastResort is what is being written.
type lastResort struct {
	w     io.Writer
	key   *signing.Key
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
	l.append(r)
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

// append appends the line of a record to the buffer.
func (l *lastResort) append(r *Record) {
	l.buf = append(l.buf, lastResortKey...)
	begin := len(l.buf)
	l.buf = r.AppendJSON(l.buf)
	if end := len(l.buf); l.key != nil {
		number := uint64(l.lines) + 1
		l.buf = strconv.AppendUint(append(l.buf, afterRecord...), number, 10)
		l.buf = l.key.AppendMAC(append(l.buf, afterNumber...), number, l.buf[begin:end])
		l.buf = append(l.buf, '"')
	}
	l.buf = append(l.buf, '}', '\n')
}

// close writes what is buffered and, behind it, the key.
func (l *lastResort) close() {
	if l.key != nil && l.lines > 0 {
		const line = `{"time":%q,"level":"INFO","logtable":` +
			`"end of the last-resort lines: this is the key they are signed with","%s":%q,"%s":%d}` + "\n"
		l.buf = fmt.Appendf(l.buf, line, l.now().UTC().Format(time.RFC3339Nano),
			signing.Secret, l.key.Secret(), signing.Lines, l.lines)
	}
	l.flush()
}

func (l *lastResort) flush() {
	if len(l.buf) > 0 {
		_, _ = l.w.Write(l.buf) // there is nobody left to tell
		l.buf = l.buf[:0]
	}
}

// A LastResortLine is one taken apart. Nothing in it has been looked at.
type LastResortLine struct {
	Record []byte // to be given to ParseRecord
	Number uint64 // 0 if it is not signed
	MAC    string // "" if it is not signed
}

// ErrNotWhole is that a last-resort line ends early.
var ErrNotWhole = errors.New("cannot read the record: the line is cut off")

// ParseLastResort takes the message of a log's event apart, which must be a
// last-resort line and nothing else. found is false if it does not begin as
// one.
func ParseLastResort(message []byte) (l LastResortLine, found bool, err error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(bytes.TrimSpace(message)))
	if !next(dec, '{') {
		return l, false, nil
	}
	if name, err := dec.ReadToken(); err != nil || name.Kind() != '"' || name.String() != LastResortRecord {
		return l, false, nil
	}
	record, err := dec.ReadValue()
	if err != nil {
		return l, true, ErrNotWhole
	}
	l.Record = bytes.Clone(record)
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return l, true, ErrNotWhole
		}
		switch name.String() {
		case lastResortNumber:
			err = l.readNumber(dec)
		case lastResortMAC:
			l.MAC, err = readString(dec)
		default:
			err = newer("member", name.String())
		}
		if err != nil {
			return l, true, fmt.Errorf("cannot read the record: %w", err)
		}
	}
	if !next(dec, '}') {
		return l, true, ErrNotWhole
	}
	if rest := dec.UnreadBuffer(); len(rest) > 0 {
		return l, true, errors.New("cannot read the record: something follows it")
	}
	return l, true, nil
}

func (l *LastResortLine) readNumber(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err == nil {
		l.Number, err = strconv.ParseUint(string(value), 10, 64)
	}
	if err != nil {
		return errors.New("its number is not one")
	}
	return nil
}

// ReadLastResort reads the record of a last-resort line, whoever has signed
// it. found is false if the message does not begin as one.
func ReadLastResort(message []byte) (r *Record, found bool, err error) {
	l, found, err := ParseLastResort(message)
	if !found || err != nil {
		return nil, found, err
	}
	r, err = ParseRecord(l.Record)
	return r, true, err
}

// Item is the row as the SDK wants an item; errors is true if it belongs in
// the errors table.
func (r *Record) Item() (item map[string]types.AttributeValue, errors bool, err error) {
	decoded, err := r.row()
	if err != nil {
		return nil, r.error, fmt.Errorf("cannot read the record: %w", err)
	}
	return decoded.values(), r.error, nil
}
