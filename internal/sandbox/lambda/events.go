package lambda

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Event types of the Telemetry API.
const (
	typeInitStart       = "platform.initStart"
	typeInitRuntimeDone = "platform.initRuntimeDone"
	typeInitReport      = "platform.initReport"
	typeStart           = "platform.start"
	typeRuntimeDone     = "platform.runtimeDone"
	typeReport          = "platform.report"
	typeExtension       = "platform.extension"
	typeSubscription    = "platform.telemetrySubscription"
	typeLogsDropped     = "platform.logsDropped"
	typeFunctionLine    = "function"
	typeExtensionLine   = "extension"
)

// Statuses of platform events and of Result.
const (
	StatusSuccess = "success"
	StatusError   = "error"
	StatusTimeout = "timeout"
	StatusFailure = "failure"
)

type (
	initStartRecord struct {
		InitializationType string `json:"initializationType"`
		Phase              string `json:"phase"`
		FunctionName       string `json:"functionName"`
		FunctionVersion    string `json:"functionVersion"`
		RuntimeVersion     string `json:"runtimeVersion"`
		RuntimeVersionARN  string `json:"runtimeVersionArn"`
		InstanceID         string `json:"instanceId"`
		InstanceMaxMemory  int    `json:"instanceMaxMemory"` // bytes
	}
	initRuntimeDoneRecord struct {
		InitializationType string `json:"initializationType"`
		Phase              string `json:"phase"`
		Status             string `json:"status"`
		ErrorType          string `json:"errorType,omitempty"`
	}
	initReportRecord struct {
		InitializationType string  `json:"initializationType"`
		Phase              string  `json:"phase"`
		Status             string  `json:"status"`
		ErrorType          string  `json:"errorType,omitempty"`
		Metrics            metrics `json:"metrics"`
	}
	startRecord struct {
		RequestID   string   `json:"requestId"`
		Version     string   `json:"version"`
		FunctionARN string   `json:"functionArn"`
		Tracing     *tracing `json:"tracing,omitempty"`
		TenantID    string   `json:"tenantId,omitempty"`
	}
	runtimeDoneRecord struct {
		RequestID string   `json:"requestId"`
		Status    string   `json:"status"`
		ErrorType string   `json:"errorType,omitempty"`
		Metrics   metrics  `json:"metrics"`
		Spans     []span   `json:"spans,omitempty"`
		Tracing   *tracing `json:"tracing,omitempty"`
		TenantID  string   `json:"tenantId,omitempty"`
	}
	reportRecord struct {
		RequestID string   `json:"requestId"`
		Status    string   `json:"status"`
		ErrorType string   `json:"errorType,omitempty"`
		Metrics   metrics  `json:"metrics"`
		Spans     []span   `json:"spans,omitempty"`
		Tracing   *tracing `json:"tracing,omitempty"`
		TenantID  string   `json:"tenantId,omitempty"`
	}
	extensionRecord struct {
		Name      string   `json:"name"`
		State     string   `json:"state"`
		Events    []string `json:"events"`
		ErrorType string   `json:"errorType,omitempty"`
	}
	subscriptionRecord struct {
		Name  string   `json:"name"`
		State string   `json:"state"`
		Types []string `json:"types"`
	}
	logsDroppedRecord struct {
		DroppedBytes   int    `json:"droppedBytes"`
		DroppedRecords int    `json:"droppedRecords"`
		Reason         string `json:"reason"`
	}
	metrics struct {
		DurationMs       float64  `json:"durationMs"`
		ProducedBytes    *int     `json:"producedBytes,omitempty"`
		BilledDurationMs *int64   `json:"billedDurationMs,omitempty"`
		MemorySizeMB     *int     `json:"memorySizeMB,omitempty"`
		MaxMemoryUsedMB  *int     `json:"maxMemoryUsedMB,omitempty"`
		InitDurationMs   *float64 `json:"initDurationMs,omitempty"`
	}
	span struct {
		Name       string  `json:"name"`
		Start      string  `json:"start"`
		DurationMs float64 `json:"durationMs"`
	}
	tracing struct {
		SpanID string `json:"spanId,omitempty"`
		Type   string `json:"type"`
		Value  string `json:"value"`
	}
)

func newSpan(name string, from, to time.Time) span {
	return span{Name: name, Start: stamp(from), DurationMs: millis(to.Sub(from))}
}

// millis is d in milliseconds with the three decimals the platform prints.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stamp is the platform's form of a time: UTC, milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// encode is json.Marshal without the escaping meant for HTML, which the
// platform does not apply.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("lambda: cannot encode a record: " + err.Error()) // our own types: a bug here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// lineRecord is the record of an output line. In Text format it is the line
// with its newline. In JSON format a line that is a JSON object is the
// record, any other text is the message of an object made for it. Invalid
// UTF-8 becomes U+FFFD.
func lineRecord(line []byte, logFormat string, now time.Time) json.RawMessage {
	text := strings.ToValidUTF8(string(line), "\ufffd")
	if logFormat != "JSON" {
		return encode(text)
	}
	text = strings.TrimRight(text, "\r\n")
	if object := strings.TrimSpace(text); strings.HasPrefix(object, "{") && json.Valid([]byte(object)) {
		return json.RawMessage(object)
	}
	return encode(struct {
		Timestamp string `json:"timestamp"`
		Level     string `json:"level"`
		Message   string `json:"message"`
	}{stamp(now), "INFO", text})
}

// body is the event as one element of a batch. The first schema knows only
// strings as records of lines.
func (ev Event) body(schema string) json.RawMessage {
	record := ev.Record
	isLine := ev.Type == typeFunctionLine || ev.Type == typeExtensionLine
	if schema == schema2022July && isLine && !bytes.HasPrefix(record, []byte(`"`)) {
		record = encode(string(record))
	}
	var b bytes.Buffer
	b.WriteString(`{"time":"` + stamp(ev.Time) + `","type":`)
	b.Write(encode(ev.Type))
	b.WriteString(`,"record":`)
	b.Write(record)
	b.WriteString(`}`)
	return b.Bytes()
}
