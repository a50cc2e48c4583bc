package parse

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/level"
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
	layer  *layer // of the object
	issues []string
	broken bool // members may be missing because the object breaks off before
}

// build makes a line, which is empty yet, of the object o, with which the text
// begins. What can be read of it counts, whatever is wrong with the rest. Only
// if nothing says which level it has the line is Invalid, and its Raw is the
// caller's to set, who knows what is beside it.
func (p *Parser) build(line *Line, o *object, w *wrapped) {
	b := builder{p: p, layer: &p.layers[w.n], broken: o.state == broken}
	if o.linked {
		line.Links = p.takeLinks(b.layer)
	}
	b.checkShape(o, w)
	locator := b.locator(o.locator)
	found := o.known
	if found.Name == "" {
		found = b.level(o.level, &w.around)
	}
	said := b.text(o.text)
	exception := b.exception(o.exception)
	for _, more := range o.more {
		exception = b.addFurther(exception, more)
	}
	module := b.module(o.module)
	id := b.requestID(o, w.around.requestID)
	line.Kind, line.Level, line.Issues = Ours, found, b.issues
	line.HasAlert = o.alert
	line.NoAlert = o.faults|w.around.faults != 0
	var fields span
	if found.Name == "" {
		line.Kind, line.Level = Invalid, p.warn
		said, exception = span{}, span{} // in the raw text, and not to be stored twice
	} else {
		fields = b.fields(b.layer.fields)
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
func (p *Parser) plainLine(text []byte, around requestID) {
	text = bytes.TrimRight(text, "\r\n")
	if !p.plainOn || len(trimSpace(text)) == 0 {
		return
	}
	b := builder{p: p}
	id := b.requestID(&object{}, around)
	raw := b.printed(text)
	p.lines = append(p.lines, Line{Kind: Plain, Level: p.plain, RequestID: p.view(id), Raw: p.view(raw)})
}

// printed returns text that may hold anything as a string.
//
//go:noinline
func (p *Parser) printed(text []byte) string {
	b := builder{p: p}
	return p.view(b.printed(text))
}

//go:noinline
func (b *builder) issue(format string, args ...any) {
	b.issues = append(b.issues, fmt.Sprintf(format, args...))
}

// absent is issue for a member that is not there.
//
//go:noinline
func (b *builder) absent(format string, args ...any) {
	if !b.broken {
		b.issue(format, args...)
	}
}

// checkShape looks at the object as a whole.
func (b *builder) checkShape(o *object, w *wrapped) {
	faults := o.faults | w.around.faults
	switch {
	case faults == 0:
		return
	case o.state == broken && len(trimSpace(w.text[o.end:])) == 0:
		b.issue("the JSON object is cut off after %d bytes: print each line in one piece, shorter than 64 KiB", o.end)
	case o.state == broken:
		b.issue("the JSON object cannot be read beyond byte %d: write valid JSON, nested at most %d levels deep",
			o.end, maxDepth)
	case faults&jsonscan.Cut != 0:
		b.issue("the JSON object around the line is cut off: print each line in one piece, shorter than 64 KiB")
	}
	if faults&jsonscan.Deep != 0 {
		b.issue("the line is nested more than %d levels deep: write the inner part as a string", maxDepth)
	}
	var repaired []string
	for _, fault := range [...]struct {
		what jsonscan.Faults
		is   string
	}{
		{jsonscan.Word, "a value or name that is not JSON, such as NaN or None"},
		{jsonscan.Comma, "an extra or missing comma"},
		{jsonscan.Control, "an unescaped control character or newline"},
		{jsonscan.Quote, "an unescaped quote"},
		{jsonscan.Backslash, "an unescaped backslash"},
		{jsonscan.Bracket, "a mismatched bracket"},
	} {
		if faults&fault.what != 0 {
			repaired = append(repaired, fault.is)
		}
	}
	if len(repaired) > 0 {
		b.issue("the JSON object was repaired because it has %s: write valid JSON", strings.Join(repaired, ", "))
	}
}

// locator reads the line's locator: a string, or an integer for its digits.
func (b *builder) locator(value jsontext.Value) span {
	const example = `write where in the source the line comes from, such as "locator": "42"`
	switch kind(value) {
	case missing:
		b.absent("locator is missing: %s", example)
	case '"':
		at := b.unquote(value)
		if len(bytes.TrimSpace(b.p.arena[at.from:at.to])) > 0 {
			return at
		}
		b.issue("locator is empty: %s", example)
	case '0':
		if !isInteger(value) {
			b.issue("locator %s is not an integer: write it as a string", b.p.quote(value, maxQuoted))
		}
		return b.raw(value)
	default:
		b.issue("locator is %s: %s", b.describe(value), example)
		b.leave(`"locator"`, value)
	}
	return b.raw(unknown)
}

// unknown is the locator of a line that tells none.
var unknown = []byte("?")

// level reads the line's level. Where it has none that is on the scale, what is
// around the line may tell of something worse than a warning. Otherwise the
// level has no name.
func (b *builder) level(value jsontext.Value, around *surroundings) level.Level {
	switch kind(value) {
	case missing:
		b.absent("level is missing: write one of %s", b.p.scale)
	case '"':
		l, ok := b.p.levelOf(value)
		if ok {
			return l
		}
		b.issue("level %s is not on the scale: write one of %s", b.p.quote(value, maxQuoted), b.p.scale)
	default:
		b.issue("level is %s: write one of %s", b.describe(value), b.p.scale)
	}
	l := b.p.levelAround(around)
	if l.Rank <= b.p.warn.Rank {
		return level.Level{}
	}
	if value != nil {
		b.leave(`"level"`, value)
	}
	return l
}

// text reads the line's text: a string, null for none, or anything else as
// JSON.
func (b *builder) text(value jsontext.Value) span {
	switch kind(value) {
	case missing, 'n':
		return span{}
	case '"':
		return b.unquote(value)
	}
	b.issue("text is %s: write a string", b.describe(value))
	return b.compact(value)
}

// module reads the line's module: a string, or null for none.
func (b *builder) module(value jsontext.Value) span {
	switch kind(value) {
	case missing, 'n':
		return span{}
	case '"':
		return b.unquote(value)
	}
	b.issue("module is %s: write a string", b.describe(value))
	b.leave(`"module"`, value)
	return span{}
}

// leave leaves a member that is of no use in the fields.
//
//go:noinline
func (b *builder) leave(quoted string, value jsontext.Value) {
	b.layer.fields = appendMember(b.layer.fields, []byte(quoted), value)
}

// compact keeps a value as JSON.
//
//go:noinline
func (b *builder) compact(value jsontext.Value) span {
	from := len(b.p.arena)
	b.p.arena = appendCompact(b.p.arena, value)
	return b.clean(from)
}

// exception reads the line's exception: a string, null, or a thing that
// render knows how to put into words.
func (b *builder) exception(value jsontext.Value) span {
	switch kind(value) {
	case '{', '[':
		from := len(b.p.arena)
		b.p.arena = b.p.render(b.p.arena, value, 0)
		return b.clean(from)
	case '"':
		return b.unquote(value)
	case 'f', 't', '0':
		b.issue("exception is %s: write a string or an object", b.describe(value))
	}
	return span{}
}

// addFurther adds a further exception to those of a line, which end the arena.
// What repeats another one whole, as a stack does its error, stands for both.
func (b *builder) addFurther(before span, value jsontext.Value) span {
	switch {
	case value == nil:
		return before
	case before.from == before.to:
		return b.exception(value)
	}
	from := len(b.p.arena)
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
func (b *builder) requestID(o *object, around requestID) span {
	switch {
	case o.requestID != nil:
		return b.unquote(o.requestID)
	case around.idQuoted:
		return b.unquote(around.id)
	}
	return b.raw(around.id)
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

// describe names a value of the wrong type.
func (b *builder) describe(value jsontext.Value) string {
	switch kind(value) {
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
