package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A platformRecord is what we need of a platform event's record. Figures are
// kept as printed; empty means absent.
type platformRecord struct {
	requestID, status, errorType         string
	droppedRecords, droppedBytes, reason string
	initializationType                   string

	duration, billed, memory, used, init string
}

// causesReset reports whether Lambda will reset the environment after this end:
// after a time-out, a fault of the sandbox, or when the process has gone. An
// error that the runtime itself reported (errorType Function.… or none) is
// an ordinary end.
func (p *platformRecord) causesReset() bool {
	return p.status == "timeout" || p.status == "failure" ||
		p.status == "error" && strings.HasPrefix(p.errorType, "Runtime.")
}

// failed reports whether an init or a restore failed.
func (p *platformRecord) failed() bool {
	return p.status == "error" || p.status == "timeout" || p.status == "failure"
}

// death is the locator of the row that this end of an invocation deserves, ""
// for a good end. Out of memory shows in the error type (Node.js, Python,
// Ruby) or in a report whose used memory is all there is.
func (p *platformRecord) death() string {
	switch {
	case p.status == "" || p.status == "success":
		return ""
	case p.status == "timeout":
		return "platform.timeout"
	case strings.Contains(p.errorType, "OutOfMemory"), p.memory != "" && p.used == p.memory:
		return "platform.oom"
	case p.causesReset(), strings.HasPrefix(p.errorType, "Extension."), strings.HasPrefix(p.errorType, "Sandbox."):
		return "platform.crash"
	}
	return "platform.error"
}

// complete takes over what p does not know yet.
func (p *platformRecord) complete(more platformRecord) {
	p.errorType = cmp.Or(p.errorType, more.errorType)
	p.duration = cmp.Or(p.duration, more.duration)
	p.billed = cmp.Or(p.billed, more.billed)
	p.memory = cmp.Or(p.memory, more.memory)
	p.used = cmp.Or(p.used, more.used)
	p.init = cmp.Or(p.init, more.init)
}

// figures says in words what is known.
func (p *platformRecord) figures() string {
	var known []string
	for _, figure := range [...]struct{ format, value string }{
		{"%s", p.initializationType}, {"%s", p.errorType}, {"%s ms", p.duration}, {"billed %s ms", p.billed},
		{"memory %s MB", p.memory}, {"used %s MB", p.used}, {"init %s ms", p.init},
	} {
		if figure.value != "" {
			known = append(known, fmt.Sprintf(figure.format, figure.value))
		}
	}
	return strings.Join(known, ", ")
}

// readPlatformRecord reads a record leniently: some platforms and emulators
// send a string where others send an object, which then tells us nothing.
func readPlatformRecord(record []byte) (p platformRecord) {
	fields := map[string]*string{
		"requestId": &p.requestID, "status": &p.status, "errorType": &p.errorType,
		"initializationType": &p.initializationType,
		"droppedRecords":     &p.droppedRecords, "droppedBytes": &p.droppedBytes, "reason": &p.reason,
	}
	metrics := map[string]*string{
		"durationMs": &p.duration, "billedDurationMs": &p.billed, "initDurationMs": &p.init,
		"memorySizeMB": &p.memory, "maxMemoryUsedMB": &p.used,
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(record),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	readScalars(dec, func(name string) (*string, map[string]*string) {
		if name == "metrics" {
			return nil, metrics
		}
		return fields[name], nil
	})
	return p
}

// readScalars reads the strings and numbers of the object that comes next, into
// where field says, one level of objects included. It stops at the first error.
func readScalars(dec *jsontext.Decoder, field func(name string) (*string, map[string]*string)) bool {
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		to, inner := field(name.String())
		switch kind := dec.PeekKind(); {
		case inner != nil && kind == '{':
			if !readScalars(dec, func(name string) (*string, map[string]*string) { return inner[name], nil }) {
				return false
			}
		case to != nil && (kind == '"' || kind == '0'):
			value, err := dec.ReadToken()
			if err != nil {
				return false
			}
			*to = value.String()
		default:
			if dec.SkipValue() != nil {
				return false
			}
		}
	}
	tok, err := dec.ReadToken()
	return err == nil && tok.Kind() == '}'
}
