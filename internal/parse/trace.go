package parse

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What stands beside a line and is its exception all the same: a trace behind
// it, or what a runtime's envelope says of an error.

// traceHeads are what the lines begin with that a trace begins with. Blanks in
// front of them do not count, but for those that are here.
var traceHeads = [...]string{
	"Traceback (most recent call last):", "+ Exception Group Traceback (most recent call last):", // Python
	"Caused by: ", "Suppressed: ", "Exception in thread ", // Java
	"---> ", "--- End of ", // .NET
	"Stack trace:", "#0 ", // PHP
	"goroutine ", "panic: ", // Go
	"stack backtrace:", "thread '", // Rust
	"During handling of the above exception", "The above exception was the direct cause",
}

// isTraceHead reports whether a line begins a trace.
func isTraceHead(line []byte) bool {
	line = bytes.TrimLeft(line, " \t|")
	for _, head := range traceHeads {
		if len(line) >= len(head) && string(line[:len(head)]) == head {
			return true
		}
	}
	return isFrame(line)
}

// isFrame reports whether a line, without the blanks in front of it, is a frame
// of a stack.
func isFrame(line []byte) bool {
	for _, head := range [...]string{"at ", "File \"", "from ", "... "} {
		if len(line) > len(head) && string(line[:len(head)]) == head {
			switch head {
			case "from ": // Ruby's
				return bytes.Contains(line, []byte(":in "))
			case "... ": // Java's
				return bytes.HasSuffix(bytes.TrimRight(line, " \r"), []byte(" more"))
			}
			return true
		}
	}
	return false
}

// isErrorHead reports whether a line is the name of an error, or that and what
// it says: "ValueError: no carrier", "java.lang.Exception".
func isErrorHead(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	if rest, ok := bytes.CutPrefix(name, []byte("Uncaught ")); ok {
		name = rest
	}
	if k := bytes.IndexByte(name, ' '); k > 0 && k+1 < len(name) && name[k+1] == '[' { // Node.js: Error [CODE]
		name = name[:k]
	}
	if len(name) == 0 || len(name) > 128 {
		return false
	}
	for _, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("._$", c) < 0 {
			return false
		}
	}
	return true
}

// maxTraceHead is how far behind a line a trace may begin, in bytes.
const maxTraceHead = 8 << 10

// traceIn returns where in the text behind a line a trace begins, which goes on
// to its end: -1 if there is none.
func traceIn(tail []byte) int {
	if len(tail) == 0 {
		return -1
	}
	head, line := -1, 0 // head is where the line before begins, if it may be an error's name
	for line < min(len(tail), maxTraceHead) {
		end := line + lineEnd(tail[line:])
		text := bytes.TrimRight(tail[line:end], "\r\n")
		trimmed := bytes.TrimLeft(text, " \t|")
		switch {
		case head >= 0 && isFrame(trimmed):
			return head
		case isTraceHead(text) && (line > 0 || !isSaid(trimmed)):
			return line
		case len(trimmed) == 0:
		case isErrorHead(trimmed) && (bytes.IndexByte(trimmed, ':') > 0 || len(trimmed) == len(text)):
			head = line
		default:
			// A message may have several lines; what is before them is its
			// head.
			if head >= 0 && line-head > maxBeside {
				head = -1
			}
		}
		line = end
	}
	return -1
}

// isSaid reports whether a line that looks like a frame may be what somebody
// says: "at noon".
func isSaid(frame []byte) bool {
	return bytes.HasPrefix(frame, []byte("at ")) && bytes.IndexByte(frame, '(') <= 0
}

// appendTrace appends the text of a trace to the arena. Where a runtime has put
// carriage returns for line feeds, they are line feeds again.
func (p *Parser) appendTrace(text []byte) span {
	b := builder{p: p}
	at := b.printed(bytes.TrimRight(text, " \t\r\n"))
	trace := p.arena[at.from:at.to]
	for i, c := range trace {
		if c == '\r' && (i+1 == len(trace) || trace[i+1] != '\n') {
			trace[i] = '\n'
		}
	}
	return at
}

// addException adds more, which is at the arena's end, to a line's exception.
// What repeats another one whole stands for both.
func (p *Parser) addException(line *Line, more span) {
	says := p.view(more)
	switch before := line.Exception; {
	case strings.Contains(says, before):
		line.Exception = says
	case !strings.Contains(before, says):
		from := len(p.arena)
		p.arena = append(append(append(p.arena, before...), '\n'), says...)
		line.Exception = p.view(span{from, len(p.arena)})
	}
}

// besideMessage adds the exception that the object o of layer n, which is a
// runtime's envelope, tells of beside its message, to the line in that.
func (p *Parser) besideMessage(o *object, line *Line, n int) {
	if o.errorType == nil && o.errorMessage == nil && o.stackTrace == nil || line.Kind != Ours {
		return
	}
	l := &p.layers[n]
	from := len(l.made)
	for _, part := range [...]struct {
		name  string
		value jsontext.Value
	}{{`"errorType"`, o.errorType}, {`"errorMessage"`, o.errorMessage}, {`"stackTrace"`, o.stackTrace}} {
		if part.value != nil {
			l.made = appendMember(l.made, []byte(part.name), part.value)
		}
	}
	l.made[from] = '{'
	l.made = append(l.made, '}')
	b := builder{p: p, layer: l}
	if more := b.exception(l.made[from:]); more.from < more.to {
		p.addException(line, more)
	}
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
	next := t.next(line)
	if next != noTrace {
		t.state = next
	}
	return next != noTrace
}

// next returns the state behind a line, noTrace if that is not part of the
// trace.
func (t *Trace) next(line []byte) traceState {
	trimmed := bytes.TrimLeft(line, " \t|")
	switch {
	case bytes.Contains(line, []byte("Traceback (most recent call last):")), bytes.HasPrefix(trimmed, []byte(`File "`)):
		return pythonic
	case isTraceHead(line):
		if t.state == pythonic || t.state == pythonEnds {
			return pythonic
		}
		return framed
	case t.state == noTrace && isErrorHead(line) && bytes.ContainsAny(line, ":."):
		return errorHead
	case t.Sure() && t.goesOn(line, trimmed):
		return t.state
	case t.state == pythonic && isErrorHead(line):
		return pythonEnds
	}
	return noTrace
}

// goesOn reports whether a line is blank or indented, as source is and what
// Node.js adds, or ends what Node.js has added.
func (t *Trace) goesOn(line, trimmed []byte) bool {
	return len(trimmed) == 0 || trimmed[0] == '+' || len(trimmed) < len(line) || t.state == framed && line[0] == '}'
}
