package parse

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// state says how an object's text ends.
type state uint8

const (
	broken  state = iota // the text breaks off or is no valid JSON
	trailed              // the object is whole, and something follows it
	whole                // the text is the object
)

// object holds the members of a JSON object that have a meaning here, as raw
// JSON values that alias its text; nil for a member that it does not have.
type object struct {
	locator, level, text, exception, module []byte

	requestID []byte // a string that isOwnID takes
	message   []byte
	timestamp bool

	// With a Mapping only: the level where it is known already, the exceptions
	// beside the first, and whether the line is ours by mapped names.
	known   Level
	thrown  [maxThrown][]byte
	foreign bool

	own        bool // it is ours by our own names
	ownLocator bool // it has a locator under our own name

	state state
	end   int  // where the object ends, or how far it could be read
	cost  int  // of a broken object: how many bytes it took to see that
	short bool // broken because the text ends too early
	deep  bool // nested deeper than maxDepth
}

// scan reads the object at the start of text, which is of layer n. Members
// without a meaning here are collected in the layer's fields.
func (p *Parser) scan(text []byte, n int) (o object) {
	l := &p.layers[n]
	p.begin(l)
	if !p.scanQuick(&o, l, text) {
		o = object{}
		p.begin(l)
		p.scanSlowly(&o, l, text)
	}
	return o
}

// begin forgets the last object of a layer.
func (p *Parser) begin(l *layer) {
	l.fields, l.made = l.fields[:0], l.made[:0]
	p.members, p.names = p.members[:0], p.names[:0]
}

// scanQuick is scan for an object that is valid and not too deep; otherwise it
// is false, and what it has done is to be forgotten.
func (p *Parser) scanQuick(o *object, l *layer, text []byte) bool {
	i := jsonscan.Space(text, 1)
	if i < len(text) && text[i] == '}' {
		o.end = i + 1
	}
	for m := 0; o.end == 0; m++ {
		start := i
		n, _ := jsonscan.String(text[i:])
		if n == 0 {
			return false
		}
		name := text[i : i+n]
		if i = jsonscan.Space(text, i+n); i == len(text) || text[i] != ':' {
			return false
		}
		i = jsonscan.Space(text, i+1)
		if n = jsonscan.Value(text[i:]); n == 0 {
			return false
		}
		printed := text[start : i+n]
		if len(printed) > len(name)+1+n {
			printed = nil
		}
		p.member(o, l, m, name, text[i:i+n:i+n], printed, i)
		if i = jsonscan.Space(text, i+n); i == len(text) {
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
	o.state = whole
	if len(trimSpace(text[o.end:])) > 0 {
		o.state = trailed
	}
	return true
}

// member stores the i-th member of an object, whose value begins at at: under
// its role or in the layer's fields. printed is all of the member, or nil if
// there are blanks in it.
func (p *Parser) member(o *object, l *layer, i int, name, value, printed jsontext.Value, at int) {
	switch {
	case p.mapping != nil:
		p.note(o, i, name, value, at)
	case i < maxMembers && p.set(o, p.memberName(name), value):
	case printed != nil:
		l.fields = append(append(l.fields, ','), printed...)
	default:
		l.fields = append(append(append(append(l.fields, ','), name...), ':'), value...)
	}
}

// scanSlowly is scan for any object.
func (p *Parser) scanSlowly(o *object, l *layer, text []byte) {
	p.buf = *bytes.NewBuffer(text)
	p.dec.Reset(&p.buf, lenient...)
	_, err := p.dec.ReadToken() // the brace
	for i := 0; err == nil && p.dec.PeekKind() != '}'; i++ {
		var name, value jsontext.Value
		if name, err = p.dec.ReadValue(); err != nil {
			break
		}
		if value, err = p.dec.ReadValue(); err != nil {
			p.noteCut(o, name)
			break
		}
		o.deep = o.deep || deeper(value, maxDepth-1)
		p.member(o, l, i, name, value, nil, int(p.dec.InputOffset())-len(value))
	}
	if err == nil {
		_, err = p.dec.ReadToken()
	}
	o.end = int(p.dec.InputOffset())
	switch {
	case err != nil:
		o.state, o.short = broken, errors.Is(err, io.ErrUnexpectedEOF)
		o.cost = len(text)
		if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
			o.cost = int(syntax.ByteOffset)
		}
	case len(trimSpace(text[o.end:])) > 0:
		o.state = trailed
	default:
		o.state = whole
	}
}

// memberName returns the contents of a name. They are valid until the next call.
func (p *Parser) memberName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// The decoder has accepted the name; invalid UTF-8 is in none of ours.
	p.name, _ = jsontext.AppendUnquote(p.name[:0], quoted)
	return p.name
}

// set stores a member and says whether that was its place: false means that it
// belongs into the fields.
func (p *Parser) set(o *object, name []byte, value jsontext.Value) bool {
	switch string(name) {
	case "locator":
		o.locator = value
	case "level":
		o.level = value
	case "text":
		o.text = value
	case "exception":
		o.exception = value
	case "module":
		o.module = value
	case "request_id", "requestId", "aws_request_id", "awsRequestId", "AWSRequestId", "function_request_id":
		if o.requestID != nil || value.Kind() != '"' || !isOwnID(p.memberName(value)) {
			return false
		}
		o.requestID = value
	case "message":
		o.message = value
		return false
	case "timestamp":
		o.timestamp = true
		return false
	default:
		return false
	}
	return true
}

// cut notes a member whose value cannot be read, so that a line that breaks off
// in it is still known as ours.
func (o *object) cut(name []byte) {
	switch string(name) {
	case "locator":
		o.locator = unreadable
	case "level":
		o.level = unreadable
	case "text":
		o.text = unreadable
	}
}

// unreadable stands for the value of a member at which the text breaks off. It
// is no JSON value.
var unreadable = []byte("?")

// deeper says whether a valid JSON value is nested deeper than limit.
func deeper(value []byte, limit int) bool {
	if len(value) <= 2*limit || value[0] != '{' && value[0] != '[' {
		return false
	}
	depth := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"':
			i = stringEnd(value, i)
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// stringEnd returns the position of the quote that closes the string which the
// quote at i opens, in valid JSON.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}
