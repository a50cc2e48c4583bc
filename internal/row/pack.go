package row

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

	"github.com/go-json-experiment/json/jsontext"
)

// A pack is one item that holds several lines: see LOGTABLE_LAYOUT. It has
// the key of its first line, which is the earliest in whatever order they came,
// a message that says how many there are, and the lines' items, as they would
// stand alone, one after the other and compressed (DEFLATE). Each line keeps
// its own key in it. Its record is one like any other: retry, spill and replay
// have its key and its content.
const (
	// MaxPackLines and MaxPackBytes bound a pack, the latter before
	// compression: what does not compress at all still fits a last-resort line.
	MaxPackLines = 1000
	MaxPackBytes = 128 << 10
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
	// quickLevel takes less than half of the time, for packs that are 6 %
	// larger (BenchmarkPack).
	quickLevel = 2
)

// A Packer compresses. One at a time is enough, and its tables are large. The
// zero value is ready, and may be used from any goroutine.
type Packer struct {
	Quick bool // rather than as small as possible

	mu  sync.Mutex
	out bytes.Buffer
	w   *flate.Writer
}

// Pack makes one record of several lines of one day, of the informational
// table, which it sorts by their keys.
func (p *Packer) Pack(lines []*Record) *Record {
	slices.SortFunc(lines, func(a, b *Record) int {
		_, first := a.Key()
		_, second := b.Key()
		return bytes.Compare(first, second)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		level := packLevel
		if p.Quick {
			level = quickLevel
		}
		p.w, _ = flate.NewWriter(nil, level) // fails for unknown levels only
	}
	p.out.Reset()
	p.w.Reset(&p.out)
	for _, r := range lines {
		_, _ = p.w.Write(r.item) // into memory
	}
	_ = p.w.Close()

	first, _ := lines[0].Row() // by us encoded
	compressed := p.out.Bytes()
	r := Row{
		Date: first.Date, StampMod: first.StampMod, ExceptionAt: -1, Expiry: first.Expiry,
		Message: packMessage(len(lines), first.Message),
		Lines:   int64(len(lines)),
		// Good until the buffer is used again; by then the row is encoded.
		Packed: unsafe.String(unsafe.SliceData(compressed), len(compressed)),
	}
	if last, err := lines[len(lines)-1].Row(); err == nil {
		r.Expiry = max(r.Expiry, last.Expiry)
	}
	if sameText(lines, AttrRequestID) {
		r.RequestID = first.RequestID
	}
	if sameText(lines, AttrTraceID) {
		r.TraceID = first.TraceID
	}
	return r.Record(4*len(compressed)/3 + 512)
}

func packMessage(n int, first string) string {
	head := Cut(first, packHead)
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

// checkPack refuses a pack that no Packer has made.
func (r *Row) checkPack() error {
	// Its lines are what it is for: there is nothing that could be cut.
	if r.size() > maxItem {
		return errors.New("it is larger than an item can be")
	}
	lines, err := r.unpack()
	switch {
	case err != nil:
		return err
	case r.Error:
		return errors.New("it has several lines, but belongs to the errors table")
	case int64(len(lines)) != r.Lines || len(lines) < 2 || len(lines) > MaxPackLines:
		return errors.New("it does not have as many lines as it says")
	case lines[0].StampMod != r.StampMod:
		return errors.New("it does not begin with the line whose key it has")
	}
	for _, line := range lines {
		if line.Date != r.Date || line.Packed != "" || line.Lines != 0 || line.size() > maxItem {
			return errors.New("one of its lines does not belong to it")
		}
		if err := line.check(tableInfo); err != nil {
			return fmt.Errorf("one of its lines: %w", err)
		}
	}
	return nil
}

// unpack returns the lines of a pack.
func (r *Row) unpack() ([]*Row, error) {
	raw, err := inflate(strings.NewReader(r.Packed))
	if err != nil {
		return nil, err
	}
	var lines []*Row
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

// Unpack makes a record of each line of a pack. The error says that it is none,
// or damaged, or wraps ErrNewer.
func (r *Record) Unpack() ([]*Record, error) {
	decoded, err := r.Row()
	if err != nil {
		return nil, err
	}
	rows, err := decoded.unpack()
	if err != nil {
		return nil, err
	}
	records := make([]*Record, len(rows))
	for i, r := range rows {
		records[i] = r.Record(r.size() + r.size()/2)
	}
	return records, nil
}

// UnpackRows returns the rows in a pack, which is what the value of its
// attribute AttrPacked is, in the order of their keys. The error says that it
// is not a pack, or damaged, or wraps ErrNewer.
func UnpackRows(packed []byte) ([]*Row, error) {
	return (&Row{Packed: string(packed)}).unpack()
}
