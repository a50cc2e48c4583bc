package parse

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// Unwrapped is the text of a record, and what a runtime's envelope around it
// says.
type Unwrapped struct {
	Text      []byte // valid until the parser reads on
	RequestID string // of the envelope

	before, after []byte // of the envelope, around its message: parts of the record
}

// Unwrap returns the text of a record: the string that it is, or that is the
// message of the runtime's envelope that it is. ok is false for anything else.
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
	if o.requestID != nil {
		u.RequestID = string(appendString(nil, o.requestID))
	}
	for name, m := range jsonscan.Object(record).Placed {
		if string(p.plainName(name)) == "message" {
			u.before, u.after = record[:m.At], record[m.At+len(m.Value):]
		}
	}
	u.Text, ok = p.unquote(1, o.message)
	return u, ok
}

// Wrap appends to dst the record of which Unwrap returns u, or one with another
// text of the same origin.
func (u *Unwrapped) Wrap(dst []byte) []byte {
	dst = append(dst, u.before...)
	dst, _ = jsontext.AppendQuote(dst, u.Text) // invalid UTF-8 is replaced
	return append(dst, u.after...)
}
