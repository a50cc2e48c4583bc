package parse

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxThrown is how many exceptions beside its first a line is told with: an
// error, and the stack that a logger prints beside it.
const maxThrown = 3

// unknownLocator is the locator of a line whose logger tells none.
var unknownLocator = []byte(`"?"`)

// member is a member of an object that is read with a Mapping.
type member struct {
	name          []byte // decoded; nil beyond maxMembers
	quoted, value jsontext.Value
	at            int  // where the value begins in the object's text
	own           bool // it has been stored under its name, which is one of ours
}

// note keeps a member, the i-th of its object, for resolve.
func (p *Parser) note(o *object, i int, quoted, value jsontext.Value, at int) {
	m := member{quoted: quoted, value: value, at: at}
	if i < maxMembers {
		m.name = p.keptName(quoted)
		m.own = p.set(o, m.name, value)
	}
	p.members = append(p.members, m)
}

// noteCut is note for a member whose value cannot be read.
func (p *Parser) noteCut(o *object, quoted jsontext.Value) {
	m := member{name: p.keptName(quoted), quoted: quoted, value: unreadable, at: -1}
	o.cut(m.name)
	p.members = append(p.members, m)
}

// keptName is memberName in memory that lasts until the next object.
func (p *Parser) keptName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	from := len(p.names)
	p.names, _ = jsontext.AppendUnquote(p.names, quoted) // see memberName
	return p.names[from:]
}

// resolve finds the members that the mapping means among those of an object,
// and leaves the others in its layer's fields.
func (p *Parser) resolve(o *object, l *layer) {
	p.taken = p.taken[:0]
	printed := *o
	if !o.ownLocator {
		p.pass(o)
		o.own = o.hasOwn()
	}
	hasLevel := p.mapLevel(o)
	text := p.mapText(o, l)
	hasException := p.mapExceptions(o, l)
	p.mapLocator(o, l)
	p.mapWords(o)
	if !o.own {
		said := text != "" && !(text == "message" && o.isEnvelope() && !p.mapping.envelope && !p.isSigned())
		o.foreign = hasLevel && (said || hasException && !o.isEnvelope())
	}
	if printed.own && !o.own && !o.foreign {
		*o = printed // it is ours, and invalid
	}
	if o.locator == nil && o.state != broken && (o.own || o.foreign) {
		o.locator = unknownLocator
	}
	p.remaining(l)
}

// pass takes back what an object without our locator has under our names, but
// of a kind that its role does not take: it is the logger's own.
func (p *Parser) pass(o *object) {
	for i := range p.members {
		m := &p.members[i]
		if !m.own {
			continue
		}
		to, fits := &o.text, `"n`
		switch string(m.name) {
		case "level":
			to, fits = &o.level, `"0`
		case "exception":
			to, fits = &o.exception, `"n{[`
		case "module":
			to = &o.module
		case "text":
		default:
			continue
		}
		// Of a repeated name, it is the last.
		if *to != nil && &(*to)[0] == &m.value[0] && strings.IndexByte(fits, byte(kind(m.value))) < 0 {
			m.own, *to = false, nil
		}
	}
}

// isSigned says whether the object has the member that only the logger writes.
func (p *Parser) isSigned() bool {
	if p.mapping.sign == "" {
		return false
	}
	_, ok := p.find(0, len(p.members), p.mapping.sign)
	return ok
}

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

// lookup finds the member with a name of the mapping. What is found is in
// p.places until the next call, for take1.
func (p *Parser) lookup(name string) (jsontext.Value, bool) {
	m, ok := p.find(0, len(p.members), name)
	p.places = append(p.places[:0], m.at)
	if ok && (m.own || slices.Contains(p.taken, m.at)) {
		return nil, false
	}
	return m.value, ok
}

// take1 takes what lookup or group has found last, if it is to be.
func (p *Parser) take1(take bool) {
	if take {
		p.taken = append(p.taken, p.places...)
	}
}

