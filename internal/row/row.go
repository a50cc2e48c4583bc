package row

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// Limits of a row, in bytes.
const (
	// maxItem is the largest item, in UTF-8 names and values (DynamoDB: 400
	// KB), less a little for what numbers may cost.
	maxItem = 400<<10 - 64
	// maxShort bounds attributes that are short by nature (locator, level,
	// request ID, issues).
	maxShort = 2 << 10
	// MaxRecord bounds a record's JSON form, with its owner: what keeps records
	// (the spill) must take as much. DynamoDB's own bound of a request, 16 MB,
	// is far.
	MaxRecord = 1 << 20
	// Overhead is more than a record's JSON form has beside its item and
	// owner.
	Overhead = 64
	// MaxOwner bounds the owner.
	MaxOwner = 64
	// MaxEncoded bounds an item as it is encoded.
	MaxEncoded = MaxRecord - Overhead - MaxOwner
)

// A Row is a finished row with its keys, taken apart. It exists while a record
// is made, read from a stranger or shortened; what is kept and sent is a
// Record, the row's encoded form. Empty texts are not stored.
type Row struct {
	Error     bool // of the errors table
	Date      string
	StampMod  string
	Level     string
	Locator   string
	RequestID string
	Links
	Message     string
	Fields      string
	Issues      string
	Packed      string // compressed lines: see pack.go
	ExceptionAt int64  // byte offset in Message; none: -1
	Expiry      int64  // epoch seconds; none: 0
	Truncated   int64  // bytes that were cut; none: 0
	Lines       int64  // in Packed; none: 0
}

// An attribute is one attribute of a row: this is the only list of them. Each
// has one of text, binary and number. Empty ones are not stored.
type attribute struct {
	name   string
	text   func(*Row) *string
	binary func(*Row) *string
	number func(*Row) *int64
	none   int64 // the number that stands for "not there"
}

// attributes are in the order in which they are encoded. The first three are
// found again by Record.Key and Record.Level.
var attributes = [...]attribute{
	{name: AttrDate, text: func(r *Row) *string { return &r.Date }},
	{name: AttrStampMod, text: func(r *Row) *string { return &r.StampMod }},
	{name: AttrLevel, text: func(r *Row) *string { return &r.Level }},
	{name: AttrLocator, text: func(r *Row) *string { return &r.Locator }},
	{name: AttrRequestID, text: func(r *Row) *string { return &r.RequestID }},
	{name: AttrTraceID, text: func(r *Row) *string { return &r.TraceID }},
	{name: AttrTraceIDLine, text: func(r *Row) *string { return &r.TraceIDLine }},
	{name: AttrTenantID, text: func(r *Row) *string { return &r.TenantID }},
	{name: AttrExecution, text: func(r *Row) *string { return &r.Execution }},
	{name: AttrOperation, text: func(r *Row) *string { return &r.Operation }},
	{name: AttrAttempt, number: func(r *Row) *int64 { return &r.Attempt }},
	{name: AttrVersion, text: func(r *Row) *string { return &r.Version }},
	{name: AttrMessage, text: func(r *Row) *string { return &r.Message }},
	{name: AttrFields, text: func(r *Row) *string { return &r.Fields }},
	{name: AttrIssues, text: func(r *Row) *string { return &r.Issues }},
	{name: AttrPacked, binary: func(r *Row) *string { return &r.Packed }},
	{name: AttrExceptionAt, number: func(r *Row) *int64 { return &r.ExceptionAt }, none: -1},
	{name: AttrExpiry, number: func(r *Row) *int64 { return &r.Expiry }},
	{name: AttrTruncated, number: func(r *Row) *int64 { return &r.Truncated }},
	{name: AttrLines, number: func(r *Row) *int64 { return &r.Lines }},
}

// Types of attribute values in DynamoDB's JSON.
const (
	typeText   = "S"
	typeNumber = "N"
	typeBinary = "B"
)

func (a *attribute) kind() string {
	switch {
	case a.text != nil:
		return typeText
	case a.binary != nil:
		return typeBinary
	}
	return typeNumber
}

