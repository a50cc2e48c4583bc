package parse

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// member is a member of an object that is read with a Mapping.
type member struct {
	name          []byte // decoded
	quoted, value jsontext.Value
	at            int  // where the value begins in the object's text
	own           bool // it has been stored under its name, which is one of ours
}

// keepMember keeps a member, the i-th of its object, for resolve.
func (p *Parser) keepMember(o *object, l *layer, i int, quoted, value jsontext.Value, at int) {
	if i >= maxMembers {
		o.alert = true // for all we know
		l.beyond = appendMember(l.beyond, quoted, value)
		return
	}
	m := member{name: p.keptName(quoted), quoted: quoted, value: value, at: at}
	m.own = p.set(o, l, m.name, value)
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

// lookup finds the member with a name that the mapping has for a role. What is
// found is in p.places until the next call, for claim.
func (p *Parser) lookup(name string, r role) (jsontext.Value, bool) {
	m, ok := p.find(0, len(p.members), name, r)
	p.places = append(p.places[:0], m.at)
	if ok && (m.own || slices.Contains(p.taken, m.at)) {
		return nil, false
	}
	return m.value, ok
}

// claim takes what lookup or group has found last for a role.
func (p *Parser) claim() { p.taken = append(p.taken, p.places...) }

// find finds a member among p.members[from:to] by its name or, if that has
// dots, in the objects that it leads through. Of a repeated name the first with
// a value that fits the role counts, otherwise the last.
func (p *Parser) find(from, to int, name string, r role) (m member, ok bool) {
	for i := to - 1; i >= from; i-- {
		if one := &p.members[i]; string(one.name) == name && (!ok || p.mayBe(r, one.value)) {
			m, ok = *one, true
		}
	}
	if ok {
		return m, true
	}
	for dot := strings.IndexByte(name, '.'); dot >= 0; {
		if m, ok := p.find(from, to, name[:dot], roles); ok && kind(m.value) == '{' {
			inner := len(p.members)
			p.open(m)
			found, ok := p.find(inner, len(p.members), name[dot+1:], r)
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

// mayBe reports whether a value may be what a role wants under a mapped name.
func (p *Parser) mayBe(r role, value jsontext.Value) bool {
	switch r {
	case roleText:
		return value[0] == '"'
	case roleLevel:
		return kind(value) == '0' || p.fits(r, value)
	case roleLocator:
		return value[0] == '{' || p.fits(r, value)
	}
	return false
}

// open appends the members of a member that is an object, those that names may
// lead to, to p.members.
func (p *Parser) open(m member) {
	n := 0
	for quoted, inner := range jsonscan.Object(m.value).Placed {
		one := member{name: p.keptName(quoted), quoted: quoted, value: inner.Value, at: m.at + inner.At}
		p.members = append(p.members, one)
		if n++; n == maxMembers {
			break
		}
	}
}

// group makes an object of members that together are one thing, though each is
// printed by itself: those whose names begin with name and a dot or, if name
// has plus signs, those between these. They are in p.places then.
func (p *Parser) group(l *layer, name string) (jsontext.Value, bool) {
	p.places = p.places[:0]
	inner := len(p.members)
	from, to := 0, inner
	if outer, last, ok := cutLast(name); ok {
		m, ok := p.find(0, inner, outer, roles)
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
//
//go:noinline
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
	for i := range p.members {
		m := &p.members[i]
		if m.own {
			continue
		}
		switch all, part := p.takenOf(m.at, len(m.value)); {
		case all:
		case part:
			l.fields = p.left(l.fields, m.quoted, m.value, m.at)
		default:
			l.fields = appendMember(l.fields, m.quoted, m.value)
		}
	}
	l.fields = append(l.fields, l.beyond...)
}

// takenOf reports whether all of a value has been taken, or a part of it.
func (p *Parser) takenOf(at, length int) (all, part bool) {
	for _, taken := range p.taken {
		if taken == at {
			return true, true
		}
		part = part || taken > at && taken < at+length
	}
	return false, part
}

// left appends a member's object without what has been taken of it, if there is
// anything left.
func (p *Parser) left(dst []byte, quoted, value jsontext.Value, at int) []byte {
	before := len(dst)
	dst = append(append(append(dst, ','), quoted...), ':')
	start := len(dst)
	for quoted, inner := range jsonscan.Object(value).Placed {
		switch all, part := p.takenOf(at+inner.At, len(inner.Value)); {
		case all:
		case part:
			dst = p.left(dst, quoted, inner.Value, at+inner.At)
		default:
			dst = appendMember(dst, quoted, inner.Value)
		}
	}
	if len(dst) == start {
		return dst[:before]
	}
	dst[start] = '{' // for the first comma
	return append(dst, '}')
}
