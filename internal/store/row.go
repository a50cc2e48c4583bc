package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// A row is a finished row with its keys, taken apart. It exists while a record
// is made, read from a stranger or shortened; what is kept and sent is a
// Record, the row's encoded form.
type row struct {
	error       bool // of the errors table
	date        string
	stampMod    string
	level       string
	locator     string
	requestID   string
	message     string
	fields      string
	issues      string
	packed      string // compressed lines: see pack.go
	exceptionAt int64  // none: -1
	expiry      int64  // epoch seconds; none: 0
	truncated   int64  // bytes that were cut; none: 0
	lines       int64  // in packed; none: 0
}

// An attribute is one attribute of a row: this is the only list of them. Each
// has one of text, binary and number. Empty ones are not stored.
type attribute struct {
	name   string
	text   func(*row) *string
	binary func(*row) *string
	number func(*row) *int64
	none   int64 // the number that stands for "not there"
}

// attributes are in the order in which they are encoded. The first three are
// found again by Record.key and Record.level.
var attributes = [...]attribute{
	{name: AttrDate, text: func(r *row) *string { return &r.date }},
	{name: AttrStampMod, text: func(r *row) *string { return &r.stampMod }},
	{name: AttrLevel, text: func(r *row) *string { return &r.level }},
	{name: AttrLocator, text: func(r *row) *string { return &r.locator }},
	{name: AttrRequestID, text: func(r *row) *string { return &r.requestID }},
	{name: AttrMessage, text: func(r *row) *string { return &r.message }},
	{name: AttrFields, text: func(r *row) *string { return &r.fields }},
	{name: AttrIssues, text: func(r *row) *string { return &r.issues }},
	{name: AttrPacked, binary: func(r *row) *string { return &r.packed }},
	{name: AttrExceptionAt, number: func(r *row) *int64 { return &r.exceptionAt }, none: -1},
	{name: AttrExpiry, number: func(r *row) *int64 { return &r.expiry }},
	{name: AttrTruncated, number: func(r *row) *int64 { return &r.truncated }},
	{name: AttrLines, number: func(r *row) *int64 { return &r.lines }},
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
// {"date":{"S":"…"},…}. It needs valid UTF-8 (fit) and a date.
func (r *row) appendItem(dst []byte) []byte {
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

// encode is appendItem for a row of any content: control characters take six
// bytes each in JSON, so that a row which DynamoDB takes can be 2.4 MB in a
// request. What is longer than maxEncoded loses the end of its message: such a
// row is not text, and the whole way through memory, /tmp and the wire would
// have to be as wide for it.
func (r *row) encode(dst []byte) []byte {
	begin := len(dst)
	dst = r.appendItem(dst)
	if over := len(dst) - begin - maxEncoded; over > 0 {
		r.shortenEncoded(over)
		dst = r.appendItem(dst[:begin])
	}
	return dst
}

// shortenEncoded takes at least over bytes from the message's JSON form, or all
// that it has, together with what the truncated attribute needs.
func (r *row) shortenEncoded(over int) {
	quoted := len(jsonscan.AppendQuote(nil, r.message))
	head := cut(r.message, quotable(r.message, quoted-over-64))
	r.truncated += int64(len(r.message) - len(head))
	r.message = head
	if r.exceptionAt >= int64(len(head)) {
		r.exceptionAt = -1
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
func (r *row) size() int {
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

// fit makes the row one that DynamoDB takes: valid UTF-8, and nothing too long.
func (r *row) fit() {
	r.valid()
	// The locator stands in the message as well: nothing is gone with its end.
	r.locator, r.level = cut(r.locator, maxShort), cut(r.level, maxShort)
	for _, s := range []*string{&r.requestID, &r.issues} {
		if short := cut(*s, maxShort); len(short) < len(*s) {
			r.truncated += int64(len(*s) - len(short))
			*s = short
		}
	}
	if len(r.message)+len(r.fields)+len(r.packed) < maxItem/2 {
		return // the others are short
	}
	if over := r.size() - maxItem; over > 0 {
		r.shorten(over + 32) // for the truncated attribute itself
	}
}

// valid replaces what is no UTF-8, as every JSON encoder would.
func (r *row) valid() {
	for i := range attributes {
		if a := &attributes[i]; a.text != nil && !utf8.ValidString(*a.text(r)) {
			text := a.text(r)
			if text == &r.message && r.exceptionAt >= 0 && r.exceptionAt < int64(len(*text)) {
				r.exceptionAt = int64(len(strings.ToValidUTF8((*text)[:r.exceptionAt], "\uFFFD")))
			}
			*text = strings.ToValidUTF8(*text, "\uFFFD")
		}
	}
}

// shorten takes at least over bytes from the message and the fields, or all that
// they have. The
// message's head is kept first: it names level and locator. Of fields that no
// longer fit, the head is kept as a string under _truncated, so that the
// attribute stays JSON.
func (r *row) shorten(over int) {
	budget := max(0, len(r.message)+len(r.fields)-over)
	message := min(len(r.message), max(budget-len(r.fields), budget/2))
	if short := cut(r.message, message); len(short) < len(r.message) {
		r.truncated += int64(len(r.message) - len(short))
		r.message = short
		if r.exceptionAt >= int64(len(r.message)) {
			r.exceptionAt = -1
		}
	}
	if room := budget - len(r.message); len(r.fields) > room {
		head := quotedHead(r.fields, room-len(`{"_truncated":}`))
		r.truncated += int64(len(r.fields) - head.kept)
		r.fields = `{"_truncated":` + head.quoted + `}`
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
		head := cut(s, middle)
		q, err := jsontext.AppendQuote(nil, head)
		if err == nil && len(q) <= room {
			best, low = quoted{string(q), len(head)}, middle
		} else {
			high = middle - 1
		}
	}
	return best
}

// cut returns the first n bytes of s or a little less, without splitting a
// character; nothing for a negative n.
func cut(s string, n int) string {
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
func (r *row) reduce(why string) {
	gone := len(r.message) + len(r.fields)
	r.message = cut(r.message, 1<<10)
	r.truncated += int64(gone - len(r.message))
	r.fields, r.exceptionAt = "", -1
	r.issues = cut("DynamoDB refused the whole row: "+strings.ToValidUTF8(why, "\uFFFD"), maxShort)
}

// values is the row as the SDK wants it.
func (r *row) values() map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, 10)
	for i := range attributes {
		switch a := &attributes[i]; {
		case a.text != nil:
			if v := *a.text(r); v != "" {
				item[a.name] = &types.AttributeValueMemberS{Value: v}
			}
		case a.binary != nil:
			if v := *a.binary(r); v != "" {
				item[a.name] = &types.AttributeValueMemberB{Value: []byte(v)}
			}
		default:
			if v := *a.number(r); v != a.none {
				item[a.name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
			}
		}
	}
	return item
}
