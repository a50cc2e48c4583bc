package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// maxCauses is how deep a chain of causes is put into words; a deeper one is
// kept as JSON.
const maxCauses = 16

// render appends an exception as text that people read:
//
//	Type: message
//	stack
//	{"further":"members"}
//	Caused by: …
//
// It knows the member names that Python, Node.js, Java, .NET and Ruby libraries
// print, and prefers what an AWS service said to the SDK's wording of it. A
// stack that repeats type and message loses the repetition. An object without
// any of these names, like everything else, is kept as JSON without its white
// space. The text grows with value only.
func (p *Parser) render(dst []byte, value jsontext.Value, depth int) []byte {
	switch value.Kind() {
	case '"':
		return appendString(dst, value)
	case '[':
		return p.appendLines(dst, value)
	case '{':
		if depth < maxCauses {
			if t := p.thrown(value); t.known() {
				return p.appendThrown(dst, &t, depth)
			}
		}
	}
	return appendCompact(dst, value)
}

// thrown holds an exception object's members by their role, as raw JSON. A role
// that an earlier member has taken leaves later ones in rest.
type thrown struct {
	typ, message, stack, cause, code jsontext.Value
	localized                        jsontext.Value // Java's message in another language, mostly the same
	serviceCode, serviceMessage      jsontext.Value // of an AWS error response
	rest                             []byte         // `,"name":value` for each further member
}

func (t *thrown) known() bool {
	return t.typ != nil || t.message != nil || t.stack != nil || t.serviceMessage != nil
}

// thrown sorts an exception object's members.
func (p *Parser) thrown(object jsontext.Value) (t thrown) {
	var response, awsError jsontext.Value
	p.each(object, func(name, quoted []byte, value jsontext.Value) {
		switch {
		case string(name) == "response" && value.Kind() == '{':
			response = value
		case string(name) == "Error" && value.Kind() == '{':
			awsError = value
		case !t.set(name, value):
			t.keep(quoted, value)
		}
	})
	p.each(response, func(name, quoted []byte, value jsontext.Value) {
		if string(name) == "Error" && value.Kind() == '{' {
			awsError = value
			return
		}
		t.keep(quoted, value)
	})
	p.each(awsError, func(name, quoted []byte, value jsontext.Value) {
		switch {
		case string(name) == "Message" && value.Kind() == '"':
			t.serviceMessage = value
		case string(name) == "Code" && value.Kind() == '"':
			t.serviceCode = value
		default:
			t.keep(quoted, value)
		}
	})
	if t.typ == nil {
		t.typ, t.code = t.code, nil
	}
	if t.localized != nil && string(t.localized) != string(t.message) {
		t.keep([]byte(`"localizedMessage"`), t.localized)
	}
	if t.code != nil {
		t.keep([]byte(`"code"`), t.code)
	}
	return t
}

// set stores a member by its role and says whether it has one.
func (t *thrown) set(name []byte, value jsontext.Value) bool {
	role, wants := &t.typ, `"`
	switch string(name) {
	case "type", "name", "class", "className", "exception", "errorType", "__type", "Type", "exception_class":
	case "message", "msg", "errorMessage", "Message", "exception_message":
		role = &t.message
	case "stack", "stackTrace", "stack_trace", "stacktrace", "StackTrace", "traceback", "trace", "backtrace", "extendedStackTrace":
		role, wants = &t.stack, `"[`
	case "cause", "__cause__", "innerException", "InnerException":
		role, wants = &t.cause, `"{`
	case "code":
		role = &t.code
	case "localizedMessage":
		role = &t.localized
	case "commonElementCount": // Log4j's: of frames that are left out
		return string(value) == "0"
	default:
		return false
	}
	if value.Kind() == 'n' {
		return true // nothing is lost with it
	}
	if *role != nil || !bytes.ContainsRune([]byte(wants), rune(value.Kind())) {
		return false
	}
	*role = value
	return true
}

