package parse

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// How many bytes an issue repeats.
const (
	maxQuoted = 60  // of a value
	maxBeside = 500 // of the text beside an object

	// maxSeen is how many more are shown to Options.Head.
	maxSeen = 64 << 10
)

// replacement is U+FFFD; it stands for bytes that are no UTF-8.
var replacement = []byte("\uFFFD")

// span is the place of a string in the arena.
type span struct{ from, to int }

// builder makes a line of an object. The line's strings are parts of the
// parser's arena, behind those of the record's lines before.
type builder struct {
	p      *Parser
	issues []string
	broken bool // members may be missing because the object breaks off before
}

// build makes a line, which is empty yet, of the object o of layer n, with
// which text begins. The Raw of an Invalid line is the caller's to set, who
// knows what is beside it.
func (p *Parser) build(line *Line, o *object, text []byte, n int, s *search) {
	b := builder{p: p, broken: o.state == broken}
	b.checkShape(o, text)
	locator := b.locator(o.locator)
	level := o.known
	if level.Name == "" {
		level, _ = b.level(o.level)
	}
	said := b.string("text", o.text)
	exception := b.exception(o.exception)
	for _, more := range o.thrown {
		exception = b.alsoThrown(exception, more)
	}
	module := b.string("module", o.module)
	id := b.requestID(o, s)
	line.Kind, line.Level, line.Issues = Ours, level, b.issues
	var fields span
	if len(b.issues) > 0 {
		line.Kind, line.Level = Invalid, p.warn
		said, exception = span{}, span{} // in the raw text, and not to be stored twice
	} else {
		fields = b.fields(p.layers[n].fields)
	}

	line.Locator = p.view(locator)
	line.Text = p.view(said)
	line.Exception = p.view(exception)
	line.Module = p.view(module)
	line.RequestID = p.view(id)
	line.Fields = p.view(fields)
}

// view returns a part of the arena as a string without copying it. The arena is
// only appended to until the next record is read, and where it grows the part
// stays where it was, so that the string does not change until then. A copy for
// each line was the parser's only allocation, and a tenth of its time.
func (p *Parser) view(at span) string {
	if at.from == at.to {
		return ""
	}
	return unsafe.String(&p.arena[at.from], at.to-at.from)
}

// plainLine adds the line of a text that is not ours, if such are wanted.
func (p *Parser) plainLine(text []byte, s *search) {
	text = bytes.TrimRight(text, "\r\n")
	if !p.plainOn || len(trimSpace(text)) == 0 {
		return
	}
	b := builder{p: p}
	id := b.requestID(&object{}, s)
	raw := b.printed(text)
	p.lines = append(p.lines, Line{Kind: Plain, Level: p.plain, RequestID: p.view(id), Raw: p.view(raw)})
}

// printed returns text that may hold anything as a string.
func (p *Parser) printed(text []byte) string {
	b := builder{p: p}
	return p.view(b.printed(text))
}

// issueBeside is the issue for text beside a line's object. where says on which
// side.
func (p *Parser) issueBeside(where string, text []byte) string {
	size := ""
	if len(text) > maxBeside {
		size = fmt.Sprintf(" of %d bytes", len(text))
	}
	return fmt.Sprintf("other text%s %s the JSON object (print the object alone): %s", size, where, p.quote(text, maxBeside))
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
		at := b.unquote(value)
		if len(bytes.TrimSpace(b.p.arena[at.from:at.to])) > 0 {
			return at
		}
		b.issue("locator is empty: %s", example)
	case '0':
		if isInteger(value) {
			return b.raw(value)
		}
		b.issue("locator %s is not an integer: write it as a string", b.p.quote(value, maxQuoted))
	default:
		b.issue("locator is %s: %s", b.describe(value), example)
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
		l, ok := find(b.p.scale, bytes.TrimSpace(b.p.memberName(value)))
		if !ok {
			b.issue("level %s is not on the scale: write one of %s", b.p.quote(value, maxQuoted), b.p.scale)
		}
		return l, ok
	}
	b.issue("level is %s: write one of %s", b.describe(value), b.p.scale)
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
	b.issue("%s is %s: write a string", name, b.describe(value))
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
		b.issue("exception is %s: write a string or an object", b.describe(value))
		return span{}
	}
	return b.string("exception", value)
}

// alsoThrown adds a further exception to those of a line, which end the arena.
// What repeats another one whole, as a stack does its error, stands for both.
func (b *builder) alsoThrown(before span, value jsontext.Value) span {
	from := len(b.p.arena)
	if value == nil || before.to != from {
		return before
	}
	more := b.exception(value)
	said, says := b.p.arena[before.from:before.to], b.p.arena[more.from:more.to]
	switch {
	case bytes.Contains(says, said):
		b.p.arena = append(b.p.arena[:before.from], says...)
	case bytes.Contains(said, says):
		b.p.arena = b.p.arena[:from]
	default:
		b.p.arena = slices.Insert(b.p.arena, from, '\n')
	}
	return span{before.from, len(b.p.arena)}
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
	var clean bool
	if b.p.arena, clean, _ = jsonscan.AppendUnquote(b.p.arena, quoted); clean {
		return span{from, len(b.p.arena)}
	}
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
func (b *builder) describe(value jsontext.Value) string {
	switch value.Kind() {
	case 'n':
		return "null"
	case '0':
		return "the number " + b.p.quote(value, maxQuoted)
	case 't', 'f':
		return string(value)
	case '[':
		return "an array"
	case '{':
		return "an object"
	}
	return b.p.quote(value, maxQuoted)
}

// quote repeats a value in an issue, cut after at most limit bytes.
func (p *Parser) quote(value []byte, limit int) string {
	value = trimSpace(value)
	value = bytes.ReplaceAll(value[:min(len(value), limit+maxSeen)], []byte{0}, []byte("\u2400"))
	return p.head(string(bytes.ToValidUTF8(value, replacement)), limit)
}

// head is the Head of a Parser that is given none.
func head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
