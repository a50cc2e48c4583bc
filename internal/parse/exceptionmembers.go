package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// exception holds an exception object's members by their role, as raw JSON. A
// role that an earlier member has taken leaves later ones in rest.
type exception struct {
	typ, message, stack, cause, code jsontext.Value
	localized                        jsontext.Value // Java's message in another language, mostly the same
	serviceCode, serviceMessage      jsontext.Value // of an AWS error response
	suppressed, several              jsontext.Value // arrays of exceptions
	value, inner                     jsontext.Value // loguru's message; an exception in a member of that name
	common                           jsontext.Value // how many frames are left out at the stack's end
	rest                             []byte         // `,"name":value` for each further member
}

func (t *exception) known() bool {
	return t.typ != nil || t.message != nil || t.stack != nil || t.serviceMessage != nil
}

// isException reports whether an element of an array is an exception, and not a
// frame, which may have names of the same kind.
func (t *exception) isException() bool {
	return t.message != nil || t.stack != nil || t.value != nil || t.inner != nil
}

// exceptionOf sorts an exception object's members.
func (p *Parser) exceptionOf(object jsontext.Value) (t exception) {
	var response, awsError jsontext.Value
	p.each(object, func(name, quoted []byte, value jsontext.Value) {
		switch {
		case string(name) == "response" && kind(value) == '{':
			response = value
		case string(name) == "Error" && kind(value) == '{':
			awsError = value
		case !t.set(name, value) && !t.setOther(name, value):
			t.keep(quoted, value)
		}
	})
	p.each(response, func(name, quoted []byte, value jsontext.Value) {
		if string(name) == "Error" && kind(value) == '{' {
			awsError = value
			return
		}
		t.keep(quoted, value)
	})
	p.each(awsError, func(name, quoted []byte, value jsontext.Value) {
		switch {
		case string(name) == "Message" && kind(value) == '"':
			t.serviceMessage = value
		case string(name) == "Code" && kind(value) == '"':
			t.serviceCode = value
		default:
			t.keep(quoted, value)
		}
	})
	t.settle()
	return t
}

// settle decides what depends on the other members.
func (t *exception) settle() {
	if t.typ == nil {
		t.typ, t.code = t.code, nil
	}
	if t.value != nil && t.typ != nil && t.message == nil {
		t.message, t.value = t.value, nil
	}
	known := t.known()
	for _, member := range [...]struct {
		quoted string
		value  *jsontext.Value
		keep   bool
	}{
		{`"localizedMessage"`, &t.localized, string(t.localized) != string(t.message)},
		{`"code"`, &t.code, true}, {`"value"`, &t.value, true}, {`"exception"`, &t.inner, known},
		{`"suppressed"`, &t.suppressed, !known}, {`"errors"`, &t.several, !known},
	} {
		if *member.value != nil && member.keep {
			t.keep([]byte(member.quoted), *member.value)
			*member.value = nil
		}
	}
}

// set stores a member by its role and reports whether it has one.
func (t *exception) set(name []byte, value jsontext.Value) bool {
	role, wants := &t.typ, `"`
	switch string(name) {
	case "type", "name", "class", "className", "exception", "errorType", "__type", "Type", "exception_class",
		"exc_type", "exceptionType", "ClassName", "errorName":
	case "message", "msg", "errorMessage", "Message", "exception_message", "exc_value":
		role = &t.message
	case "stack", "stackTrace", "stack_trace", "stacktrace", "StackTrace", "traceback", "trace", "backtrace",
		"extendedStackTrace", "frames", "stepArray", "StackTraceString":
		role, wants = &t.stack, `"[`
	case "cause", "__cause__", "innerException", "InnerException", "inner_exception", "causedBy", "previous":
		role, wants = &t.cause, `"{`
	case "code":
		role = &t.code
	case "localizedMessage":
		role = &t.localized
	case "value":
		role = &t.value
	case "commonElementCount": // Log4j's: of frames that are left out
		return string(value) == "0"
	default:
		return false
	}
	if kind(value) == 'n' {
		return true // nothing is lost with it
	}
	if *role != nil || !bytes.ContainsRune([]byte(wants), rune(kind(value))) {
		return string(name) == "traceback" && kind(value) == 't' ||
			string(name) == "exception" && t.setOther(name, value)
	}
	*role = value
	return true
}

// setOther is set for members of which most exceptions have none.
func (t *exception) setOther(name []byte, value jsontext.Value) bool {
	role, wants := &t.several, jsontext.Kind('[')
	switch string(name) {
	case "suppressed", "Suppressed":
		role = &t.suppressed
	case "errors", "aggregateErrors", "exceptions", "InnerExceptions", "innerExceptions":
		if kind(value) == '[' && !isNested(value) {
			return isEmptyList(value) && string(name) == "exceptions"
		}
	case "commonFramesCount": // logback's
		if string(value) == "0" {
			return true
		}
		role, wants = &t.common, '0'
	case "exception":
		role, wants = &t.inner, '{'
	default:
		return saysNothing(name, value)
	}
	if *role != nil || kind(value) != wants {
		return false
	}
	*role = value
	return true
}

// saysNothing reports whether nothing is lost with a member of an exception.
func saysNothing(name []byte, value jsontext.Value) bool {
	switch string(name) {
	case "is_cause", "is_group", "syntax_error", "exc_notes", "RemoteStackTraceString": // structlog's, Serilog's
		return kind(value) == 'n' || kind(value) == 'f' || kind(value) == 't' || isEmptyList(value)
	case "refId", "Depth": // Quarkus's and Serilog's, which number them
		return kind(value) == '0'
	}
	return false
}

//go:noinline
func isEmptyList(value jsontext.Value) bool {
	return value[0] == '[' && value[jsonscan.Space(value, 1)] == ']'
}

// isNested reports whether an array begins with an object or an array.
//
//go:noinline
func isNested(value jsontext.Value) bool {
	first := value[jsonscan.Space(value, 1)]
	return first == '{' || first == '['
}

// keep adds a member to the further ones.
//
//go:noinline
func (t *exception) keep(quotedName []byte, value jsontext.Value) {
	t.rest = append(append(append(append(t.rest, ','), quotedName...), ':'), value...)
}
