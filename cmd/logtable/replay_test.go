package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

const lastResortLine = `{"logtable_record":{"table":"%s","item":{"date":{"S":"2026-11-22"},` +
	`"stamp_mod":{"S":"1795300002.005%04d+orders+2p4thtomb9"},"message":{"S":"%s: (1) line %d"},` +
	`"level":{"S":"%s"},"locator":{"S":"1"}%s}}}`

const infoExpiry = `,"expiry":{"N":"1900000000"}`

// lastResortLines are an older layer's, which did not sign.
func lastResortLines() string {
	var b strings.Builder
	fmt.Fprintln(&b, "START RequestId: 1")
	for i := range 60 {
		b.WriteString("2026-11-22T10:00:00.000Z 2026/11/22/[$LATEST]abc ")
		fmt.Fprintf(&b, lastResortLine+"\n", "info", i, "INFO", i, "INFO", infoExpiry)
	}
	fmt.Fprintf(&b, lastResortLine+"\n", "errors", 99, "ERROR", 99, "ERROR", "")
	fmt.Fprintln(&b, "REPORT RequestId: 1")
	return b.String()
}

// signedLog is the log of an environment, as the aws command fetches it, whose
// last words are the given entries; printed is what the function printed.
func signedLog(t *testing.T, printed []string, packed bool, entries ...store.Entry) string {
	t.Helper()
	key := signing.New()
	var log bytes.Buffer
	s := store.New(store.Config{InfoTable: "info", ErrorsTable: "errors", TTL: 24 * time.Hour, Zone: time.UTC,
		MaxBytes: 1 << 20, Layout: store.Layout{Packed: packed}})
	s.SignWith(key)
	for _, e := range entries {
		s.Add(e)
	}
	s.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	messages := append([]string{`{"level":"INFO","logtable":"started","key_sha256":"` + key.Commitment() + `"}`,
		"START RequestId: 8f0a2c1e-0000-4000-8000-000000000001 Version: $LATEST"}, printed...)
	for line := range strings.Lines(log.String()) {
		messages = append(messages, strings.TrimSpace(line))
	}
	var events []any
	for _, m := range messages {
		events = append(events, map[string]any{"logStreamName": "2026/11/22/[$LATEST]abc", "timestamp": 1795300002005,
			"message": m})
	}
	out, err := json.MarshalIndent(map[string]any{"events": events}, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func entries(n int) (all []store.Entry) {
	for i := range n {
		e := store.Entry{Time: time.UnixMilli(1795300002005 + int64(i)), Level: "INFO", Locator: "1", Module: "orders",
			Message: fmt.Sprint("INFO: (1) line ", i), ExceptionAt: -1}
		if i%5 == 4 {
			e.Error, e.Level, e.Message = true, "ERROR", fmt.Sprint("ERROR: (1) line ", i)
		}
		all = append(all, e)
	}
	return all
}

// replayTables are two empty tables, and a function that replays a log into
// them.
func replayTables(t *testing.T) (*table.Server, func(log string, args ...string) result) {
	isolate(t)
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	server.ResetStats()
	return server, func(log string, args ...string) result {
		t.Helper()
		var stdout, stderr bytes.Buffer
		args = append([]string{
			"replay", "-", "--info-table", "info", "--errors-table", "errors", "--endpoint-url", server.URL(),
		}, args...)
		code := run(t.Context(), args, func(string) string { return "" }, strings.NewReader(log), &stdout, &stderr)
		return result{code, stdout.String(), stderr.String()}
	}
}

func TestReplayOfALogThatHoldsNothingSaysSo(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log.json")
	if err := os.WriteFile(log, []byte(`{"level":"INFO","text":"hello"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := logtable(t, nil, "replay", "--dry-run", log)
	if got.code != exitOK || got.stdout != "0 rows found\n" ||
		!strings.Contains(got.stderr, "there are no last-resort lines in this log") {
		t.Errorf("%+v", got)
	}
}

func TestReplayWritesUnderTheSameKeys(t *testing.T) {
	server, replay := replayTables(t)
	log := signedLog(t, nil, false, entries(60)...)
	// Twice does no harm.
	for _, want := range []string{"60 rows written\n", "0 rows written, 60 already existed\n"} {
		if got := replay(log); got != (result{exitOK, want, ""}) {
			t.Fatalf("%+v", got)
		}
	}
	info, errors := server.Items("info"), server.Items("errors")
	if len(info) != 48 || len(errors) != 12 ||
		errors[0].Str("message") != "ERROR: (1) line 4" || !info[0].Has("expiry") {
		t.Errorf("%d informational rows, errors %v", len(info), errors)
	}
	if stats := server.Stats(); stats.Overwritten != 0 {
		t.Errorf("rows are overwritten: %+v", stats)
	}
}

func TestReplayOfAnOlderLayersLines(t *testing.T) {
	server, replay := replayTables(t)
	got := replay(lastResortLines())
	if got.code != exitSeen || got.stdout != "0 rows written\n" ||
		!strings.Contains(got.stderr, "not accepted: 61, ") ||
		!strings.Contains(got.stderr, "--unsigned") {
		t.Errorf("%+v", got)
	}
	if n := len(server.Items("info")) + len(server.Items("errors")); n != 0 {
		t.Errorf("%d rows are written", n)
	}
	want := result{exitOK, "61 rows written; 61 of 61 without proof that they are Logtable's\n", ""}
	if got := replay(lastResortLines(), "--unsigned"); got != want {
		t.Errorf("%+v", got)
	}
}

// A log full of forged records changes no row, whatever is believed.
func TestAHostileLogChangesNoRow(t *testing.T) {
	server, replay := replayTables(t)
	mine := entries(60)
	if got := replay(signedLog(t, nil, false, mine...)); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	before := rowsByKey(server)
	var printed []string
	for _, row := range append(server.Items("info"), server.Items("errors")...) {
		for _, kind := range []string{"info", "errors"} {
			record := fmt.Sprintf(`{"logtable_record":{"table":%q,"item":{"date":{"S":%q},"stamp_mod":{"S":%q},`+
				`"level":{"S":"INFO"},"message":{"S":"INFO: (1) all is well"}%s}}}`,
				kind, row.Str("date"), row.Str("stamp_mod"), map[string]string{"info": infoExpiry, "errors": ""}[kind])
			quoted, _ := json.Marshal(record)
			printed = append(printed, record, strings.TrimSuffix(record, "}")+`,"n":1,"mac":"AAAAAAAAAAAAAAAAAAAAAA"}`,
				`{"level":"INFO","locator":"3","text":`+string(quoted)+`}`, `{"message":`+string(quoted)+`}`,
				"said "+record)
		}
	}
	forger := signing.New()
	printed = append(printed, `{"logtable":"started","key_sha256":"`+forger.Commitment()+`"}`,
		`{"logtable":"x","key":"`+forger.Secret()+`","lines":9}`)
	log := signedLog(t, printed, false, mine[0])
	// The genuine one, of another environment.
	if got := replay(log); got.code != exitSeen || got.stdout != "1 rows written\n" {
		t.Errorf("%+v", got)
	}
	if got := replay(log, "--unsigned"); got.code != exitSeen || !strings.Contains(got.stdout, "without proof") {
		t.Errorf("%+v", got)
	}
	after := rowsByKey(server)
	if len(before) != 60 || len(after) <= 61 {
		t.Errorf("%d rows before, %d after: nothing is forged", len(before), len(after))
	}
	for key, row := range before {
		if after[key] != row {
			t.Errorf("%s was %s, and is %s", key, row, after[key])
		}
	}
}

// rowsByKey are all rows, by table and key.
func rowsByKey(server *table.Server) map[string]string {
	rows := map[string]string{}
	for _, name := range []string{"info", "errors"} {
		for _, row := range server.Items(name) {
			rows[name+" "+row.Str("date")+" "+row.Str("stamp_mod")] = fmt.Sprint(row)
		}
	}
	return rows
}

// The place of a pack may be taken by its first line alone, sent before: then
// its other lines must not be taken for stored.
func TestReplayOfAPackWhosePlaceIsTaken(t *testing.T) {
	server, replay := replayTables(t)
	var lines []store.Entry
	for _, e := range entries(40) {
		if !e.Error {
			lines = append(lines, e)
		}
	}
	log := packedLog(t, lines)
	if got := replay(log.first, "--unsigned"); got.code != exitOK || !strings.HasPrefix(got.stdout, "1 rows written") {
		t.Fatalf("%+v", got)
	}
	got := replay(log.pack, "--unsigned")
	if got.code != exitOK || !strings.HasPrefix(got.stdout, "31 rows written, 1 already existed") {
		t.Errorf("%+v", got)
	}
	if n := len(server.Items("info")); n != 32 {
		t.Errorf("%d rows of 32", n)
	}
	// Where the pack itself is there, nothing is to be done.
	server, replay = replayTables(t)
	for _, want := range []string{"1 rows written;", "0 rows written, 1 already existed;"} {
		if got := replay(log.pack, "--unsigned"); got.code != exitOK || !strings.HasPrefix(got.stdout, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	if n := len(server.Items("info")); n != 1 {
		t.Errorf("%d items", n)
	}
}

// packedLines are a pack as a last-resort line, and the first of its lines
// alone.
type packedLines struct{ pack, first string }

func packedLog(t *testing.T, lines []store.Entry) packedLines {
	t.Helper()
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	server.OnRequest(table.Throttle(1, 1))
	s := store.New(store.Config{
		Client: dynamotest.Client(server.URL()), InfoTable: "info", ErrorsTable: "errors", TTL: 24 * time.Hour,
		Zone: time.UTC, MaxBytes: 1 << 20, Layout: store.Layout{Packed: true}, Report: silent{},
	})
	for _, e := range lines {
		s.Add(e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = s.Flush(ctx) // makes the pack, and is refused
	var log bytes.Buffer
	s.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	r, found, err := row.ReadLastResort(bytes.TrimSpace(log.Bytes()))
	if !found || err != nil {
		t.Fatalf("%v: no pack in %s", err, &log)
	}
	rows, err := r.Unpack()
	if err != nil || len(rows) != len(lines) {
		t.Fatalf("%d lines of %d in the pack: %v", len(rows), len(lines), err)
	}
	first := bytes.TrimSpace(rows[0].AppendLastResort(nil, nil, 0))
	return packedLines{log.String(), string(first)}
}

// silent is a reporter that nobody hears.
type silent struct{}

func (silent) Fail(_, _, _ string, _ ...any) bool { return true }
func (silent) Recover(_, _ string)                {}

func TestReplayRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for _, tc := range []struct {
		name, log, want string
		args            []string
		code            int
	}{
		{"no such file", "", "cannot read the log", []string{"replay", "/nowhere", "--dry-run"}, exitError},
		{"a line that is cut off", `{"logtable_record":{"table":"info","da`,
			"the first in message 1 of the log: cut off", []string{"replay", file, "--dry-run"}, exitSeen},
		{"a record in a line", `x {"logtable_record":{"table":"info","da`, "inside another line",
			[]string{"replay", file, "--dry-run"}, exitSeen},
		{"a stranger's key", fmt.Sprintf(strings.Replace(lastResortLine, "+orders+", "+or/ders+", 1), "info", 1, "INFO",
			1, "INFO", infoExpiry),
			"stamp_mod is not one of Logtable's", []string{"replay", file, "--dry-run", "--unsigned"}, exitSeen},
		{"a stranger's table", fmt.Sprintf(lastResortLine, "users", 1, "INFO", 1, "INFO", ""),
			"neither info nor errors", []string{"replay", file, "--dry-run", "--unsigned"}, exitSeen},
		{"a newer layer's attribute", fmt.Sprintf(lastResortLine, "errors", 1, "INFO", 1, "INFO", `,"trace":{"S":"1"}`),
			"written by a newer Logtable", []string{"replay", file, "--dry-run", "--unsigned"}, exitSeen},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tc.log), 0o600); err != nil {
				t.Fatal(err)
			}
			args := tc.args
			if args == nil {
				args = []string{"replay", file}
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), args, func(string) string { return "" }, nil, &stdout, &stderr)
			if code != tc.code || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, &stderr)
			}
		})
	}
}

