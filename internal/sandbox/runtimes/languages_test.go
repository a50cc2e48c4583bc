package runtimes_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// somebody is whom the samples greet: letters of one to four bytes.
const somebody = "Ädä ✓ 日本 𝄞"

// A row is what a sample's line is expected to become. Locator and text are
// regular expressions for the whole of it.
type row struct {
	level, locator, text string
	exception            []string // what it has, in this order; none: it must be empty
	fields               string   // a JSON object that is expected among the fields
	init                 bool     // printed before the first invocation
}

// TestLanguages runs every sample of docs/languages.md twice in the local
// Lambda, with its language's runtime client and the real extension, and reads
// the rows.
func TestLanguages(t *testing.T) {
	languages := map[string][]sample{}
	for _, s := range samples {
		languages[s.language] = append(languages[s.language], s)
	}
	for language, list := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			// Here for all of the language, so that what is missing is told
			// once.
			list[0].client.start(t, list[0], "Text")
			for _, s := range list {
				testFormats(t, s)
			}
		})
	}
}

func testFormats(t *testing.T, s sample) {
	for _, format := range []string{"Text", "JSON"} {
		if s.only != "" && s.only != format {
			continue
		}
		for _, v := range variants {
			if !v.of(s.client) {
				continue
			}
			t.Run(strings.ReplaceAll(s.logger, "/", "-")+"/"+format+v.name, func(t *testing.T) {
				t.Parallel()
				testSample(t, s, format, v)
			})
		}
	}
}

// A variant is a way in which a sample's entries come to Lambda.
type variant struct {
	name   string
	of     func(*runtimeClient) bool
	frames bool // through the framed channel
	loop   bool // from this package's loop instead of AWS's client
}

var variants = []variant{
	{name: "", of: func(*runtimeClient) bool { return true }},
	{name: "/managed", of: func(c *runtimeClient) bool { return c.frames }, frames: true},
	{name: "/loop", of: func(c *runtimeClient) bool { return c.loop != nil }, loop: true},
}

func testSample(t *testing.T, s sample, format string, v variant) {
	f := s.client.start(t, s, format)
	if v.loop {
		var err error
		f.command, err = s.client.loop(t.TempDir())
		check(t, err)
	}
	tables, err := table.Listen("127.0.0.1:0")
	check(t, err)
	t.Cleanup(tables.Close)
	check(t, tables.CreateLogTables(t.Context(), "logtable-info", "logtable-errors"))

	env := map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": tables.URL(),
		"LOGTABLE_SPILL_DIR": filepath.Join(t.TempDir(), "spill")}
	if s.fields != "" {
		env["LOGTABLE_FIELDS"] = s.fields
	}
	functionEnv := map[string]string{"LANG": "C.UTF-8"} // Lambda's en_US.UTF-8 is not on every machine
	for name, value := range f.env {
		functionEnv[name] = value
	}
	var output, diagnostics bytes.Buffer
	var whole atomic.Bool // an entry of several lines arrived as one record
	began := time.Now()
	sandbox, err := lambda.Start(t.Context(), lambda.Config{
		Extension: extension, Function: f.command, Dir: f.dir, FunctionName: "orders",
		Env: env, FunctionEnv: functionEnv,
		Identity: lambda.Identity{Handler: f.handler, MemoryMB: 512},
		Timeout:  time.Minute, Lifecycle: lambda.Lifecycle{InitTimeout: time.Minute},
		Logging: lambda.Logging{LogFormat: format, LogFrames: v.frames},
		Output:  lambda.Output{FunctionOutput: &output, Stderr: &diagnostics},
		Hooks: lambda.Hooks{Emit: func(e *lambda.Event) bool {
			if e.Type == "function" && innerLineFeed.Match(e.Record) {
				whole.Store(true)
			}
			return sayError(s, e)
		}},
	})
	check(t, err)
	t.Cleanup(sandbox.Kill)
	want := s.expected(t, sandbox, f)
	shutdown, err := sandbox.Shutdown(context.Background())
	check(t, err)
	if shutdown.ExitCode != 0 || shutdown.Killed || len(sandbox.Violations()) > 0 {
		t.Errorf("the end was not clean: %+v %q", shutdown, sandbox.Violations())
	}

	if s.severalLines && format == "Text" && whole.Load() != v.frames {
		t.Errorf("an entry of several lines was one record: %t, want %t", whole.Load(), v.frames)
	}
	got := stored(t, tables, began)
	if s.streams == 2 {
		errorsLast(got)
	}
	if len(got) != len(want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		for _, complaint := range want[i].complaints(got[i]) {
			t.Errorf("row %d: %s", i, complaint)
		}
	}
	if t.Failed() {
		for _, r := range got {
			t.Logf("row: %s level=%q locator=%q text=%q exception=%q request=%q fields=%s issues=%q", r.Table, r.Level,
				r.Locator, r.Text, r.Exception, r.RequestID, r.Fields, r.Issues)
		}
		t.Logf("The function printed:\n%s\nThe extension said:\n%s", output.String(), diagnostics.String())
	}
}

