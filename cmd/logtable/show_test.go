package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// The requests and traces of the application that these tests are about. Its
// trace began at 11:00:00 on 2026-11-22, as it says.
const (
	ordersRequest  = "7f3a9c12-1111-4222-8333-444455556666"
	billingRequest = "9b1c2d3e-1111-4222-8333-444455556666"
	mailRequest    = "c0ffee00-1111-4222-8333-444455556666"
	xrayTrace      = "1-6b02cb30-0123456789abcdef01234567"
	trace          = "6b02cb300123456789abcdef01234567"
	mailTrace      = "6b02cb32ffffffffffffffffffffffff"
	execution      = "order-17/4f1c0b9e"
)

// application stores what three functions have logged: orders invokes billing,
// which is out of memory, and sends a message to mail, whose trace is a new one
// and one of whose lines names the old one.
func application(t *testing.T) (server *table.Server, env map[string]string) {
	server, env = tables(t)
	log := func(module, level, locator, text string, ms int, request string, pairs ...any) {
		t.Helper()
		put(t, server.Client(), module, level, locator, text, ms, request, pairs...)
	}
	env["LOGTABLE_SHARDS"] = "1" // looking for them takes most of the time
	log("orders", "INFO", "1", "received", 5, ordersRequest, "trace_id", trace,
		"fields", `{"order":17}`)
	log("billing", "INFO", "1", "charging", 105, billingRequest, "trace_id", trace)
	log("billing", "ERROR", "platform.oom",
		"the function ran out of memory: Runtime.OutOfMemory, 812.5 ms, memory 128 MB, used 128 MB", 918,
		billingRequest, "trace_id", trace, "exception", "last lines:\ncharging\nloading all cards", "version", "1.4.2")
	log("orders", "WARN", "2", "billing failed; the order waits", 931, ordersRequest,
		"trace_id", trace)
	log("orders", "INFO", "platform.report",
		"report: 940.25 ms, billed 941 ms, memory 128 MB, used 77 MB, init 312.4 ms", 950, ordersRequest,
		"trace_id", trace)
	log("mail", "INFO", "1", "3 messages", 2000, mailRequest, "trace_id", mailTrace)
	log("mail", "INFO", "2", "mail sent", 2100, mailRequest, "trace_id", mailTrace,
		"trace_id_line", trace, "tenant_id", "acme")
	log("mail", "INFO", "2", "mail of somebody else sent", 2150, mailRequest,
		"trace_id", mailTrace, "trace_id_line", strings.Repeat("e", 32))
	log("other", "INFO", "1", "nothing to do with it", 1000, "11111111-0000", "trace_id",
		strings.Repeat("d", 32))
	return server, env
}

// put stores a row of so many milliseconds after 11:00:00 on 2026-11-22.
func put(
	t *testing.T, client *dynamodb.Client, module, level, locator, text string, ms int, request string, pairs ...any,
) {
	t.Helper()
	tableName := "info"
	if level == "ERROR" {
		tableName = "errors"
	}
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
	row := map[string]any{"level": level, "locator": locator, "request_id": request,
		"stamp_mod": fmt.Sprintf("%d.%03d0000+%s+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, module),
		"date":      at.Format(time.DateOnly)}
	message := fmt.Sprintf("%s: (%s) %s", level, locator, text)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "exception" {
			row["exception_at"] = len(message) + 1
			message += " " + pairs[i+1].(string)
		} else {
			row[pairs[i].(string)] = pairs[i+1]
		}
	}
	row["message"] = message
	putRow(t, client, tableName, row)
}

// logtableAt runs the program at a time.
func logtableAt(t *testing.T, now time.Time, env map[string]string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute(context.Background(), args, &shell{
		getenv: func(name string) string { return env[name] }, stdin: strings.NewReader(""),
		stdout: &stdout, stderr: &stderr, now: func() time.Time { return now },
	})
	return result{code, stdout.String(), stderr.String()}
}

var showNow = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

