package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// The first stage unwraps the layers around a line: the string that a record
// may be, a prefix in front, a runtime's envelope, the string in its message.
// It drives the other stages, each of which works on one layer:
//
//	unwrap.go   the layers                → a wrapped text
//	find.go     the objects in a text     → a place
//	read.go     the members of an object  → an object
//	decide.go   whose line it is, and which members say what → a verdict
//	build.go    the line                  → a Line

// maxLayers is how many strings and envelopes around a line are unwrapped. The
// runtimes make at most two.
const maxLayers = 4

// wrapped is the text of a layer and what the layers around it said.
type wrapped struct {
	text   []byte
	n      int // of the layer
	around surroundings
}

// surroundings are what the layers around a line say of it.
type surroundings struct {
	requestID        // of the innermost layer that has one
	prefix    []byte // of a runtime's logger, of the innermost layer that has one
	lead      []byte // what stands in front of the object on its line
	front     []byte // what stands in front of it in its text, behind the line before
	level     []byte // of the innermost envelope: a raw JSON value
	event     bool   // the text is what an event that broke has from its record on
	ownOnly   bool   // lines by our own names only: what is around is a line by mapped ones
	quoted    bool   // no line is recognised: what is around is no runtime's envelope
	faults    jsonscan.Faults
}

// requestID is a request id as it was found: a JSON string if idQuoted, else
// text.
type requestID struct {
	id       []byte
	idQuoted bool
}

// A search collects the lines of a record in Parser.lines.
type search struct {
	limit int // no more lines than this

	plainID requestID // of a plain line: that of what is around all of it
	layer   int       // of the object that was last found to be a line
	alone   bool      // the text searched last was a line, and nothing in front
	allOf   bool      // and nothing behind it
	behind  bool      // there is something behind the last line, in any layer
	foreign bool      // the last line is one by mapped names
}

// read puts the lines of a record, at most limit, into p.lines.
func (p *Parser) read(record []byte, limit int) {
	p.reset(len(record))
	text := trimSpace(record)
	if len(text) > 0 && text[0] == '"' {
		var ok bool
		if text, ok = p.unquote(0, text); !ok {
			p.readRaw(record, limit)
			return
		}
	}
	s := search{limit: limit}
	if !p.inText(&wrapped{text: text}, &s) {
		p.plainLine(text, s.plainID)
		return
	}
	p.settleTail(s.behind)
}

// readRaw is read for Raw.
func (p *Parser) readRaw(text []byte, limit int) {
	s := search{limit: limit}
	record, isText := p.cutRecord(text)
	if record != nil && p.inText(&wrapped{text: record, around: surroundings{event: !isText}}, &s) {
		return
	}
	if !p.inText(&wrapped{text: text}, &s) {
		p.plainLine(text, requestID{})
	}
}

// cutRecord returns the `record` of an event that broke, as far as it goes: a
// string's contents, or the text from its object on. It is nil if there is
// none.
func (p *Parser) cutRecord(event []byte) (record []byte, isText bool) {
	head, value, ok := bytes.Cut(event, []byte(`"record":`))
	value = trimSpace(value)
	if !ok || len(value) == 0 || !bytes.Contains(head, []byte(`"type":`)) {
		return nil, false
	}
	if value[0] != '"' {
		return value, false
	}
	// The error says that the string breaks off, which is known already.
	p.layers[0].text, _ = jsontext.AppendUnquote(p.layers[0].text[:0], value)
	return p.layers[0].text, true
}

// inText adds the lines in a text and reports whether there are any.
func (p *Parser) inText(w *wrapped, s *search) bool {
	all := trimSpace(w.text)
	text, id := p.splitPrefix(all)
	if len(text) < len(all) {
		w.around.prefix = all[:len(all)-len(text)]
	}
	if id != nil {
		w.around.requestID = requestID{id, false}
	}
	s.plainID = w.around.requestID
	var last passage
	cut := false
	o := &p.layers[w.n].object
	f := newFinder(p, text)
	for len(p.lines) < s.limit {
		at, ok := f.next()
		if !ok {
			break
		}
		s.plainID = w.around.requestID
		v := p.examine(o, text[at.start:at.end], w.n)
		cut = o.state == broken && at.start+o.end == len(text)
		w.around.front = text[last.end:at.start]
		if !f.mayBegin(at, o) || !p.take(text, at, w, o, v, s) {
			f.skip(at, o)
			continue
		}
		p.close(text, last, at.start, w.around.event)
		last = passage{at.start, at.start + o.end, len(p.lines) - 1, s.layer == w.n, last.end == 0}
		f.take(at, o)
	}
	if last.end == 0 && f.gaveUp() && p.addUnread(text, w) {
		s.layer, s.alone, s.allOf, s.behind = w.n, false, false, true
		return true
	}
	var behind bool
	s.alone, behind = p.close(text, last, len(text), w.around.event)
	s.allOf = s.alone && !behind
	s.behind = s.behind || behind
	p.setTail(text, last.end > 0, cut, behind)
	return last.end > 0
}

