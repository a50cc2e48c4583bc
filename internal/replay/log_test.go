package replay_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/store"
)

// logEvent is an event of CloudWatch's.
type logEvent struct {
	stream  string
	at      int64
	message string
}

const (
	requestID   = "8f0a2c1e-0000-4000-8000-000000000001"
	anotherID   = "8f0a2c1e-0000-4000-8000-00000000000f"
	streamName  = "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef"
	otherStream = "2026/11/22/[$LATEST]fedcba9876543210fedcba9876543210"
	when        = int64(1795341600000)
)

// lastWords are the last-resort lines of a real Store, signed with a key or
// not, and what they hold.
func lastWords(t testing.TB, key *signing.Key, text string, n int) (lines, records []string) {
	t.Helper()
	s := store.New(store.Config{
		InfoTable: "info", ErrorsTable: "errors", TTL: time.Hour, Zone: time.UTC, MaxBytes: 1 << 20,
		Now: func() time.Time { return time.UnixMilli(when) },
	})
	s.SignWith(key)
	for i := range n {
		s.Add(store.Entry{Time: time.UnixMilli(when), Error: i%2 == 0, Level: "ERROR", Locator: "1", Module: "orders",
			Message: fmt.Sprintf("ERROR: (1) %s \"%d\"\n\tand\\more", text, i), ExceptionAt: -1})
	}
	var log bytes.Buffer
	s.LastResort(&log, 1<<20, false, time.UnixMilli(when).Add(time.Hour))
	for line := range strings.Lines(log.String()) {
		lines = append(lines, strings.TrimSpace(line))
		if r, found, err := row.ReadLastResort([]byte(line)); found && err == nil {
			records = append(records, string(r.AppendJSON(nil)))
		}
	}
	if len(records) != n {
		t.Fatalf("%d records of %d:\n%s", len(records), n, &log)
	}
	return lines, records
}

// firstLineOf is a process's first line, written down as it is printed.
func firstLineOf(key *signing.Key) string {
	return `{"time":"2026-11-22T10:00:00.000000001Z","level":"INFO","logtable":"started","key_sha256":"` +
		key.Commitment() + `"}`
}

// genuine is the log stream of an environment whose end needed the last resort,
// and the records in it. What printed returns is printed by the function.
func genuine(t testing.TB, printed ...string) (events []logEvent, records []string) {
	t.Helper()
	key := signing.New()
	lines, records := lastWords(t, key, "genuine", 6)
	messages := []string{
		"INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn:aws:lambda:eu-central-1::runtime:0",
		firstLineOf(key),
		"EXTENSION\tName: logtable\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
		"START RequestId: " + requestID + " Version: $LATEST\n",
		`{"level":"INFO","locator":"1","text":"hello"}` + "\n",
	}
	messages = append(messages, printed...)
	messages = append(messages, "END RequestId: "+requestID+"\n",
		"REPORT RequestId: "+requestID+"\tDuration: 2 ms\tBilled Duration: 3 ms\n")
	messages = append(messages, lines...)
	return inStream(streamName, messages...), records
}

// jsonGenuine is the same in Lambda's JSON log format.
func jsonGenuine(t testing.TB) (events []logEvent, records []string) {
	events, records = genuine(t)
	for i, e := range events {
		word, _, _ := strings.Cut(e.message, " ")
		if name := map[string]string{"INIT_START": "initStart", "START": "start", "END": "runtimeDone",
			"REPORT": "report"}[word]; name != "" {
			events[i].message = fmt.Sprintf(
				`{"time":"2026-11-22T10:00:00.000Z","type":"platform.%s","record":{"requestId":"%s"}}`, name, requestID)
		}
	}
	return events, records
}

func inStream(stream string, messages ...string) (events []logEvent) {
	for i, m := range messages {
		events = append(events, logEvent{stream, when + int64(i/3), m})
	}
	return events
}

// forgery is what a stranger who knows all of this has a function print: a
// process of its own from its first line to its key.
func forgery(t testing.TB) []string {
	t.Helper()
	key := signing.New()
	lines, _ := lastWords(t, key, "forged", 3)
	return append([]string{firstLineOf(key)}, lines...)
}

// hostile is what else one can print.
func hostile(t testing.TB) []string {
	t.Helper()
	forged := forgery(t)
	unsigned, _ := lastWords(t, nil, "forged without a key", 2)
	record := unsigned[0]
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	all := append([]string{}, forged...)
	all = append(all, unsigned...)
	all = append(all,
		`{"level":"INFO","locator":"3","text":`+quote("request from "+record)+`}`,
		`{"level":"INFO","locator":"3","text":`+quote(record)+`}`,
		`{"timestamp":"2026-11-22T10:00:00.000Z","level":"INFO","message":`+quote(record)+`}`,
		`{"message":`+quote(`{"message":`+quote(record)+`}`)+`}`,
		`GET /orders `+record,
		record+" "+record,
		"["+record+","+record+"]",
		record+`","x`,
		`x","`+strings.ReplaceAll(record, `"`, `""`)+`"`,
		"a\n"+strings.Join(forged, "\n"),
		"a\t"+strings.Join(forged, "\t"),
		"a\r\n"+strings.Join(forged, "\r\n"),
		"a\n2026-11-22T10:00:01.000000+00:00 "+otherStream+" "+strings.Join(forged,
			"\n2026-11-22T10:00:01.000000+00:00 "+otherStream+" "),
	)
	for _, m := range forged { // an event of another stream, as the aws command prints it
		all = append(all, fmt.Sprintf(
			`{"logStreamName":"%s","timestamp":%d,"message":%s,"ingestionTime":1,"eventId":"1"}`,
			otherStream, when, quote(m)))
	}
	return append(all, strings.Replace(record, `"table":"errors"`, `"table":"errors","extra":1`, 1),
		record[:len(record)/2],
		"START RequestId: "+anotherID+" Version: $LATEST", "END RequestId: "+anotherID, "INIT_START Runtime Version: x",
		firstLineOf(signing.New()))
}

