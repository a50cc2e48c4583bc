// Package explain says what the lines that a function prints become, as the
// layer has it, and of a line that yields no row why it does not and what to
// do. It is for the command-line tool: the layer has its hints.
package explain

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/parse"
)

// MaxLine is the length in bytes at which Lambda cuts a line; the rest follows
// as a line of its own.
const MaxLine = 262_118

// Bounds on the lines that wait for what may be the rest of them. The layer has
// the same, and one of 200 ms: how lines came in time nobody knows here.
const (
	maxHeld      = 64
	maxHeldBytes = 64 << 10
	maxPieces    = 2 // of a line that was cut
)

// Options are what a Reader is to know of the function.
type Options struct {
	Rows   agent.Rows // as extension.Rows makes them of the settings
	Fields string     // LOGTABLE_FIELDS as it is written
	JSON   bool       // the function's log format is JSON, not text
}

// A Result is what became of a line, or of several that belong together.
type Result struct {
	First, Last int    // which lines, from 1
	Text        string // of the lines, as they were printed
	Rows        []agent.Preview
	Why         Why // if there are no Rows
}

// A Reader takes a function's output line by line and hands on Results, in the
// lines' order. A line that may go on in the next one waits for it. It is not
// safe for concurrent use.
type Reader struct {
	options Options
	agent   *agent.Agent // for what it makes of a line
	parser  *parse.Parser
	look    look
	emit    func(Result)

	lines  int  // so far
	cut    bool // the last one was, for its length
	what   parse.Tail
	held   []heldLine // that wait
	joined parse.Joined
}

// A heldLine is a line with the record that Lambda makes of it.
type heldLine struct {
	number int
	text   string
	record []byte
}

// NewReader returns a Reader that calls emit for each Result.
func NewReader(o Options, emit func(Result)) *Reader {
	return &Reader{
		options: o, agent: agent.New(agent.Config{Rows: o.Rows}), parser: o.Rows.Parser(),
		look: newLook(o), emit: emit,
	}
}

// Line takes one line, with or without its end, of at most MaxLine bytes.
func (r *Reader) Line(printed []byte) {
	if !r.cut {
		r.lines++ // else this is the rest of a line
	}
	r.cut = len(printed) == MaxLine && printed[MaxLine-1] != '\n'
	line := heldLine{r.lines, strings.TrimRight(string(printed), "\r\n"), r.record(printed)}
	if r.what != parse.Closed {
		if r.fits(line) {
			return
		}
		r.Flush()
	}
	result, _ := r.read(line.record, false)
	tail, lines := r.parser.Tail()
	if tail >= parse.Open || tail == parse.Traceable && lines > 0 && len(line.record) <= maxHeldBytes {
		r.what, r.held = tail, append(r.held[:0], line)
		r.joined.Reset()
		opening := r.parser.Opening()
		r.joined.Take(r.parser, line.record)
		if tail == parse.Traceable {
			return
		}
		r.joined.Opening = opening
		return
	}
	r.hand(result, line)
}

// record is the record that Lambda makes of a line, as JSON.
func (r *Reader) record(printed []byte) []byte {
	text := strings.ToValidUTF8(string(printed), "\uFFFD")
	object := strings.TrimSpace(text)
	if !r.options.JSON {
		return quote(strings.TrimRight(text, "\r\n") + "\n")
	}
	if strings.HasPrefix(object, "{") && json.Valid([]byte(object)) {
		return []byte(object)
	}
	// What is no object is the message of one that Lambda makes.
	const before = `{"timestamp":"2006-01-02T15:04:05.000Z","level":"INFO","message":`
	return append(append([]byte(before), quote(strings.TrimRight(text, "\r\n"))...), '}')
}

func quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always is
	return bytes.TrimRight(b.Bytes(), "\n")
}

// read is what a record yields by itself. Of one that was put together of
// pieces, those lines do not count that are still broken.
func (r *Reader) read(record []byte, pieces bool) (result Result, found bool) {
	r.parser.Lines(record, func(line parse.Line) {
		if pieces && (line.Kind == parse.Plain || line.Kind == parse.Invalid && line.NoAlert) {
			return
		}
		found = true
		if row, ok := r.agent.Preview(&line, time.Time{}); ok {
			result.Rows = append(result.Rows, row)
		}
	})
	switch {
	case len(result.Rows) > 0:
	case found:
		result.Why = Why{Seen: "its level is below LOGTABLE_LEVEL=" + r.options.Rows.MinLevel.Name}
	default:
		result.Why = r.look.why(r.parser, record)
	}
	return result, found
}

// hand hands on what became of lines.
func (r *Reader) hand(result Result, lines ...heldLine) {
	result.First, result.Last = lines[0].number, lines[len(lines)-1].number
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = lines[i].text
	}
	result.Text = strings.Join(texts, "\n")
	r.emit(result)
}

// fits takes a line that follows, if it belongs to what waits, and reports
// whether it does.
func (r *Reader) fits(line heldLine) bool {
	tooLong := len(r.joined.Text)+len(line.record) > maxHeldBytes && r.what != parse.CutOff
	if len(r.held) == maxHeld || tooLong {
		return false
	}
	u, ok := r.parser.Unwrap(line.record)
	first := r.joined.Around.RequestID
	if !ok || u.RequestID != first && u.RequestID != "" && first != "" || !r.joined.Add(r.what, u.Text) {
		return false
	}
	r.held = append(r.held, line)
	if r.isWhole() {
		r.Flush()
	}
	return true
}

// isWhole reports whether all of what is waited for is there. A trace is never
// known to be.
func (r *Reader) isWhole() bool {
	return r.what == parse.Open && r.joined.Opening.Done() || r.what == parse.CutOff && len(r.held) == maxPieces
}

// Flush hands on what waits, which is complete: the input ends, or the
// invocation does.
func (r *Reader) Flush() {
	what, whole, held := r.what, r.isWhole(), r.held
	r.what, r.held = parse.Closed, nil
	if what == parse.Closed {
		return
	}
	if whole || what == parse.Traceable && r.joined.Trace.Sure() {
		if together, found := r.read(r.joined.Wrap(), whole); found {
			r.hand(together, held...)
			return
		}
	}
	yields := false
	results := make([]Result, len(held))
	for i := range held {
		var found bool
		results[i], found = r.read(held[i].record, false)
		yields = yields || found
	}
	if whole && !yields {
		result, _ := r.read(r.joined.Wrap(), true)
		r.hand(result, held...)
		return
	}
	for i := range held {
		r.hand(results[i], held[i])
	}
}