// sayError has platform.runtimeDone tell of an exception that the runtime
// reported. AWS's emulator does so in managed-instances mode only, as a part of
// the report; for Lambda itself, vendors of extensions have it in their tests.
func sayError(s sample, e *lambda.Event) bool {
	if s.dies != "" && e.Type == "platform.runtimeDone" {
		e.Record = bytes.Replace(e.Record, []byte(`"status":"success"`),
			[]byte(`"status":"error","errorType":"Function.Unhandled"`), 1)
	}
	return true
}

// innerLineFeed finds a line feed within a record that is a string.
var innerLineFeed = regexp.MustCompile(`^"(?:[^\\]|\\.)*\\n.+"$`)

// expectation is a row and the invocation it belongs to.
type expectation struct {
	row
	request string
}

// expected invokes the function and says what the tables should have then.
func (s sample) expected(t *testing.T, sandbox *lambda.Environment, f function) (all []expectation) {
	payload := []byte(f.payload)
	if f.payload == "" {
		payload, _ = json.Marshal(map[string]string{"name": somebody})
	}
	for n := range 2 {
		r, err := sandbox.Invoke(t.Context(), payload)
		check(t, err)
		if s.dies == "" && r.Status != lambda.StatusSuccess || s.dies != "" && r.Status != lambda.StatusError {
			t.Fatalf("invocation %d ended with %s %s: %s", n+1, r.Status, r.FunctionError, r.Payload)
		}
		for _, w := range s.want {
			switch {
			case !w.init:
				all = append(all, expectation{w, r.RequestID})
			case n == 0:
				all = append(all, expectation{w, "init"})
			}
		}
		if s.dies != "" {
			all = append(all, expectation{row{level: "ERROR", locator: s.dies, text: ".*",
				exception: append([]string{"Last lines:\n"}, s.tail...)}, r.RequestID})
		}
	}
	return all
}

func stored(t *testing.T, tables *table.Server, from time.Time) (rows []read.Row) {
	t.Helper()
	o := read.Options{InfoTable: "logtable-info", ErrorsTable: "logtable-errors", From: from.Add(-time.Minute),
		To: time.Now().Add(time.Minute)}
	for r, err := range read.New(tables.Client()).Query(t.Context(), o) {
		check(t, err)
		rows = append(rows, r)
	}
	return rows
}

// errorsLast sorts each invocation's rows as a sample prints them: stdout,
// stderr and the framed channel are separate ways, which nothing orders.
func errorsLast(rows []read.Row) {
	turn := map[string]int{}
	for _, r := range rows {
		if _, known := turn[r.RequestID]; !known {
			turn[r.RequestID] = len(turn)
		}
	}
	slices.SortStableFunc(rows, func(a, b read.Row) int {
		if c := cmp.Compare(turn[a.RequestID], turn[b.RequestID]); c != 0 || a.Error == b.Error {
			return c
		}
		if b.Error {
			return -1
		}
		return 1
	})
}

// complaints says in what got is not as expected.
func (e expectation) complaints(got read.Row) (all []string) {
	complain := func(what string, got, want any) {
		all = append(all, fmt.Sprintf("%s is %q, want %q", what, got, want))
	}
	if got.Error != (e.level == "ERROR") {
		complain("table", got.Table, e.level)
	}
	if got.Level != e.level {
		complain("level", got.Level, e.level)
	}
	if !matches(e.locator, got.Locator) {
		complain("locator", got.Locator, e.locator)
	}
	if !matches(e.text, got.Text) {
		complain("text", got.Text, e.text)
	}
	if got.RequestID != e.request {
		complain("request ID", got.RequestID, e.request)
	}
	if (got.Exception == "") != (e.exception == nil) || !inOrder(got.Exception, e.exception) {
		complain("exception", got.Exception, e.exception)
	}
	if e.fields != "" && !strings.Contains(got.Fields, e.fields) {
		complain("fields", got.Fields, e.fields)
	}
	if got.Issues != "" {
		complain("issues", got.Issues, "")
	}
	return all
}

func matches(pattern, s string) bool {
	return regexp.MustCompile(`(?s)\A(?:` + pattern + `)\z`).MatchString(s)
}

// inOrder reports whether the parts are all in s, one behind the other.
func inOrder(s string, parts []string) bool {
	for _, part := range parts {
		_, after, ok := strings.Cut(s, part)
		if !ok {
			return false
		}
		s = after
	}
	return true
}
