package parse

import (
	"strings"
)

// A verdict is what the fourth stage decides: whose line an object is.
type verdict uint8

const (
	notOurs     verdict = iota
	ownLine             // by our own names
	ownEnvelope         // by our own names, but a runtime's envelope by its others
	foreignLine         // by mapped names
)

// isLine reports whether the object is a line, where ownOnly says that mapped
// names do not count.
func (v verdict) isLine(ownOnly bool) bool {
	return v == ownLine || v == ownEnvelope || v == foreignLine && !ownOnly
}

// decide finds out whose line the object of layer n is and, with a mapping,
// which members say what.
func (p *Parser) decide(o *object, n int) verdict {
	o.own, o.ownLocator = o.hasOwn(), o.locator != nil
	if p.mapping != nil {
		p.resolve(o, &p.layers[n])
	}
	switch {
	case o.own && o.isEnvelope():
		return ownEnvelope
	case o.own:
		return ownLine
	case o.foreign:
		return foreignLine
	}
	return notOurs
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

// hasOwn says whether the members that have been read make the object a line of
// ours by our own names, valid or not.
func (o *object) hasOwn() bool {
	return o.locator != nil || o.level != nil && o.text != nil
}

// isEnvelope says whether the object is one that a runtime's logger, or the
// platform in JSON log format, puts around what was printed.
func (o *object) isEnvelope() bool {
	return o.timestamp && o.message != nil
}
