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
	readScalars(record, "", map[string]*string{
		"requestId": &p.requestID, "status": &p.status, "errorType": &p.errorType,
		"initializationType": &p.initializationType, "tracing.value": &p.tracing, "tenantId": &p.tenant,
		"droppedRecords": &p.droppedRecords, "droppedBytes": &p.droppedBytes, "reason": &p.reason,
		"metrics.durationMs": &p.duration, "metrics.billedDurationMs": &p.billed, "metrics.initDurationMs": &p.init,
		"metrics.memorySizeMB": &p.memory, "metrics.maxMemoryUsedMB": &p.used,
	})
	return p
}

// readScalars reads strings and numbers of a valid object into where to says,
// by their names with the prefix in front. Those of an object within it have
// its name and a dot for a prefix.
func readScalars(object jsonscan.Object, prefix string, to map[string]*string) {
	for quoted, value := range object.Members {
		name := prefix + unquoted(quoted)
		field := to[name]
		switch kind := jsontext.Value(value).Kind(); {
		case kind == '{' && prefix == "":
			readScalars(value, name+".", to)
		case field != nil && kind == '"':
			*field = unquoted(value)
		case field != nil && kind == '0':
			*field = string(value)
		}
	}
}

// unquoted is the text of a JSON string. Invalid UTF-8 in it is replaced.
func unquoted(value []byte) string {
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}
