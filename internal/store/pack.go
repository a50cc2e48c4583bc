package store

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json/jsontext"
)

// A pack is one item that holds several lines: LOGTABLE_LAYOUT=packed. It has
// the key of its first line, which is the earliest in whatever order they came,
// a message that says how many there are, and the lines' items, as they would
// stand alone, one after the other and compressed (DEFLATE). Each line keeps its
// own key in it.
//
// A pack is made when its lines are taken from the queue, and is a record like
// any other from then on: retry, spill and replay have its key and its content.
// That its first line's row can be overwritten by it, or the other way round,
// loses nothing, because a pack never holds lines that are elsewhere as well:
// not those that were copied to the spill, and of replayed ones only those of
// one segment, which are replayed all or none.
const (
	// maxPackLines and maxPackBytes bound a pack, the latter before compression:
	// what does not compress at all still fits a last-resort line.
	maxPackLines = 1000
	maxPackBytes = 128 << 10
	// PackSpan is longer than the time from a pack's first line to its last: a
	// reader finds every line of an instant in packs whose key is less than
	// PackSpan before it.
	PackSpan = time.Minute
	// packHead is how much of the first line's message stands in the pack's.
	packHead = 100
	// maxUnpacked bounds what a pack is believed to hold, in bytes.
	maxUnpacked = 4 << 20
	// packLevel is the compression: 12 % smaller than the fastest. Higher ones
	// gain 1 %.
	packLevel = 5
)

// packable reports whether a record may go into a pack that begins with first.
// One that somebody waits for (Entry.Kept: people are told of it) stays a row of
// its own, which they can be led to.
func packable(first, r *Record) bool {
	if r.error || r.lines > 1 || r.alone || r.kept != nil || r.refusedAt > 0 || r.replay != first.replay {
		return false
	}
	firstDate, _ := first.key()
	date, _ := r.key()
	return bytes.Equal(firstDate, date)
}

// A stretch is the time from the earliest to the latest of some lines, in whole
// seconds. What was evicted from memory comes back newest first.
type stretch struct{ from, to int64 }

// with is the stretch that also has a line; ok is false if a pack may not be as
// long.
func (s stretch) with(r *Record) (longer stretch, ok bool) {
	_, stamp := r.key()
	at := seconds(stamp)
	longer = stretch{min(s.from, at), max(s.to, at)}
	return longer, time.Duration(longer.to-longer.from+1)*time.Second < PackSpan // rounded up
}

// seconds are the ten digits at the beginning of a stamp_mod.
func seconds(stamp []byte) (n int64) {
	for _, c := range stamp[:10] {
		n = 10*n + int64(c-'0')
	}
	return n
}

