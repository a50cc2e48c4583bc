package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/read"
)

// seq makes a sequence of rows, ended by err if there is one.
func seq(err error, rows ...read.Row) iter.Seq2[shown, error] {
	return allShown(func(yield func(read.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(read.Row{}, err)
		}
	})
}

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, clock)
	if err != nil {
		panic(err)
	}
	return t
}

func key(time, module string) read.Key { return read.Key{Time: at(time), Module: module} }

var sample = []read.Row{
	{Table: "logtable-info", Level: "INFO", Locator: "1", Text: "order received",
		Key: read.Key{Time: at("2026-11-21T23:59:59.999Z"), Module: "orders",
			Date: "2026-11-21", StampMod: "1795305599.9990000+orders+2p4thtomb9"},
		RequestID: "7f3a9c12-1111-4222-8333-444455556666",
		Fields:    `{"order":1718,"customer":"Ann Lee","paid":true}`, Expiry: at("2027-01-20T23:59:59Z")},
	{Table: "logtable-errors", Error: true, Key: key("2026-11-22T00:00:00.002Z", "billing-eu"), Level: "ERROR",
		Locator: "42", Text: "no card", Exception: "Traceback:\n\tline 17\r\nKeyError: 'card'\n"},
	{Table: "logtable-errors", Error: true, Key: key("2026-11-22T00:00:01Z", "orders"), Level: "ALARM",
		Locator: "7+", Exception: "first line\nsecond line"},
	{Table: "logtable-info", Key: key("2026-11-22T00:00:02Z", "orders"), Level: "WARN", Text: "two\nlines",
		Issues: `level "LOUD" is not on the scale`, Truncated: 17},
}

