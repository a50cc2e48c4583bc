package parse

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

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
