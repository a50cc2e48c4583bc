package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/level"
)

// The third stage reads an object's members. The strict reader takes what is
// valid; only where it stops, the tolerant one makes the object valid first.

// state says how an object's text ends.
type state uint8

const (
	broken  state = iota // the text breaks off, or cannot be read up to the object's end
	trailed              // the object is whole, and other text follows it
	whole                // the text is the object
)

// object holds the members of a JSON object that have a meaning here, as raw
// JSON values that alias its text; nil for a member that it does not have.
type object struct {
	parts
	envelope
	match
	extent
}

// parts are what a line says, by our own names and, when decide has been asked,
// by those of the mapping.
type parts struct {
	locator, level, text, exception, module []byte

	otherLevel []byte // under another name that loggers have for it
	requestID  []byte // a string that isOwnID takes
	alert      bool   // there may be a member of this name
}

// envelope is what a runtime's envelope has.
type envelope struct {
	message   []byte
	timestamp bool
	named     bool // it has the name for a request id that the runtimes use
	linked    bool // there may be links among its other members
	further   bool // it has members without a meaning here

	// What it says of an exception.
	errorType, errorMessage, stackTrace []byte
}

// match is what decide has found out: whose line the object is and, with a
// Mapping, what it says besides.
type match struct {
	own        bool // it is ours by our own names
	ownLocator bool // it has a locator under our own name
	foreign    bool // it is a line by mapped names

	marks      marks // with auto
	recognised bool  // by them
	signed     bool  // it is a logger's own, and no runtime's envelope

	known level.Level               // where it is known already
	more  [maxMoreExceptions][]byte // the exceptions beside the first
}

// extent is how far the object reaches.
type extent struct {
	state  state
	end    int // where the object ends, or how far it could be read
	faults jsonscan.Faults
}

// scan reads the object at the start of text, which is of layer n. Members
// without a meaning here are collected in the layer's fields.
func (p *Parser) scan(o *object, text []byte, n int) {
	l := &p.layers[n]
	*o = object{}
	p.begin(l)
	l.repaired = l.repaired[:0]
	if !p.scanStrictly(o, l, text) {
		*o = object{}
		p.begin(l)
		p.scanTolerantly(o, l, text)
	}
}

// scanAgain is scan for the object that was the last one of its layer, under
// another mapping. It is not repaired again.
func (p *Parser) scanAgain(o *object, text []byte, n int) {
	l := &p.layers[n]
	if len(l.repaired) == 0 {
		p.scan(o, text, n)
		return
	}
	*o = object{extent: o.extent}
	p.begin(l)
	p.readRepaired(o, l)
}

// begin forgets the last object of a layer.
func (p *Parser) begin(l *layer) {
	l.fields, l.made, l.beyond = l.fields[:0], l.made[:0], l.beyond[:0]
	p.members, p.names = p.members[:0], p.names[:0]
}

// scanStrictly is scan for an object that is valid and not too deep; otherwise
// it is false, and what it has done is to be forgotten.
func (p *Parser) scanStrictly(o *object, l *layer, text []byte) bool {
	i := jsonscan.Space(text, 1)
	if i < len(text) && text[i] == '}' {
		o.end = i + 1
	}
	for n := 0; o.end == 0; n++ {
		nameEnd, at, end := jsonscan.Member(text, i)
		if end == 0 {
			return false
		}
		p.member(o, l, n, text[i:nameEnd], text[at:end:end], at)
		if i = jsonscan.Space(text, end); i == len(text) {
			return false
		}
		switch text[i] {
		case ',':
			i = jsonscan.Space(text, i+1)
		case '}':
			o.end = i + 1
		default:
			return false
		}
	}
	o.setState(text)
	return true
}

// setState reports whether something follows the object.
func (o *object) setState(text []byte) {
	o.state = whole
	if len(trimSpace(text[o.end:])) > 0 {
		o.state = trailed
	}
}

// scanTolerantly is scan for any object.
func (p *Parser) scanTolerantly(o *object, l *layer, text []byte) {
	l.repaired, o.end, o.faults = p.repairer.Object(l.repaired, text)
	p.readRepaired(o, l)
	if o.faults&jsonscan.Cut == 0 {
		o.setState(text)
	}
}

// readRepaired reads the members of an object that had to be repaired.
func (p *Parser) readRepaired(o *object, l *layer) {
	n := 0
	for name, m := range jsonscan.Object(l.repaired).Placed {
		p.member(o, l, n, name, m.Value, m.At)
		n++
	}
}

