package store

import (
	"bytes"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/spill"
)

// DynamoDB's limits that a row can meet.
const (
	// maxItem is the largest item, in bytes of UTF-8 names and values
	// (DynamoDB: 400 KB), less a little for what numbers may cost.
	maxItem = 400<<10 - 64
	// maxShort bounds attributes that are short by nature (locator, level,
	// request ID, issues), in bytes.
	maxShort = 2 << 10
)

const (
	// maxEncoded bounds an item as it is encoded, in bytes: with what a record's
	// JSON form has beside it, the spill takes it. (DynamoDB's own bound of a
	// request, 16 MB, is far.)
	maxEncoded = spill.MaxPayload - payloadOverhead - maxOwner
	// maxOwner bounds Config.Owner.
	maxOwner = 64
)

// An Entry is what somebody wants stored: a row without its keys. Its strings
// are read during Add only.
type Entry struct {
	Time        time.Time // of the event; decides stamp and day
	Error       bool      // errors table; otherwise informational
	Level       string    // upper case
	Locator     string
	Module      string // made fit for the key by Add
	RequestID   string // "" if not known
	Message     string // "LEVEL: (locator) text exception"
	ExceptionAt int    // byte offset in Message; negative if there is none
	Fields      string // JSON object of the remaining members; "" if none
	Issues      string // what was wrong with a line, or odd; "" if nothing
	// Kept, if it is set, is called once with the row's key when the row is
	// safe: confirmed by DynamoDB, in the spill, or given up and counted as
	// lost. It is called with the Store's lock held, so it must not call the
	// Store, nor wait. Rows that end as last-resort lines are never kept.
	Kept func(date, stampMod string)
}

// A Record is a row under its final key, encoded: what waits in the queue, what
// is written, and what is written again after a failure. It is encoded once;
// the request, the spill and the last resort carry the same bytes.
type Record struct {
	item  []byte // the row as DynamoDB's JSON; replaced, never changed
	lines int32  // that it holds: 1, or those of a pack

	error   bool // of the errors table
	reduced bool // this is the short form of a row that DynamoDB refused
	spilled bool // on the wire, and copied into the spill meanwhile
	alone   bool // not to be packed: a pack with it was refused

	refusedAt uint32  // count of the table's accepted records, and one, at the first refusal; 0 for none
	age       uint32  // of the Store when the record came: see Store.Age
	replay    *replay // the record came from this segment of the spill

	kept func(date, stampMod string) // see Entry.Kept; nil once it was called
}

// safe tells whoever waits for it that nothing more will be done to keep the
// record.
func (r *Record) safe() {
	if r.kept != nil {
		kept := r.kept
		r.kept = nil
		date, stampMod := r.key()
		kept(string(date), string(stampMod))
	}
}

// newRecord encodes a row that fits, in about so many bytes.
func newRecord(r *row, about int) *Record {
	return &Record{item: r.encode(make([]byte, 0, about)), lines: int32(max(r.lines, 1)), error: r.error}
}

// overhead is what a queued Record costs beside its item, in bytes: itself, its
// place in the queue, and what the arena leaves unused.
const overhead = 112

// cost is what the record counts against the queue's bound.
func (r *Record) cost() int { return overhead + len(r.item) }

// Beginnings of an item, as appendItem writes them. No key needs escaping.
const (
	beforeDate  = `{"` + AttrDate + `":{"` + typeText + `":"`
	beforeStamp = `"},"` + AttrStampMod + `":{"` + typeText + `":"`
	beforeLevel = `"},"` + AttrLevel + `":{"` + typeText + `":`
)

// key is the item's key.
func (r *Record) key() (date, stampMod []byte) {
	date, rest := untilQuote(r.item[len(beforeDate):])
	stampMod, _ = untilQuote(rest[len(beforeStamp):])
	return date, stampMod
}

// level is the row's level, "?" for one that has none.
func (r *Record) level() string {
	if len(r.item) == 0 {
		return unknownLevel
	}
	_, rest := untilQuote(r.item[len(beforeDate):])
	_, rest = untilQuote(rest[len(beforeStamp):])
	if !bytes.HasPrefix(rest, []byte(beforeLevel)) {
		return unknownLevel
	}
	rest = rest[len(beforeLevel):]
	level, _ := jsontext.AppendUnquote(nil, rest[:quotedEnd(rest)])
	return string(level)
}

// quotedEnd is the length of the JSON string at the beginning of b.
func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// unknownLevel stands for the level of what cannot be read.
const unknownLevel = "?"

// untilQuote returns what is before the next quotation mark, and the rest from
// there on.
func untilQuote(b []byte) (before, rest []byte) {
	i := bytes.IndexByte(b, '"')
	return b[:i], b[i:]
}

// row takes the record apart.
func (r *Record) row() (*row, error) {
	decoded := emptyRow()
	decoded.error = r.error
	err := decoded.readItem(jsontext.NewDecoder(bytes.NewBuffer(r.item)))
	return decoded, err
}

// Message is the row's message; "" if the record cannot be read.
func (r *Record) Message() string {
	decoded, err := r.row()
	if err != nil {
		return ""
	}
	return strings.Clone(decoded.message)
}

// reduce turns the record into the short form that takes the place of a row
// which DynamoDB refused.
func (r *Record) reduce(why string) {
	r.reduced = true
	decoded, err := r.row()
	if err != nil {
		return // it will be refused again, and counted
	}
	decoded.reduce(why)
	r.item = decoded.appendItem(nil)
}
