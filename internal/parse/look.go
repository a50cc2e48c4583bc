package parse

import (
	"bytes"

	"github.com/logtable/logtable/internal/level"
)

// A Shape is what kind of thing a record that is not stored looks like.
type Shape uint8

const (
	// LookLogger is a logger's line, as JSON.
	LookLogger Shape = iota + 1
	// LookPython is the repr of a Python dict: {'level': 'ERROR', …}.
	LookPython
	// LookNode is an object as Node.js prints it: { level: 'ERROR', … }.
	LookNode
	// LookMap is a map as Java and others print it: {level=ERROR, …}.
	LookMap
	// LookPretty is a part of JSON that is printed over several lines.
	LookPretty
)

// A Look is what a record that is not stored looks like.
type Look struct {
	Shape Shape
	// Logger is the name of a preset, "" for the other shapes.
	Logger string
	// Setting is what to write for LOGTABLE_FIELDS for such lines to be
	// stored: "auto", or the name of a preset where a line of the logger cannot
	// be told from other things. It is "" for the other shapes.
	Setting string
	// Level is the line's, a zero one if it cannot be made out.
	Level level.Level
}

// Look says what a record that has no line of ours looks like, without taking
// more of it than a shape and a level. ok is false for anything else than a
// line with a level. It is made to be asked for some records only. It must not
// be called before Lines has returned.
func (p *Parser) Look(record []byte) (look Look, ok bool) {
	u, unwrapped := p.Unwrap(record)
	text := u.Text
	if !unwrapped {
		text = trimSpace(record)
	}
	text, _ = p.splitPrefix(trimSpace(text))
	brace := bytes.IndexByte(text[:min(len(text), maxPrefix)], '{')
	switch {
	case brace >= 0 && p.isPrefix(text[:brace]):
		look, ok = p.lookAt(text[brace:])
	case brace < 0:
		look, ok = p.lookAtPart(text)
	}
	if !ok && unwrapped && trimSpace(record)[0] == '{' { // plain text in a runtime's envelope
		look, ok = p.lookAt(trimSpace(record))
	}
	return look, ok
}

