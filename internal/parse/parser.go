// Package parse turns what a function printed into a Line.
//
// A line of ours is a JSON object with a `locator` and a `level`, and
// optionally `text`, `exception`, `module`, a request id and any further
// members. Depending on the language, the logging call and the function's log
// format it reaches an extension as it was printed, or inside a string, behind
// a prefix, inside the `message` of a runtime's JSON envelope, or in several of
// these at once; the parser unwraps all of them.
//
// An object is ours if it has a `locator` member, or both `level` and `text`.
// In a runtime's envelope (an object with `timestamp` and `message`) `level`
// and `text` do not count, and of its members only the request id passes into
// the line.
package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on what one line may cost. None of them loses a line: what goes beyond
// is kept as text. The length of a line is bounded by the event's.
const (
	// maxMembers is how many members of an object are looked at; those after
	// them stay in Fields, whatever their names.
	maxMembers = 1_000
	// maxDepth is how deep a valid line may be nested, itself included.
	maxDepth = 100
	// maxLayers is how many strings and envelopes around a line are unwrapped.
	// The runtimes make at most two.
	maxLayers = 4
	// maxTries is how many positions of a text are tried for an object.
	maxTries = 8
)

// lenient makes the decoder take what functions print: of a repeated name the
// last counts, and one bad byte does not cost the line.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Options configures a Parser.
type Options struct {
	// Scale orders the levels; nil means DefaultScale.
	Scale *Scale
	// Plain names the level under which lines that are not ours are returned.
	// With "", or a name that is not on the scale, they are left alone.
	Plain string
}

// Parser reads log lines. It reuses its buffers and is not safe for concurrent
// use; the lines it returns are independent of it.
type Parser struct {
	scale   *Scale
	warn    Level
	plain   Level
	plainOn bool

	buf     bytes.Buffer
	dec     jsontext.Decoder
	name    []byte           // an escaped member name, decoded
	layers  [maxLayers]layer // one each, as an outer one is needed after an inner one
	arena   []byte           // the strings of the line being built
	scratch []byte           // an exception's stack being rendered
}

// layer holds the buffers of one layer around a line.
type layer struct {
	text   []byte // its text, if that had to be decoded
	fields []byte // `,"name":value` for each further member of the last object scanned
}

// New returns a parser.
func New(o Options) *Parser {
	p := &Parser{scale: o.Scale}
	if p.scale == nil {
		p.scale = DefaultScale()
	}
	p.warn = p.scale.Warn()
	if o.Plain != "" {
		p.plain, p.plainOn = p.scale.Find(o.Plain)
	}
	return p
}

// Record reads the `record` member of a function's telemetry event: a raw JSON
// value, be it a string or an object. What is not valid JSON is read like Raw.
// ok is false for a line that is not ours while Options.Plain is off, and for
// one without any text.
func (p *Parser) Record(record []byte) (line Line, ok bool) {
	text := trimSpace(record)
	if len(text) > 0 && text[0] == '"' {
		if text, ok = p.unquote(0, text); !ok {
			return p.Raw(record)
		}
	}
	var s search
	if p.inText(text, 0, 1, &s) {
		return p.build(&s), true
	}
	return p.plainLine(text, &s)
}

// Raw reads text that is no valid JSON value, such as an event that was cut off
// or is nested too deeply for the decoder. One of our lines that can be made
// out in it is returned, as Invalid if it is broken too.
func (p *Parser) Raw(text []byte) (line Line, ok bool) {
	const eventAndRecord = 2 // in an event, the line's own brace is the second
	var s search
	if p.inText(text, 0, eventAndRecord, &s) {
		return p.build(&s), true
	}
	var inner search
	if p.inText(p.cutString(text), 0, 1, &inner) {
		return p.build(&inner), true
	}
	return p.plainLine(text, &search{})
}

