package row

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// A Record is a row under its final key, encoded. It is encoded once: the
// request, the spill and the last-resort line carry the same bytes, and what is
// written again after a failure is what was written before.
type Record struct {
	item  []byte // the row as DynamoDB's JSON; replaced, never changed
	lines int32  // that it holds: 1, or those of a pack
	error bool   // of the errors table
	alone bool   // see StandAlone
}

// Encoded returns the record of one line whose item was encoded by Row.Append.
// The record keeps the bytes.
func Encoded(item []byte, isError bool) Record {
	return Record{item: item, lines: 1, error: isError}
}

// Record encodes a row that fits, in about so many bytes.
func (r *Row) Record(about int) *Record {
	return &Record{item: r.Append(make([]byte, 0, about)), lines: int32(max(r.Lines, 1)), error: r.Error}
}

// Item is the row as DynamoDB's JSON has an item. It must not be changed.
func (r *Record) Item() []byte { return r.item }

// Lines is how many lines the record holds: 1, or those of a pack.
func (r *Record) Lines() int { return int(r.lines) }

// StandAlone has the record stay a row of its own, through the spill as well:
// it must not go into a pack.
func (r *Record) StandAlone() { r.alone = true }

// Alone reports whether the record must stay a row of its own.
func (r *Record) Alone() bool { return r.alone }

// IsError reports whether the row belongs in the errors table.
func (r *Record) IsError() bool { return r.error }

// Beginnings of an item, as appendItem writes them. No key needs escaping.
const (
	beforeDate  = `{"` + AttrDate + `":{"` + typeText + `":"`
	beforeStamp = `"},"` + AttrStampMod + `":{"` + typeText + `":"`
	beforeLevel = `"},"` + AttrLevel + `":{"` + typeText + `":`
)

// Key is the item's key.
func (r *Record) Key() (date, stampMod []byte) {
	date, rest := untilQuote(r.item[len(beforeDate):])
	stampMod, _ = untilQuote(rest[len(beforeStamp):])
	return date, stampMod
}

// UnknownLevel stands for the level of what cannot be read.
const UnknownLevel = "?"

// Level is the row's level, UnknownLevel for one that has none.
func (r *Record) Level() string {
	if len(r.item) == 0 {
		return UnknownLevel
	}
	_, rest := untilQuote(r.item[len(beforeDate):])
	_, rest = untilQuote(rest[len(beforeStamp):])
	if !bytes.HasPrefix(rest, []byte(beforeLevel)) {
		return UnknownLevel
	}
	rest = rest[len(beforeLevel):]
	level, _ := jsontext.AppendUnquote(nil, rest[:quotedEnd(rest)])
	return string(level)
}

// untilQuote returns what is before the next quotation mark, and the rest from
// there on.
func untilQuote(b []byte) (before, rest []byte) {
	i := bytes.IndexByte(b, '"')
	return b[:i], b[i:]
}

// quotedText is a text attribute as it stands in the item, nil if it is not
// there. Within a JSON string there is no quotation mark without a backslash,
// so that what is looked for stands nowhere else.
func (r *Record) quotedText(name string) []byte {
	_, after, found := bytes.Cut(r.item, []byte(`,"`+name+`":{"`+typeText+`":`))
	if !found {
		return nil
	}
	return after[:quotedEnd(after)]
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

// Row takes the record apart.
func (r *Record) Row() (*Row, error) {
	decoded := emptyRow()
	decoded.Error = r.error
	err := decoded.readItem(jsontext.NewDecoder(bytes.NewBuffer(r.item)))
	return decoded, err
}

// Reduce turns the record into the short form that takes the place of a row
// which DynamoDB refused. A record that cannot be read stays as it is.
func (r *Record) Reduce(why string) {
	decoded, err := r.Row()
	if err != nil {
		return
	}
	decoded.reduce(why)
	r.item = decoded.appendItem(nil)
}
