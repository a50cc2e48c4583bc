// Package parse turns what a function printed into a Line.
//
// A line of ours is a JSON object with a `locator` and a `level`, and
// optionally `text`, `exception`, `module`, a request id and any further
// members. Depending on the language, the logging call and the function's log
// format it reaches an extension as it was printed, or inside a string, behind
// a prefix, inside the `message` of a runtime's JSON envelope, or in several of
// these at once; the parser unwraps all of them, see unwrap.go for its stages.
//
// An object is ours if it has both `level` and `text`, or a `locator` and one
// of `level`, `text` and `exception`. In a runtime's envelope (an object with
// `timestamp` and `message`) `level` and `text` do not count, and of its
// members only the request id and what it says of an exception pass into the
// line.
//
// With a Mapping, lines of other loggers are taken too, see there.
//
// What is not quite JSON is made so by a tolerant reader, where the strict one
// stops. What can be read of a line counts, and the rest is reported in its
// Issues.
//
// A record may hold several lines of ours, each on a line of its own or with
// nothing but separators between them; Lines returns them all. Text beside an
// object is reported in the line's Issues, unless it is a prefix that loggers
// write (times, levels, names, ids in front), repeats the line, tells nothing
// (blanks, control characters, terminal colours, commas and semicolons), or is
// the trace of its exception. A JSON array is never ours, whatever is in it,
// if it is whole.
package parse

import (
	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/level"
)

// Bounds on what one line may cost. None of them loses a line: what goes beyond
// is kept as text. The length of a line is bounded by the event's.
const (
	// maxMembers is how many members of an object are looked at; those after
	// them stay in Fields, whatever their names.
	maxMembers = 1_000
	// maxDepth is how deep a valid line may be nested, itself included.
	maxDepth = 100
	// maxLines is how many lines of ours are taken from one record. What
	// follows the last of them is reported in its Issues.
	maxLines = 1_000
)

// Options configures a Parser.
type Options struct {
	// Scale orders the levels; nil means level.DefaultScale.
	Scale *level.Scale
	// Plain names the level under which lines that are not ours are returned.
	// With "", or a name that is not on the scale, they are left alone.
	Plain string
	// Mapping adds other loggers' names to ours; nil is none.
	Mapping *Mapping
	// Head returns the first n bytes of a text and a sign if that is not all,
	// for an Issue to repeat: what is to be masked must be before it is cut.
	// Nil cuts only.
	Head func(text string, n int) string
	// Masks reports whether something is to be masked in a JSON object of one
	// member, which may be for what the member is called. Such a one becomes no
	// link: it stays in Fields, under its name. Nil is for none.
	Masks func(object string) bool
}

// Parser reads log lines. It reuses its buffers and is not safe for concurrent
// use. The lines that Lines hands out are parts of them, see there.
type Parser struct {
	settings
	record
	mapped

	repairer jsonscan.Repairer
	layers   [maxLayers]layer // one each, as an outer one is needed after an inner one
	looks    *settings        // of Look, made when it is asked first
	name     []byte           // an escaped member name, decoded
	scratch  []byte           // an exception's stack being rendered
}

// settings are the Options of a Parser, and what follows from them.
type settings struct {
	scale   *level.Scale
	mapping *Mapping
	auto    *Mapping    // the mapping, if it recognises loggers
	loggers []*Mapping  // for each of them, made when it is met first
	words   *vocabulary // with it
	warn    level.Level
	plain   level.Level
	plainOn bool
	head    func(text string, n int) string
	masks   func(object string) bool
}

// record is what was found in the record that is being read, or was read last.
type record struct {
	size    int     // of its text, in bytes
	lines   []Line  // gone when it has been visited
	count   int     // of them, then
	arena   []byte  // the lines' strings: only appended to while it is read
	links   []Links // the lines' links, likewise
	tail    Tail    // how it may go on
	opening Opening // if it is Open
}

// mapped is what a Parser with a Mapping knows of the object being read.
type mapped struct {
	members []member // its members; behind them, of objects in it that are searched
	names   []byte   // escaped names of members, decoded
	taken   []int    // the places of the members that have a role
	places  []int    // the places that lookup or group has found last
}

