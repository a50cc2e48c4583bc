package parse

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxThrown is how many exceptions beside its first a line is told with: an
// error, and the stack that a logger prints beside it.
const maxThrown = 3

// unknownLocator is the locator of a line whose logger tells none.
var unknownLocator = []byte(`"?"`)

// mapLevel finds the level and says whether there is one.
func (p *Parser) mapLevel(o *object) bool {
	if p.readLevel(o, o.level) {
		return true
	}
	for _, name := range p.mapping.roles[roleLevel] {
		if v, ok := p.lookup(name); ok && p.readLevel(o, v) {
			p.take1(o.level == nil)
			if o.level == nil {
				o.level = v
			}
			return true
		}
	}
	if o.level != nil {
		return true
	}
	for _, name := range p.mapping.roles[roleLevel] { // one that is not on the scale
		if v, ok := p.lookup(name); ok && (v[0] == '"' || kind(v) == '0' || kind(v) == '?') {
			o.level = v
			p.take1(true)
			return true
		}
	}
	if silent := p.mapping.silent; silent != "" {
		if _, ok := p.find(0, len(p.members), silent); ok {
			o.known, ok = p.scale.Find("INFORMATION")
			return ok
		}
	}
	return false
}

// readLevel reads a level and says whether it is on the scale.
func (p *Parser) readLevel(o *object, value jsontext.Value) (ok bool) {
	switch kind(value) {
	case '"':
		o.known, ok = p.mapping.level(p.scale, bytes.TrimSpace(p.memberName(value)))
	case '0':
		o.known, ok = p.mapping.level(p.scale, value)
	}
	return ok
}

// mapText finds the text and returns its name, "" for none.
func (p *Parser) mapText(o *object, l *layer) string {
	if o.text != nil && (o.own || kind(o.text) != 'n') {
		return roleNames[roleText]
	}
	for _, name := range p.mapping.roles[roleText] {
		v, ok := p.lookup(name)
		if !ok || kind(v) == 'n' {
			continue
		}
		p.take1(true)
		if p.isUncaught(o, v) {
			o.exception = v
			return name
		}
		if o.text = v; v[0] != '"' && v[0] != unreadable[0] {
			o.text = l.quote(func(dst []byte) []byte { return appendCompact(dst, v) })
		}
		return name
	}
	return ""
}

// isUncaught says whether a value is what Lambda's Node.js runtime has as the
// message of its envelope when an error was not caught: the error as an object.
func (p *Parser) isUncaught(o *object, value jsontext.Value) (uncaught bool) {
	if !p.mapping.envelope || !o.isEnvelope() || kind(value) != '{' || o.exception != nil {
		return false
	}
	p.each(value, func(name, _ []byte, member jsontext.Value) {
		uncaught = uncaught || string(name) == "errorType" && kind(member) == '"'
	})
	return uncaught
}

// mapExceptions finds all exceptions and says whether there is any.
func (p *Parser) mapExceptions(o *object, l *layer) bool {
	n := 0
	for _, name := range p.mapping.roles[roleException] {
		v, ok := p.lookup(name)
		if !ok {
			v, ok = p.group(l, name)
		}
		if !ok || strings.IndexByte("\"{[n", byte(kind(v))) < 0 {
			continue
		}
		switch {
		case kind(v) == 'n' || len(v) == len(`""`): // tells nothing
		case o.exception == nil || kind(o.exception) == 'n':
			o.exception = v
		case n < maxThrown:
			o.thrown[n] = v
			n++
		default:
			continue
		}
		p.take1(true)
	}
	return o.exception != nil && kind(o.exception) != 'n'
}

// mapLocator finds the locator. One that is put together from an object leaves
// that in the fields.
func (p *Parser) mapLocator(o *object, l *layer) {
	if o.locator != nil {
		return
	}
	for _, name := range p.mapping.roles[roleLocator] {
		v, ok := p.lookup(name)
		if !ok {
			v, ok = p.group(l, name)
		}
		switch {
		case !ok:
		case v[0] == '"' && len(bytes.TrimSpace(p.memberName(v))) > 0, kind(v) == '0' && isInteger(v):
			o.locator = v
			p.take1(true)
			return
		case v[0] == '{':
			if o.locator = p.place(v, l); o.locator != nil {
				return
			}
		}
	}
}

// mapWords finds the module and the request id.
func (p *Parser) mapWords(o *object) {
	for _, name := range p.mapping.roles[roleModule] {
		if v, ok := p.lookup(name); ok && o.module == nil && v[0] == '"' {
			o.module = v
			p.take1(true)
		}
	}
	for _, name := range p.mapping.roles[roleRequestID] {
		if v, ok := p.lookup(name); ok && o.requestID == nil && v[0] == '"' && isOwnID(p.memberName(v)) {
			o.requestID = v
			p.take1(true)
		}
	}
}

// place puts a place in the source, as an object, into words: "file:line" or
// the function. It is nil if the object says neither.
func (p *Parser) place(object jsontext.Value, l *layer) []byte {
	var file, line, function, class, name jsontext.Value
	p.each(object, func(member, _ []byte, value jsontext.Value) {
		switch string(member) {
		case "file", "fileName", "filename", "filepath", "file.path":
			file = value
		case "line", "lineNumber", "lineno", "line.number":
			line = value
		case "function", "method", "methodName", "function.name":
			function = value
		case "class", "className":
			class = value
		case "name":
			name = value
		}
	})
	if file == nil && line != nil {
		file, name = name, nil
	}
	if function == nil {
		function = name
	}
	words := func(v jsontext.Value) bool { return kind(v) == '"' && len(v) > len(`""`) }
	switch {
	case words(file):
		return l.quote(func(dst []byte) []byte {
			path := appendString(nil, file)
			dst = append(dst, path[bytes.LastIndexAny(path, `/\`)+1:]...)
			if kind(line) == '0' {
				dst = append(append(dst, ':'), line...)
			}
			return dst
		})
	case words(function):
		return l.quote(func(dst []byte) []byte {
			if words(class) {
				dst = append(appendString(dst, class), '.')
			}
			return appendString(dst, function)
		})
	}
	return nil
}

// quote makes a JSON string, which lasts as long as the layer's object.
func (l *layer) quote(text func(dst []byte) []byte) []byte {
	from := len(l.made)
	// Invalid UTF-8 is replaced, which is no error here.
	l.made, _ = jsontext.AppendQuote(l.made, text(nil))
	return l.made[from:]
}
