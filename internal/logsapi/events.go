package logsapi

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// Event is one element of a Telemetry API body:
// {"time":"2026-11-22T10:52:00.573Z","type":"function","record":…}.
//
// Time, Record and Raw alias the body: they are valid only during the call of
// visit. Whoever keeps one copies it.
type Event struct {
	// Time is the event's `time`, decoded; nil if it has none or one that is
	// no string. The platform sets it when it makes the event, in RFC 3339
	// with milliseconds (emulators: up to nanoseconds).
	Time []byte

	// Type is the event's `type`, "" if it has none. For the types that the
	// platform documents it costs no allocation.
	Type string

	// Record is the raw JSON of `record`: a string, an object, in principle
	// any value (platform.fault has a string where others have an object).
	// nil if the event has none.
	Record []byte

	// Broken says that the event could not be read: invalid JSON, nested more
	// than 10,000 deep (the JSON decoder's limit), cut off, or no object. Raw
	// then holds its bytes as they came, and the other fields are empty.
	Broken bool
	Raw    []byte
}

// maxDepth is the nesting that jsontext accepts; it counts the event itself.
const maxDepth = 10_000

// maxResyncs bounds the attempts to find the next whole event after a broken
// one, over one body: each may read to the body's end.
const maxResyncs = 64

var errNoArray = errors.New("cannot read telemetry: the body is not a JSON array of events")

// Events calls visit for every event of a Telemetry API body, in order and
// without copying it. Members come in any order, unknown ones are skipped, of
// a repeated one the last counts.
//
// An event that cannot be read is delivered as Broken and costs none of its
// neighbours; so is what remains of a body that breaks off. Only a body that
// is not an array at all is an error, and then visit has not been called.
func Events(body []byte, visit func(Event)) error {
	r := reader{body: body}
	if r.pos = jsonscan.Space(body, 0); r.pos == len(body) || body[r.pos] != '[' {
		return fmt.Errorf("%w (%d bytes)", errNoArray, len(body))
	}
	for r.pos++; r.more(); {
		if event := r.next(); !event.Broken || len(event.Raw) > 0 { // a stray comma is not an event
			visit(event)
		}
	}
	return nil
}

// reader walks over a body. Each event is decoded on its own, so that an error
// in one leaves no state behind for the next.
type reader struct {
	body    []byte
	pos     int
	resyncs int

	buf     bytes.Buffer
	dec     jsontext.Decoder
	scratch []byte
}

// more moves pos to the next event and reports whether there is one. A closing
// bracket ends the array only at the body's end.
func (r *reader) more() bool {
	r.pos = jsonscan.Space(r.body, r.pos)
	rest := r.body[r.pos:]
	return len(rest) > 0 && (rest[0] != ']' || jsonscan.Space(rest, 1) < len(rest))
}

// next returns the event at pos and leaves pos behind it and its comma.
func (r *reader) next() Event {
	rest := r.body[r.pos:]
	event, n, ok := r.decode(rest)
	if !ok || !atBoundary(rest, n) {
		n = r.brokenEnd(rest)
		event = Event{Broken: true, Raw: bytes.TrimRight(rest[:n], " \t\r\n")}
	}
	if n = jsonscan.Space(rest, n); n < len(rest) && rest[n] == ',' {
		n++
	}
	r.pos += n
	return event
}

// decode reads one event at the start of b and says how long it is.
func (r *reader) decode(b []byte) (event Event, n int, ok bool) {
	if event, n, ok = r.quick(b); ok {
		return event, n, true
	}
	r.buf = *bytes.NewBuffer(b)
	// The platform's bodies are re-encoded by emulators and proxies, so
	// duplicate names and invalid UTF-8 must not cost an event.
	r.dec.Reset(&r.buf, jsonscan.Lenient...)
	object, err := r.dec.ReadValue()
	if err != nil || object.Kind() != '{' {
		return Event{}, 0, false
	}
	for name, value := range jsonscan.Object(object).Members {
		r.unquote(name)
		r.set(&event, r.scratch, value)
	}
	return event, int(r.dec.InputOffset()), true
}

// quick is decode for the usual event: valid, not too deep, with names that are
// not escaped. It is 0, false for any other.
func (r *reader) quick(b []byte) (event Event, n int, ok bool) {
	if len(b) == 0 || b[0] != '{' {
		return Event{}, 0, false
	}
	for i := jsonscan.Space(b, 1); ; i = jsonscan.Space(b, i+1) {
		n, plain := jsonscan.String(b[i:])
		if n == 0 || !plain {
			return Event{}, 0, false
		}
		name := b[i+1 : i+n-1]
		if i = jsonscan.Space(b, i+n); i == len(b) || b[i] != ':' {
			return Event{}, 0, false
		}
		i = jsonscan.Space(b, i+1)
		if n = jsonscan.Value(b[i:]); n == 0 {
			return Event{}, 0, false
		}
		r.set(&event, name, b[i:i+n:i+n])
		if i = jsonscan.Space(b, i+n); i < len(b) && b[i] == '}' {
			return event, i + 1, true
		}
		if i == len(b) || b[i] != ',' {
			return Event{}, 0, false
		}
	}
}

