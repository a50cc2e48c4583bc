package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

// A stored is what the tables have of a row. The first is its place.
type stored struct {
	stamp, table, level, locator, module, request, message, exceptionAt, fields, issues, trace string
}

// tables keep what is written.
type tables struct {
	mu   sync.Mutex
	rows []stored
}

func (c *tables) BatchWriteItem(
	_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for table, requests := range in.RequestItems {
		for _, r := range requests {
			text := func(name string) string {
				switch v := r.PutRequest.Item[name].(type) {
				case *types.AttributeValueMemberS:
					return v.Value
				case *types.AttributeValueMemberN:
					return v.Value
				}
				return ""
			}
			stamp, module, _ := strings.Cut(text("stamp_mod"), "+")
			module = module[:strings.LastIndex(module, "+")]
			c.rows = append(c.rows, stored{
				stamp, table, text("level"), text("locator"), module, text("request_id"), text("message"),
				text("exception_at"), text("fields"), text("issues"), text("trace_id"),
			})
		}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

// byTheLayer is what the layer stores of a function's output: its agent gets it
// as Lambda sends it.
func byTheLayer(t *testing.T, o Options, lines []string) []stored {
	t.Helper()
	written, log := &tables{}, diag.New(new(bytes.Buffer))
	s := store.New(store.Config{
		Client: dynamotest.Over(written), InfoTable: "info", ErrorsTable: "errors",
		TTL: time.Hour, Zone: time.UTC, MaxBytes: 64 << 20, Report: log,
	})
	s.Bound(64 << 20)
	a := agent.New(agent.Config{Store: s, Diag: log, Rows: o.Rows, FlushTimeout: time.Second, Snapshot: true})
	var body bytes.Buffer
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i, line := range lines {
		record, err := json.Marshal(line + "\n")
		if err != nil {
			t.Fatal(err)
		}
		if o.JSON {
			record = []byte(strings.TrimSpace(line))
			if len(record) == 0 || record[0] != '{' || !json.Valid(record) {
				message, _ := json.Marshal(line)
				record = fmt.Appendf(nil, `{"timestamp":"2006-01-02T15:04:05.000Z","level":"INFO","message":%s}`,
					message)
			}
		}
		fmt.Fprintf(&body, `%c{"time":%q,"type":"function","record":%s}`, "[,"[min(i, 1)],
			at.Add(time.Duration(i)*time.Millisecond).Format("2006-01-02T15:04:05.000Z"), record)
	}
	// What waits does not wait longer than for the end of the next body.
	a.Intake([]byte(body.String() + "]"))
	a.Intake([]byte("[]"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(written.rows, func(a, b stored) int { return strings.Compare(a.stamp, b.stamp) })
	for i := range written.rows {
		row := &written.rows[i]
		if row.stamp = ""; row.request == "init" { // what a Reader does not know
			row.request = ""
		}
	}
	return written.rows
}

// byTheReader is the same as a Reader has it.
func byTheReader(t *testing.T, o Options, lines []string) (rows []stored) {
	last := 0
	r := NewReader(o, func(result Result) {
		if result.First != last+1 || result.Last < result.First {
			t.Errorf("a result for lines %d to %d follows line %d", result.First, result.Last, last)
		}
		last = result.Last
		if want := strings.Join(lines[result.First-1:result.Last], "\n"); result.Text != want {
			t.Errorf("the text of lines %d to %d is %q, want %q", result.First, result.Last, result.Text, want)
		}
		for i := range result.Rows {
			row := &result.Rows[i]
			one := stored{
				"", "info", row.Level, row.Locator, row.Module, row.RequestID, row.Message, "", row.Fields,
				row.Issues, "",
			}
			if row.Error {
				one.table = "errors"
			}
			if row.ExceptionAt >= 0 {
				one.exceptionAt = fmt.Sprint(row.ExceptionAt)
				if row.Message[row.ExceptionAt:] != row.Exception {
					t.Errorf("the exception of %q is %q", row.Message, row.Exception)
				}
			}
			if row.Links != nil {
				one.trace = row.Links.TraceID
			}
			if !strings.Contains(row.Message, row.Text) {
				t.Errorf("the text of %q is %q", row.Message, row.Text)
			}
			rows = append(rows, one)
		}
	})
	for _, line := range lines {
		r.Line([]byte(line + "\n"))
	}
	r.Flush()
	if last != len(lines) {
		t.Errorf("results for %d of %d lines", last, len(lines))
	}
	return rows
}

const envelope = `{"timestamp":"2026-11-22T10:52:00.573Z",`

// pieces are what logs are put together of.
var pieces = []string{
	`{"locator":"12","level":"INFO","text":"order accepted","order":17}`,
	`{"locator":"7","level":"ERROR","text":"cannot ship","exception":"Timeout\n  at a:1","request_id":"id7"}`,
	`{"level":"WARN","text":"AKIAIOSFODNN7EXAMPLE","trace_id":"6352a70e1e2c2db1583c0d1f5e7a9b3c"}`,
	`{"level":"DEBUG","text":"x"} {"level":"ERROR","text":"y"}`, `{"level":"gold","text":"x"}`,
	`{"locator":"1","level":"INFO","text":"cut`,
	`[ERROR]	2026-11-22T10:52:00.573Z	id1	{"level":"ERROR","text":"z"}`,
	"Traceback (most recent call last):", `  File "x.py", line 3, in f`, `    raise KeyError("pears")`,
	"KeyError: 'pears'",
	"java.lang.IllegalStateException: no", "\tat a.B.c(B.java:7)", "Caused by: java.io.IOException: x",
	"{", `  "level": "ERROR",`, `  "text": "pretty",`, `  "items": [`, `    1`, `  ]`, "}", `  "msg": "m"`,
	`  "time": 1795344720573, "pid": 8,`, `{'level': 'ERROR', 'text': 'x'}`, "", "   ", "hello", `["a"]`, `"x"`,
	`{"level":30,"time":1795344720573,"pid":8,"msg":"hello"}`, `{"level":"error","message":"m"}`,
	envelope + `"level":"ERROR","requestId":"id1","message":"no"}`,
	envelope + `"level":"INFO","requestId":"id1","message":"{\"level\":\"ERROR\",\"text\":\"in\"}"}`,
	envelope + `"level":"ERROR","requestId":"id2","message":"{\n  \"level\": \"ERROR\","}`,
}

// What check says of a log is what the layer stores of it: for any lines, in
// any order, with any settings.
func TestAReaderSaysWhatTheLayerStores(t *testing.T) {
	settings := []map[string]string{
		{}, {config.Fields: "auto"}, {config.Fields: "pino;winston", config.Level: "WARN"},
		{config.Plain: "INFO", config.Redact: "off"},
		{config.Levels: "INFO=0,WARN=2,ERROR=50", config.Fields: "lambda"},
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	rows := 0
	for range 300 {
		set := settings[random.IntN(len(settings))]
		cfg, problems := config.Load(func(name string) string { return set[name] }, nil)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		o := Options{Rows: rowsOf(&cfg.Lines), JSON: random.IntN(3) == 0}
		var lines []string
		for range 1 + random.IntN(40) {
			from := random.IntN(len(pieces))
			for _, piece := range pieces[from:min(from+1+random.IntN(6), len(pieces))] {
				if at := random.IntN(40 * max(len(piece), 1)); at < len(piece) {
					piece = strings.ToValidUTF8(piece[:at]+piece[at+1:], "")
				}
				lines = append(lines, piece)
			}
		}
		n, diff := compare(t, o, lines)
		if rows += n; diff != "" {
			lines, diff = fewest(t, o, lines)
			t.Fatalf("seed %d, %v, JSON %v: the layer's - and the Reader's +\n%s\nof\n%q", seed, set, o.JSON, diff,
				lines)
		}
	}
	if rows < 1000 {
		t.Errorf("only %d rows were compared", rows)
	}
}

// compare returns how many rows there are, and how the layer's and the Reader's
// differ.
func compare(t *testing.T, o Options, lines []string) (rows int, diff string) {
	want, got := byTheLayer(t, o, lines), byTheReader(t, o, lines)
	return len(want), cmp.Diff(want, got, cmp.AllowUnexported(stored{}))
}

// fewest leaves out whatever lines do not matter for a difference.
func fewest(t *testing.T, o Options, lines []string) (few []string, diff string) {
	_, diff = compare(t, o, lines)
	for i := 0; i < len(lines); {
		fewer := slices.Delete(slices.Clone(lines), i, i+1)
		if _, d := compare(t, o, fewer); d != "" {
			lines, diff, i = fewer, d, 0
		} else {
			i++
		}
	}
	return lines, diff
}

// pretty is a pretty-printed line with so many members more.
func pretty(members int, member string) []string {
	lines := []string{"{", `  "level": "ERROR",`}
	for range members {
		lines = append(lines, member)
	}
	return append(lines, `  "text": "x"`, "}")
}

// Lines that once made a difference, and those at the bounds on what waits.
func TestAReaderSaysWhatTheLayerStoresOf(t *testing.T) {
	long := `  "a": "` + strings.Repeat("x", 4<<10) + `",`
	traced := append([]string{`{"level":"ERROR","text":"x"}`}, slices.Repeat([]string{"  at a.B.c(B.java:7)"}, 70)...)
	for _, lines := range [][]string{
		// Together they are below the level, and one by itself is not.
		{"{", envelope + `"level":"INFO","message":"{\"level\":\"ERROR\",\"text\":\"in\"}"}`, "}"},
		pretty(maxHeld-4, "  \"a\": 1,"), pretty(maxHeld-3, "  \"a\": 1,"), pretty(12, long), pretty(18, long), traced,
		{strings.Repeat("x", MaxLine) + `{"level":"ERROR","text":"` + strings.Repeat("y", 1000), `y"}`, `z"}`},
	} {
		set := map[string]string{config.Fields: "winston", config.Level: "WARN"}
		cfg, _ := config.Load(func(name string) string { return set[name] }, nil)
		for _, isJSON := range []bool{false, true} {
			if _, diff := compare(t, Options{Rows: rowsOf(&cfg.Lines), JSON: isJSON}, lines); diff != "" {
				t.Errorf("%.2000q, JSON %v: the layer's - and the Reader's +\n%s", lines, isJSON, diff)
			}
		}
	}
}

// rowsOf are the settings for rows, as extension.Rows makes them, which only a
// main may import.
func rowsOf(c *config.Lines) agent.Rows {
	return agent.Rows{
		Scale: c.Scale, MinLevel: c.MinLevel, Plain: c.Plain, Mapping: c.Fields, Module: "function", Redact: c.Masking,
	}
}

// A Reader takes whatever is printed, and each line is in one result.
func FuzzReader(f *testing.F) {
	for i := range pieces {
		f.Add(strings.Join(pieces[i:min(i+4, len(pieces))], "\n"), i%2 == 0)
	}
	f.Add("\x00\xff{\n\"a\"", true)
	mapping, err := parse.ParseMapping("auto;winston")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, isJSON bool) {
		last := 0
		o := Options{JSON: isJSON}
		o.Rows.Mapping = mapping
		r := NewReader(o, func(result Result) {
			if result.First != last+1 || len(result.Rows) > 0 && result.Why != (Why{}) {
				t.Errorf("behind line %d: %+v", last, result)
			}
			last = result.Last
		})
		n := 0
		for line := range strings.Lines(text) {
			n++
			r.Line([]byte(line))
		}
		if r.Flush(); last != n {
			t.Errorf("results for %d of %d lines", last, n)
		}
	})
}