// lookAt looks at what begins with a brace.
func (p *Parser) lookAt(text []byte) (Look, bool) {
	inner := trimSpace(text[1:])
	switch {
	case len(inner) == 0:
		return Look{}, false // perhaps pretty-printed: the line with the level says so
	case inner[0] == '"':
		return p.lookAtObject(text)
	case inner[0] == '\'':
		return p.lookAtWords(LookPython, inner)
	}
	name := bytes.TrimLeft(inner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$")
	switch {
	case len(name) == len(inner) || len(name) == 0:
		return Look{}, false
	case name[0] == ':':
		return p.lookAtWords(LookNode, inner)
	case name[0] == '=':
		return p.lookAtWords(LookMap, inner)
	}
	return Look{}, false
}

// levelNames are the names that a level has in what is no JSON.
var levelNames = [...]string{"level", "levelname", "severity", "log_level", "logLevel", "LogLevel", "Level"}

// lookAtWords looks for a level among the words of what is no JSON.
func (p *Parser) lookAtWords(shape Shape, text []byte) (Look, bool) {
	text = text[:min(len(text), maxLook)]
	for _, name := range levelNames {
		for from := 0; ; {
			k := bytes.Index(text[from:], []byte(name))
			if k < 0 {
				break
			}
			at := from + k
			from = at + len(name)
			if at > 0 && isWord(text[at-1]) || from < len(text) && isWord(text[from]) {
				continue
			}
			value := bytes.TrimLeft(text[from:], `'": =`)
			end := bytes.IndexAny(value, "'\",}\r\n")
			if end < 0 || len(value) == len(text[from:]) {
				continue
			}
			if found, ok := p.printedLevel(value[:end]); ok {
				return Look{Shape: shape, Level: found}, true
			}
			if found, ok := level.Pino.Find(p.scale, string(value[:end])); ok {
				return Look{Shape: shape, Level: found}, true
			}
		}
	}
	return Look{}, false
}

// maxLook is how far into a text a level is looked for, in bytes.
const maxLook = 4 << 10

// isWord reports whether c may be a part of a name.
func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// lookAtPart looks at a line that may be a part of pretty-printed JSON: a
// member that is the level.
func (p *Parser) lookAtPart(text []byte) (Look, bool) {
	line := bytes.TrimSuffix(trimSpace(text), []byte(","))
	name, value, ok := bytes.Cut(line, []byte(":"))
	if name = trimSpace(name); !ok || len(line) > maxPrefix || len(name) < len(`""`) || name[0] != '"' {
		return Look{}, false
	}
	for _, one := range levelNames {
		if string(name[1:len(name)-1]) != one {
			continue
		}
		return p.lookAtWords(LookPretty, append(append([]byte(one+`: "`), bytes.Trim(trimSpace(value), `"`)...), '"'))
	}
	return Look{}, false
}

// lookAtObject looks at a JSON object.
func (p *Parser) lookAtObject(text []byte) (Look, bool) {
	const n = maxLayers - 1 // Unwrap has the text in one of the others
	o := &p.layers[n].object
	defer func(s settings) { p.settings = s }(p.settings)
	p.settings = *p.lookSettings()
	p.scan(o, text, n)
	if o.state == broken {
		found := p.knownLevel(o)
		return Look{Shape: LookPretty, Level: found}, found.Name != "" && bytes.IndexByte(text, '\n') >= 0
	}
	if o.hasOwn() {
		return Look{}, false // a runtime's envelope with an additional key of one of our names
	}
	for i := range presets {
		if p.hasSign(&presets[i], o, 0) && p.hasForm(&presets[i], o) {
			if found, ok := p.lookAs(i, o, text); ok {
				return Look{LookLogger, presets[i].name, "auto", found}, true
			}
		}
	}
	for i := range presets {
		if p.isAlike(&presets[i], o) {
			if found, ok := p.lookAs(i, o, text); ok {
				return Look{LookLogger, presets[i].name, presets[i].name, found}, true
			}
		}
	}
	return Look{}, false
}

// lookSettings are the settings of a parser that knows all loggers. They are
// kept, as most of what a look would cost is to make them.
func (p *Parser) lookSettings() *settings {
	if p.looks == nil {
		s := p.settings
		s.mapping, s.auto = &Mapping{}, &Mapping{auto: true}
		s.words, s.loggers = newVocabulary(), make([]*Mapping, len(presets))
		p.looks = &s
	}
	return p.looks
}

// lookAs decides on an object that has just been scanned as on a line of the
// i-th logger, and returns its level. If it is none, it has been scanned again.
func (p *Parser) lookAs(i int, o *object, text []byte) (level.Level, bool) {
	const n = maxLayers - 1
	base := p.mapping
	p.mapping = p.namesOf(i)
	v := p.decide(o, n)
	p.mapping = base
	if v == foreignLine && o.known.Name != "" {
		return o.known, true
	}
	p.scanAgain(o, text, n)
	return level.Level{}, false
}

// isAlike reports whether an object may be a line of a logger, though auto does
// not take it.
func (p *Parser) isAlike(logger *preset, o *object) bool {
	if o.isEnvelope() {
		if bare := p.isBareEnvelope(o); (o.named || bare) != logger.lambda {
			return false
		} else if bare {
			return true
		}
	}
	return logger.alike != 0 && o.marks&logger.alike == logger.alike &&
		(o.level == nil || (kind(o.level) == '0') == logger.numbered)
}

// isBareEnvelope reports whether an object is what a runtime outside of an
// invocation, or the platform, puts around text. A logger that prints the same
// does so in small letters, or in another order.
func (p *Parser) isBareEnvelope(o *object) bool {
	return len(p.members) == 3 && p.areNamed(0, "timestamp,level,message") && p.hasLetters(o.level, capitals)
}