// appendItem appends the row as DynamoDB wants an item in a request:
// {"date":{"S":"…"},…}. It needs valid UTF-8 (Fit) and a date.
func (r *Row) appendItem(dst []byte) []byte {
	begin := len(dst)
	for i := range attributes {
		switch a := &attributes[i]; {
		case a.text != nil:
			if v := *a.text(r); v != "" {
				dst = append(dst, openings[i]...)
				dst = jsonscan.AppendQuote(dst, v)
				dst = append(dst, '}')
			}
		case a.binary != nil:
			if v := *a.binary(r); v != "" {
				dst = append(append(dst, openings[i]...), '"')
				dst = base64.StdEncoding.AppendEncode(dst, []byte(v))
				dst = append(dst, '"', '}')
			}
		default:
			if v := *a.number(r); v != a.none {
				dst = append(append(dst, openings[i]...), '"')
				dst = strconv.AppendInt(dst, v, 10)
				dst = append(dst, '"', '}')
			}
		}
	}
	dst[begin] = '{' // in place of the first comma
	return append(dst, '}')
}

// Append appends the row as DynamoDB wants an item in a request. It needs a row
// that fits (Fit), with a date.
//
// Control characters take six bytes each in JSON, so that a row which DynamoDB
// takes can be 2.4 MB in a request. What is longer than MaxEncoded loses the
// end of its message: such a row is not text, and the whole way through memory,
// /tmp and the wire would have to be as wide for it.
func (r *Row) Append(dst []byte) []byte {
	begin := len(dst)
	dst = r.appendItem(dst)
	if over := len(dst) - begin - MaxEncoded; over > 0 {
		r.shortenEncoded(over)
		dst = r.appendItem(dst[:begin])
	}
	return dst
}

// shortenEncoded takes at least over bytes from the message's JSON form, or all
// that it has, together with what the truncated attribute needs.
func (r *Row) shortenEncoded(over int) {
	quoted := len(jsonscan.AppendQuote(nil, r.Message))
	head := Cut(r.Message, quotable(r.Message, quoted-over-64))
	r.Truncated += int64(len(r.Message) - len(head))
	r.Message = head
	if r.ExceptionAt >= int64(len(head)) {
		r.ExceptionAt = -1
	}
}

// quotable is how many bytes at the beginning of s have a JSON form of at most
// room bytes, quotes included; a little less, maybe.
func quotable(s string, room int) int {
	room -= len(`""`)
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			room -= len(`\u0000`)
		case c == '"', c == '\\':
			room -= 2
		default:
			room--
		}
		if room < 0 {
			return i
		}
	}
	return len(s)
}

// openings are what stands before each attribute's value.
var openings = func() (all [len(attributes)]string) {
	for i, a := range attributes {
		all[i] = `,"` + a.name + `":{"` + a.kind() + `":`
	}
	return all
}()

// size is the item's size as DynamoDB counts it, or a little more: names and
// values in UTF-8, binary values as they are, and 12 bytes for a number.
func (r *Row) size() int {
	const number = 12
	n := 0
	for i := range attributes {
		a := &attributes[i]
		switch {
		case a.text != nil && *a.text(r) != "":
			n += len(a.name) + len(*a.text(r))
		case a.binary != nil && *a.binary(r) != "":
			n += len(a.name) + len(*a.binary(r))
		case a.number != nil && *a.number(r) != a.none:
			n += len(a.name) + number
		}
	}
	return n
}

// Fit makes the row one that DynamoDB takes: valid UTF-8, and nothing too long.
func (r *Row) Fit() {
	r.valid()
	// The locator stands in the message as well: nothing is gone with its end.
	r.Locator, r.Level = Cut(r.Locator, maxShort), Cut(r.Level, maxShort)
	r.cut(&r.RequestID, maxShort)
	r.cut(&r.Issues, maxShort)
	r.fitLinks()
	if len(r.Message)+len(r.Fields)+len(r.Packed) < maxItem/2 {
		return // the others are short
	}
	if over := r.size() - maxItem; over > 0 {
		r.shorten(over + 32) // for the truncated attribute itself
	}
}