// keep adds a member to the further ones.
func (t *thrown) keep(quotedName []byte, value jsontext.Value) {
	t.rest = append(append(append(append(t.rest, ','), quotedName...), ':'), value...)
}

func (p *Parser) appendThrown(dst []byte, t *thrown, depth int) []byte {
	start := len(dst)
	dst, typ, message := t.appendHead(dst)
	if t.stack != nil {
		p.scratch = p.render(p.scratch[:0], t.stack, maxCauses)
		if stack := withoutHead(p.scratch, typ, message); len(stack) > 0 {
			dst = append(newLine(dst, start), stack...)
		}
	}
	if len(t.rest) > 0 {
		t.rest[0] = '{'
		dst = appendCompact(newLine(dst, start), append(t.rest, '}'))
	}
	if t.cause != nil {
		dst = append(newLine(dst, start), "Caused by: "...)
		dst = p.render(dst, t.cause, depth+1)
	}
	return dst
}

// appendHead appends "Type: message", or what there is of it, and returns both
// parts of what it wrote.
func (t *thrown) appendHead(dst []byte) (all, typ, message []byte) {
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
func (t *thrown) appendCode(dst []byte, follows bool) []byte {
	if !follows {
		return appendString(dst, t.serviceCode)
	}
	if string(t.serviceCode) == string(t.typ) {
		return dst
	}
	return append(appendString(append(dst, " ("...), t.serviceCode), ')')
}

// appendLines appends an array of stack frames, or of strings, as lines. Python
// puts line ends into its strings.
func (p *Parser) appendLines(dst []byte, array jsontext.Value) []byte {
	start := len(dst)
	eachElement(array, func(element jsontext.Value) {
		dst = newLine(dst, start)
		switch element.Kind() {
		case '"':
			dst = bytes.TrimRight(appendString(dst, element), "\r\n")
		case '{':
			dst = p.appendFrame(dst, element)
		default:
			dst = appendCompact(dst, element)
		}
	})
	return dst
}

// appendFrame appends a stack frame that came as an object.
func (p *Parser) appendFrame(dst []byte, object jsontext.Value) []byte {
	var class, method, file, line jsontext.Value
	p.each(object, func(name, _ []byte, value jsontext.Value) {
		switch string(name) {
		case "class", "className", "declaringClass":
			class = value
		case "method", "methodName", "function", "name":
			method = value
		case "file", "fileName", "filename":
			file = value
		case "line", "lineNumber", "lineno":
			if value.Kind() == '0' { // Python's line is the source text
				line = value
			}
		}
	})
	if method == nil || method.Kind() != '"' {
		return appendCompact(dst, object)
	}
	dst = append(dst, "    at "...)
	if class != nil && class.Kind() == '"' {
		dst = append(appendString(dst, class), '.')
	}
	dst = appendString(dst, method)
	if file == nil || file.Kind() != '"' {
		return dst
	}
	dst = appendString(append(dst, '('), file)
	if line != nil {
		dst = append(append(dst, ':'), line...)
	}
	return append(dst, ')')
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

// isLabel says whether b is one word, a colon and a space.
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

// appendString appends the contents of a valid JSON string, or of none.
func appendString(dst []byte, quoted jsontext.Value) []byte {
	if quoted == nil {
		return dst
	}
	dst, _ = jsontext.AppendUnquote(dst, quoted) // invalid UTF-8 is replaced
	return dst
}

// appendCompact appends a valid value without its white space.
func appendCompact(dst []byte, value jsontext.Value) []byte {
	n := len(dst)
	all, err := jsontext.AppendFormat(dst, value, compact...)
	if err != nil {
		return append(dst[:n], value...)
	}
	return all
}

var compact = append([]jsontext.Options{jsontext.PreserveRawStrings(true)}, lenient...)

// newLine ends the line that has been written since start, if one has.
func newLine(dst []byte, start int) []byte {
	if len(dst) > start {
		return append(dst, '\n')
	}
	return dst
}
