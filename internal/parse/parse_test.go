package parse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// want is a line as testdata/*.jsonl writes it. What is absent is empty.
type want struct {
	Kind        string   `json:"kind"`
	Level       string   `json:"level"`
	Locator     string   `json:"locator"`
	Text        string   `json:"text"`
	Exception   string   `json:"exception"`
	Module      string   `json:"module"`
	RequestID   string   `json:"request_id"`
	Fields      string   `json:"fields"`
	Raw         string   `json:"raw"`
	Issues      []string `json:"issues"`
	NoAlert     bool     `json:"no_alert"`
	Message     string   `json:"message"`
	ExceptionAt int      `json:"exception_at"` // 0: none

	Links *parse.Links `json:"links"`
}

// message is the row's message.
func message(l parse.Line) (string, int) {
	const before = "before "
	all, at := l.AppendMessage([]byte(before))
	return strings.TrimPrefix(string(all), before), at
}

func wantOf(l parse.Line) want {
	message, at := message(l)
	return want{
		l.Kind.String(), l.Level.Name, l.Locator, l.Text, l.Exception, l.Module,
		l.RequestID, l.Fields, l.Raw, l.Issues, l.NoAlert, message, max(at, 0), l.Links,
	}
}

// sample is a record and the line that must come of it.
type sample struct {
	Name   string          `json:"name"`
	Record json.RawMessage `json:"record"`
	Want   want            `json:"want"`
	More   []want          `json:"more"` // of a record with several lines
}

// samples reads testdata/*.jsonl, where JSON objects follow one another.
func samples(t testing.TB) (all []sample) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for dec := json.NewDecoder(f); ; {
			var s sample
			if err := dec.Decode(&s); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s.Name = strings.TrimSuffix(filepath.Base(name), ".jsonl") + "/" + s.Name
			all = append(all, s)
		}
	}
	return all
}

func TestSamples(t *testing.T) {
	parser := parse.New(parse.Options{Plain: "INFO"})
	quiet := parse.New(parse.Options{})
	for _, s := range samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			line, ok := parser.Record(s.Record)
			if !ok {
				t.Fatalf("Record(%s): nothing", s.Record)
			}
			if diff := cmp.Diff(s.Want, wantOf(line)); diff != "" {
				t.Errorf("Record(%s): -want +got\n%s", s.Record, diff)
			}
			var lines []want
			parser.Lines(s.Record, func(l parse.Line) { lines = append(lines, wantOf(l.Clone())) })
			if diff := cmp.Diff(append([]want{s.Want}, s.More...), lines); diff != "" {
				t.Errorf("Lines(%s): -want +got\n%s", s.Record, diff)
			}
			if _, ok := quiet.Record(s.Record); ok != (s.Want.Kind != "plain") {
				t.Errorf("with Plain off: ok is %v", ok)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	deep := strings.Repeat("[", 10_100) + strings.Repeat("]", 10_100)
	tests := []struct {
		name, text    string
		kind          parse.Kind
		message, raw  string // of a plain line, raw "" means text
		issueContains string
	}{
		{
			name:    "an event cut off in an object record",
			text:    `{"time":"2026-11-22T10:52:00Z","type":"function","record":{"locator":"12","level":"INFO","te`,
			message: "INFO: (12)", issueContains: "cut off after 34 bytes",
		},
		{
			name:    "an event cut off in a string record",
			text:    `{"time":"2026-11-22T10:52:00Z","type":"function","record":"{\"locator\":\"12\",\"level\":\"INFO\",\"text\":\"ab`,
			message: "INFO: (12) ab", issueContains: "cut off after 41 bytes",
		},
		{
			name: "a record nested too deep for the decoder",
			text: `{"time":"2026-11-22T10:52:00Z","type":"function","record":{"locator":"12","level":"INFO","x":` +
				deep + `}}`,
			message: "INFO: (12)", issueContains: "nested more than 100 levels deep",
		},
		{
			name: "cut off before the level",
			text: `{"locator":"12","lev`,
			kind: parse.Invalid, message: `WARN: (12) {"locator":"12","lev`, issueContains: "cut off after 20 bytes",
		},
		{
			name: "an event that breaks behind the record",
			text: `{"time":"2026-11-22T10:52:00Z","type":"function","record":{"locator":"12","text":"x"},"x":?}`,
			kind: parse.Invalid, message: `WARN: (12) {"locator":"12","text":"x"},"x":?}`,
			issueContains: "level is missing",
		},
		{
			name: "an event whose record is not valid",
			text: `{"time":"2026-11-22T10:52:00Z","type":"function",` +
				`"record":{"locator":"12","level":"ERROR","n":NaN}}`,
			message: "ERROR: (12)", issueContains: "such as NaN",
		},
		{
			name: "text in front that is no event",
			text: `"abc {"locator":"12","text":"x"}`,
			kind: parse.Invalid, message: `WARN: (12) "abc {"locator":"12","text":"x"}`,
			issueContains: "level is missing",
		},
		{name: "no JSON", text: "Segmentation fault", kind: parse.Plain},
		{name: "no UTF-8 and NUL", text: "a\xffb\x00c\n", kind: parse.Plain, raw: "a\uFFFDb\u2400c"},
		{name: "an event of others", text: `{"type":"function","record":"abc`, kind: parse.Plain},
	}
	parser := parse.New(parse.Options{Plain: "INFO"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line, ok := parser.Raw([]byte(tt.text))
			if !ok {
				t.Fatal("nothing")
			}
			if tt.kind == parse.Plain {
				if tt.raw == "" {
					tt.raw = tt.text
				}
				tt.message = "INFO: (plain) " + tt.raw
			}
			if got, _ := message(line); line.Kind != tt.kind || got != tt.message {
				t.Errorf("got %v, %.200q; want %v, %.200q", line.Kind, got, tt.kind, tt.message)
			}
			if issues := strings.Join(line.Issues, "\n"); !strings.Contains(issues, tt.issueContains) {
				t.Errorf("issues %q do not contain %q", issues, tt.issueContains)
			}
			if len(line.Issues) > 1 {
				t.Errorf("issues %q, want one: what is missing behind the break says nothing", line.Issues)
			}
		})
	}
}

