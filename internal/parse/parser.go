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
//
// With a Mapping, lines of other loggers are taken too, see there.
//
// A record may hold several lines of ours, each on a line of its own or with
// nothing but separators between them; Lines returns them all. Text beside an
// object does not make its line invalid: it is told in the line's Issues,
// unless it is a prefix that loggers write (times, levels, names, ids in front)
// or tells nothing (blanks, control characters, terminal colours, commas and
// semicolons). A JSON array is never ours, whatever is in it.
package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
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
	// maxTries is how many times the length of a text (at least minTry) may be
	// read in vain, in objects and arrays that turn out to be broken, before no
	// further object is looked for. Each costs at least minTry. What is whole
	// is read once.
	maxTries = 8
	minTry   = 256 // bytes
	// maxLines is how many lines of ours are taken from one record. What
	// follows the last of them is told in its Issues.
	maxLines = 1_000
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
	// Mapping adds other loggers' names to ours; nil is none.
	Mapping *Mapping
	// Head returns the first n bytes of a text and a sign if that is not all,
	// for an Issue to repeat: what is to be masked must be before it is cut.
	// Nil cuts only.
	Head func(text string, n int) string
}

// Parser reads log lines. It reuses its buffers and is not safe for concurrent
// use. The lines that Lines hands out are parts of them, see there.
type Parser struct {
	scale   *Scale
	mapping *Mapping
	warn    Level
	plain   Level
	plainOn bool
	head    func(text string, n int) string

	buf     bytes.Buffer
	dec     jsontext.Decoder
	name    []byte           // an escaped member name, decoded
	layers  [maxLayers]layer // one each, as an outer one is needed after an inner one
	arena   []byte           // the strings of the record's lines: only appended to while it is read
	scratch []byte           // an exception's stack being rendered
	lines   []Line           // what was found in the record being read

	// With a Mapping, of the object being read:
	members []member // its members; behind them, of objects in it that are searched
	names   []byte   // escaped names of members, decoded
	taken   []int    // the places of the members that have a role
	places  []int    // the places that lookup or group has found last
}

// layer holds the buffers of one layer around a line.
type layer struct {
	text   []byte // its text, if that had to be decoded
	fields []byte // `,"name":value` for each further member of the last object scanned
	made   []byte // JSON put together from members of that object
}

// New returns a parser.
func New(o Options) *Parser {
	p := &Parser{scale: o.Scale, mapping: o.Mapping, head: o.Head}
	if p.scale == nil {
		p.scale = DefaultScale()
	}
	if p.head == nil {
		p.head = head
	}
	p.warn = p.scale.Warn()
	if o.Plain != "" {
		p.plain, p.plainOn = p.scale.Find(o.Plain)
	}
	return p
}

// Record reads the `record` member of a function's telemetry event: a raw JSON
// value, be it a string or an object. What is not valid JSON is read like Raw.
// Of a record with several lines of ours it returns the first; see Lines. ok is
// false for a line that is not ours while Options.Plain is off, and for one
// without any text. The line owns its memory.
func (p *Parser) Record(record []byte) (line Line, ok bool) {
	const thisAndNext = 2 // where the next begins, the first one's tail ends
	p.read(record, thisAndNext)
	return p.first()
}

// Lines is Record for a record that may hold several lines of ours: it calls
// visit for each, in order, at most 1,000 times. All get the request id that is
// told around them, unless they tell one themselves. Text between two of them
// is told in the Issues (or is in the Raw) of the one before. For a record
// without any line of ours, visit is called once or not at all, as Record says.
//
// A line's strings are valid only until visit returns: whoever keeps one copies
// it, see Line.Clone. visit must not use the parser.
func (p *Parser) Lines(record []byte, visit func(Line)) {
	p.read(record, maxLines)
	for i := range p.lines {
		visit(p.lines[i])
	}
	p.forget()
}

// Raw reads text that is no valid JSON value, such as an event that was cut off
// or is nested too deeply for the decoder. One of our lines that can be made
// out in it is returned, as Invalid if it is broken too. It owns its memory.
func (p *Parser) Raw(text []byte) (line Line, ok bool) {
	const thisAndNext = 2
	p.reset()
	p.readRaw(text, thisAndNext)
	return p.first()
}

// keptArena is the largest arena that is used again, in bytes: that of a record of
// Lambda's usual longest.
const keptArena = 512 << 10

func (p *Parser) reset() {
	if cap(p.arena) > keptArena {
		p.arena = nil
	}
	p.lines, p.arena = p.lines[:0], p.arena[:0]
}

// read puts the lines of a record, at most limit, into p.lines.
func (p *Parser) read(record []byte, limit int) {
	p.reset()
	text := trimSpace(record)
	if len(text) > 0 && text[0] == '"' {
		var ok bool
		if text, ok = p.unquote(0, text); !ok {
			p.readRaw(record, limit)
			return
		}
	}
	s := search{limit: limit, brokenTries: 1}
	if !p.inText(text, 0, &s) {
		p.plainLine(text, &s)
	}
}

// readRaw is read for Raw.
func (p *Parser) readRaw(text []byte, limit int) {
	// In an event, the line's own brace is the second.
	s := search{limit: limit, brokenTries: 2, event: true}
	if p.inText(text, 0, &s) {
		return
	}
	s = search{limit: limit, brokenTries: 1}
	if p.inText(p.cutString(text), 0, &s) {
		return
	}
	p.plainLine(text, &search{})
}

// first returns the first of p.lines, if there is one.
func (p *Parser) first() (line Line, ok bool) {
	if len(p.lines) == 0 {
		return Line{}, false
	}
	line = p.lines[0].Clone()
	p.forget()
	return line, true
}

// forget lets go of the lines' memory.
func (p *Parser) forget() {
	clear(p.lines)
	p.lines = p.lines[:0]
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
	text, _, valid := jsonscan.AppendUnquote(p.layers[n].text[:0], quoted)
	p.layers[n].text = text
	return text, valid
}
