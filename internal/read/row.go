package read

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/row/items"
)

// Row is one row of either table, its message taken apart.
//
// Everything in it was written by others, and any part may be missing: what
// cannot be understood stays in StampMod, Message and Other as it was found.
// Strings may hold control characters; escape them before they reach a
// terminal.
type Row struct {
	Table string // the name it was asked by
	Error bool   // it is from the errors table
	Key
	Message string

	Level     string
	Locator   string // "" if the line had none
	Text      string // Message without level, locator and exception
	Exception string
	RequestID string
	row.Links
	Fields    string // the line's further members, a JSON object as its writer printed it; "" if none
	Issues    string // what was wrong with the line; "" if nothing
	Truncated int64  // bytes cut off to fit DynamoDB's limit
	Expiry    time.Time

	Stored
}

// Stored is a row's item.
type Stored struct {
	// Item is the whole of it; of a pack's line, as it would stand alone. It
	// must not be changed.
	Item map[string]types.AttributeValue

	// Other holds what the row has beyond this table's schema, and known
	// attributes of an unexpected type.
	Other map[string]types.AttributeValue

	// WriteUnits is what storing the item took, as far as its size says. Of a
	// pack, the first of the lines that were asked for has that of the whole
	// pack, and the others have 0: the sum of all rows is right.
	WriteUnits int
}

// Key is a row's primary key, and what its sort key says.
type Key struct {
	Date     string
	StampMod string

	// Time is in UTC, to the millisecond (the ancestor's: the second). It is
	// zero if StampMod does not say.
	Time          time.Time
	Module        string
	EnvironmentID string // "" in the ancestor's rows
}

// rowsOf makes the rows of an item: one, or those of a pack. A pack that cannot
// be read is one row, which shows what there is.
func rowsOf(item map[string]types.AttributeValue) []Row {
	packed, ok := item[row.AttrPacked].(*types.AttributeValueMemberB)
	if !ok {
		return []Row{decode(item)}
	}
	lines, err := items.Unpack(packed.Value)
	if err != nil {
		r := decode(item)
		r.Issues = err.Error()
		return []Row{r}
	}
	rows := make([]Row, len(lines))
	for i, line := range lines {
		rows[i] = decode(line)
	}
	return rows
}

// decode makes a Row of an item. It accepts everything.
func decode(item map[string]types.AttributeValue) Row {
	a := attributes(item)
	r := Row{
		Key:       parseKey(a.text(row.AttrDate), a.text(row.AttrStampMod)),
		Message:   a.text(row.AttrMessage),
		Level:     a.text(row.AttrLevel),
		Locator:   a.text(row.AttrLocator),
		RequestID: a.text(row.AttrRequestID),
		Fields:    a.text(row.AttrFields),
		Issues:    a.text(row.AttrIssues),
	}
	r.Links = a.links()
	r.Truncated, _ = a.number(row.AttrTruncated)
	if seconds, ok := a.number(row.AttrExpiry); ok {
		r.Expiry = time.Unix(seconds, 0).UTC()
	}
	exceptionAt, ok := a.number(row.AttrExceptionAt)
	if !ok {
		exceptionAt = -1
	}
	r.takeMessageApart(exceptionAt)
	r.Stored = Stored{Item: item, Other: a.rest()}
	return r
}

// takeMessageApart fills Text and Exception, and Level and Locator where the
// item has no attributes for them.
func (r *Row) takeMessageApart(exceptionAt int64) {
	ours := r.Level != ""
	level, locator, start := parseMessage(r.Message, r.Level, r.Locator)
	r.Level = level
	if r.Locator == "" && (!ours || locator != "?") { // "?" is how a message says that there was none
		r.Locator = locator
	}
	r.Text = r.Message[start:]
	if at := exceptionAt; at >= int64(start) && at < int64(len(r.Message)) && utf8.RuneStart(r.Message[at]) {
		r.Text = strings.TrimSuffix(r.Message[start:at], " ")
		r.Exception = r.Message[at:]
	}
}