// A string record that is no JSON at all, or too deep as a line, still arrives.
func TestRecordNotJSON(t *testing.T) {
	parser := parse.New(parse.Options{Plain: "INFO"})
	tests := []struct{ name, record, want string }{
		{"string cut off", `"abc`, `INFO: (plain) "abc`},
		{"string with an invalid escape", `"a\xb"`, `INFO: (plain) "a\xb"`},
		{"object cut off", `{"level":"INFO","locator":"12"`, `INFO: (12)`},
		{"invalid UTF-8 in a valid line", "{\"level\":\"INFO\",\"locator\":\"12\",\"text\":\"a\xffb\",\"x\":\"\xff\"}",
			"INFO: (12) a\uFFFDb"},
		{"invalid UTF-8 in a string record",
			"\"{\\\"level\\\":\\\"INFO\\\",\\\"locator\\\":\\\"12\\\",\\\"text\\\":\\\"a\xffb\\\"}\"",
			"INFO: (12) a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line, ok := parser.Record([]byte(tt.record))
			if got, _ := message(line); !ok || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, ok, tt.want)
			}
			if strings.Contains(line.Fields, "\xff") {
				t.Errorf("Fields %q is no UTF-8", line.Fields)
			}
		})
	}
}

func TestNothing(t *testing.T) {
	parser := parse.New(parse.Options{Plain: "INFO"})
	for _, record := range []string{``, ` `, `""`, `"\n"`, `" \r\n"`} {
		if line, ok := parser.Record([]byte(record)); ok {
			t.Errorf("Record(%q) = %+v, want nothing", record, line)
		}
		parser.Lines([]byte(record), func(line parse.Line) { t.Errorf("Lines(%q): %+v, want nothing", record, line) })
	}
}

// Of more than a thousand lines in a record, the rest is told by the last.
func TestManyLines(t *testing.T) {
	const limit = 1_000
	one := `{"locator":"12","level":"INFO"}` + "\n"
	tests := []struct {
		n      int
		issues []string
	}{
		{limit, nil},
		{limit + 1,
			[]string{"extra text after the JSON object (print the object on its own): " + strings.TrimSpace(one)}},
		{limit + 100,
			[]string{fmt.Sprintf("extra text of %d bytes after the JSON object (print the object on its own): %.500s…",
				100*len(one)-1, strings.Repeat(one, 100))}},
	}
	parser := parse.New(parse.Options{})
	for _, tt := range tests {
		record, err := json.Marshal(strings.Repeat(one, tt.n))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		parser.Lines(record, func(line parse.Line) {
			want := parse.Line{Level: level.Level{Name: "INFO", Rank: 1}, Locator: "12"}
			if n++; n == limit {
				want.Issues = tt.issues
			}
			if diff := cmp.Diff(want, line); diff != "" {
				t.Errorf("%d lines, the %dth: -want +got\n%s", tt.n, n, diff)
			}
		})
		if n != limit {
			t.Errorf("%d lines: got %d, want %d", tt.n, n, limit)
		}
	}
}