// beginsLine reports whether text begins with an object, but for a prefix that
// loggers write: then it is not a part of the object before it.
func (p *Parser) beginsLine(text []byte) bool {
	brace := bytes.IndexByte(text[:min(len(text), maxPrefix)], '{')
	if brace < 0 || nextBrace(text[brace:], 0) != 0 {
		return false
	}
	return !bytes.ContainsAny(text[:brace], "\r\n\"") && p.isPrefix(text[:brace])
}

// member stores the i-th member of an object, whose value begins at at: under
// its role or in the layer's fields.
func (p *Parser) member(o *object, l *layer, i int, name, value jsontext.Value, at int) {
	if p.words != nil && i < maxMembers {
		o.marks |= p.words.marksOf(p.plainName(name), value)
	}
	switch {
	case p.mapping != nil:
		p.keepMember(o, l, i, name, value, at)
	case i >= maxMembers:
		o.alert = true // for all we know
		l.fields = appendMember(l.fields, name, value)
	case !p.set(o, l, p.plainName(name), value):
		l.fields = appendMember(l.fields, name, value)
	}
}

// plainName is memberName for what mostly is a plain name.
func (p *Parser) plainName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	return p.memberName(quoted)
}

// appendMember appends `,"name":value`.
//
//go:noinline
func appendMember(dst []byte, quoted, value jsontext.Value) []byte {
	return append(append(append(append(dst, ','), quoted...), ':'), value...)
}

// set stores a member and reports whether that was its place: false means that
// it belongs into the fields.
func (p *Parser) set(o *object, l *layer, name []byte, value jsontext.Value) bool {
	switch string(name) {
	case "locator":
		return p.first(l, roleLocator, &o.locator, value)
	case "level":
		return p.first(l, roleLevel, &o.level, value)
	case "text":
		return p.first(l, roleText, &o.text, value)
	case "exception":
		o.exception = value
	case "module":
		o.module = value
	case "request_id", "requestId", "aws_request_id", "awsRequestId", "AWSRequestId", "function_request_id":
		if o.requestID != nil || kind(value) != '"' || !isOwnID(p.memberName(value)) {
			return false
		}
		o.requestID = value
		o.named = o.named || string(name) == "requestId" || string(name) == "AWSRequestId"
	default:
		p.remember(o, name, value)
		return false
	}
	return true
}

// remember notes what means something only in some objects.
func (p *Parser) remember(o *object, name []byte, value jsontext.Value) {
	switch string(name) {
	case "message":
		o.message = value
	case "timestamp":
		o.timestamp = true
	case "alert":
		o.alert = true
	case "log_level", "severity", "levelname", "severity_text", "level_name":
		if _, ok := p.levelOf(value); ok && o.otherLevel == nil {
			o.otherLevel = value
		}
	case "errorType":
		o.errorType = value
	case "errorMessage":
		o.errorMessage = value
	case "stackTrace":
		o.stackTrace = value
	case "logger":
	case "xray_trace_id", "trace_id", "traceId", "TraceId", "trace.id", "trace", "traceparent",
		"tenant_id", "tenantId", "tenant.id", "tenant", "executionArn", "durableExecutionArn", "execution_arn":
		o.linked = true
	default:
		o.further = true
	}
}

// first stores a member that is to be the first one of its name with a value
// that fits its role; of levels, the worst. It is false for one that is not.
func (p *Parser) first(l *layer, r role, to *[]byte, value jsontext.Value) bool {
	before := *to
	if before == nil {
		*to = value
		return true
	}
	if !p.fits(r, value) || p.fits(r, before) && (r != roleLevel || !p.worse(value, before)) {
		return false
	}
	*to = value
	if p.mapping == nil {
		l.fields = appendMember(l.fields, []byte(`"`+roleNames[r]+`"`), before)
		return true
	}
	for i := range p.members {
		if m := &p.members[i]; m.own && &m.value[0] == &before[0] {
			m.own = false
		}
	}
	return true
}

// worse reports whether a level is above another: an error stays one.
func (p *Parser) worse(value, before jsontext.Value) bool {
	now, _ := p.levelOf(value)
	then, _ := p.levelOf(before)
	return now.Rank > then.Rank
}

// fits reports whether a value is what a role wants.
//
//go:noinline
func (p *Parser) fits(r role, value jsontext.Value) bool {
	switch kind(value) {
	case '"':
		switch r {
		case roleLevel:
			_, ok := p.levelOf(value)
			return ok
		case roleLocator:
			return len(bytes.TrimSpace(p.memberName(value))) > 0
		}
		return true
	case '0':
		return r == roleLocator && isInteger(value)
	}
	return false
}
