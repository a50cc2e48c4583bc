package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// marks are what the members of an object have that only some loggers write:
// names that go with the kind of their values. They are collected while the
// object is read, and cost next to nothing where they are not asked for.
type marks uint64

const (
	markService marks = 1 << iota
	markPowertools
	markEpoch  // time as a number: of seconds or milliseconds
	markTime   // time as RFC 3339 has it
	markPID    // pid
	markV      // Bunyan's version
	markMsg    // msg
	markTs     // ts
	markCaller // "main.go:12"
	markSource // {"function":…,"file":…,"line":…}
	markFile
	markStacktrace
	markAtTimestamp
	markAtVersion
	markAtMessage
	markAtModule
	markAtLevel
	markECS
	markLoggerName
	markThread
	markLog4j
	markLevelValue
	markSequence
	markLogger
	markContext
	markHost
	markShortMessage
	markT
	markMT
	markMessageTemplate
	markBigTimestamp
	markBigTemplate
	markEventID
	markCategory
	markLongdate
	markSeverityNumber
	markBody
	markTelemetry
	markEvent
	markCallSite
	markRecord
	markLevelName
	markChannel
	markTarget
	markFields
	markSpan
	markTimestamp   // timestamp as RFC 3339 has it
	markMillisecond // timestamp as a number of milliseconds
	markAsctime
	markLevelname
	markLevelIndex
	markSeverity
	markGoogle
	markMeta
	markSLevel
	markAWSRequestID // as a child of pino's has it
	markErrorType
	markRuntimeID // the names that the runtimes' envelope has for a request id
	markMessage
	markMicros // timestamp with six digits behind the second
	markZero   // "0"
	markError  // {"type":…,"message":…,"stack":…}
	markLogLevel
	markHostname
)

// A word is the name of a member that is a mark, if its value is of a kind and
// has something in it.
type word struct {
	name  string
	takes takes
	mark  marks
	also  marks  // of a time that is a number
	needs string // in the value
}

// takes is the kind of value that makes a name a mark.
type takes uint8

const (
	takesText takes = iota
	takesNumber
	takesBool
	takesObject
	takesList // or an object
	takesPlace
	takesTime
	takesAny
)

