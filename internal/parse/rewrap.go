package parse

import "github.com/go-json-experiment/json/jsontext"

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
