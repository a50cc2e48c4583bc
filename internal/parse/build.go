package parse

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxQuoted is how many bytes of a value an issue repeats.
const maxQuoted = 60

// replacement is U+FFFD; it stands for bytes that are no UTF-8.
var replacement = []byte("\uFFFD")

// span is the place of a string in the arena.
type span struct{ from, to int }

// builder makes a line of an object. The line's strings are collected in the
// parser's arena and become one allocation at the end.
type builder struct {
	p      *Parser
	issues []string
	broken bool // members may be missing because the object breaks off before
}

// build makes a line of what was found.
func (p *Parser) build(s *search) Line {
	p.arena = p.arena[:0]
	o := &s.object
	b := builder{p: p, broken: o.state == broken}
	b.checkShape(o, s.raw)
	locator := b.locator(o.locator)
	level, _ := b.level(o.level)
	text := b.string("text", o.text)
	exception := b.exception(o.exception)
	module := b.string("module", o.module)
	id := b.requestID(o, s)
	line := Line{Kind: Ours, Level: level, Issues: b.issues}
	var fields, raw span
	if len(b.issues) > 0 {
		line.Kind, line.Level = Invalid, p.warn
		raw = b.printed(s.raw)
		text, exception = span{}, span{} // in the raw text, and not to be stored twice
	} else {
		fields = b.fields(s.fields)
	}

	all := string(p.arena)
	line.Locator = all[locator.from:locator.to]
	line.Text = all[text.from:text.to]
	line.Exception = all[exception.from:exception.to]
	line.Module = all[module.from:module.to]
	line.RequestID = all[id.from:id.to]
	line.Fields = all[fields.from:fields.to]
	line.Raw = all[raw.from:raw.to]
	return line
}

// plainLine makes a line of text that is not ours.
func (p *Parser) plainLine(text []byte, s *search) (Line, bool) {
	text = bytes.TrimRight(text, "\r\n")
	if !p.plainOn || len(trimSpace(text)) == 0 {
		return Line{}, false
	}
	p.arena = p.arena[:0]
	b := builder{p: p}
	id := b.requestID(&object{}, s)
	raw := b.printed(text)
	all := string(p.arena)
	return Line{Kind: Plain, Level: p.plain, RequestID: all[id.from:id.to], Raw: all[raw.from:raw.to]}, true
}

func (b *builder) issue(format string, args ...any) {
	b.issues = append(b.issues, fmt.Sprintf(format, args...))
}

// absent is issue for a member that is not there.
func (b *builder) absent(format string, args ...any) {
	if !b.broken {
		b.issue(format, args...)
	}
}

// checkShape looks at the object as a whole.
func (b *builder) checkShape(o *object, raw []byte) {
	switch {
	case o.short:
		b.issue("the JSON object breaks off after %d bytes: print a line in one piece, shorter than 64 KiB", len(raw))
	case o.state == broken:
		b.issue("the JSON object cannot be read beyond byte %d: write valid JSON, nested at most %d deep", o.end, maxDepth)
	case o.state == trailed:
		b.issue("the JSON object is followed by %s: print the object alone", quote(raw[o.end:]))
	}
	if o.deep {
		b.issue("the line is nested more than %d deep: write the inner part as a string", maxDepth)
	}
}

// locator reads the line's locator: a string, or an integer for its digits.
func (b *builder) locator(value jsontext.Value) span {
	const example = `write where in the source the line is printed, such as "locator": "42"`
	switch kind(value) {
	case missing:
		b.absent("locator is missing: %s", example)
	case '?':
		// What is said of the object as a whole covers it.
	case '"':
		if len(value) > len(`""`) {
			return b.unquote(value)
		}
		b.issue("locator is empty: %s", example)
	case '0':
		if isInteger(value) {
			return b.raw(value)
		}
		b.issue("locator %s is not an integer: write it as a string", quote(value))
	default:
		b.issue("locator is %s: %s", describe(value), example)
	}
	return span{}
}

// level reads the line's level.
func (b *builder) level(value jsontext.Value) (Level, bool) {
	switch kind(value) {
	case missing:
		b.absent("level is missing: write one of %s", b.p.scale)
		return Level{}, false
	case '?':
		return Level{}, false
	case '"':
		l, ok := find(b.p.scale, b.p.memberName(value))
		if !ok {
			b.issue("level %s is not on the scale: write one of %s", quote(value), b.p.scale)
		}
		return l, ok
	}
	b.issue("level is %s: write one of %s", describe(value), b.p.scale)
	return Level{}, false
}