// takeGroup takes from the queue what will be one item: the first record and, if
// records are packed, those after it that may go with it. mu must be held.
func (s *Store) takeGroup(queue *fifo, dst []*Record) []*Record {
	first := queue.pop()
	dst = append(dst, first)
	if !s.cfg.Packed || !packable(first, first) {
		return dst
	}
	_, stamp := first.key()
	size, span := len(first.item), stretch{seconds(stamp), seconds(stamp)}
	for n := 1; n < maxPackLines && queue.len() > 0; n++ {
		r := queue.first()
		if size += len(r.item); size > maxPackBytes || !packable(first, r) {
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
func (s *Store) pack(c *call) bool {
	batch := make([]*Record, 0, len(c.groups))
	rest := c.batch
	for _, n := range c.groups {
		if n == 1 {
			batch = append(batch, rest[0])
		} else {
			batch = append(batch, s.packer.pack(rest[:n]))
		}
		rest = rest[n:]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range c.batch {
		if r.spilled || r.alone || r.replay != nil && r.replay.segment == nil {
			s.giveUp(c)
			return false
		}
	}
	rest = c.batch
	for i, n := range c.groups {
		if n > 1 {
			s.replace(rest[:n], batch[i:i+1])
		}
		rest = rest[n:]
	}
	c.batch, c.groups = batch, nil
	return true
}

// replace has some records in hand take the place of others, with the same
// lines and of the same segment of the spill. mu must be held.
func (s *Store) replace(old, by []*Record) {
	for _, r := range old {
		s.forget(r)
	}
	for _, r := range by {
		s.account(r)
	}
	more := len(by) - len(old)
	s.onWire += more
	if p := old[0].replay; p != nil {
		p.left += more
		s.replays += more
	}
}

// A packer compresses. One at a time is enough, and its tables are large.
type packer struct {
	mu  sync.Mutex
	out bytes.Buffer
	w   *flate.Writer
}

// pack makes one record of several lines, which it puts in the order of their
// keys.
func (p *packer) pack(lines []*Record) *Record {
	lines = slices.Clone(lines) // the call's own may be read meanwhile
	slices.SortFunc(lines, func(a, b *Record) int {
		_, first := a.key()
		_, second := b.key()
		return bytes.Compare(first, second)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		p.w, _ = flate.NewWriter(nil, packLevel) // fails for unknown levels only
	}
	p.out.Reset()
	p.w.Reset(&p.out)
	for _, r := range lines {
		_, _ = p.w.Write(r.item) // into memory
	}
	_ = p.w.Close()

	first := lines[0]
	decoded, _ := first.row() // by us encoded
	compressed := p.out.Bytes()
	r := row{
		date: decoded.date, stampMod: decoded.stampMod, exceptionAt: -1, expiry: decoded.expiry, lines: int64(len(lines)),
		message: packMessage(len(lines), decoded.message),
		packed:  unsafe.String(unsafe.SliceData(compressed), len(compressed)), // encoded before the buffer is used again
	}
	if last, err := lines[len(lines)-1].row(); err == nil {
		r.expiry = max(r.expiry, last.expiry)
	}
	if sameText(lines, AttrRequestID) {
		r.requestID = decoded.requestID
	}
	rec := newRecord(&r, 4*len(compressed)/3+512)
	rec.replay, rec.age = first.replay, first.age
	return rec
}

func packMessage(n int, first string) string {
	head := cut(first, packHead)
	if len(head) < len(first) {
		head += " …"
	}
	return fmt.Sprintf("%d lines: %s", n, head)
}

// sameText reports whether all records have the same value of an attribute.
func sameText(records []*Record, name string) bool {
	first := records[0].quotedText(name)
	for _, r := range records[1:] {
		if !bytes.Equal(r.quotedText(name), first) {
			return false
		}
	}
	return true
}

// quotedText is a text attribute as it stands in the item, nil if it is not
// there. Within a JSON string there is no quotation mark without a backslash, so
// that what is looked for stands nowhere else.
func (r *Record) quotedText(name string) []byte {
	_, after, found := bytes.Cut(r.item, []byte(`,"`+name+`":{"`+typeText+`":`))
	if !found {
		return nil
	}
	return after[:quotedEnd(after)]
}

// checkPack refuses a pack that no Store has made.
func (r *row) checkPack() error {
	// Its lines are what it is for: there is nothing that could be cut.
	if r.size() > maxItem {
		return errors.New("it is larger than an item can be")
	}
	lines, err := r.unpack()
	switch {
	case err != nil:
		return err
	case r.error:
		return errors.New("it holds several lines, and is of the errors table")
	case int64(len(lines)) != r.lines || len(lines) < 2 || len(lines) > maxPackLines:
		return errors.New("it does not hold as many lines as it says")
	case lines[0].stampMod != r.stampMod:
		return errors.New("it does not begin with the line whose key it has")
	}
	for _, line := range lines {
		if line.date != r.date || line.packed != "" || line.lines != 0 || line.size() > maxItem {
			return errors.New("one of its lines does not belong to it")
		}
		if err := line.check(tableInfo); err != nil {
			return fmt.Errorf("one of its lines: %w", err)
		}
	}
	return nil
}

// unpack returns the lines of a pack.
func (r *row) unpack() ([]*row, error) {
	raw, err := inflate(strings.NewReader(r.packed))
	if err != nil {
		return nil, err
	}
	var lines []*row
	for dec := jsontext.NewDecoder(bytes.NewBuffer(raw)); dec.PeekKind() == '{'; {
		line := emptyRow()
		if err := line.readItem(dec); err != nil {
			return nil, err
		}
		lines = append(lines, line)
		if int(dec.InputOffset()) == len(raw) {
			return lines, nil
		}
	}
	return nil, errors.New("its lines cannot be read to the end")
}

func inflate(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(r), maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("its lines cannot be decompressed: %w", err)
	}
	if len(raw) > maxUnpacked {
		return nil, errors.New("its lines are larger than any pack's")
	}
	return raw, nil
}

// unpacked makes a record of each line of a pack, to be written alone. mu must
// be held.
func (s *Store) unpacked(pack *Record) ([]*Record, error) {
	decoded, err := pack.row()
	if err != nil {
		return nil, err
	}
	rows, err := decoded.unpack()
	if err != nil {
		return nil, err
	}
	records := make([]*Record, len(rows))
	for i, r := range rows {
		records[i] = newRecord(r, r.size()+r.size()/2)
		records[i].alone, records[i].replay, records[i].age = true, pack.replay, pack.age
	}
	return records, nil
}

// Unpack returns the items in a pack, which is what the value of its attribute
// AttrPacked is, in the order of their keys. The error says that it is none, or
// damaged, or wraps ErrNewer.
func Unpack(packed []byte) ([]map[string]types.AttributeValue, error) {
	lines, err := (&row{packed: string(packed)}).unpack()
	if err != nil {
		return nil, fmt.Errorf("cannot unpack an item: %w", err)
	}
	items := make([]map[string]types.AttributeValue, len(lines))
	for i, line := range lines {
		items[i] = line.values()
	}
	return items, nil
}