// cutString returns the contents of an event's `record` string, as far as they
// go, nil if there is none.
func (p *Parser) cutString(event []byte) []byte {
	_, value, ok := bytes.Cut(event, []byte(`"record":`))
	value = trimSpace(value)
	if !ok || len(value) == 0 || value[0] != '"' {
		return nil
	}
	// The error says that the string breaks off, which is known already.
	p.layers[0].text, _ = jsontext.AppendUnquote(p.layers[0].text[:0], value)
	return p.layers[0].text
}

// unquote decodes a JSON string into the buffer of layer n.
func (p *Parser) unquote(n int, quoted []byte) ([]byte, bool) {
	text, err := jsontext.AppendUnquote(p.layers[n].text[:0], quoted)
	p.layers[n].text = text
	// Invalid UTF-8 is an error too, but has been replaced by U+FFFD.
	return text, err == nil || jsontext.Value(quoted).IsValid(lenient...)
}

// search is the state of looking for a line: what was found, and what the
// layers around it said.
type search struct {
	object object
	raw    []byte // the object's text, from its brace on
	fields []byte // the object's further members

	// id is the request id of the innermost layer that has one: a JSON string
	// if idQuoted, else text.
	id       []byte
	idQuoted bool
}

// inText looks for one of our lines in the text of layer n. A broken object
// counts if it shows to be ours before it breaks, and is among the first so
// many objects of the text: what comes later is likelier to be a part of
// something else.
func (p *Parser) inText(text []byte, n, brokenTries int, s *search) bool {
	text, id := splitPrefix(trimSpace(text))
	if id != nil {
		s.id, s.idQuoted = id, false
	}
	for try, from := 1, 0; try <= maxTries; try++ {
		start := nextObject(text, from)
		if start < 0 {
			return false
		}
		o := p.scan(text[start:], n)
		switch {
		case o.state == whole:
			return p.inObject(text[start:], n, &o, s)
		case o.isOurs() && try <= brokenTries:
			p.found(text[start:], n, &o, s)
			return true
		case o.state == trailed:
			from = start + o.end
		default:
			from = start + 1
		}
	}
	return false
}

// inObject looks for one of our lines in an object of layer n that has just
// been scanned: it is the line itself, or an envelope around it.
func (p *Parser) inObject(text []byte, n int, o *object, s *search) bool {
	if o.isOurs() && !o.isEnvelope() {
		p.found(text, n, o, s)
		return true
	}
	if o.requestID != nil {
		s.id, s.idQuoted = o.requestID, true
	}
	if p.inMessage(o.message, n+1, s) {
		return true
	}
	if o.locator != nil { // as an additional key of the runtime's own logger
		p.found(text, n, o, s)
		return true
	}
	return false
}

// inMessage looks for one of our lines in an envelope's message.
func (p *Parser) inMessage(message []byte, n int, s *search) bool {
	if len(message) == 0 || n == maxLayers {
		return false
	}
	switch message[0] {
	case '{':
		o := p.scan(message, n)
		return p.inObject(message, n, &o, s)
	case '"':
		text, _ := p.unquote(n, message) // the decoder has accepted it
		return p.inText(text, n, 1, s)
	}
	return false
}

// found records that o, whose text is raw, is our line.
func (p *Parser) found(raw []byte, n int, o *object, s *search) {
	s.object, s.raw, s.fields = *o, raw, p.layers[n].fields
}

// nextObject returns the first position from i on where an object with a member
// may begin, -1 if there is none. It is a cheap test: most braces in log lines
// that are not JSON end here.
func nextObject(b []byte, i int) int {
	for {
		k := bytes.IndexByte(b[i:], '{')
		if k < 0 {
			return -1
		}
		i += k + 1
		for k = i; k < len(b) && isSpace(b[k]); k++ {
		}
		if k < len(b) && b[k] == '"' {
			return i - 1
		}
	}
}

// isSpace says whether c is JSON white space. Runtimes that write a record as
// several lines may put '\r' for '\n', which JSON takes as well.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

func trimSpace(b []byte) []byte {
	return bytes.Trim(b, " \t\r\n")
}