// take adds the lines that the object o of a text is or holds, and reports
// whether there are any.
func (p *Parser) take(text []byte, at place, w *wrapped, o *object, v verdict, s *search) bool {
	lead := text[at.line:at.start]
	inner := wrapped{text: text[at.start:at.end], n: w.n, around: w.around}
	inner.around.lead = lead
	if len(lead) > 0 && len(lead) <= maxPrefix {
		if _, id := p.splitPrefix(skipFiller(lead)); id != nil {
			inner.around.requestID = requestID{id, false}
			s.plainID = inner.around.requestID
		}
	}
	if p.inObject(&inner, o, v, s) {
		return true
	}
	if o.state == trailed {
		s.plainID = w.around.requestID
	}
	return false
}

// inObject adds the lines in an object that has just been decided on, with
// which the text begins: it is the line itself, or an envelope around it.
func (p *Parser) inObject(w *wrapped, o *object, v verdict, s *search) bool {
	if v == ownLine {
		return p.addLine(w, o, s)
	}
	if o.requestID != nil {
		w.around.requestID = requestID{o.requestID, true}
	}
	s.plainID = w.around.requestID
	isLine := v == ownEnvelope && o.ownLocator || v == foreignLine && !w.around.ownOnly
	if len(o.message) > 0 {
		inner := p.inside(w, o, v)
		before := len(p.lines)
		if p.inMessage(o.message, w.n+1, &inner, s) {
			if !isLine || p.replaces(o, p.lines[before:], s) {
				p.unrecognise(w, o)
				p.besideMessage(o, &p.lines[len(p.lines)-1], w.n)
				p.besideLines(o, p.lines[before:], w.n)
				return true
			}
			p.lines = p.lines[:before]
			s.plainID = w.around.requestID
		}
	}
	// As an additional key of the runtime's own logger.
	w.around.requestID = s.plainID
	return isLine && p.addLine(w, o, s) && (!o.recognised || p.standsAlone(&w.around))
}

// inside is what an object says of the line in its message.
func (p *Parser) inside(w *wrapped, o *object, v verdict) surroundings {
	inner := w.around
	inner.ownOnly = inner.ownOnly || v == foreignLine && !p.mayHold(o)
	inner.quoted = inner.quoted || !o.isRuntime()
	inner.faults |= o.faults
	if o.isEnvelope() {
		inner.level = o.level
	}
	return inner
}

// inMessage adds the lines in an envelope's message, which makes layer n.
func (p *Parser) inMessage(message []byte, n int, around *surroundings, s *search) bool {
	if n == maxLayers {
		return false
	}
	switch message[0] {
	case '{':
		o := &p.layers[n].object
		v := p.examine(o, message, n)
		if !p.inObject(&wrapped{message, n, *around}, o, v, s) {
			return false
		}
		if line := &p.lines[len(p.lines)-1]; line.Kind == Invalid && s.layer == n {
			line.Raw = p.printed(message)
		}
		s.alone, s.allOf = true, true
		return true
	case '"':
		text, _ := p.unquote(n, message) // the reader has accepted it
		w := wrapped{text, n, *around}
		w.around.event = false
		ok := p.inText(&w, s)
		s.layer = n
		return ok
	}
	return false
}

// addLine adds the line that the object o is. It is true for its callers'
// convenience.
func (p *Parser) addLine(w *wrapped, o *object, s *search) bool {
	s.layer, s.foreign = w.n, o.foreign
	p.lines = append(p.lines, Line{})
	p.build(&p.lines[len(p.lines)-1], o, w)
	return true
}

// unquote decodes a JSON string into the buffer of layer n.
func (p *Parser) unquote(n int, quoted []byte) ([]byte, bool) {
	text, _, valid := jsonscan.AppendUnquote(p.layers[n].text[:0], quoted)
	p.layers[n].text = text
	return text, valid
}