// find finds a member among p.members[from:to] by its name or, if that has
// dots, in the objects that it leads through. Of a repeated name the last
// counts.
func (p *Parser) find(from, to int, name string) (member, bool) {
	for i := to - 1; i >= from; i-- {
		if m := p.members[i]; m.name != nil && string(m.name) == name {
			return m, true
		}
	}
	for dot := strings.IndexByte(name, '.'); dot >= 0; {
		if m, ok := p.find(from, to, name[:dot]); ok && kind(m.value) == '{' {
			inner := len(p.members)
			p.open(m)
			found, ok := p.find(inner, len(p.members), name[dot+1:])
			p.members = p.members[:inner]
			if ok {
				return found, true
			}
		}
		next := strings.IndexByte(name[dot+1:], '.')
		if next < 0 {
			break
		}
		dot += 1 + next
	}
	return member{}, false
}

// open appends the members of a member that is an object to p.members.
func (p *Parser) open(m member) {
	n := 0
	p.each(m.value, func(_, quoted []byte, value jsontext.Value) {
		inner := member{quoted: quoted, value: value, at: m.at + int(p.dec.InputOffset()) - len(value)}
		if n++; n <= maxMembers {
			inner.name = p.keptName(quoted)
		}
		p.members = append(p.members, inner)
	})
}

// group makes an object of members that together are one thing, though each is
// printed by itself: those whose names begin with name and a dot or, if name has
// plus signs, those between these. They are in p.places then.
func (p *Parser) group(l *layer, name string) (jsontext.Value, bool) {
	p.places = p.places[:0]
	inner := len(p.members)
	from, to := 0, inner
	if outer, last, ok := cutLast(name); ok {
		m, ok := p.find(0, inner, outer)
		if ok && kind(m.value) == '{' {
			p.open(m)
			from, to, name = inner, len(p.members), last
		}
	}
	start := len(l.made)
	for _, m := range p.members[from:to] {
		if part, ok := partOf(m.name, name); ok && !m.own && !slices.Contains(p.taken, m.at) {
			l.made = append(l.made, "{,"[min(len(p.places), 1)])
			l.made, _ = jsontext.AppendQuote(l.made, part)
			l.made = append(append(l.made, ':'), m.value...)
			p.places = append(p.places, m.at)
		}
	}
	p.members = p.members[:inner]
	if len(p.places) == 0 {
		return nil, false
	}
	l.made = append(l.made, '}')
	return l.made[start:], true
}

// partOf returns the name that a member has in a group, if it belongs there.
func partOf(name []byte, group string) (part []byte, ok bool) {
	if strings.Contains(group, "+") {
		for one := range strings.SplitSeq(group, "+") {
			if string(name) == one {
				return name, true
			}
		}
		return nil, false
	}
	if len(name) > len(group)+1 && name[len(group)] == '.' && string(name[:len(group)]) == group {
		return name[len(group)+1:], true
	}
	return nil, false
}

// cutLast cuts a name around its last dot.
func cutLast(name string) (before, after string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// remaining puts what has not been taken into a layer's fields, in the printed
// order.
func (p *Parser) remaining(l *layer) {
	all := len(p.members)
	for i := range all {
		m := p.members[i]
		if m.own || slices.Contains(p.taken, m.at) {
			continue
		}
		before := len(l.fields)
		l.fields = append(append(append(l.fields, ','), m.quoted...), ':')
		if !p.touched(m) {
			l.fields = append(l.fields, m.value...)
		} else if !p.rest(l, m) {
			l.fields = l.fields[:before]
		}
	}
	p.members = p.members[:all]
}

// touched says whether a part of a member has been taken.
func (p *Parser) touched(m member) bool {
	return slices.ContainsFunc(p.taken, func(at int) bool { return at > m.at && at < m.at+len(m.value) })
}

// rest appends a member's object without what has been taken of it, and says
// whether there is any.
func (p *Parser) rest(l *layer, m member) bool {
	inner := len(p.members)
	p.open(m)
	to := len(p.members)
	start := len(l.fields)
	for i := inner; i < to; i++ {
		m := p.members[i]
		if slices.Contains(p.taken, m.at) {
			continue
		}
		before := len(l.fields)
		l.fields = append(l.fields, "{,"[min(before-start, 1)])
		l.fields = append(append(l.fields, m.quoted...), ':')
		if !p.touched(m) {
			l.fields = append(l.fields, m.value...)
		} else if !p.rest(l, m) {
			l.fields = l.fields[:before]
		}
	}
	p.members = p.members[:inner]
	if len(l.fields) == start {
		return false
	}
	l.fields = append(l.fields, '}')
	return true
}