// layer holds the object and the buffers of one layer around a line.
type layer struct {
	object   object // that was scanned last
	text     []byte // its text, if that had to be decoded
	fields   []byte // `,"name":value` for each further member of the last object scanned
	made     []byte // JSON put together from members of that object
	beyond   []byte // with a Mapping: like fields, for members that are not looked at
	repaired []byte // that object, if it had to be made valid; else empty
}

// New returns a parser.
func New(o Options) *Parser {
	p := &Parser{settings: settings{scale: o.Scale, mapping: o.Mapping, head: o.Head, masks: o.Masks}}
	p.repairer = jsonscan.Repairer{MaxDepth: maxDepth, NewLine: p.beginsLine}
	if m := o.Mapping; m != nil && m.auto {
		p.auto, p.loggers, p.words = m, make([]*Mapping, len(presets)), newVocabulary()
		if m.isEmpty() {
			p.mapping = nil // what is ours is read as without
		}
	}
	if p.scale == nil {
		p.scale = level.DefaultScale()
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

// Lines reads the `record` member of a function's telemetry event: a raw JSON
// value, be it a string or an object. What is not valid JSON is read like Raw.
//
// It calls visit for each line of ours in the record, in order, at most 1,000
// times. All get the request id that stands around them, unless they have their
// own. Text between two of them is reported in the Issues (or is in the Raw) of
// the one before. For a record without any line of ours, visit is called once,
// or not at all if Options.Plain is off or the record has no text.
//
// A line's strings are valid only until visit returns: whoever keeps one copies
// it, see Line.Clone. visit must not use the parser.
func (p *Parser) Lines(record []byte, visit func(Line)) {
	p.read(record, maxLines)
	p.count = len(p.lines)
	for i := range p.lines {
		visit(p.lines[i])
	}
	p.forget()
}

// Raw reads text that is not valid JSON value, such as an event that was cut
// off or is nested too deeply for the decoder. One of our lines that can be
// made out in it is returned, as Invalid if it is broken too. It owns its
// memory.
func (p *Parser) Raw(text []byte) (line Line, ok bool) {
	const thisAndNext = 2 // where the next begins, the first one's tail ends
	p.reset(len(text))
	p.readRaw(text, thisAndNext)
	return p.firstLine()
}

// What is kept for the next record, in bytes or elements: what a record of 64
// KB may need, though Lambda's longest has four times that.
const (
	keptBytes   = 128 << 10
	keptMembers = 256
	keptLines   = 64
	largeRecord = 8 << 10 // a shorter one cannot make them larger
)

// reset begins a record of the given size.
func (p *Parser) reset(size int) {
	p.size, p.tail = size, Closed
	p.lines, p.arena, p.links = p.lines[:0], p.arena[:0], p.links[:0]
}

// forget lets go of the lines' memory.
func (p *Parser) forget() {
	clear(p.lines)
	p.lines = p.lines[:0]
	if p.size > largeRecord {
		p.releaseBuffers()
	}
}

// releaseBuffers lets go of the buffers that a large record has made large.
func (p *Parser) releaseBuffers() {
	if cap(p.lines) > keptLines {
		p.lines = nil
	}
	if cap(p.members) > keptMembers {
		p.members = nil
	}
	if cap(p.links) > keptLines {
		p.links = nil
	}
	for i := range p.layers {
		l := &p.layers[i]
		l.object = object{}
		for _, buffer := range [...]*[]byte{&l.text, &l.fields, &l.made, &l.beyond, &l.repaired} {
			release(buffer)
		}
	}
	for _, buffer := range [...]*[]byte{&p.arena, &p.names, &p.name, &p.scratch} {
		release(buffer)
	}
}

// release gives up a buffer that is too large to be kept.
func release(buffer *[]byte) {
	if cap(*buffer) > keptBytes {
		*buffer = nil
	}
}

// firstLine returns the first of p.lines, if there is one.
func (p *Parser) firstLine() (line Line, ok bool) {
	if len(p.lines) == 0 {
		return Line{}, false
	}
	line = p.lines[0].Clone()
	p.forget()
	return line, true
}