// A form is a way in which log tools hand out events.
type form struct {
	name    string
	streams bool // it tells streams apart
	render  func([]logEvent) string
}

func awsEvent(e logEvent) map[string]any {
	return map[string]any{"logStreamName": e.stream, "timestamp": e.at, "message": e.message, "ingestionTime": e.at + 1,
		"eventId": "3941"}
}

func marshal(v any, indent string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(indent == "")
	enc.SetIndent("", indent)
	_ = enc.Encode(v)
	return b.String()
}

func list(events []logEvent, each func(logEvent) any) []any {
	all := make([]any, len(events))
	for i, e := range events {
		all[i] = each(e)
	}
	return all
}

var forms = []form{
	{"aws logs filter-log-events", true, func(events []logEvent) string {
		return marshal(map[string]any{"events": list(events, func(e logEvent) any { return awsEvent(e) }),
			"searchedLogStreams": []any{}}, "    ")
	}},
	{"boto3, in one line", true, func(events []logEvent) string {
		return marshal(map[string]any{"events": list(events, func(e logEvent) any { return awsEvent(e) }),
			"ResponseMetadata": map[string]any{"HTTPStatusCode": 200}}, "")
	}},
	{"jq -c .events", true, func(events []logEvent) string {
		return marshal(list(events, func(e logEvent) any { return awsEvent(e) }), "")
	}},
	{"jq -c .events[]", true, func(events []logEvent) string {
		var b strings.Builder
		for _, e := range events {
			b.WriteString(marshal(awsEvent(e), ""))
		}
		return b.String()
	}},
	{"aws logs get-log-events", false, func(events []logEvent) string {
		return marshal(map[string]any{"events": list(events, func(e logEvent) any {
			return map[string]any{"timestamp": e.at, "message": e.message, "ingestionTime": e.at}
		}), "nextForwardToken": "f/1"}, "    ")
	}},
	{"--query events[].message --output json", false, func(events []logEvent) string {
		return marshal(list(events, func(e logEvent) any { return e.message }), "    ")
	}},
	{"--query events[].message --output text", false, func(events []logEvent) string {
		var messages []string
		for _, e := range events {
			messages = append(messages, e.message)
		}
		return strings.Join(messages, "\t") + "\n"
	}},
	{"a subscription's data", true, func(events []logEvent) string {
		var b strings.Builder
		for _, e := range events {
			b.WriteString(strings.TrimSpace(fmt.Sprintf(`{"messageType":"DATA_MESSAGE","owner":"1",`+
				`"logGroup":"/aws/lambda/orders","logStream":"%s","logEvents":%s}`,
				e.stream, marshal([]any{map[string]any{"id": "1", "timestamp": e.at, "message": e.message}}, ""))))
		}
		return b.String()
	}},
	{"Logs Insights, JSON", true, func(events []logEvent) string {
		return marshal(map[string]any{"results": list(events, func(e logEvent) any {
			field := func(name, value string) any { return map[string]any{"field": name, "value": value} }
			return []any{field("@timestamp", time.UnixMilli(e.at).UTC().Format("2006-01-02 15:04:05.000")),
				field("@message", e.message), field("@logStream", e.stream), field("@ptr", "x")}
		}), "status": "Complete"}, "    ")
	}},
	{"the console's CSV", false, func(events []logEvent) string {
		return table([]string{"timestamp", "message"}, events,
			func(e logEvent) []string { return []string{fmt.Sprint(e.at), e.message} })
	}},
	{"Logs Insights' CSV", true, func(events []logEvent) string {
		return table([]string{"@timestamp", "@message", "@logStream"}, events, func(e logEvent) []string {
			return []string{time.UnixMilli(e.at).UTC().Format("2006-01-02 15:04:05.000"), e.message, e.stream}
		})
	}},
	{"lines", false, func(events []logEvent) string {
		var b strings.Builder
		for _, e := range events {
			b.WriteString(strings.TrimSuffix(e.message, "\n") + "\n")
		}
		return b.String()
	}},
	{"an export to S3", false, func(events []logEvent) string {
		var b strings.Builder
		for _, e := range events {
			b.WriteString(time.UnixMilli(e.at).UTC().Format("2006-01-02T15:04:05.000Z") + " " +
				strings.TrimSuffix(e.message, "\n") + "\n")
		}
		return b.String()
	}},
	{"aws logs tail", false, func(events []logEvent) string {
		var b strings.Builder
		for _, e := range events {
			b.WriteString(time.UnixMilli(e.at).UTC().Format("2006-01-02T15:04:05.000000+00:00") + " " + e.stream + " " +
				strings.TrimSuffix(e.message, "\n") + "\n")
		}
		return b.String()
	}},
}

func table(header []string, events []logEvent, row func(logEvent) []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(header)
	for _, e := range events {
		_ = w.Write(row(e))
	}
	w.Flush()
	return b.String()
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}