// string reads a member that is a string, or null for none.
func (b *builder) string(name string, value jsontext.Value) span {
	switch kind(value) {
	case missing, 'n', '?':
		return span{}
	case '"':
		return b.unquote(value)
	}
	b.issue("%s is %s: write a string", name, describe(value))
	return span{}
}

// exception reads the line's exception: a string, null, or a thing that
// render knows how to put into words.
func (b *builder) exception(value jsontext.Value) span {
	switch kind(value) {
	case '{', '[':
		from := len(b.p.arena)
		b.p.arena = b.p.render(b.p.arena, value, 0)
		return b.clean(from)
	case 'f', 't', '0':
		b.issue("exception is %s: write a string or an object", describe(value))
		return span{}
	}
	return b.string("exception", value)
}

// requestID returns the line's own request id, else that of the layers around.
func (b *builder) requestID(o *object, s *search) span {
	switch {
	case o.requestID != nil:
		return b.unquote(o.requestID)
	case s.idQuoted:
		return b.unquote(s.id)
	}
	return b.raw(s.id)
}

// fields makes an object of the members that scan has collected.
func (b *builder) fields(members []byte) span {
	if len(members) == 0 {
		return span{}
	}
	from := len(b.p.arena)
	b.p.arena = append(b.p.arena, '{')
	b.p.arena = append(b.p.arena, members[1:]...) // without the first comma
	b.p.arena = append(b.p.arena, '}')
	return b.clean(from)
}

// printed keeps text that may hold anything.
func (b *builder) printed(text []byte) span {
	from := len(b.p.arena)
	b.p.arena = append(b.p.arena, text...)
	return b.clean(from)
}

// raw keeps text that is ASCII for certain.
func (b *builder) raw(text []byte) span {
	from := len(b.p.arena)
	b.p.arena = append(b.p.arena, text...)
	return span{from, len(b.p.arena)}
}

// unquote keeps the contents of a JSON string.
func (b *builder) unquote(quoted []byte) span {
	from := len(b.p.arena)
	// The decoder has accepted the string; invalid UTF-8 has been replaced.
	b.p.arena, _ = jsontext.AppendUnquote(b.p.arena, quoted)
	return b.clean(from)
}

// clean makes the arena's end, from from on, text that every reader takes: NUL
// becomes U+2400 and what is no UTF-8 becomes U+FFFD.
func (b *builder) clean(from int) span {
	text := b.p.arena[from:]
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.ReplaceAll(text, []byte{0}, []byte("\u2400"))
		b.p.arena = append(b.p.arena[:from], text...)
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, replacement)
		b.p.arena = append(b.p.arena[:from], text...)
	}
	return span{from, len(b.p.arena)}
}

// missing is the kind of a member that the object does not have.
const missing jsontext.Kind = 0

// kind returns the kind of a raw value: '?' for unreadable.
func kind(value jsontext.Value) jsontext.Kind {
	switch {
	case value == nil:
		return missing
	case value[0] == unreadable[0]:
		return '?'
	}
	return value.Kind()
}

// isInteger says whether a JSON number is written without fraction or exponent.
func isInteger(number []byte) bool {
	return !bytes.ContainsAny(number, ".eE")
}

// describe names a value of the wrong type.
func describe(value jsontext.Value) string {
	switch value.Kind() {
	case 'n':
		return "null"
	case '0':
		return "the number " + quote(value)
	case 't', 'f':
		return string(value)
	case '[':
		return "an array"
	case '{':
		return "an object"
	}
	return quote(value)
}

// quote repeats a value in an issue, cut short.
func quote(value []byte) string {
	value = trimSpace(value)
	tail := ""
	if len(value) > maxQuoted {
		value, tail = value[:maxQuoted], "…"
		for len(value) > 0 && !utf8.Valid(value[len(value)-1:]) && len(value) > maxQuoted-utf8.UTFMax {
			value = value[:len(value)-1]
		}
	}
	value = bytes.ReplaceAll(value, []byte{0}, []byte("\u2400"))
	return string(bytes.ToValidUTF8(value, replacement)) + tail
}
