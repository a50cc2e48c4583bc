package parse

import (
	"bytes"
	"strings"
)

// With `auto`, a line that is not ours by our own names is recognised by the
// marks of its logger, and read by the names of that one alone, behind those
// that were written out. Nobody else's object must become a row: the level has
// to be one of the scale, and the object has to stand by itself and not in
// what somebody has said.

// examine reads the object at the start of text, which is of layer n, and
// decides whose line it is.
func (p *Parser) examine(o *object, text []byte, n int) verdict {
	p.scan(o, text, n)
	if p.auto == nil || o.marks == 0 || p.nextSign(0, o, n) < 0 || p.isReadable(o) {
		return p.decide(o, n)
	}
	base := p.mapping
	i := p.nextSign(0, o, n)
	p.mapping = p.namesOf(i) // any mapping keeps the members
	p.scanAgain(o, text, n)
	for i >= 0 && !p.hasForm(&presets[i], o) {
		i = p.nextSign(i+1, o, n)
	}
	var v verdict
	if i >= 0 {
		p.mapping = p.namesOf(i)
		v = p.decide(o, n)
	}
	p.mapping = base
	if v == foreignLine && o.known.Name != "" {
		o.recognised, o.signed = true, !presets[i].lambda
		return v
	}
	p.scanAgain(o, text, n)
	return p.decide(o, n)
}

// nextSign returns the first preset from i on of which an object has the marks,
// -1 if there is none.
func (p *Parser) nextSign(i int, o *object, n int) int {
	for ; i < len(presets); i++ {
		signs := presets[i].signs
		for k := range signs {
			if signs[k].all&^o.marks == 0 && p.hasSign(&presets[i], o, n) {
				return i
			}
		}
	}
	return -1
}

// isReadable reports whether an object is a line by our own names, with a
// level.
func (p *Parser) isReadable(o *object) bool {
	return o.hasOwn() && (o.otherLevel != nil || p.fits(roleLevel, o.level))
}

// hasSign reports whether an object has the marks of a logger. The runtimes'
// envelopes are looked at around a record only.
func (p *Parser) hasSign(logger *preset, o *object, n int) bool {
	if logger.lambda && (n > 0 || p.auto.envelope) {
		return false
	}
	for i := range logger.signs {
		if p.hasMarks(&logger.signs[i], o) {
			return true
		}
	}
	return false
}

// hasMarks reports whether an object has of a sign what can be seen without
// looking at its members again.
func (p *Parser) hasMarks(s *sign, o *object) bool {
	return o.marks&(s.all|s.none) == s.all && p.hasLetters(o.level, s.letters) && (!s.errors || p.isError(o))
}

// isError reports whether an object's level is one of the errors table.
func (p *Parser) isError(o *object) bool {
	if o.level == nil && o.otherLevel != nil { // as in what Python's runtime says of an error that was not caught
		found, _ := p.levelOf(o.otherLevel)
		return found.Error
	}
	return p.knownLevel(o).Error
}

// hasForm reports whether an object, whose members have been kept, has all of
// a logger's sign.
func (p *Parser) hasForm(logger *preset, o *object) bool {
	for i := range logger.signs {
		s := &logger.signs[i]
		if p.hasMarks(s, o) && (!s.sorted || p.areSorted()) && p.areNamed(0, s.first) &&
			p.areNamed(len(p.members)-1-strings.Count(s.last, ","), s.last) {
			return true
		}
	}
	return false
}

// namesOf returns the Mapping for lines of a logger.
func (p *Parser) namesOf(i int) *Mapping {
	if p.loggers[i] == nil {
		m := &Mapping{written: p.auto.written, recognised: true}
		m.roles = m.written
		m.add(presets[i])
		p.loggers[i] = m
	}
	return p.loggers[i]
}

// areNamed reports whether the members from i on have the names, which commas
// separate.
func (p *Parser) areNamed(i int, names string) bool {
	if names == "" {
		return true
	}
	for name := range strings.SplitSeq(names, ",") {
		if i < 0 || i >= len(p.members) || string(p.members[i].name) != name {
			return false
		}
		i++
	}
	return true
}

// areSorted reports whether the members are in the order of their names, as Go
// prints a map, and the time is in whole seconds.
func (p *Parser) areSorted() bool {
	for i := range p.members {
		m := &p.members[i]
		if i > 0 && bytes.Compare(p.members[i-1].name, m.name) >= 0 ||
			string(m.name) == "time" && bytes.IndexByte(m.value, '.') >= 0 {
			return false
		}
	}
	return true
}

// hasLetters reports whether a level is a word in such letters.
func (p *Parser) hasLetters(value []byte, which letters) bool {
	if which == anyLetters {
		return true
	}
	if kind(value) != '"' {
		return which == tens && len(value) == 2 && '1' <= value[0] && value[0] <= '6' && value[1] == '0'
	}
	name := p.memberName(value)
	small := bytes.IndexFunc(name, func(r rune) bool { return 'A' <= r && r <= 'Z' }) < 0
	if which == tens {
		return false
	}
	if which == smallLetters {
		return small
	}
	return !small && (which == notSmall || bytes.IndexFunc(name, func(r rune) bool { return 'a' <= r && r <= 'z' }) < 0)
}

// isRuntime reports whether an object is what a runtime's logger has put around
// what was printed, and not somebody's message.
func (o *object) isRuntime() bool {
	return o.isEnvelope() && o.marks&markTimestamp != 0 && (o.named || kind(o.level) == '"')
}

// standsAlone reports whether a line, the last one, that was recognised in a
// text stands there by itself: nothing is in front of it but what loggers put
// there, or what repeats it. One that does not is taken back.
func (p *Parser) standsAlone(around *surroundings) bool {
	last := len(p.lines) - 1
	if !around.quoted && (p.isPrefix(around.front) || p.repeats(around.front, &p.lines[last])) {
		return true
	}
	p.lines = p.lines[:last]
	return false
}

// mayHold reports whether an object that is a line by mapped names, which a
// runtime's envelope is with the preset lambda, may be replaced by a line in
// its message that is recognised.
func (p *Parser) mayHold(o *object) bool {
	return p.auto != nil && o.named && !o.signed && o.isRuntime()
}

// unrecognise reads an object again that was recognised, and that a line in its
// message stands for: as what is around that.
func (p *Parser) unrecognise(w *wrapped, o *object) {
	if o.recognised {
		p.scanAgain(o, w.text, w.n)
		p.decide(o, w.n)
	}
}