// parseKey understands sort keys "<sec>.<ms><seq>+<module>+<environment>" and
// the ancestor's "<sec>+<module>". Of anything else it takes what it can.
func parseKey(date, stampMod string) Key {
	k := Key{Date: date, StampMod: stampMod}
	stamp, rest, _ := strings.Cut(stampMod, "+")
	seconds, fraction, ours := strings.Cut(stamp, ".")
	k.Module = rest
	if ours {
		// Modules have no '+' of their own here; the ancestor's may.
		if i := strings.LastIndexByte(rest, '+'); i >= 0 {
			k.Module, k.EnvironmentID = rest[:i], rest[i+1:]
		}
	}
	sec, ok := parseDigits(seconds, 11)
	if !ok {
		return k
	}
	k.Time = time.Unix(int64(sec), 0).UTC()
	if len(fraction) < 3 {
		return k
	}
	if ms, ok := parseDigits(fraction[:3], 3); ok {
		k.Time = k.Time.Add(time.Duration(ms) * time.Millisecond)
	}
	return k
}

// parseDigits reads a number of at most limit decimal digits, no sign.
func parseDigits(s string, limit int) (int, bool) {
	if s == "" || len(s) > limit {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// longestLevel bounds the level that is looked for in a message that comes
// without a level attribute, so that a colon in mere prose is not taken for
// one.
const longestLevel = 32

// parseMessage returns the level and the locator in a message of the form
// "LEVEL: (locator) text", and where text starts. What the item's attributes
// say (knownLevel, knownLocator; "" if it has none) is believed, which also
// settles what a ')' within the locator means. A message of another form has
// no locator, and all of it is text.
func parseMessage(message, knownLevel, knownLocator string) (level, locator string, start int) {
	level = knownLevel
	if level == "" {
		before, _, ok := strings.Cut(message, ": (")
		if !ok || before == "" || len(before) > longestLevel || strings.ContainsAny(before, " \t\r\n") {
			return "", "", 0
		}
		level = before
	}
	rest, ok := strings.CutPrefix(message, level+": (")
	if !ok {
		return knownLevel, "", 0
	}
	if after, ok := strings.CutPrefix(rest, knownLocator+")"); knownLocator != "" && ok && atWordEnd(after) {
		return level, knownLocator, afterSpace(message, len(message)-len(after))
	}
	start = len(message) - len(rest)
	for i := range len(rest) {
		if rest[i] == ')' && atWordEnd(rest[i+1:]) {
			return level, rest[:i], afterSpace(message, start+i+1)
		}
	}
	return knownLevel, "", 0
}

// atWordEnd reports whether s is empty or goes on with a space.
func atWordEnd(s string) bool {
	return s == "" || s[0] == ' '
}

// afterSpace returns i, or i+1 if there is a space at i.
func afterSpace(s string, i int) int {
	if i < len(s) && s[i] == ' ' {
		return i + 1
	}
	return i
}

// itemAttributes is an item that remembers what has been asked for.
type itemAttributes struct {
	item map[string]types.AttributeValue
	read map[string]bool
}

func attributes(item map[string]types.AttributeValue) *itemAttributes {
	return &itemAttributes{item: item, read: map[string]bool{}}
}

func (a *itemAttributes) text(name string) string {
	s, ok := a.item[name].(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	a.read[name] = true
	return s.Value
}

// links returns what says what the row belongs to.
func (a *itemAttributes) links() (l row.Links) {
	l = row.Links{
		TraceID: a.text(row.AttrTraceID), TraceIDLine: a.text(row.AttrTraceIDLine), TenantID: a.text(row.AttrTenantID),
		Execution: a.text(row.AttrExecution), Operation: a.text(row.AttrOperation), Version: a.text(row.AttrVersion),
	}
	l.Attempt, _ = a.number(row.AttrAttempt)
	return l
}

// number returns a numeric attribute as a whole number that a time or a size
// can be.
func (a *itemAttributes) number(name string) (int64, bool) {
	n, ok := a.item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	a.read[name] = true
	return int64(f), true
}

// rest returns what nobody has asked for; nil if that is nothing.
func (a *itemAttributes) rest() map[string]types.AttributeValue {
	var rest map[string]types.AttributeValue
	for name, value := range a.item {
		if a.read[name] {
			continue
		}
		if rest == nil {
			rest = map[string]types.AttributeValue{}
		}
		rest[name] = value
	}
	return rest
}