const wantTrace = `Trace 1-6b02cb30-0123456789abcdef01234567
3 invocations of 3 functions, 7 rows, 1 error, 2.095 s

2026-11-22 Sunday (UTC)
 11:00:00.005  +0.000 s  --> orders 7f3a9c12-1111-4222-8333-444455556666, cold start 312.4 ms
 11:00:00.005  +0.000 s  INFO  (1)  received  order=17
 11:00:00.105  +0.100 s  --> billing 9b1c2d3e-1111-4222-8333-444455556666
 11:00:00.105  +0.100 s  INFO  (1)  charging
!11:00:00.918  +0.913 s  <-- billing 9b1c2d3e: the function ran out of memory: Runtime.OutOfMemory, 812.5 ms, memory 128 MB, used 128 MB
               last lines:
               charging
               loading all cards
                         ... orders 7f3a9c12
 11:00:00.931  +0.926 s  WARN  (2)  billing failed; the order waits
 11:00:00.950  +0.945 s  <-- orders 7f3a9c12: 940.25 ms, billed 941 ms, memory 128 MB, used 77 MB, init 312.4 ms
 11:00:02.000  +1.995 s  --> mail c0ffee00-1111-4222-8333-444455556666
 11:00:02.000  +1.995 s  INFO  (1)  3 messages
 11:00:02.100  +2.095 s  INFO  (2)  mail sent
                         <-- mail c0ffee00: no further rows
`

// However the trace is written, and if a request of it is named, its story is
// that of all functions: that mail's line names it suffices, and what the
// platform says of billing need not.
func TestShowTellsATraceAcrossFunctions(t *testing.T) {
	server, env := application(t)
	title, rest, _ := strings.Cut(wantTrace, "\n")
	for id, title := range map[string]string{
		xrayTrace: title, trace: title, strings.ToUpper(trace): title, "Root=" + xrayTrace + ";Sampled=1": title,
		ordersRequest: title + " of request " + ordersRequest, "7f3a9c12": title + " of request " + ordersRequest,
	} {
		got := logtableAt(t, showNow, env, "show", id, "--endpoint-url", server.URL())
		if diff := cmp.Diff(title+"\n"+rest, got.stdout); diff != "" || got.code != exitOK || got.stderr != "" {
			t.Errorf("show %s: code %d, %s (-want +got):\n%s", id, got.code, got.stderr, diff)
		}
	}
}

func TestTheDocumentedStoryIsTheOneThatIsPrinted(t *testing.T) {
	text, err := os.ReadFile("../../docs/reading.md")
	if err != nil || !strings.Contains(string(text), "```\n"+wantTrace+"```\n") {
		t.Errorf("docs/reading.md does not show this story (%v):\n%s", err, wantTrace)
	}
}