// set stores a member of an event.
func (r *reader) set(event *Event, name, value []byte) {
	switch string(name) {
	case "time":
		event.Time = r.text(value)
	case "type":
		event.Type = typeName(r.text(value))
	case "record":
		event.Record = value
	}
}

// unquote decodes a JSON string into scratch.
func (r *reader) unquote(quoted []byte) {
	// The decoder has accepted the string, so the only error left is invalid
	// UTF-8, which AppendUnquote has replaced.
	r.scratch, _ = jsontext.AppendUnquote(r.scratch[:0], quoted)
}

// text returns a string's contents: in place where nothing is escaped, else in
// memory of its own. It returns nil for what is not a string.
func (r *reader) text(value []byte) []byte {
	if value[0] != '"' {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	r.unquote(value)
	return bytes.Clone(r.scratch)
}

// typeName returns b as a string, without allocating for the types in the
// platform's documents.
func typeName(b []byte) string {
	switch string(b) {
	case "function":
		return "function"
	case "extension":
		return "extension"
	case "platform.initStart":
		return "platform.initStart"
	case "platform.initRuntimeDone":
		return "platform.initRuntimeDone"
	case "platform.initReport":
		return "platform.initReport"
	case "platform.start":
		return "platform.start"
	case "platform.runtimeDone":
		return "platform.runtimeDone"
	case "platform.report":
		return "platform.report"
	case "platform.restoreStart":
		return "platform.restoreStart"
	case "platform.restoreRuntimeDone":
		return "platform.restoreRuntimeDone"
	case "platform.restoreReport":
		return "platform.restoreReport"
	case "platform.extension":
		return "platform.extension"
	case "platform.telemetrySubscription":
		return "platform.telemetrySubscription"
	case "platform.logsDropped":
		return "platform.logsDropped"
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// brokenEnd returns the length of the unreadable event that b starts with.
//
// Bracket counting outside strings finds its end, provided that the quotes are
// in order. They are if the event is merely too deep, or if what follows looks
// like the next event; elsewhere a missing quote may have turned strings inside
// out, and a whole event found on the way counts for more.
func (r *reader) brokenEnd(b []byte) int {
	n, depth, closed := valueEnd(b)
	if !closed || !atBoundary(b, n) {
		n = len(b)
	} else if depth > maxDepth || eventFollows(b, n) {
		return n
	}
	if k, ok := r.resync(b, n); ok {
		return k
	}
	return n
}

// resync looks in b[1:limit] for a comma with a whole event behind it and
// returns the comma's position.
func (r *reader) resync(b []byte, limit int) (int, bool) {
	for i := 1; i < limit; i++ {
		if b[i] != ',' || !eventFollows(b, i) {
			continue
		}
		start := jsonscan.Space(b, i+1)
		if r.resyncs++; r.resyncs > maxResyncs {
			return 0, false
		}
		event, n, ok := r.decode(b[start:])
		if ok && event.Type != "" && event.Record != nil && atBoundary(b[start:], n) {
			return i, true
		}
	}
	return 0, false
}

// eventFollows reports whether at i there is a comma and then what looks like
// the beginning of an event. It is cheap and spares most positions a decode.
func eventFollows(b []byte, i int) bool {
	if i = jsonscan.Space(b, i); i == len(b) || b[i] != ',' {
		return false
	}
	if i = jsonscan.Space(b, i+1); i == len(b) || b[i] != '{' {
		return false
	}
	b = b[jsonscan.Space(b, i+1):]
	for _, name := range []string{`"time"`, `"type"`, `"record"`} {
		if bytes.HasPrefix(b, []byte(name)) {
			return true
		}
	}
	return false
}

// valueEnd returns where the JSON value that b starts with ends, counting
// brackets outside strings only, and how deep it is nested. Without a bracket
// it ends before the next comma or the array's closing bracket. closed is false
// if no end is found, or only one of the wrong kind.
func valueEnd(b []byte) (n, depth int, closed bool) {
	level := 0
	var closing byte // of the outermost bracket
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			i = quoteEnd(b, i)
		case c == '{' || c == '[':
			if level++; level == 1 {
				closing = c + 2 // as in ASCII
			}
			depth = max(depth, level)
		case c == ',' && level == 0:
			return i, depth, true
		case c == '}' || c == ']':
			if level == 0 {
				return i, depth, i > 0 && c == ']'
			}
			if level--; level == 0 {
				return i + 1, depth, c == closing
			}
		}
	}
	return len(b), depth, false
}

// quoteEnd returns where the string that begins at b[i] has its closing quote;
// beyond b if it has none.
func quoteEnd(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// atBoundary reports whether an element that ends at n may end there: a comma,
// the closing bracket, or nothing follows.
func atBoundary(b []byte, n int) bool {
	n = jsonscan.Space(b, n)
	return n == len(b) || b[n] == ',' || b[n] == ']'
}
