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
			if !v.of(s.client) || s.stdout && v.name != "" {
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

// testSample plays a sample with its setting, and then what it printed once
// more with auto.
func testSample(t *testing.T, s sample, format string, v variant) {
	f := s.client.start(t, s, format)
	if v.loop {
		var err error
		f.command, err = s.client.loop(t.TempDir())
		check(t, err)
	}
	var whole atomic.Bool // an entry of several lines arrived as one record
	var printed recording
	p := play{sample: s, function: f, format: format, frames: v.frames, fields: s.fields,
		line: func(e *lambda.Event) {
			printed.keep(e)
			if innerLineFeed.Match(e.Record) {
				whole.Store(true)
			}
		}}
	p.check(t, s.want)
	if *record && v.name == "" && (format == "Text" || s.only == format) {
		printed.write(t, s, f)
	}
	if s.severalLines && format == "Text" && whole.Load() != v.frames {
		t.Errorf("an entry of several lines was one record: %t, want %t", whole.Load(), v.frames)
	}
	if t.Failed() {
		return
	}
	again := printed.play(t, p)
	again.fields = "auto"
	events := printed.String()
	again.check(t, s.withAuto(format))
	if t.Failed() {
		t.Logf("The lines were these events:\n%s", events)
	}
}

// A play is a function that is invoked in the local Lambda beside the
// extension.
type play struct {
	sample
	function
	format string              // the function's log format
	frames bool                // through the framed channel
	fields string              // LOGTABLE_FIELDS
	line   func(*lambda.Event) // sees what is printed, and may change it

	output, diagnostics bytes.Buffer
}

// check plays, and compares the rows with what is wanted of each invocation.
func (p *play) check(t *testing.T, rows []row) {
	t.Helper()
	got, want := p.run(t, rows)
	if p.streams == 2 {
		errorsLast(got)
	}
	if len(got) != len(want) {
		t.Errorf("with LOGTABLE_FIELDS=%s: %d rows, want %d", p.fields, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		for _, complaint := range want[i].complaints(got[i]) {
			t.Errorf("with LOGTABLE_FIELDS=%s: row %d: %s", p.fields, i, complaint)
		}
	}
	if t.Failed() {
		for _, r := range got {
			t.Logf("row: %s level=%q locator=%q text=%q exception=%q request=%q fields=%s issues=%q", r.Table, r.Level,
				r.Locator, r.Text, r.Exception, r.RequestID, r.Fields, r.Issues)
		}
		t.Logf("The function printed:\n%s\nThe extension said:\n%s", p.output.String(), p.diagnostics.String())
	}
}

// run returns the rows that there are, and those that there should be.
func (p *play) run(t *testing.T, rows []row) (got []read.Row, want []expectation) {
	t.Helper()
	tables, err := table.Listen("127.0.0.1:0")
	check(t, err)
	t.Cleanup(tables.Close)
	check(t, tables.CreateLogTables(t.Context(), "logtable-info", "logtable-errors"))

	env := map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": tables.URL(),
		"LOGTABLE_SPILL_DIR": filepath.Join(t.TempDir(), "spill")}
	if p.fields != "" {
		env["LOGTABLE_FIELDS"] = p.fields
	}
	functionEnv := map[string]string{"LANG": "C.UTF-8"} // Lambda's en_US.UTF-8 is not on every machine
	for name, value := range p.env {
		functionEnv[name] = value
	}
	began := time.Now()
	sandbox, err := lambda.Start(t.Context(), lambda.Config{
		Extension: extension, Function: p.command, Dir: p.dir, FunctionName: "orders",
		Env: env, FunctionEnv: functionEnv,
		Identity: lambda.Identity{Handler: p.function.handler, MemoryMB: 512},
		Timeout:  time.Minute, Lifecycle: lambda.Lifecycle{InitTimeout: time.Minute, ShutdownBudget: time.Minute},
		Logging: lambda.Logging{LogFormat: p.format, LogFrames: p.frames},
		Output:  lambda.Output{FunctionOutput: &p.output, Stderr: &p.diagnostics},
		Hooks: lambda.Hooks{Emit: func(e *lambda.Event) bool {
			if e.Type == "function" {
				p.line(e)
			}
			return sayError(p.sample, e)
		}},
	})
	check(t, err)
	t.Cleanup(sandbox.Kill)
	want = p.invoke(t, sandbox, rows)
	shutdown, err := sandbox.Shutdown(context.Background())
	check(t, err)
	if shutdown.ExitCode != 0 || shutdown.Killed || len(sandbox.Violations()) > 0 {
		t.Errorf("the end was not clean: %+v %q", shutdown, sandbox.Violations())
	}
	return stored(t, tables, began), want
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

// invoke invokes the function and says what the tables should have then.
func (p *play) invoke(t *testing.T, sandbox *lambda.Environment, rows []row) (all []expectation) {
	t.Helper()
	for n := range 2 {
		r, err := sandbox.Invoke(t.Context(), p.event(n))
		check(t, err)
		if p.dies == "" && r.Status != lambda.StatusSuccess || p.dies != "" && r.Status != lambda.StatusError {
			t.Fatalf("invocation %d ended with %s %s: %s", n+1, r.Status, r.FunctionError, r.Payload)
		}
		for _, w := range rows {
			switch {
			case !w.init:
				all = append(all, expectation{w, r.RequestID})
			case n == 0:
				all = append(all, expectation{w, "init"})
			}
		}
		if p.dies != "" {
			all = append(all, expectation{row{level: "ERROR", locator: p.dies, text: ".*",
				exception: append([]string{"Last lines:\n"}, p.tail...)}, r.RequestID})
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

// event is what the nth invocation is given.
func (p *play) event(n int) []byte {
	switch {
	case p.payloads != nil:
		return []byte(p.payloads[n])
	case p.payload != "":
		return []byte(p.payload)
	}
	event, _ := json.Marshal(map[string]string{"name": somebody})
	return event
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
	rank := map[string]int{"WARN": 1, "ERROR": 2}
	slices.SortStableFunc(rows, func(a, b read.Row) int {
		return cmp.Or(cmp.Compare(turn[a.RequestID], turn[b.RequestID]), cmp.Compare(rank[a.Level], rank[b.Level]))
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