// Beyond the thousandth member, names have no meaning, and nothing is lost.
func TestManyMembers(t *testing.T) {
	const record = `{"locator":"12","level":"INFO"%s,"text":"late"}`
	parser := parse.New(parse.Options{})
	line, ok := parser.Record([]byte(strings.Replace(record, "%s", strings.Repeat(`,"x":1`, 998), 1)))
	if !ok || line.Text != "" || !strings.HasSuffix(line.Fields, `,"text":"late"}`) {
		t.Errorf("1,001 members: text %q, fields end in %q; want the text in the fields", line.Text,
			line.Fields[len(line.Fields)-20:])
	}
	line, ok = parser.Record([]byte(strings.Replace(record, "%s", strings.Repeat(`,"x":1`, 997), 1)))
	if !ok || line.Text != "late" {
		t.Errorf("1,000 members: text %q, want late", line.Text)
	}
}

// Who wants to know what a line asks for need not search the fields of the
// others for it.
func TestHasAlert(t *testing.T) {
	tests := []struct {
		fields string
		want   bool
	}{
		{`"order":1`, false},
		{`"order":"alert"`, false},
		{`"order":{"alert":1}`, false},
		{`"alert":{"channel":"sns"}`, true},
		{`"alert":null,"order":1`, true},
		{`"\u0061lert":{}`, true},
		{strings.Repeat(`"x":1,`, 1_000) + `"alert":{}`, true},
	}
	names, err := parse.ParseMapping("text=msg")
	if err != nil {
		t.Fatal(err)
	}
	for _, parser := range []*parse.Parser{parse.New(parse.Options{}), parse.New(parse.Options{Mapping: names})} {
		for _, tt := range tests {
			record := `{"locator":"12","level":"INFO","text":"t",` + tt.fields + `}`
			if line, ok := parser.Record([]byte(record)); !ok || line.HasAlert != tt.want {
				t.Errorf("%.60s: HasAlert %v, want %v", tt.fields, line.HasAlert, tt.want)
			}
		}
	}
}

// A line of Record outlives both the input and the parser's buffers.
func TestLineOwnsItsMemory(t *testing.T) {
	parser := parse.New(parse.Options{Plain: "INFO"})
	for _, s := range samples(t) {
		record := append([]byte(nil), s.Record...)
		line, _ := parser.Record(record)
		for i := range record {
			record[i] = '#'
		}
		parser.Record([]byte(`{"locator":"` + strings.Repeat("#", 4096) + `","level":"INFO","x":"####"}`))
		if diff := cmp.Diff(s.Want, wantOf(line)); diff != "" {
			t.Errorf("%s: the line changed with the input: -want +got\n%s", s.Name, diff)
		}
	}
}

// One allocation for the strings of a line; the parser's buffers are reused.
func TestAllocations(t *testing.T) {
	parser := parse.New(parse.Options{})
	for _, s := range samples(t) {
		if s.Want.Kind != "ours" || s.Want.Issues != nil || s.More != nil || strings.HasPrefix(s.Name, "exceptions/") ||
			strings.Contains(s.Name, "surrogate") || strings.Contains(s.Name, "NUL") {
			continue // rare, and text is put together or an error is made on the way
		}
		if n := testing.AllocsPerRun(20, func() { parser.Record(s.Record) }); n > 2 {
			t.Errorf("%s: %v allocations, want at most 2", s.Name, n)
		}
	}
}

func TestPlainOffForUnknownLevel(t *testing.T) {
	if line, ok := parse.New(parse.Options{Plain: "LOUD"}).Record([]byte(`"hello"`)); ok {
		t.Errorf("got %+v, want nothing", line)
	}
}

func TestInvalidOnReplacedScale(t *testing.T) {
	scale, err := level.ParseScale("low=1,mid=5,high=9", "high")
	if err != nil {
		t.Fatal(err)
	}
	line, ok := parse.New(parse.Options{Scale: scale}).Record([]byte(`{"locator":"1","level":"INFO"}`))
	if got, _ := message(line); !ok || got != `WARN: (1) {"locator":"1","level":"INFO"}` {
		t.Errorf("got %q, %v", got, ok)
	}
	if want := `level "INFO" is not on the scale: write one of LOW, MID, HIGH`; len(line.Issues) != 1 ||
		line.Issues[0] != want {
		t.Errorf("issues %q, want %q", line.Issues, want)
	}
}