func TestPrintText(t *testing.T) {
	tests := map[string]struct {
		style textStyle
		want  string
	}{
		"plain": {textStyle{}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   7f3a9c12  orders      (1)   order received  order=1718 customer="Ann Lee" paid=true

2026-11-22 Sunday (UTC)
!00:00:00.002  ERROR            billing-eu  (42)  no card
               Traceback:
                   line 17
               KeyError: 'card'
!00:00:01.000  ALARM            orders      (7+)  first line
               second line
 00:00:02.000  WARN             orders      (?)   two
                                                  lines
               issue: level "LOUD" is not on the scale
               17 more bytes were cut off to fit into an item
`},
		"another zone moves rows to another day": {textStyle{zone: time.FixedZone("UTC+02:00", 2*60*60)}, `
2026-11-22 Sunday (UTC+02:00)
 01:59:59.999  INFO   7f3a9c12  orders      (1)   order received  order=1718 customer="Ann Lee" paid=true
!02:00:00.002  ERROR            billing-eu  (42)  no card
`},
		"verbose": {textStyle{verbose: true}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   orders      (1)   order received  order=1718 customer="Ann Lee" paid=true
               request 7f3a9c12-1111-4222-8333-444455556666
               table logtable-info, date 2026-11-21, stamp_mod 1795305599.9990000+orders+2p4thtomb9, expires 2027-01-20 23:59
`},
		"a terminal of 72 columns": {textStyle{width: 72}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   orders      (1)   order received
               order=1718 customer="Ann Lee" paid=true

2026-11-22 Sunday (UTC)
!00:00:00.002  ERROR  billing-eu  (42)  no card
               Traceback:
`},
		"a terminal of 110 columns has room for the request": {textStyle{width: 110}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   7f3a9c12  orders      (1)   order received  order=1718 customer="Ann Lee" paid=true
`},
		"a terminal of 30 columns": {textStyle{width: 30}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   orders      (1)
       order received
       order=1718
       customer="Ann Lee"
       paid=true
`},
		"oneline": {textStyle{columns: onelineColumns}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   orders      (1)   order received  order=1718 customer="Ann Lee" paid=true

2026-11-22 Sunday (UTC)
!00:00:00.002  ERROR  billing-eu  (42)  no card  Traceback: line 17 KeyError: 'card'
!00:00:01.000  ALARM  orders      (7+)  first line second line
 00:00:02.000  WARN   orders      (?)   two lines
`},
		"oneline on a terminal of 50 columns": {textStyle{columns: onelineColumns, width: 50}, `
2026-11-21 Saturday (UTC)
 23:59:59.999  INFO   orders      (1)   order rec…

2026-11-22 Sunday (UTC)
!00:00:00.002  ERROR  billing-eu  (42)  no card  …
!00:00:01.000  ALARM  orders      (7+)  first lin…
 00:00:02.000  WARN   orders      (?)   two lines
`},
		"columns": {textStyle{columns: columnsNamed("request_id", "text", "issues", "level", "truncated")}, `
 7f3a9c12-1111-4222-8333-444455556666  order received  INFO
!                                      no card  ERROR
!                                      ALARM
                                       two lines  level "LOUD" is not on the scale  WARN   17
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			n, err := printText(&out, seq(nil, sample...), tt.style)
			if n != len(sample) || err != nil {
				t.Errorf("printed %d rows, error %v", n, err)
			}
			want := strings.TrimPrefix(tt.want, "\n")
			lines := strings.SplitAfter(out.String(), "\n")
			got := strings.Join(lines[:min(len(lines), strings.Count(want, "\n"))], "")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrintTextColoursErrorsMost(t *testing.T) {
	var out bytes.Buffer
	if _, err := printText(&out, seq(nil, sample...), textStyle{color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\x1b[1;97;41mERROR\x1b[0m", "\x1b[1;97;41mALARM\x1b[0m",
		"\x1b[33mWARN\x1b[0m", "\x1b[31mKeyError: 'card'\x1b[0m",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%q", want, out.String())
		}
	}
}

func TestPrintStopsAtAnErrorAfterTheRowsBefore(t *testing.T) {
	broken := errors.New("broken")
	var text, lines bytes.Buffer
	n, err := printText(&text, seq(broken, sample[:2]...), textStyle{})
	if n != 2 || err != broken || strings.Count(text.String(), "\n") < 4 {
		t.Errorf("text: %d rows, error %v, output:\n%s", n, err, text.String())
	}
	n, err = printJSON(&lines, seq(broken, sample[:2]...), time.UTC)
	if n != 2 || err != broken || strings.Count(lines.String(), "\n") != 2 {
		t.Errorf("jsonl: %d rows, error %v, output:\n%s", n, err, lines.String())
	}
}

// Rows beyond those that were looked at first are printed as well, and wider
// ones widen the columns.
func TestPrintTextOfManyRows(t *testing.T) {
	rows := make([]read.Row, lookAhead+2)
	for i := range rows {
		text := fmt.Sprint("text ", i)
		rows[i] = read.Row{Key: key("2026-11-22T10:00:00Z", "m"), Level: "INFO", Locator: "1", Text: text}
	}
	rows[lookAhead].Module = "wider"
	var out bytes.Buffer
	if n, err := printText(&out, seq(nil, rows...), textStyle{}); n != len(rows) || err != nil {
		t.Fatalf("printed %d of %d rows, error %v", n, len(rows), err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1+len(rows) {
		t.Fatalf("%d lines for a heading and %d rows", len(lines), len(rows))
	}
	for i, line := range lines[1:] {
		if !strings.HasSuffix(line, fmt.Sprint("  text ", i)) {
			t.Fatalf("line %d is %q: out of order", i, line)
		}
	}
	if want := fmt.Sprint(" 10:00:00.000  INFO  m      (1)  text ", lookAhead+1); lines[len(lines)-1] != want {
		t.Errorf("the last line is %q, want %q", lines[len(lines)-1], want)
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]+m")

// hiddenIn returns what of an output must not reach a terminal.
func hiddenIn(output string) string {
	output = sgr.ReplaceAllString(output, "") // ours; a function's would begin with an escaped ESC
	return strings.Map(func(r rune) rune {
		if r != '\n' && hidden(r) {
			return r
		}
		return -1
	}, output)
}

// hostile has something a terminal or an eye obeys in every string.
func hostile(s string) read.Row {
	return read.Row{Table: s, Key: read.Key{Date: s, StampMod: s, Module: s, EnvironmentID: s}, Message: s,
		Level: s, Locator: s, Text: s, Exception: s, RequestID: s, Fields: s, Issues: s}
}

func TestNoControlCharacterIsPrinted(t *testing.T) {
	var nasty strings.Builder
	for r := rune(0); r < 0xa0; r++ {
		nasty.WriteRune(r)
	}
	nasty.WriteString("\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\U000e0041\xff\x9b31m")
	row := hostile(nasty.String())
	fields, _ := json.Marshal(map[string]string{nasty.String(): nasty.String()})
	inFields := read.Row{Fields: string(fields)}
	for _, style := range []textStyle{{}, {color: true, verbose: true}, {width: 60}, {width: 1}} {
		var out bytes.Buffer
		if _, err := printText(&out, seq(nil, row, inFields), style); err != nil {
			t.Fatal(err)
		}
		if found := hiddenIn(out.String()); found != "" || !utf8.ValidString(out.String()) {
			t.Errorf("style %+v prints %+q", style, found)
		}
	}
	var out bytes.Buffer
	if _, err := printText(&out, seq(nil, read.Row{Text: "\x1b[2J\a\u202ex\x7f\u009b"}), textStyle{}); err != nil {
		t.Fatal(err)
	}
	if want := `\e[2J\x07\u202ex\x7f\u009b`; !strings.Contains(out.String(), want) {
		t.Errorf("%s is not shown in %q", want, out.String())
	}
}

// FuzzPrint prints rows of strangers' strings: nothing hidden is printed, no
// line is wider than it may be, and JSON says exactly what was there.
func FuzzPrint(f *testing.F) {
	f.Add("plain", 80)
	f.Add("\x1b[31mred\x1b[0m \u202e\u0000\r\n\ttab", 40)
	f.Add(`{"a":"\u001b","b":[1.50,{"c":null}],"a":2}`, 0)
	f.Add("日本語 🎉 e\u0301"+strings.Repeat("long", 50), 61)
	f.Add("\ufe0f"+strings.Repeat("👩\u200d👧🇩🇪\u26a0\ufe0f", 20), 33)
	f.Add("\ufe0f"+strings.Repeat("x", 200), 80)
	f.Fuzz(func(t *testing.T, s string, width int) {
		if !utf8.ValidString(s) {
			return // DynamoDB's strings are valid UTF-8
		}
		var out bytes.Buffer
		if _, err := printText(&out, seq(nil, hostile(s)), textStyle{width: width % 200}); err != nil {
			t.Fatal(err)
		}
		if found := hiddenIn(out.String()); found != "" {
			t.Errorf("text has %+q", found)
		}
		out.Reset()
		text := read.Row{Key: key("2026-11-22T10:00:00Z", "m"), Level: "INFO", Locator: "1",
			Text: s, Exception: s, Fields: s}
		if _, err := printText(&out, seq(nil, text), textStyle{width: 80}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("line %q has %d columns", line, n)
			}
		}

		line, err := marshalRow(&shown{Row: hostile(s)}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		if found := hiddenIn(string(line)); found != "" || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("JSON %q has %+q or is not one line", line, found)
		}
		var back jsonRow
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if back.Text != s || back.Message != s || back.Exception != s || back.StampMod != s {
			t.Errorf("JSON %s does not say %q", line, s)
		}
		if json.Valid([]byte(s)) && !sameJSON(t, back.Fields, []byte(s)) {
			t.Errorf("fields %s became %s", s, back.Fields)
		}
	})
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	for _, v := range []struct {
		text []byte
		into *any
	}{{a, &x}, {b, &y}} {
		d := json.NewDecoder(bytes.NewReader(v.text))
		d.UseNumber()
		if err := d.Decode(v.into); err != nil {
			t.Fatal(err)
		}
	}
	return cmp.Equal(x, y)
}

func TestJSONIsReadableAsText(t *testing.T) {
	line, err := marshalRow(&shown{Row: read.Row{Text: "<a> & b", Fields: `{"n": 1.50, "n": 2}`}}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"text":"<a> & b"`, `"fields":{"n":1.50,"n":2}`} {
		if !strings.Contains(string(line), want) {
			t.Errorf("%s lacks %s", line, want)
		}
	}
}

func TestFieldsText(t *testing.T) {
	for fields, want := range map[string]string{
		``:                                       "",
		`{}`:                                     "",
		`{"n":12345678901234567890,"f":1.50}`:    "n=12345678901234567890 f=1.50",
		`{"a":"word","b":"two words","c":""}`:    `a=word b="two words" c=""`,
		`{"a": {"b": [1, null]}, "a": false}`:    `a={"b":[1,null]} a=false`,
		`{"q":"say \"x\"","e":"a=b","x":"null"}`: `q="say \"x\"" e="a=b" x=null`,
		`[1]`:                                    `[1]`,
		`{"cut":"`:                               `{"cut":"`,
	} {
		if got := fieldsText(fields); got != want {
			t.Errorf("fieldsText(%s) = %s, want %s", fields, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"":                 0,
		"plain":            5,
		"caf\u00e9":        4,
		"cafe\u0301":       4, // the accent stands by itself
		"\u0301":           0,
		"日本語":              6,
		"ｶﾅ":               2, // half-width
		"ＡＢ":               4, // full-width
		"한국":               4,
		"\u1112\u1161":     2, // a syllable in two parts
		"สวัสดี":           4, // vowels above
		"👍":                2,
		"👍🏽":               2, // a skin colour
		"👩\u200d👧":         2, // one family
		"👩\u200c👧":         4, // two people
		"🇩🇪🇫🇷":             4, // two flags
		"\u26a0":           1, // a sign
		"\u26a0\ufe0f":     2, // the same as an emoji
		"1\ufe0f\u20e3":    2, // a keycap
		"a\ufe0f":          1,
		" \ufe0f":          1,
		"…—│°":             4,
		visible("\x1b[2J"): 5,
	} {
		if got := columns(text); got != want {
			t.Errorf("columns(%+q) = %d, want %d", text, got, want)
		}
	}
}

func TestWrapCutsNoCharacter(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  []string
	}{
		{"👩\u200d👧👩\u200d👧👩\u200d👧", 4, []string{"👩\u200d👧👩\u200d👧", "👩\u200d👧"}},
		{"🇩🇪🇫🇷🇮🇹", 5, []string{"🇩🇪🇫🇷", "🇮🇹"}},
		{"e\u0301e\u0301e\u0301", 2, []string{"e\u0301e\u0301", "e\u0301"}},
		{"\u26a0\ufe0f low", 4, []string{"\u26a0\ufe0f", "low"}},
		{"日本語 日本語", 7, []string{"日本語", "日本語"}},
		{"  日本語", 6, []string{"  日本", "  語"}},
		{"a👍", 1, []string{"a", "👍"}}, // one at least
	} {
		if diff := cmp.Diff(tt.want, wrap(tt.text, tt.width)); diff != "" {
			t.Errorf("wrap(%+q, %d) (-want +got):\n%s", tt.text, tt.width, diff)
		}
	}
}

// A level, a module or a locator of wide characters does not move what stands
// beside it.
func TestColumnsStandBelowOneAnother(t *testing.T) {
	var rows []read.Row
	for _, module := range []string{"orders", "注文", "⚠\ufe0f x", "cafe\u0301", "👩\u200d👧", "\x1b[31mr"} {
		rows = append(rows, read.Row{Key: key("2026-11-22T10:00:00Z", module), Level: "INFO", Locator: "1", Text: "|"})
	}
	var out bytes.Buffer
	if _, err := printText(&out, seq(nil, rows...), textStyle{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		before, _, ok := strings.Cut(line, "|")
		if want := len(" 10:00:00.000  INFO  \\e[31mr  (1)  "); ok && columns(before) != want {
			t.Errorf("the text in %q begins in column %d, want %d", line, columns(before), want)
		}
	}
}

func TestWrapLosesNothingButSpaces(t *testing.T) {
	for _, text := range []string{
		"one two three four five six", strings.Repeat("x", 50), "    indented text that is too long for its line",
		"日本語日本語日本語日本語 日本語", "a " + strings.Repeat("b", 30) + " c", strings.Repeat(" ", 40), "",
	} {
		for width := 1; width < 40; width++ {
			pieces := wrap(text, width)
			for _, piece := range pieces {
				if n := columns(piece); n > max(width, 2) {
					t.Errorf("wrap(%q, %d): %q has %d columns", text, width, piece, n)
				}
			}
			squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
			if got := strings.Join(pieces, ""); squeeze(got) != squeeze(text) {
				t.Errorf("wrap(%q, %d) = %q", text, width, pieces)
			}
		}
	}
}
