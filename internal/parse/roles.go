package parse

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/level"
)

// maxMoreExceptions is how many exceptions beside its first a line is told
// with: an error, and the stack that a logger prints beside it.
const maxMoreExceptions = 3

// unknownLocator is the locator of a line whose logger tells none.
var unknownLocator = []byte(`"?"`)

// mapLevel finds the level and reports whether there is one. text is the name
// of the member that the text was found in.
func (p *Parser) mapLevel(o *object, text string) bool {
	if o.otherLevel != nil && kind(o.level) == '0' && p.readLevel(o, o.otherLevel, text) {
		return true // a name says more than a number
	}
	if p.readLevel(o, o.level, text) {
		return true
	}
	for _, name := range p.mapping.roles[roleLevel] {
		if v, ok := p.lookup(name, roleLevel); ok && p.readLevel(o, v, text) {
			if o.level == nil {
				o.level = v
				p.claim()
			}
			return true
		}
	}
	if o.otherLevel != nil && p.readLevel(o, o.otherLevel, text) {
		return true
	}
	return o.level != nil || p.mapOddLevel(o)
}

// mapOddLevel finds a level that is not on the scale, or one that is left out.
func (p *Parser) mapOddLevel(o *object) bool {
	for _, name := range p.mapping.roles[roleLevel] {
		if v, ok := p.lookup(name, roleLevel); ok && (v[0] == '"' || kind(v) == '0') {
			o.level = v
			p.claim()
			return true
		}
	}
	if leavesOutInfo := p.mapping.leavesOutInfo; leavesOutInfo != "" {
		if _, ok := p.find(0, len(p.members), leavesOutInfo, roles); ok {
			o.known, ok = p.scale.Find("INFORMATION")
			return ok
		}
	}
	return false
}

// readLevel reads a level and reports whether it is on the scale.
func (p *Parser) readLevel(o *object, value jsontext.Value, text string) (ok bool) {
	switch kind(value) {
	case '"':
		name := bytes.TrimSpace(p.memberName(value))
		if o.known, ok = p.printedLevel(name); !ok {
			o.known, ok = p.numberedLevel(string(name), text)
		}
	case '0':
		o.known, ok = p.numberedLevel(string(value), text)
	}
	return ok
}

// numberedLevel reads a level that is a number, or a name that numbers have.
// What means nothing to the preset of the line may mean something to the first
// one.
func (p *Parser) numberedLevel(printed, text string) (level.Level, bool) {
	numbers := p.numbersFor(text)
	l, ok := numbers.Find(p.scale, printed)
	if !ok && numbers != p.mapping.numbers {
		return p.mapping.numbers.Find(p.scale, printed)
	}
	return l, ok
}

// numbersFor returns what numbers mean to the preset by whose names the line
// was recognised: the one of those with this name for the text that has most
// of its other names in the line, the first of several. It is level.Ranks
// where no preset is in use that prints numbers.
func (p *Parser) numbersFor(text string) level.Numbering {
	m := p.mapping
	if len(m.presets) < 2 {
		return m.numbers
	}
	best, most := m.numbers, -1
	for i := range m.presets {
		preset := &m.presets[i]
		if preset.numbers == level.Ranks || !hasName(preset.names[roleText], text) {
			continue
		}
		n, signed := 0, preset.signature == "" || text != "message"
		for _, names := range [...]string{
			preset.names[roleLocator], preset.names[roleLevel], preset.names[roleException], preset.signature,
		} {
			for name := range strings.SplitSeq(names, ",") {
				if _, ok := p.find(0, len(p.members), name, roles); ok && name != "" {
					n++
					signed = signed || hasName(preset.signature, name)
				}
			}
		}
		if signed && n > most {
			best, most = preset.numbers, n
		}
	}
	return best
}

// hasName reports whether name is among names, which commas separate.
//
//go:noinline
func hasName(names, name string) bool {
	for one := range strings.SplitSeq(names, ",") {
		if one == name {
			return true
		}
	}
	return false
}