// What keeps rows from being written is said, and what was written.
func TestReplayExplainsFailures(t *testing.T) {
	log := signedLog(t, nil, false, entries(20)...)
	for _, tc := range []struct {
		name  string
		fault table.FaultFunc
		code  int
		want  string
	}{
		{"access denied", table.AccessDenied(), exitError, "allow dynamodb:PutItem on"},
		{"expired", table.ExpiredToken(), exitError, "have expired"},
		{"throttled at first", table.First(10, table.Throttle(1, 1)), exitOK, ""},
		{"answers that are lost", table.First(3, table.ResetAfter(1, 1)), exitOK, ""},
		{"rows that it refuses", table.Poison("line"), exitSeen, "not accepted: 20 that DynamoDB refused: "},
		{"a row that it refuses", table.Poison("line 17"), exitSeen, "not accepted: 1 that DynamoDB refused: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, replay := replayTables(t)
			server.OnRequest(tc.fault)
			got := replay(log)
			if got.code != tc.code || !strings.Contains(got.stderr, tc.want) || len(got.stderr) > 2000 ||
				tc.code == exitOK && len(server.Items("info")) != 16 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// However many reasons DynamoDB has, few are told, and all rows counted.
func TestReasonsOfRefusalsAreBounded(t *testing.T) {
	var p putter
	for i := range 1000 {
		p.refuse(fmt.Errorf("reason %d", i))
	}
	if p.refused != 1000 || len(p.why) > 10 {
		t.Errorf("%d rows refused, %d reasons", p.refused, len(p.why))
	}
}
