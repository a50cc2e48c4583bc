package read_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

type noReport struct{ t *testing.T }

func (r noReport) Fail(key, message, advice string, args ...any) bool {
	r.t.Errorf("the store reports: %s %s", message, advice)
	return true
}
func (noReport) Recover(key, message string) {}

// What the extension parses and stores is what is read: the writer and the
// reader mean the same by every attribute.
func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Run("embedded endpoint", func(t *testing.T) { writeAndRead(t, table.Start(t).Client(), false) })
	t.Run("packed", func(t *testing.T) { writeAndRead(t, table.Start(t).Client(), true) })
	t.Run("DynamoDB Local", func(t *testing.T) { writeAndRead(t, ddblocal.Client(t), false) })
}

var linked = store.Links{
	TraceID: "6352a70e1e2c2db1583c0d1f5e7a9b3c", TraceIDLine: "4bf92f3577b34da6a3ce929d0e0e4736", TenantID: "acme",
	Execution: "ship-17/2f1c", Operation: "charge", Attempt: 2, Version: "1.4.2",
}

func writeAndRead(t *testing.T, client *dynamodb.Client, packed bool) {
	if err := table.CreateLogTables(t.Context(), client, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	// DynamoDB Local deletes what has expired by the real clock.
	const ttl = 50 * 365 * 24 * time.Hour
	s := store.New(store.Config{
		Client: dynamotest.Over(client), InfoTable: "info", ErrorsTable: "errors", TTL: ttl,
		Layout: store.Layout{Packed: packed}, Zone: time.FixedZone("", 14*60*60), MaxBytes: 1 << 20,
		Report:   noReport{t},
		Panicked: func(v any) { t.Errorf("panic: %v", v) }, Attempt: time.Minute, Now: func() time.Time { return now },
	})

	parser := parse.New(parse.Options{Scale: level.DefaultScale()})
	for _, line := range []string{
		`{"locator":"1","level":"info","text":"received","order":17,"request_id":"7f3a9c12-1111"}`,
		`{"locator":"f(x) y","level":"ERROR","text":"refused (again) \u00e9","exception":"KeyError: \u00e9\n  line 2"}`,
		`{"locator":"3","level":"ALARM","exception":"boom"}`,
		`{"locator":"4","level":"LOUD","text":"what"}`,
		`{"level":"INFO","text":"no locator"}`,
		`{"level":"INFO","text":"linked"}`,
		`{"level":"ERROR","text":"linked"}`,
	} {
		var lines []parse.Line
		parser.Lines([]byte(line), func(l parse.Line) { lines = append(lines, l.Clone()) })
		if len(lines) != 1 {
			t.Fatalf("%s is not a line", line)
		}
		l := &lines[0]
		message, exceptionAt := l.AppendMessage(nil)
		var links *store.Links
		if l.Text == "linked" {
			links = &linked
		}
		s.Add(store.Entry{Time: now, Error: l.Level.Error, Level: l.Level.Name, Locator: l.Locator, Module: "orders",
			RequestID: l.RequestID, Message: string(message), ExceptionAt: exceptionAt, Fields: l.Fields,
			Issues: fmt.Sprint(len(l.Issues)), Links: links})
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}

	type part struct {
		Error                                                   bool
		Level, Locator, Text, Exception, RequestID, Fields, Mod string
		Time, Expiry                                            time.Time
		Links                                                   store.Links
	}
	expiry := now.Add(ttl)
	var none store.Links
	want := []part{
		{false, "INFO", "1", "received", "", "7f3a9c12-1111", `{"order":17}`, "orders", now, expiry, none},
		{true, "ERROR", "f(x) y", "refused (again) é", "KeyError: é\n  line 2", "", "", "orders", now,
			time.Time{}, none},
		{true, "ALARM", "3", "", "boom", "", "", "orders", now, time.Time{}, none},
		{false, "WARN", "4", `{"locator":"4","level":"LOUD","text":"what"}`, "", "", "", "orders", now, expiry, none},
		{false, "INFO", "?", "no locator", "", "", "", "orders", now, expiry, none},
		{false, "INFO", "?", "linked", "", "", "", "orders", now, expiry, linked},
		{true, "ERROR", "?", "linked", "", "", "", "orders", now, time.Time{}, linked},
	}
	var got []part
	options := read.Options{From: now, To: now.Add(time.Second), InfoTable: "info", ErrorsTable: "errors", Now: now}
	for row, err := range read.New(client).Query(t.Context(), options) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Date != "2026-11-23" || row.EnvironmentID == "" || row.Other != nil {
			t.Errorf("row %+v: want the writer's date, an environment ID and nothing unknown", row)
		}
		got = append(got, part{
			row.Error, row.Level, row.Locator, row.Text, row.Exception, row.RequestID, row.Fields, row.Module,
			row.Time, row.Expiry, row.Links,
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
