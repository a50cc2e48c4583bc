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
// begins at next or the text ends, with the text beside it. alone reports
// whether there is nothing in front of it, behind whether there is something
// behind it.
func (p *Parser) close(text []byte, at passage, next int, event bool) (alone, behind bool) {
	if at.end == 0 {
		return false, false
	}
	line := &p.lines[at.line]
	if line.Kind != Invalid && at.start == 0 && at.end == len(text) {
		return true, false // the common case: nothing is beside it
	}
	var front []byte
	if at.first && at.start > 0 {
		front = p.beside(text[:at.start])
	}
	tail := p.behind(text, at.end, next, event)
	if line.Kind == Invalid && at.direct {
		line.Raw = p.printed(at.raw(text, next, len(front) > 0))
	} else {
		p.reportBeside(line, front, tail)
	}
	return at.first && len(front) == 0, len(tail) > 0
}

// behind returns what of the text from end to next says something.
func (p *Parser) behind(text []byte, end, next int, event bool) []byte {
	tail := text[end:next]
	if next < len(text) {
		return p.beside(tail)
	}
	if event {
		tail = bytes.TrimSuffix(tail, []byte("}")) // the event's own
	}
	return trimSpace(skipFiller(tail))
}

// raw returns the text of an invalid line: its object, with what is beside it
// if that says something.
func (at *passage) raw(text []byte, next int, front bool) []byte {
	from, to := at.start, at.end
	if front {
		from = 0
	}
	if len(trimSpace(text[to:next])) > 0 {
		to = next
	}
	return trimSpace(text[from:to])
}

// reportBeside puts into a line's issues what stands in front of its object and
// what follows it, or into its exception what is the trace of that.
func (p *Parser) reportBeside(line *Line, front, tail []byte) {
	if len(front) > 0 && !p.repeats(front, line) {
		line.Issues = append(line.Issues, p.issueBeside("before", front))
	}
	if k := traceIn(tail); k >= 0 && line.Kind == Ours {
		p.addException(line, p.appendTrace(tail[k:]))
		tail = trimSpace(tail[:k])
	}
	if len(tail) > 0 {
		line.Issues = append(line.Issues, p.issueBeside("after", tail))
	}
}

// repeats reports whether text in front of a line says nothing but the line's
// own level and text, as logs for people do.
func (p *Parser) repeats(front []byte, line *Line) bool {
	if line.Text == "" || len(front) > len(line.Text)+maxPrefix {
		return false
	}
	before, after, ok := bytes.Cut(front, []byte(line.Text))
	return ok && p.isPrefix(before) && p.isPrefix(after)
}

// beside returns what of the text before an object says something: without the
// logger's prefix on the object's own line.
func (p *Parser) beside(lead []byte) []byte {
	if line := lineStart(lead); p.isPrefix(lead[line:]) {
		lead = lead[:line]
	}
	return trimSpace(skipFiller(lead))
}

// issueBeside is the issue for text beside a line's object. where says on which
// side.
func (p *Parser) issueBeside(where string, text []byte) string {
	size := ""
	if len(text) > maxBeside {
		size = fmt.Sprintf(" of %d bytes", len(text))
	}
	return fmt.Sprintf("extra text%s %s the JSON object (print the object on its own): %s",
		size, where, p.quote(text, maxBeside))
}

// addUnread adds a line that tells of lines that may be in a text and were not
// looked for, if there is any sign of such.
func (p *Parser) addUnread(text []byte, w *wrapped) bool {
	if !bytes.Contains(text, []byte(`"locator"`)) && !bytes.Contains(text, []byte(`"level"`)) {
		return false
	}
	b := builder{p: p}
	b.issue("too much broken JSON to search for lines: print each line on its own, as valid JSON")
	id := b.requestID(&object{}, w.around.requestID)
	raw := b.printed(text)
	p.lines = append(p.lines, Line{
		Kind: Invalid, Level: p.warn, RequestID: p.view(id), Raw: p.view(raw), Issues: b.issues,
	})
	return true
}
