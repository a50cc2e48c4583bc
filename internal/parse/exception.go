package parse

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// maxCauses is how deep a chain of causes is put into words; a deeper one is
// kept as JSON.
const maxCauses = 16

// render appends an exception as text that people read:
//
//	Type: message
//	stack
//	{"further":"members"}
//	Suppressed: …
//	Error 1: …
//	Caused by: …
//
// It knows the member names that Python, Node.js, Java, .NET, PHP, Go and Ruby
// libraries print, and prefers what an AWS service said to the SDK's wording of
// it. A stack that repeats type and message loses the repetition. A list of
// exceptions is one and its causes. An object without any of these names, like
// everything else, is kept as JSON without its white space. The text grows with
// value only.
func (p *Parser) render(dst []byte, value jsontext.Value, depth int) []byte {
	switch kind(value) {
	case '"':
		return appendString(dst, value)
	case '[':
		return p.appendLines(dst, value, depth)
	case '{':
		if depth < maxCauses {
			t := p.exceptionOf(value)
			if t.known() {
				return p.appendException(dst, &t, depth)
			}
			if t.inner != nil { // Quarkus has one around each
				return p.render(dst, t.inner, depth+1)
			}
		}
	}
	return appendCompact(dst, value)
}

func (p *Parser) appendException(dst []byte, t *exception, depth int) []byte {
	start := len(dst)
	dst, typ, message := t.appendHead(dst)
	if t.stack != nil {
		p.scratch = p.render(p.scratch[:0], t.stack, maxCauses)
		if stack := withoutHead(p.scratch, typ, message); len(stack) > 0 {
			dst = append(newLine(dst, start), stack...)
		}
	}
	if t.common != nil {
		dst = append(append(append(newLine(dst, start), "    ... "...), t.common...), " more"...)
	}
	if len(t.rest) > 0 {
		t.rest[0] = '{'
		dst = appendCompact(newLine(dst, start), append(t.rest, '}'))
	}
	if t.suppressed != nil {
		for one := range jsonscan.Array(t.suppressed).Elements {
			dst = p.render(append(newLine(dst, start), "Suppressed: "...), one, depth+1)
		}
	}
	if t.several != nil {
		n := int64(0)
		for one := range jsonscan.Array(t.several).Elements {
			n++
			dst = append(strconv.AppendInt(append(newLine(dst, start), "Error "...), n, 10), ": "...)
			dst = p.render(dst, one, depth+1)
		}
	}
	if t.cause != nil {
		dst = append(newLine(dst, start), "Caused by: "...)
		dst = p.render(dst, t.cause, depth+1)
	}
	return dst
}

// appendHead appends "Type: message", or what there is of it, and returns both
// parts of what it wrote.
func (t *exception) appendHead(dst []byte) (all, typ, message []byte) {
	text := t.message
	if t.serviceMessage != nil {
		text = t.serviceMessage
		// The SDK's wording contains the service's; other words are kept.
		own, said := appendString(nil, t.message), appendString(nil, text)
		if t.message != nil && !bytes.Contains(own, said) {
			t.keep([]byte(`"message"`), t.message)
		}
	}
	start := len(dst)
	dst = appendString(dst, t.typ)
	if t.serviceCode != nil {
		dst = t.appendCode(dst, len(dst) > start)
	}
	typeEnd := len(dst)
	if len(text) > len(`""`) && typeEnd > start {
		dst = append(dst, ": "...)
	}
	messageStart := len(dst)
	dst = appendString(dst, text)
	return dst, dst[start:typeEnd], dst[messageStart:]
}

// appendCode appends an AWS error code, in brackets if it follows a type.
func (t *exception) appendCode(dst []byte, follows bool) []byte {
	if !follows {
		return appendString(dst, t.serviceCode)
	}
	if string(t.serviceCode) == string(t.typ) {
		return dst
	}
	return append(appendString(append(dst, " ("...), t.serviceCode), ')')
}

