package store

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json/jsontext"
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

// An Entry is what somebody wants stored: a Record without its keys.
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
}

// A Record is a finished row under its final key: what waits in the queue,
// what is written, and what is written again after a failure.
type Record struct {
	Error       bool
	Date        string
	StampMod    string
	Level       string
	Locator     string
	RequestID   string
	Message     string
	ExceptionAt int
	Fields      string
	Issues      string
	Expiry      int64 // epoch seconds; 0 for none
	Truncated   int   // bytes that were cut

	size    int32 // of the item, as DynamoDB counts
	wire    int32 // of the item in a request, at most
	reduced bool  // this is the short form of a row that DynamoDB refused

	refusedAt int // count of the table's accepted records, and one, at the first refusal; 0 for none

	owner   string  // of a record from the spill: see Config.Owner
	replay  *replay // the record came from this segment of the spill
	spilled bool    // on the wire, and copied into the spill meanwhile
}

// overhead is what a queued Record costs beside its strings, in bytes.
const overhead = 256

// cost is what the record counts against the queue's bound.
func (r *Record) cost() int { return overhead + int(r.size) }

// fit cuts what is too long for an item and sets the sizes.
func (r *Record) fit() {
	// The locator stands in the message as well: nothing is gone with its end.
	r.Locator, r.Level = cut(r.Locator, maxShort), cut(r.Level, maxShort)
	for _, s := range []*string{&r.RequestID, &r.Issues} {
		if short := cut(*s, maxShort); len(short) < len(*s) {
			r.Truncated += len(*s) - len(short)
			*s = short
		}
	}
	r.measure()
	if over := int(r.size) - maxItem; over > 0 {
		r.shorten(over + 32) // for the truncated attribute itself
		r.measure()
	}
}

// shorten takes at least over bytes from the message and the fields. The
// message's head is kept first: it names level and locator. Of fields that no
// longer fit, the head is kept as a string under _truncated, so that the
// attribute stays JSON.
func (r *Record) shorten(over int) {
	budget := len(r.Message) + len(r.Fields) - over
	message := min(len(r.Message), max(budget-len(r.Fields), budget/2))
	if short := cut(r.Message, message); len(short) < len(r.Message) {
		r.Truncated += len(r.Message) - len(short)
		r.Message = short
		if r.ExceptionAt >= len(r.Message) {
			r.ExceptionAt = -1
		}
	}
	if room := budget - len(r.Message); len(r.Fields) > room {
		head := quotedHead(r.Fields, room-len(`{"_truncated":}`))
		r.Truncated += len(r.Fields) - head.kept
		r.Fields = `{"_truncated":` + head.quoted + `}`
	}
}

type quoted struct {
	quoted string
	kept   int // bytes of the original
}

// quotedHead returns a head of s whose JSON string is no longer than room, and
// nearly as long.
func quotedHead(s string, room int) quoted {
	best := quoted{`""`, 0}
	for low, high := 0, min(len(s), room); high-low > room/64; {
		head := cut(s, (low+high+1)/2)
		q, err := jsontext.AppendQuote(nil, head)
		if err == nil && len(q) <= room {
			best, low = quoted{string(q), len(head)}, (low+high+1)/2
		} else {
			high = (low + high + 1) / 2
		}
	}
	return best
}

// cut returns the first n bytes of s or a little less, without splitting a
// character.
func cut(s string, n int) string {
	if n >= len(s) {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// measure sets the item's size, as DynamoDB counts it, and an upper bound of
// its size in a request, where each byte of text may become six (\u0000).
func (r *Record) measure() {
	size, wire := 0, 2
	text := func(name, value string) {
		if value != "" {
			size += len(name) + len(value)
			wire += len(name) + len(`"":{"S":""},`) + escaped(value)
		}
	}
	number := func(name string, set bool) {
		if set {
			size += len(name) + 12
			wire += len(name) + len(`"":{"N":""},`) + 20
		}
	}
	text(AttrDate, r.Date)
	text(AttrStampMod, r.StampMod)
	text(AttrMessage, r.Message)
	text(AttrLevel, r.Level)
	text(AttrLocator, r.Locator)
	text(AttrRequestID, r.RequestID)
	text(AttrFields, r.Fields)
	text(AttrIssues, r.Issues)
	number(AttrExceptionAt, r.ExceptionAt >= 0)
	number(AttrExpiry, r.Expiry != 0)
	number(AttrTruncated, r.Truncated != 0)
	r.size, r.wire = int32(size), int32(wire)
}

// escaped is the length of s inside a JSON string, at most.
func escaped(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			n++
		case c < ' ', c == '<', c == '>', c == '&':
			n += 5
		}
	}
	return n
}

// reduce turns the record into the short form that takes the place of a row
// which DynamoDB refused: the same key, the head of the message, and why.
func (r *Record) reduce(why string) {
	gone := len(r.Message) + len(r.Fields)
	r.Message = cut(r.Message, 1<<10)
	r.Truncated += gone - len(r.Message)
	r.Fields, r.ExceptionAt = "", -1
	r.Issues = cut("DynamoDB refused the whole row: "+why, maxShort)
	r.reduced = true
	r.measure()
}

// item is the row as the SDK wants it.
func (r *Record) item() map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, 10)
	text := func(name, value string) {
		if value != "" {
			item[name] = &types.AttributeValueMemberS{Value: value}
		}
	}
	number := func(name string, set bool, value int64) {
		if set {
			item[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
		}
	}
	text(AttrDate, r.Date)
	text(AttrStampMod, r.StampMod)
	text(AttrMessage, r.Message)
	text(AttrLevel, r.Level)
	text(AttrLocator, r.Locator)
	text(AttrRequestID, r.RequestID)
	text(AttrFields, r.Fields)
	text(AttrIssues, r.Issues)
	number(AttrExceptionAt, r.ExceptionAt >= 0, int64(r.ExceptionAt))
	number(AttrExpiry, r.Expiry != 0, r.Expiry)
	number(AttrTruncated, r.Truncated != 0, int64(r.Truncated))
	return item
}