// mapText finds the text and returns its name, "" for none. Our own name goes
// first in a line that is ours by our own names.
func (p *Parser) mapText(o *object, l *layer) string {
	if o.text != nil && o.own {
		return roleNames[roleText]
	}
	for _, name := range p.mapping.roles[roleText] {
		v, ok := p.lookup(name, roleText)
		if !ok || kind(v) == 'n' {
			continue
		}
		p.claim()
		if p.isUncaught(o, v) {
			o.exception = v
			return name
		}
		if o.text != nil {
			p.disown(&o.text)
		}
		if o.text = v; v[0] != '"' {
			o.text = l.quote(func(dst []byte) []byte { return appendCompact(dst, v) })
		}
		return name
	}
	if o.text != nil && kind(o.text) != 'n' {
		return roleNames[roleText]
	}
	return ""
}

// isUncaught reports whether a value is what Lambda's Node.js runtime has as
// the message of its envelope when an error was not caught: the error as an
// object.
func (p *Parser) isUncaught(o *object, value jsontext.Value) (uncaught bool) {
	if !p.mapping.envelope || !o.isEnvelope() || kind(value) != '{' || o.exception != nil {
		return false
	}
	p.each(value, func(name, _ []byte, member jsontext.Value) {
		uncaught = uncaught || string(name) == "errorType" && kind(member) == '"'
	})
	return uncaught
}

// mapExceptions finds all exceptions and reports whether there is any.
func (p *Parser) mapExceptions(o *object, l *layer) bool {
	n := 0
	for _, name := range p.mapping.roles[roleException] {
		v, ok := p.lookup(name, roleException)
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
		case n < maxMoreExceptions:
			o.more[n] = v
			n++
		default:
			continue
		}
		p.claim()
	}
	if n < maxMoreExceptions && kind(o.exception) == '{' && bytes.Contains(o.exception, []byte(`"traceback":`)) {
		o.more[n] = p.renderedTrace(l)
	}
	return o.exception != nil && kind(o.exception) != 'n'
}

// renderedTrace returns the trace in the line as loguru renders it for people,
// which stands beside a record without one: a JSON string, nil for none.
func (p *Parser) renderedTrace(l *layer) []byte {
	m, ok := p.find(0, len(p.members), "text", roleText)
	if !ok || m.own || m.value[0] != '"' {
		return nil
	}
	text := appendString(nil, m.value)
	k := bytes.Index(text, []byte("Traceback (most recent call last):"))
	if k < 0 {
		return nil
	}
	return l.quote(func(dst []byte) []byte { return append(dst, bytes.TrimRight(text[k:], "\n")...) })
}

// mapLocator finds the locator. One that is put together from an object leaves
// that in the fields.
func (p *Parser) mapLocator(o *object, l *layer) {
	if o.locator != nil {
		return
	}
	for _, name := range p.mapping.roles[roleLocator] {
		v, ok := p.lookup(name, roleLocator)
		if !ok {
			v, ok = p.group(l, name)
		}
		switch {
		case !ok:
		case v[0] == '"' && len(bytes.TrimSpace(p.memberName(v))) > 0, kind(v) == '0' && isInteger(v):
			o.locator = v
			p.claim()
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
		if v, ok := p.lookup(name, roleModule); ok && o.module == nil && v[0] == '"' {
			o.module = v
			p.claim()
		}
	}
	for _, name := range p.mapping.roles[roleRequestID] {
		if v, ok := p.lookup(name, roleRequestID); ok && o.requestID == nil && v[0] == '"' && isOwnID(p.memberName(v)) {
			o.requestID = v
			p.claim()
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
		case "line", "lineNumber", "lineno", "line.number", "line_number":
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
			if line != nil {
				if digits := wholeNumber(line); digits != nil {
					dst = append(append(dst, ':'), digits...)
				}
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
//
//go:noinline
func (l *layer) quote(text func(dst []byte) []byte) []byte {
	from := len(l.made)
	// Invalid UTF-8 is replaced, which is not an error here.
	l.made, _ = jsontext.AppendQuote(l.made, text(nil))
	return l.made[from:]
}