// What reads the output finds the rows of a query in it.
func TestShowPrintsJSONLines(t *testing.T) {
	server, env := application(t)
	got := logtableAt(t, showNow, env, "show", xrayTrace, "--endpoint-url", server.URL(), "-o", "jsonl",
		"--timezone", "Europe/Berlin")
	var texts []string
	for line := range strings.Lines(got.stdout) {
		var row struct {
			jsonRow
			Elapsed int64  `json:"elapsed_ms"`
			TraceID string `json:"trace_id"`
			Line    string `json:"trace_id_line"`
			Tenant  string `json:"tenant_id"`
			Version string `json:"version"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, fmt.Sprint(row.Module, " ", row.Elapsed))
		if row.Text == "mail sent" && (row.TraceID != mailTrace || row.Line != trace || row.Tenant != "acme" ||
			row.Time != "2026-11-22T12:00:02.100+01:00") {
			t.Errorf("%+v", row)
		}
		if row.Table == "errors" && (row.Version != "1.4.2" || row.TraceID != trace) {
			t.Errorf("%+v", row)
		}
	}
	want := []string{"orders 0", "billing 100", "billing 913", "orders 926", "orders 945", "mail 1995", "mail 2095"}
	if diff := cmp.Diff(want, texts); diff != "" || got.code != exitOK {
		t.Errorf("%+v (-want +got):\n%s", got, diff)
	}
}

func TestShowTellsWhatItIsAskedFor(t *testing.T) {
	server, env := application(t)
	for i, attempt := range []int{1, 2} { // an execution over two days
		put(t, server.Client(), "ship", "INFO", "1", fmt.Sprint("step ", attempt), i*86_400_000,
			fmt.Sprint("0000000", i, "-aaaa"), "execution", execution, "operation", "pack", "attempt", attempt)
		put(t, server.Client(), "ship", "INFO", "platform.report", "report: 1 ms", i*86_400_000+9,
			fmt.Sprint("0000000", i, "-aaaa"))
	}
	put(t, server.Client(), "retried", "INFO", "1", "first", 0, "22222222-aaaa")
	put(t, server.Client(), "retried", "ERROR", "platform.error", "the invocation ended with an error: Oops, 5 ms", 5,
		"22222222-aaaa")
	put(t, server.Client(), "retried", "INFO", "1", "second", 60_000, "22222222-aaaa")
	// The first one's report comes late.
	put(t, server.Client(), "retried", "INFO", "platform.report", "report: 5 ms", 60_001, "22222222-aaaa")
	put(t, server.Client(), "retried", "INFO", "platform.report", "report: 7 ms", 60_007, "22222222-aaaa")
	const arn = "arn:aws:lambda:eu-central-1:123456789012:function:ship:7/durable-execution/" + execution
	for _, tc := range []struct {
		args string
		want []string // lines, in this order
		not  string
	}{
		{"7f3a9c12 --only-request",
			[]string{"Request " + ordersRequest, "1 invocation of 1 function, 3 rows, 0 errors"},
			"billing 9b"},
		{mailRequest, []string{"The 3 traces of request " + mailRequest, "--> orders", "somebody else"}, "other"},
		{mailTrace, []string{"Trace 1-6b02cb32-ff", "somebody else"}, "orders"},
		{execution, []string{"Execution " + execution, "2 invocations of 1 function, 4 rows, 0 errors, 24h0m0s",
			"2026-11-22 Sunday", "step 1", "<-- ship 00000000: 1 ms", "2026-11-23 Monday", "+24h0m0s", "step 2",
			"<-- ship 00000001: 1 ms"}, "orders"},
		{arn, []string{"2 invocations"}, "orders"},
		{arn + " -v", []string{"execution " + execution + ", operation pack, attempt 1"}, ""},
		{"22222222", []string{"2 invocations", "--> retried", "first",
			"<-- retried 22222222: the invocation ended with an error: Oops, 5 ms", "--> retried", "second",
			"(platform.report)", "report: 5 ms", "<-- retried 22222222: 7 ms"}, "no further rows"},
		{mailRequest + " -v --only-request", []string{"request " + mailRequest,
			"trace 1-6b02cb32-ffffffffffffffffffffffff, trace of the line " + xrayTrace, "tenant acme"}, "orders"},
	} {
		args := append([]string{"show", "--endpoint-url", server.URL()}, strings.Fields(tc.args)...)
		got := logtableAt(t, showNow, env, args...)
		rest := got.stdout
		for _, want := range tc.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("show %s lacks %q:\n%s%s", tc.args, want, got.stdout, got.stderr)
				break
			}
			rest = after
		}
		if got.code != exitOK || tc.not != "" && strings.Contains(got.stdout, tc.not) {
			t.Errorf("show %s: %d, %s, or has %q:\n%s", tc.args, got.code, got.stderr, tc.not, got.stdout)
		}
	}
}

// Whoever finds nothing is told where it was looked for, and what else to do.
func TestShowSaysWhatItDidNotFind(t *testing.T) {
	server, env := application(t)
	put(t, server.Client(), "orders", "INFO", "1", "another", 7, "7f3a9c12-2222-4222-8333-444455556666")
	for args, want := range map[string]string{
		"ffffffff-0000": "logtable: found no rows of request ffffffff-0000 in info and errors " +
			"from 2026-11-17 09:00:00 to 2026-11-24 09:01:00 (UTC): " +
			"if it is of another time, look further back with --since 30d\n",
		"1-6b02cb30-" + strings.Repeat("0", 24): "no rows of trace 1-6b02cb30-000000000000000000000000 " +
			"in info and errors from 2026-11-22 10:59:00 to 2026-11-23 11:00:00 (UTC): " +
			"if it is of another time, look further back with --since 30d\n",
		strings.Repeat("f", 32): "trace 1-ffffffff-ffffffffffffffffffffffff in info and errors from " +
			"2026-11-17 09:00:00 to 2026-11-24 09:01:00",
		"a/b --since 36h": "execution a/b in info and errors " +
			"from 2026-11-22 21:00:00 to 2026-11-24 09:01:00 (UTC)\n",
		ordersRequest + " --since 1h": "found no rows of request " + ordersRequest,
		"7f3a9c12": "several requests begin with 7f3a9c12: " + ordersRequest +
			", 7f3a9c12-2222-4222-8333-444455556666: write more of the ID",
	} {
		args := append([]string{"show", "--endpoint-url", server.URL()}, strings.Fields(args)...)
		got := logtableAt(t, showNow, env, args...)
		if got.code != exitError || got.stdout != "" || !strings.Contains(got.stderr, want) ||
			strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%v: %+v, want %s", args, got, want)
		}
	}
	got := logtableAt(t, showNow, env, "show", "7f3a9c12", "--info-table", "nope", "--endpoint-url", server.URL())
	if got.code != exitError || !strings.Contains(got.stderr, "table nope") ||
		!strings.Contains(got.stderr, "--info-table") {
		t.Errorf("%+v", got)
	}
}

func TestShowUsage(t *testing.T) {
	isolate(t)
	for args, want := range map[string]string{
		"":                               "an argument is missing: write one ID",
		"7f3a":                           "at least 8 characters",
		"1-6b02cb30":                     "is not a trace ID: write it whole",
		"a/b/c":                          "is not an execution",
		"/b12345678":                     "is not an execution",
		"a/b --only-request":             "--only-request is for a request ID",
		trace + " --only-request":        "--only-request is for a request ID",
		"7f3a9c12 --since yesterday":     `--since "yesterday" is not a duration`,
		"7f3a9c12 --since=":              "--since is empty",
		"7f3a9c12 -o xml":                "write text, jsonl",
		"7f3a9c12 --shards 1000":         "--shards 1000",
		"7f3a9c12 --timezone Mars":       "is not a time zone",
		"7f3a9c12 --endpoint-url bogus.": "is not a valid URL",
	} {
		got := logtable(t, nil, append([]string{"show"}, strings.Fields(args)...)...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("show %s: %+v, want code 2 and %q", args, got, want)
		}
	}
}

// A story is printed within the width of a terminal, and with nothing in it
// that a terminal obeys.
func TestStoryIsPrintedSafely(t *testing.T) {
	nasty := "\x1b[31mred\r\n\u202e" + strings.TrimSpace(strings.Repeat("日本語 long ", 20))
	row := hostile(nasty)
	row.Level, row.Locator = "INFO", "1"
	death := row
	death.Locator, death.StampMod, death.Time = "platform.crash", "2", at("2026-11-22T11:00:00Z")
	story := read.Story{Rows: []read.Row{row, death, row}}
	plain := map[int]string{}
	for i, width := range []int{0, 1, 40, 80, 200, 0, 1, 40, 80, 200} {
		var out bytes.Buffer
		style := textStyle{width: width, verbose: true, zone: time.UTC, color: i >= 5}
		if err := printStory(&out, &story, "Request "+visible(nasty), style); err != nil {
			t.Fatal(err)
		}
		if found := hiddenIn(out.String()); found != "" {
			t.Errorf("at %d columns it has %+q", width, found)
		}
		text := sgr.ReplaceAllString(out.String(), "")
		if i < 5 {
			plain[width] = text
		} else if text != plain[width] {
			t.Errorf("at %d columns, color breaks lines in other places:\n%s", width, text)
		}
		for line := range strings.Lines(text) {
			n := columns(strings.TrimSuffix(line, "\n"))
			if width >= 80 && n > width && !strings.Contains(line, "(UTC)") {
				t.Errorf("at %d columns, a line has %d: %s", width, n, line)
			}
		}
	}
}

// A line may name a module of its own: its invocation stays one, of the
// function.
func TestALinesModuleIsNoInvocation(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_SHARDS"] = "1"
	put(t, server.Client(), "pay", "INFO", "1", "paying", 6, ordersRequest)
	put(t, server.Client(), "orders", "INFO", "2", "sent", 7, ordersRequest)
	put(t, server.Client(), "orders", "ERROR", "platform.timeout", "timed out", 9, ordersRequest)
	const want = `1 invocation of 1 function, 3 rows, 1 error, 0.003 s

2026-11-22 Sunday (UTC)
 11:00:00.006  +0.000 s  --> orders 7f3a9c12-1111-4222-8333-444455556666
 11:00:00.006  +0.000 s  INFO  (pay: 1)  paying
 11:00:00.007  +0.001 s  INFO  (2)       sent
!11:00:00.009  +0.003 s  <-- orders 7f3a9c12: timed out
`
	got := logtableAt(t, showNow, env, "show", ordersRequest, "--endpoint-url", server.URL())
	if _, rest, _ := strings.Cut(got.stdout, "\n"); rest != want {
		t.Errorf("%s (-want +got):\n%s", got.stderr, cmp.Diff(want, rest))
	}
}

// Of a story that is too long, nobody knows whether a row was the last.
func TestATooLongStorySaysThatItIsNotWhole(t *testing.T) {
	for more, want := range map[bool]string{false: ": no further rows", true: ": further rows were not read"} {
		story := read.Story{Rows: []read.Row{hostile("x")}, More: more}
		var out bytes.Buffer
		if err := printStory(&out, &story, "title", textStyle{zone: time.UTC}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("more %v lacks %q:\n%s", more, want, out.String())
		}
	}
}