// appendLines appends an array of stack frames, or of strings, as lines. Python
// puts line ends into its strings. Of exceptions, each is the cause of the one
// before.
func (p *Parser) appendLines(dst []byte, array jsontext.Value, depth int) []byte {
	start := len(dst)
	for element := range jsonscan.Array(array).Elements {
		dst = newLine(dst, start)
		switch kind(element) {
		case '"':
			dst = bytes.TrimRight(appendString(dst, element), "\r\n")
		case '{':
			dst = p.appendElement(dst, element, depth, len(dst) > start)
		case '[': // an exception group's, each with its causes
			if depth < maxCauses {
				dst = p.appendLines(dst, element, depth+1)
				break
			}
			dst = appendCompact(dst, element)
		default:
			dst = append(dst, element...)
		}
	}
	return dst
}

// appendElement appends an object of an array: an exception, or a frame.
func (p *Parser) appendElement(dst []byte, object jsontext.Value, depth int, follows bool) []byte {
	if depth < maxCauses {
		if t := p.exceptionOf(object); t.isException() {
			if follows {
				dst = append(dst, "Caused by: "...)
			}
			return p.render(dst, object, depth+1)
		}
	}
	return p.appendFrame(dst, object)
}

// appendFrame appends a stack frame that came as an object.
func (p *Parser) appendFrame(dst []byte, object jsontext.Value) []byte {
	var class, method, file, line jsontext.Value
	p.each(object, func(name, _ []byte, value jsontext.Value) {
		switch string(name) {
		case "class", "className", "declaringClass":
			class = value
		case "method", "methodName", "function", "name", "func":
			method = value
		case "file", "fileName", "filename", "source":
			file = value
		case "line", "lineNumber", "lineno", "lino", "fileLine":
			if digits := wholeNumber(value); digits != nil { // Python's line is the source text
				line = digits
			}
		}
	})
	if method == nil || kind(method) != '"' {
		return appendCompact(dst, object)
	}
	dst = append(dst, "    at "...)
	if class != nil && kind(class) == '"' {
		dst = append(appendString(dst, class), '.')
	}
	dst = appendString(dst, method)
	switch {
	case file != nil && kind(file) == '"':
		dst = appendString(append(dst, '('), file)
		if line != nil {
			dst = append(append(dst, ':'), line...)
		}
		return append(dst, ')')
	case line != nil:
		return append(append(append(dst, "(line "...), line...), ')')
	}
	return dst
}

// wholeNumber returns the digits of a number, or of a string of nothing else,
// nil for other values.
func wholeNumber(value jsontext.Value) []byte {
	if kind(value) == '0' {
		return value
	}
	if value[0] == '"' && len(value) > len(`""`) && len(bytes.Trim(value[1:len(value)-1], "0123456789")) == 0 {
		return value[1 : len(value)-1]
	}
	return nil
}

// withoutHead takes type and message off a stack that repeats them: as its
// first line, as in Node.js and Java, or as its last, as in Python. Before the
// message there may be another label than the type, such as the name of the
// class it had when the stack was taken.
func withoutHead(stack, typ, message []byte) []byte {
	stack = bytes.Trim(stack, "\r\n")
	head, labelled := message, true
	if len(message) == 0 {
		head, labelled = typ, false
	}
	if len(head) == 0 {
		return stack
	}
	if rest, ok := cutLine(stack, head); ok {
		return rest
	}
	first, _, _ := bytes.Cut(stack, []byte("\n"))
	if i := bytes.Index(first, []byte(": ")); labelled && i >= 0 {
		if rest, ok := cutLine(stack[i+len(": "):], head); ok {
			return rest
		}
	}
	if before, ok := bytes.CutSuffix(stack, head); ok {
		line := bytes.LastIndexByte(before, '\n') + 1
		if label := before[line:]; len(label) == 0 || labelled && isLabel(label) {
			return bytes.TrimRight(before[:line], "\r\n")
		}
	}
	return stack
}

// isLabel reports whether b is one word, a colon and a space.
func isLabel(b []byte) bool {
	return bytes.HasSuffix(b, []byte(": ")) && bytes.Count(b, []byte(" ")) == 1
}

// cutLine takes the line or lines off b's beginning.
func cutLine(b, line []byte) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(b, line)
	if !ok || len(rest) > 0 && rest[0] != '\n' {
		return b, false
	}
	return bytes.TrimLeft(rest, "\n"), true
}

// newLine ends the line that has been written since start, if one has.
//
//go:noinline
func newLine(dst []byte, start int) []byte {
	if len(dst) > start {
		return append(dst, '\n')
	}
	return dst
}
