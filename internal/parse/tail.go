package parse

import (
	"bytes"

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

// Tail says how the record that is being visited, or was, may go on, and how
// many lines it has. Of one that is Traceable it is the last line that does.
func (p *Parser) Tail() (tail Tail, lines int) { return p.tail, p.count }

// Opening is the object that the record which was read last begins, if it is
// Open.
func (p *Parser) Opening() Opening { return p.opening }

// setTail notes how a text may go on. cut says that its last object breaks off
// at its end, behind that there is something behind its last line.
func (p *Parser) setTail(text []byte, found, cut, behind bool) {
	switch {
	case cut && len(text) >= cutBytes:
		p.tail = CutOff
	case found && behind:
		p.tail = Closed
	case !found && len(text) > 0 && len(text) < cutBytes && (text[0] == '{' || text[0] == ','):
		p.setOpening(text)
	}
}

// setOpening notes whether a text begins an object that it does not end.
func (p *Parser) setOpening(text []byte) {
	if text[0] == '{' && !beginsObject(text) {
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

// line adds a line without the blanks around it.
func (o *Opening) line(line []byte) bool {
	switch {
	case !o.begun:
		line = trimSpace(skipFiller(line)) // Log4j separates objects by commas
		o.begun = beginsObject(line)
		return o.begun && o.brackets(line)
	case len(line) == 0:
		return true
	case o.depth == 0 || bytes.IndexByte([]byte("\"{}[],-0123456789tfnNIuTF"), line[0]) < 0:
		return false
	}
	return o.brackets(line)
}

// beginsObject reports whether a line begins with an object that has members.
func beginsObject(line []byte) bool {
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	rest := trimSpace(line[1:])
	return len(rest) == 0 || rest[0] == '"'
}

// brackets counts those of a line that may belong to the object.
func (o *Opening) brackets(line []byte) bool {
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