// cut cuts one of the row's short attributes, and counts what is gone.
func (r *Row) cut(attribute *string, most int) {
	if short := Cut(*attribute, most); len(short) < len(*attribute) {
		r.Truncated += int64(len(*attribute) - len(short))
		*attribute = short
	}
}

// valid replaces what is no UTF-8, as every JSON encoder would.
func (r *Row) valid() {
	for i := range attributes {
		if a := &attributes[i]; a.text != nil && !utf8.ValidString(*a.text(r)) {
			text := a.text(r)
			if text == &r.Message && r.ExceptionAt >= 0 && r.ExceptionAt < int64(len(*text)) {
				r.ExceptionAt = int64(len(strings.ToValidUTF8((*text)[:r.ExceptionAt], "\uFFFD")))
			}
			*text = strings.ToValidUTF8(*text, "\uFFFD")
		}
	}
}

// shorten takes at least over bytes from the message and the fields, or all
// that they have. The message's head is kept first: it names level and locator.
// Of fields that no longer fit, the head is kept as a string under _truncated,
// so that the attribute stays JSON.
func (r *Row) shorten(over int) {
	budget := max(0, len(r.Message)+len(r.Fields)-over)
	message := min(len(r.Message), max(budget-len(r.Fields), budget/2))
	if short := Cut(r.Message, message); len(short) < len(r.Message) {
		r.Truncated += int64(len(r.Message) - len(short))
		r.Message = short
		if r.ExceptionAt >= int64(len(r.Message)) {
			r.ExceptionAt = -1
		}
	}
	if room := budget - len(r.Message); len(r.Fields) > room {
		head := quotedHead(r.Fields, room-len(`{"_truncated":}`))
		r.Truncated += int64(len(r.Fields) - head.kept)
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
	for low, high := 0, min(len(s), room); high-low > max(room, 0)/64; {
		middle := (low + high + 1) / 2
		head := Cut(s, middle)
		q, err := jsontext.AppendQuote(nil, head)
		if err == nil && len(q) <= room {
			best, low = quoted{string(q), len(head)}, middle
		} else {
			high = middle - 1
		}
	}
	return best
}

// Cut returns the first n bytes of s or a little less, without splitting a
// character; nothing for a negative n.
func Cut(s string, n int) string {
	if n >= len(s) {
		return s
	}
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// reduce turns the row into the short form that takes the place of one which
// DynamoDB refused: the same key, the head of the message, and why.
func (r *Row) reduce(why string) {
	gone := len(r.Message) + len(r.Fields)
	r.Message = Cut(r.Message, 1<<10)
	r.Truncated += int64(gone - len(r.Message))
	r.Fields, r.ExceptionAt = "", -1
	r.Issues = Cut("DynamoDB refused the full row: "+strings.ToValidUTF8(why, "\uFFFD"), maxShort)
}

// The types of an attribute's value, as DynamoDB calls them.
const (
	Text   = typeText
	Number = typeNumber
	Binary = typeBinary
)

// An Attribute is a part of a row as its item has it.
type Attribute struct {
	Name  string
	Type  string // Text, Number or Binary
	Value string // of a Binary the bytes themselves
}

// Attributes is the sequence of a row's attributes, without those that are
// empty.
func (r *Row) Attributes(yield func(Attribute) bool) {
	for i := range attributes {
		a := &attributes[i]
		attribute := Attribute{Name: a.name}
		switch {
		case a.text != nil:
			attribute.Type, attribute.Value = Text, *a.text(r)
		case a.binary != nil:
			attribute.Type, attribute.Value = Binary, *a.binary(r)
		case *a.number(r) != a.none:
			attribute.Type, attribute.Value = Number, strconv.FormatInt(*a.number(r), 10)
		}
		if attribute.Value != "" && !yield(attribute) {
			return
		}
	}
}