// words are the names of marks, in the order of their lengths.
var words = [...]word{
	{name: "v", takes: takesNumber, mark: markV, needs: "0"},
	{name: "0", mark: markZero},
	{name: "ts", takes: takesTime, mark: markTs, also: markTs},
	{name: "@t", mark: markT},
	{name: "@m", mark: markMT},
	{name: "err", takes: takesObject, mark: markError, needs: `"stack"`},
	{name: "log", takes: takesObject, mark: markLogLevel, needs: `"level"`},
	{name: "pid", takes: takesNumber, mark: markPID},
	{name: "msg", mark: markMsg},
	{name: "@mt", mark: markMT},
	{name: "ecs", takes: takesObject, mark: markECS, needs: `"version"`},
	{name: "time", takes: takesTime, mark: markTime, also: markEpoch},
	{name: "date", takes: takesTime},
	{name: "name", mark: markPowertools, needs: powertools},
	{name: "Name", mark: markPowertools, needs: powertools},
	{name: "file", takes: takesPlace, mark: markFile, needs: ".go:"},
	{name: "host", mark: markHost},
	{name: "body", mark: markBody},
	{name: "body", takes: takesList, mark: markBody},
	{name: "Body", mark: markBody},
	{name: "Body", takes: takesList, mark: markBody},
	{name: "span", takes: takesObject, mark: markSpan, needs: `"name"`},
	{name: "event", mark: markEvent},
	{name: "scope", takes: takesObject, mark: markTelemetry},
	{name: "spans", takes: takesList, mark: markSpan},
	{name: "_meta", takes: takesObject, mark: markMeta, needs: `"logLevelName"`},
	{name: "source", takes: takesObject, mark: markSource, needs: `"line"`},
	{name: "caller", takes: takesPlace, mark: markCaller, needs: ".go:"},
	{name: "lineno", takes: takesNumber, mark: markCallSite},
	{name: "thread", mark: markThread},
	{name: "logger", mark: markLogger},
	{name: "thrown", takes: takesObject, mark: markLog4j},
	{name: "@level", mark: markAtLevel},
	{name: "target", mark: markTarget},
	{name: "sLevel", mark: markSLevel},
	{name: "record", takes: takesObject, mark: markRecord, needs: `"no":`},
	{name: "fields", takes: takesObject, mark: markFields},
	{name: "message", takes: takesAny, mark: markMessage},
	{name: "service", mark: markService},
	{name: "Service", mark: markService},
	{name: "@module", mark: markAtModule},
	{name: "channel", mark: markChannel},
	{name: "asctime", mark: markAsctime},
	{name: "instant", takes: takesObject, mark: markLog4j, needs: `"epochSecond"`},
	{name: "context", takes: takesList, mark: markContext},
	{name: "traceId", mark: markTelemetry},
	{name: "TraceId", mark: markTelemetry},
	{name: "EventId", takes: takesNumber, mark: markEventID},
	{name: "hostname", mark: markHostname},
	{name: "_logMeta", takes: takesObject, mark: markMeta, needs: `"logLevelName"`},
	{name: "longdate", takes: takesTime},
	{name: "sequence", takes: takesNumber, mark: markSequence},
	{name: "location", takes: takesPlace, mark: markPowertools},
	{name: "threadId", takes: takesNumber, mark: markLog4j},
	{name: "@version", takes: takesAny, mark: markAtVersion},
	{name: "@message", mark: markAtMessage},
	{name: "Category", mark: markCategory},
	{name: "trace_id", mark: markTelemetry},
	{name: "resource", takes: takesObject, mark: markTelemetry},
	{name: "severity", mark: markSeverity},
	{name: "exception", mark: markCallSite, needs: "Traceback (most recent call last):"},
	{name: "exception", takes: takesList, mark: markCallSite, needs: `"exc_type"`},
	{name: "exception", takes: takesObject, mark: markSequence, needs: `"refId"`},
	{name: "throwable", takes: takesObject, mark: markLevelValue, needs: `"stepArray"`},
	{name: "log.level", takes: takesAny, mark: markLogLevel},
	{name: "timestamp", takes: takesTime, mark: markTimestamp, also: markMillisecond},
	{name: "Timestamp", mark: markBigTimestamp},
	{name: "coldStart", takes: takesBool, mark: markPowertools},
	{name: "ColdStart", takes: takesBool, mark: markPowertools},
	{name: "func_name", mark: markCallSite},
	{name: "errorType", mark: markErrorType},
	{name: "levelname", mark: markLevelname},
	{name: "requestId", mark: markRuntimeID},
	{name: "cold_start", takes: takesBool, mark: markPowertools},
	{name: "@timestamp", mark: markAtTimestamp},
	{name: "loggerName", mark: markLoggerName},
	{name: "threadName", mark: markThread},
	{name: "stacktrace", mark: markStacktrace},
	{name: "timeMillis", takes: takesNumber, mark: markLog4j},
	{name: "endOfBatch", takes: takesBool, mark: markLog4j},
	{name: "loggerFqcn", mark: markLog4j},
	{name: "level_name", mark: markLevelName},
	{name: "exceptions", takes: takesList, mark: markMessageTemplate, needs: `"StackTraceString"`},
	{name: "contextMap", takes: takesObject, mark: markLog4j},
	{name: "attributes", takes: takesObject, mark: markTelemetry},
	{name: "Attributes", takes: takesObject, mark: markTelemetry},
	{name: "ecs.version", mark: markECS},
	{name: "logger_name", mark: markLoggerName},
	{name: "thread_name", mark: markThread},
	{name: "level_value", takes: takesNumber, mark: markLevelValue},
	{name: "level_index", takes: takesNumber, mark: markLevelIndex},
	{name: "xrayTraceId", mark: markPowertools},
	{name: "XrayTraceId", mark: markPowertools},
	{name: "awsRequestId", mark: markAWSRequestID},
	{name: "AWSRequestId", mark: markRuntimeID},
	{name: "functionName", mark: markPowertools},
	{name: "FunctionName", mark: markPowertools},
	{name: "function_arn", mark: markPowertools},
	{name: "xray_trace_id", mark: markPowertools},
	{name: "sampling_rate", takes: takesNumber, mark: markPowertools},
	{name: "function_name", mark: markPowertools},
	{name: "short_message", mark: markShortMessage},
	{name: "severityNumber", takes: takesNumber, mark: markSeverityNumber},
	{name: "SeverityNumber", takes: takesNumber, mark: markSeverityNumber},
	{name: "sequenceNumber", takes: takesNumber, mark: markSequence},
	{name: "threadPriority", takes: takesNumber, mark: markLog4j},
	{name: "loggerClassName", mark: markSequence},
	{name: "messageTemplate", mark: markMessageTemplate},
	{name: "MessageTemplate", mark: markBigTemplate},
	{name: "severity_number", takes: takesNumber, mark: markSeverityNumber},
	{name: "formattedMessage", mark: markLevelValue},
	{name: "observedTimestamp", takes: takesAny, mark: markTelemetry},
	{name: "ObservedTimestamp", takes: takesAny, mark: markTelemetry},
	{name: "observed_timestamp", takes: takesAny, mark: markTelemetry},
	{name: "function_request_id", mark: markPowertools},
	{name: "instrumentationScope", takes: takesObject, mark: markTelemetry},
	{name: "InstrumentationScope", takes: takesObject, mark: markTelemetry},
}

