package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// A Tail says how what a record holds may go on in the next one.
type Tail uint8

const (
	// Closed is a record that is complete.
	Closed Tail = iota
	// Traceable is one that ends with a line of ours which is a warning or
	// worse: the trace of its exception may follow as text.
	Traceable
	// Open is one that begins a pretty-printed object: the rest of it follows.
	Open
	// CutOff is one that Lambda has cut: a second piece follows.
	CutOff
)

// cutBytes is the least length of a text that Lambda may have cut; it does so
// after about 262,100 bytes.
const cutBytes = 250_000

// Tail says how the record that is being visited, or was, may go on, and how many
// lines it has. Of one that is Traceable it is the last line that does.
func (p *Parser) Tail() (tail Tail, lines int) { return p.tail, p.count }

// Opening is the object that the record which was read last begins, if it is
// Open.
func (p *Parser) Opening() Opening { return p.opening }

// noteTail notes how a text may go on. cut says that its last object breaks off
// at its end, behind that there is something behind its last line.
func (p *Parser) noteTail(text []byte, found, cut, behind bool) {
	switch {
	case cut && len(text) >= cutBytes:
		p.tail = CutOff
	case found && behind:
		p.tail = Closed
	case !found && len(text) > 0 && len(text) < cutBytes && (text[0] == '{' || text[0] == ','):
		p.noteOpen(text)
	}
}

// noteOpen notes whether a text begins an object that it does not end.
func (p *Parser) noteOpen(text []byte) {
	if rest := trimSpace(text[1:]); text[0] == '{' && len(rest) > 0 && rest[0] != '"' {
		return
	}
	var o Opening
	if o.Add(text) && !o.Done() {
		p.tail, p.opening = Open, o
	}
}

// settleTail ends what read has found out: of a complete record, whether its
// last line waits for a trace.
func (p *Parser) settleTail(behind bool) {
	if len(p.lines) == 0 || behind || p.tail != Closed {
		return
	}
	if last := &p.lines[len(p.lines)-1]; last.Kind == Ours && (last.Level.Error || last.Level.Rank >= p.warn.Rank) {
		p.tail = Traceable
	}
}

// An Opening follows a pretty-printed object from line to line, so far as it
// takes to see where it ends, and what can be no part of it. The zero value is
// before its first line.
type Opening struct {
	depth int
	begun bool
}

// Add adds a line, or several, and reports whether it may belong to the object.
func (o *Opening) Add(text []byte) bool {
	for len(text) > 0 {
		end := lineEnd(text)
		if !o.line(trimSpace(text[:end])) {
			return false
		}
		text = text[end:]
	}
	return o.begun
}

// Done reports whether the object is closed.
func (o *Opening) Done() bool { return o.begun && o.depth == 0 }

func (o *Opening) line(line []byte) bool {
	if !o.begun {
		line = trimSpace(skipFiller(line)) // Log4j separates objects by commas
		if len(line) == 0 || line[0] != '{' {
			return false
		}
		if rest := trimSpace(line[1:]); len(rest) > 0 && rest[0] != '"' {
			return false
		}
		o.begun = true
	} else if len(line) == 0 {
		return true
	} else if o.depth == 0 || bytes.IndexByte([]byte("\"{}[],-0123456789tfnNIuTF"), line[0]) < 0 {
		return false
	}
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			if i = jsonscan.ClosingQuote(line, i); i >= len(line) {
				return false // a string that goes on: not pretty-printed
			}
		case '{', '[':
			o.depth++
		case '}', ']':
			if o.depth--; o.depth < 0 {
				return false
			}
		}
	}
	// A line that is not the last ends where something may follow.
	return true
}

// A Trace follows the text of an exception's trace from line to line. The zero
// value is before its first line.
type Trace struct {
	state traceState
}

type traceState uint8

const (
	noTrace    traceState = iota
	errorHead             // the name of an error: frames must follow
	pythonic              // in Python's, which ends with the error
	pythonEnds            // behind that
	framed                // in one whose frames follow the error
)

// Add adds a line, or several, and reports whether they belong to the trace.
func (t *Trace) Add(text []byte) bool {
	for len(text) > 0 {
		end := lineEnd(text)
		if !t.line(bytes.TrimRight(text[:end], "\r\n")) {
			return false
		}
		text = text[end:]
	}
	return t.state != noTrace
}

// Sure reports whether what was added is a trace for certain, and not just what
// may be the head of one.
func (t *Trace) Sure() bool { return t.state > errorHead }

func (t *Trace) line(line []byte) bool {
	trimmed := bytes.TrimLeft(line, " \t|")
	python := bytes.Contains(line, []byte("Traceback (most recent call last):")) || bytes.HasPrefix(trimmed, []byte(`File "`))
	next := t.state
	switch {
	case python:
		next = pythonic
	case isTraceHead(line):
		if next = framed; t.state >= pythonic && t.state <= pythonEnds {
			next = pythonic
		}
	case t.state == noTrace:
		if !isErrorHead(line) || bytes.IndexByte(line, ':') < 0 && bytes.IndexByte(line, '.') < 0 {
			return false
		}
		next = errorHead
	case t.state == errorHead:
		return false
	case len(trimmed) == 0 || trimmed[0] == '+' || len(trimmed) < len(line):
		// A blank line, or one that is indented: source, or what Node.js adds.
	case t.state == pythonic && isErrorHead(line):
		next = pythonEnds
	case t.state == framed && line[0] == '}':
	default:
		return false
	}
	t.state = next
	return true
}

// Unwrapped is the text of a record, and what a runtime's envelope around it
// says.
type Unwrapped struct {
	Text      []byte
	Envelope  bool
	RequestID string // of the envelope
	Level     []byte // of the envelope: a raw JSON value, nil for none
}

// Unwrap returns the text of a record: the string that it is, or that is the
// message of the runtime's envelope that it is. Its parts are valid until the
// parser reads on. ok is false for anything else.
func (p *Parser) Unwrap(record []byte) (u Unwrapped, ok bool) {
	record = trimSpace(record)
	if len(record) == 0 {
		return u, false
	}
	if record[0] == '"' {
		u.Text, ok = p.unquote(0, record)
		return u, ok
	}
	if record[0] != '{' {
		return u, false
	}
	o := &p.layers[0].object
	p.scan(o, record, 0)
	if !o.isEnvelope() || o.message[0] != '"' || o.faults != 0 {
		return u, false
	}
	u.Envelope, u.Level = true, o.level
	if o.requestID != nil {
		u.RequestID = string(appendString(nil, o.requestID))
	}
	u.Text, ok = p.unquote(1, o.message)
	return u, ok
}

// Wrap appends to dst the record of which Unwrap returns u.
func (u *Unwrapped) Wrap(dst []byte) []byte {
	// Invalid UTF-8 is replaced, which is not an error here.
	if !u.Envelope {
		dst, _ = jsontext.AppendQuote(dst, u.Text)
		return dst
	}
	dst = append(dst, `{"timestamp":"",`...)
	if u.Level != nil {
		dst = append(append(append(dst, `"level":`...), u.Level...), ',')
	}
	if u.RequestID != "" {
		dst, _ = jsontext.AppendQuote(append(dst, `"requestId":`...), u.RequestID)
		dst = append(dst, ',')
	}
	dst, _ = jsontext.AppendQuote(append(dst, `"message":`...), u.Text)
	return append(dst, '}')
}
