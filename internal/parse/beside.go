package parse

import (
	"bytes"
	"fmt"
)

// passage is an object of ours in a text: the line itself, or an envelope
// around one or several.
type passage struct {
	start, end int  // of the object, as far as it could be read; end 0 is none
	line       int  // index in Parser.lines of its (last) line
	direct     bool // it is the line itself
	first      bool // of the text
}

// close completes the line of an object of ours, after which the next one
// begins at next or the text ends, with the text beside it.
func (p *Parser) close(text []byte, at passage, next int, event bool) {
	if at.end == 0 {
		return
	}
	line := &p.lines[at.line]
	if line.Kind != Invalid && at.start == 0 && at.end == len(text) {
		return // the common case: nothing is beside it
	}
	front, tail := []byte(nil), text[at.end:next]
	if at.first && at.start > 0 && !(event && isEventHead(text[:at.start])) {
		front = p.beside(text[:at.start])
	}
	if next < len(text) {
		tail = p.beside(tail)
	} else {
		tail = skipFiller(tail)
	}
	if line.Kind == Invalid && at.direct {
		from := at.start
		if len(front) > 0 {
			from = 0
		}
		to := at.end
		if len(trimSpace(text[at.end:next])) > 0 {
			to = next
		}
		line.Raw = p.printed(trimSpace(text[from:to]))
		return
	}
	if len(front) > 0 {
		line.Issues = append(line.Issues, beside("stands in front of", front))
	}
	if tail = trimSpace(tail); len(tail) > 0 {
		line.Issues = append(line.Issues, beside("follows", tail))
	}
}

// beside returns what of the text before an object says something: without the
// logger's prefix on the object's own line.
func (p *Parser) beside(lead []byte) []byte {
	if line := lineStart(lead); p.isPrefix(lead[line:]) {
		lead = lead[:line]
	}
	return trimSpace(skipFiller(lead))
}

// isEventHead says whether text is the part of an event before its record.
func isEventHead(text []byte) bool {
	return bytes.HasSuffix(trimSpace(text), []byte(`"record":`))
}

// beside is the issue for text beside a line's object. where says on which
// side.
func beside(where string, text []byte) string {
	size := ""
	if len(text) > maxBeside {
		size = fmt.Sprintf(" of %d bytes", len(text))
	}
	return fmt.Sprintf("other text%s %s the JSON object (print the object alone): %s", size, where, quote(text, maxBeside))
}