const powertools = "AWS.Lambda.Powertools" // in the name of its logger for .NET

// google begins the names of what Google's loggers add to a line.
const google = "logging.googleapis.com/"

// longestWord is the length of the longest of words.
const longestWord = len("instrumentationScope")

// A vocabulary is where the words of each length begin among words, and which
// letters these begin with: bit n is set for a letter whose code ends with n.
type vocabulary struct {
	from    [longestWord + 2]uint8
	letters [longestWord + 1]uint32
}

func newVocabulary() *vocabulary {
	v := &vocabulary{}
	for i := len(words) - 1; i >= 0; i-- {
		name := words[i].name
		for n := range len(name) + 1 {
			v.from[n] = uint8(i)
		}
		v.letters[len(name)] |= 1 << (name[0] % 32)
	}
	v.from[longestWord+1] = uint8(len(words))
	return v
}

// marksOf returns the marks of a member. It is called for each one that is
// read, and is soon done with most of them.
func (v *vocabulary) marksOf(name []byte, value jsontext.Value) (found marks) {
	n := len(name)
	if n > longestWord {
		return markIf(name[0] == 'l' && bytes.HasPrefix(name, []byte(google)), markGoogle)
	}
	if n == 0 || v.letters[n]>>(name[0]%32)&1 == 0 {
		return 0
	}
	for i := v.from[n]; i < v.from[n+1]; i++ {
		if w := &words[i]; w.name[0] == name[0] && w.name == string(name) {
			found |= w.marks(value)
		}
	}
	return found
}

// marks returns the word's marks if it has the value.
func (w *word) marks(value jsontext.Value) marks {
	ok := false
	switch w.takes {
	case takesTime:
		return timeMarks(value, w.also, w.mark)
	case takesText:
		ok = value[0] == '"'
	case takesNumber:
		ok = kind(value) == '0'
	case takesBool:
		ok = value[0] == 't' || value[0] == 'f'
	case takesObject:
		ok = value[0] == '{'
	case takesList:
		ok = value[0] == '{' || value[0] == '['
	case takesPlace:
		ok = isPlace(value)
	case takesAny:
		ok = true
	}
	return markIf(ok && (w.needs == "" || bytes.Contains(value, []byte(w.needs))), w.mark)
}

func markIf(ok bool, m marks) marks {
	if ok {
		return m
	}
	return 0
}

// timeMarks returns the mark of a time that is a number of seconds or
// milliseconds since 1970, or a text, and what else the text shows.
func timeMarks(value jsontext.Value, number, text marks) marks {
	const micros = `"2026-11-22T10:52:00.573123Z"`
	const long = `"2026-11-22 10:52:00.5731"`
	switch {
	case kind(value) == '0':
		return markIf(isEpoch(value), number)
	case len(value) < len(`"2026-11-22T10:52:00Z"`) || value[0] != '"', value[5] != '-', value[14] != ':':
		return 0
	case len(value) == len(long) && value[11] == ' ' && value[20] == '.':
		return markLongdate
	}
	return markIf(value[11] == 'T' || value[11] == ' ', text) |
		markIf(len(value) == len(micros) && value[20] == '.' && text == markTimestamp, markMicros)
}

// isEpoch reports whether a number may count the seconds, milliseconds or more
// since 1970.
func isEpoch(number []byte) bool {
	n := 0
	for n < len(number) && '0' <= number[n] && number[n] <= '9' {
		n++
	}
	return n >= len("1795344720") || n == 1 && bytes.Contains(number, []byte("e+")) // as Go prints some
}

// isPlace reports whether a string ends as a place in the source does: with a
// colon and the number of a line.
func isPlace(value jsontext.Value) bool {
	if len(value) < len(`"a:1"`) || value[0] != '"' {
		return false
	}
	front := bytes.TrimRight(value[:len(value)-1], "0123456789")
	return len(front) < len(value)-1 && front[len(front)-1] == ':' && len(front) > len(`"a`)
}
