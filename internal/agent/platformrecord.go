package agent

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// A platformRecord is what we need of a platform event's record. Figures are
// kept as printed; empty means absent.
type platformRecord struct {
	requestID, status, errorType         string
	droppedRecords, droppedBytes, reason string
	initializationType                   string
	tracing, tenant                      string

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
	p.read(record, "")
	return p
}

// read reads strings and numbers of a valid object, by their names with the
// prefix in front.
func (p *platformRecord) read(object jsonscan.Object, prefix string) {
	var name []byte
	for quoted, value := range object.Members {
		name, _ = jsontext.AppendUnquote(append(name[:0], prefix...), quoted)
		switch string(name) {
		case "metrics", "tracing":
			p.read(value, string(name)+".")
			continue
		}
		switch field := p.field(name); {
		case field == nil:
		case value[0] == '"':
			*field = unquoted(value)
		case jsontext.Value(value).Kind() == '0':
			*field = string(value)
		}
	}
}

// field is where a member of a record is kept, nil for nowhere.
func (p *platformRecord) field(name []byte) *string {
	switch string(name) {
	case "requestId":
		return &p.requestID
	case "status":
		return &p.status
	case "errorType":
		return &p.errorType
	case "initializationType":
		return &p.initializationType
	case "tracing.value":
		return &p.tracing
	case "tenantId":
		return &p.tenant
	case "droppedRecords":
		return &p.droppedRecords
	case "droppedBytes":
		return &p.droppedBytes
	case "reason":
		return &p.reason
	case "metrics.durationMs":
		return &p.duration
	case "metrics.billedDurationMs":
		return &p.billed
	case "metrics.initDurationMs":
		return &p.init
	case "metrics.memorySizeMB":
		return &p.memory
	case "metrics.maxMemoryUsedMB":
		return &p.used
	}
	return nil
}

// unquoted is the text of a JSON string. Invalid UTF-8 in it is replaced.
func unquoted(value []byte) string {
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}
