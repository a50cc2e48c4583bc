package parse

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/level"
)

// A verdict is what the fourth stage decides: whose line an object is.
type verdict uint8

const (
	notOurs     verdict = iota
	ownLine             // by our own names
	ownEnvelope         // by our own names, but an envelope by its others
	foreignLine         // by mapped names
)

// decide finds out whose line the object of layer n is and, with a mapping,
// which members say what.
func (p *Parser) decide(o *object, n int) verdict {
	o.own, o.ownLocator = o.hasOwn(), o.locator != nil
	if p.mapping != nil {
		p.resolve(o, &p.layers[n])
	} else if o.otherLevel != nil && !p.fits(roleLevel, o.level) {
		o.level = o.otherLevel
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

// hasOwn reports whether the members that have been read make the object a line
// of ours by our own names, valid or not. A locator alone is a booking's,
// unless the object breaks off before it can say more.
func (o *object) hasOwn() bool {
	hasLevel := o.level != nil || o.otherLevel != nil
	if o.locator == nil {
		return hasLevel && o.text != nil
	}
	return hasLevel || o.text != nil || o.exception != nil || o.state == broken
}

// isEnvelope reports whether the object is one that a runtime's logger, or the
// platform in JSON log format, puts around what was printed.
func (o *object) isEnvelope() bool {
	return o.timestamp && o.message != nil
}

// replaces reports whether the lines in the message of the object o, which is a
// line itself, stand for it. In a runtime's envelope what was printed does;
// what a logger's own line quotes does not.
func (p *Parser) replaces(o *object, lines []Line, s *search) bool {
	own := p.knownLevel(o)
	highest := lines[0].Level
	for i := range lines {
		if lines[i].Level.Rank > highest.Rank {
			highest = lines[i].Level
		}
	}
	if o.named && !o.signed {
		return s.allOf || !s.foreign && (s.alone || highest.Rank >= own.Rank)
	}
	if !s.allOf || len(lines) > 1 || lines[0].Kind != Ours || own.Error || highest.Rank > own.Rank {
		return false
	}
	lines[0].NoAlert = true
	return true
}

// knownLevel is the level of an object, or a zero one.
func (p *Parser) knownLevel(o *object) level.Level {
	if o.known.Name != "" || o.level == nil {
		return o.known
	}
	found, _ := p.levelOf(o.level)
	return found
}

// resolve finds the members that the mapping means among those of an object,
// and leaves the others in its layer's fields.
func (p *Parser) resolve(o *object, l *layer) {
	p.taken = p.taken[:0]
	if !o.own && !p.hasLevel(o) {
		p.remainingAround(o, l)
		return // nobody's line
	}
	var printed object
	o.own = o.own && !p.mapping.recognised
	if p.isOdd(o) {
		printed = *o
		p.disownOdd(o)
		o.own = o.own && o.hasOwn()
	}
	text := p.mapText(o, l)
	hasLevel := p.mapLevel(o, text)
	hasException := p.mapExceptions(o, l)
	p.mapLocator(o, l)
	p.mapWords(o)
	o.signed = o.named && p.hasSignature()
	if !o.own {
		o.foreign = hasLevel && p.saysSomething(o, text, hasException)
	}
	if printed.own && !o.own && !o.foreign {
		*o = printed // it is ours, and invalid
	}
	if o.locator == nil && (o.own || o.foreign) {
		o.locator = unknownLocator
	}
	p.remaining(l)
}

// hasLevel reports whether an object has a level under any name, or a member by
// which it is known that it may leave it out.
func (p *Parser) hasLevel(o *object) bool {
	if o.level != nil || o.otherLevel != nil {
		return true
	}
	for _, name := range p.mapping.roles[roleLevel] {
		if _, ok := p.find(0, len(p.members), name, roles); ok {
			return true
		}
	}
	if p.mapping.leavesOutInfo == "" {
		return false
	}
	_, ok := p.find(0, len(p.members), p.mapping.leavesOutInfo, roles)
	return ok
}

// saysSomething reports whether an object with a level says enough to be a line
// by mapped names. The message of a runtime's envelope counts only where it was
// asked for.
func (p *Parser) saysSomething(o *object, text string, hasException bool) bool {
	m := p.mapping
	asked := m.envelope || m.recognised || m.bare && !o.named || p.hasSignature()
	switch {
	case text == "message" && o.isEnvelope():
		return asked
	case text != "":
		return true
	case o.isEnvelope():
		return asked && (hasException || p.hasSignature() && kind(o.message) == 'n')
	}
	return hasException
}

// disown takes back what is stored under one of our names: it is the logger's
// own.
func (p *Parser) disown(to *[]byte) {
	for i := range p.members {
		if m := &p.members[i]; m.own && &m.value[0] == &(*to)[0] {
			m.own = false
		}
	}
	*to = nil
}

// The kinds of value that our names take; a string is always one.
const (
	textKinds      = `"n`
	levelKinds     = `"0`
	exceptionKinds = `"n{[`
	moduleKinds    = `"n`
)

// isOdd reports whether an object has something under our names of a kind that
// its role does not take: it is the logger's own. Only a line with a locator of
// ours is held to our rules, if it has no other name for its text.
func (p *Parser) isOdd(o *object) bool {
	if o.ownLocator && (p.fits(roleLocator, o.locator) || o.level != nil && o.text != nil && !p.mapping.recognised) {
		return false
	}
	return o.ownLocator || odd(o.text, textKinds) || odd(o.level, levelKinds) ||
		odd(o.exception, exceptionKinds) || odd(o.module, moduleKinds)
}

func odd(value jsontext.Value, kinds string) bool {
	return value != nil && strings.IndexByte(kinds, byte(kind(value))) < 0
}

// disownOdd takes back what is odd of an object.
func (p *Parser) disownOdd(o *object) {
	if o.ownLocator {
		p.disown(&o.locator)
		o.ownLocator = false
	}
	for _, member := range [...]struct {
		to    *[]byte
		kinds string
	}{{&o.text, textKinds}, {&o.level, levelKinds}, {&o.exception, exceptionKinds}, {&o.module, moduleKinds}} {
		if odd(*member.to, member.kinds) {
			p.disown(member.to)
		}
	}
}

// hasSignature reports whether the object has the member that only the logger
// writes.
func (p *Parser) hasSignature() bool {
	for sign := range strings.SplitSeq(p.mapping.signature, ",") {
		if _, ok := p.find(0, len(p.members), sign, roles); ok && sign != "" {
			return true
		}
	}
	return false
}
