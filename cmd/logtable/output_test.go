package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/read"
)

const csvHeader = "time,category,level,module,locator,request_id,trace_id,text,exception,fields,stamp_mod\n"

func TestForms(t *testing.T) {
	server, env := tables(t)
	const info = `2026-11-22T11:00:00.005Z,info,INFO,orders,1,7f3a9c12-1111,,received,,` +
		`"{""order"":12345678901234567890, ""to"":""a b""}",1795345200.0050000+orders+2p4thtomb9` + "\n"
	const errors = "2026-11-22T11:00:01.005Z,errors,ERROR,orders,2,,,refused,,,1795345201.0050000+orders+2p4thtomb9\n"
	for args, want := range map[string]string{
		"-o csv":                                csvHeader + info + errors,
		"-o csv --columns category,text,expiry": "category,text,expiry\ninfo,received,\nerrors,refused,\n",
		"-o csv --module nobody":                csvHeader,
		"-o raw":                                "received\nrefused\n",
		"-o json --module nobody":               "[]\n",
		"--oneline": `2026-11-22 Sunday (UTC)
 11:00:00.005  INFO   orders  (1)  received  order=12345678901234567890 to="a b"
!11:00:01.005  ERROR  orders  (2)  refused
`,
		"--columns text,table": " received  info\n!refused  errors\n",
	} {
		got := logtable(t, env, append([]string{"query", "2026-11-22", "--endpoint-url", server.URL()},
			strings.Fields(args)...)...)
		if diff := cmp.Diff(want, got.stdout); diff != "" || got.code != exitOK {
			t.Errorf("%s: exit code %d (-want +got):\n%s", args, got.code, diff)
		}
	}
	query := []string{"query", "2026-11-22", "--endpoint-url", server.URL(), "-o"}
	var array, lines []map[string]any
	if err := json.Unmarshal([]byte(logtable(t, env, append(query, "json")...).stdout), &array); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(logtable(t, env, append(query, "jsonl")...).stdout))
	for decoder.More() {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if diff := cmp.Diff(lines, array); diff != "" || len(array) != 2 || array[1]["category"] != "errors" {
		t.Errorf("the array is not the lines (-lines +array):\n%s", diff)
	}
}

func TestFormsThatExcludeEachOther(t *testing.T) {
	isolate(t)
	for args, want := range map[string]string{
		"query -o jsonl --oneline":      "no --oneline",
		"query -o csv --oneline":        "no --oneline",
		"query -o raw --columns text":   "no --columns",
		"query --columns time,levle":    `no column "levle": choose from time, category,`,
		"query -o yaml":                 "csv or raw",
		"query --timezone Nowhere/None": "is not a time zone",
	} {
		got := logtable(t, nil, strings.Fields(args)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v, want %q", args, got, want)
		}
	}
	got := logtable(t, map[string]string{"LOGTABLE_TIMEZONE": "Nowhere/None"}, "query")
	if got.code != exitUsage || !strings.Contains(got.stderr, "LOGTABLE_TIMEZONE") {
		t.Errorf("%+v, want to be told where the zone comes from", got)
	}
}

// Whatever is in a row, a spreadsheet takes no cell for a formula, and reads as
// many cells as there are; nothing reaches a terminal that acts on it.
func TestHostileCells(t *testing.T) {
	for text, want := range map[string]string{
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
		"+1":                 "'+1",
		"-1":                 "'-1",
		"@SUM(A1)":           "'@SUM(A1)",
		"\tx":                "'\tx",
		"\rx":                "'\rx",
		"a=1":                "a=1",
		"":                   "",
		"two\nlines, \"x\"":  "two\nlines, \"x\"",
		"\x1b[2J\x00\u202e":  `\e[2J\x00\u202e`,
	} {
		row := read.Row{Text: text, Exception: text, Fields: text, Level: text, Locator: text}
		var out bytes.Buffer
		if err := printCSV(&out, seq(nil, row), nil, time.UTC); err != nil {
			t.Fatal(err)
		}
		// Go's reader would drop a carriage return.
		kept := strings.ReplaceAll(out.String(), "\r", "CR")
		records, err := csv.NewReader(strings.NewReader(kept)).ReadAll()
		if err != nil || len(records) != 2 || len(records[1]) != csvColumns {
			t.Fatalf("%q: %v, %q", text, err, records)
		}
		for i, name := range records[0] {
			wanted := strings.ReplaceAll(want, "\r", "CR")
			if strings.Contains("level locator text exception fields", name) && records[1][i] != wanted {
				t.Errorf("%q in %s is %q, want %q", text, name, records[1][i], wanted)
			}
		}
	}
}

func TestRawIsAsStoredExceptOnATerminal(t *testing.T) {
	rows := []read.Row{{Text: "a\x1b[2Jb"}, {Exception: "boom\n"}, {Text: "x", Exception: "y"}, {}}
	for terminal, want := range map[bool]string{
		false: "a\x1b[2Jb\nboom\nx\ny\n\n",
		true:  "a\\e[2Jb\nboom\nx\ny\n\n",
	} {
		var out bytes.Buffer
		if err := printRaw(&out, seq(nil, rows...), terminal); err != nil || out.String() != want {
			t.Errorf("terminal %v: %q, %v; want %q", terminal, out.String(), err, want)
		}
	}
}

// What --grep looks for is seen, even where its line is broken.
func TestMatchesAreHighlighted(t *testing.T) {
	const on, off = "\x1b[7m", "\x1b[0m"
	row := read.Row{Key: key("2026-11-22T10:00:00Z", "m"), Level: "INFO", Locator: "1", Text: "card declined: card",
		Exception: "no card", Fields: `{"by":"card"}`}
	style := textStyle{color: true, zone: time.UTC, marks: (&textFlags{grep: "card"}).marks()}
	var out bytes.Buffer
	if _, err := printText(&out, seq(nil, row), style); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		on + "card" + off + " declined: " + on + "card" + off, "no " + on + "card" + off,
		"\x1b[2mby=" + off + "\x1b[2;7mcard" + off,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%q", want, out.String())
		}
	}
	// The same characters as without, at every width.
	for width := 20; width < 60; width++ {
		var plain, marked bytes.Buffer
		style := textStyle{zone: time.UTC, width: width}
		_, _ = printText(&plain, seq(nil, row), style)
		style.color, style.marks = true, (&textFlags{grep: "declined: card"}).marks()
		_, _ = printText(&marked, seq(nil, row), style)
		text := marked.String()
		if strings.Count(text, on) == 0 {
			t.Errorf("%d columns: nothing is marked:\n%s", width, text)
		}
		for _, sgr := range []string{off, on, "\x1b[2m", "\x1b[1m", "\x1b[36m", "\x1b[31m"} {
			text = strings.ReplaceAll(text, sgr, "")
		}
		if diff := cmp.Diff(plain.String(), text); diff != "" {
			t.Errorf("%d columns (-plain +marked):\n%s", width, diff)
		}
	}
	style.color = false
	out.Reset()
	if _, err := printText(&out, seq(nil, row), style); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v: coloured although colour is off:\n%q", err, out.String())
	}
}

// Without a terminal, nothing asks for attention: no pager, no closing line.
func TestNoPagerInAPipe(t *testing.T) {
	server, env := tables(t)
	file := filepath.Join(t.TempDir(), "started")
	env["LOGTABLE_PAGER"] = "tee " + file
	got := logtable(t, env, "query", "2026-11-22", "--endpoint-url", server.URL())
	if _, err := os.Stat(file); err == nil || strings.Contains(got.stdout, "read unit") {
		t.Errorf("%+v, pager: %v", got, err)
	}
}

func TestCounted(t *testing.T) {
	for n, want := range map[int]string{0: "0 rows", 1: "1 row", 999: "999 rows", 20000: "20,000 rows",
		1234567: "1,234,567 rows"} {
		if got := counted(n, "row"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestLocalZoneIsNamed(t *testing.T) {
	dir := t.TempDir()
	link := func(target string) string {
		path := filepath.Join(dir, fmt.Sprint(len(target)))
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct{ tz, localtime, want string }{
		{"", link("/usr/share/zoneinfo/Europe/Berlin"), "Europe/Berlin"},
		{"", link("/var/db/timezone/zoneinfo/Asia/Kathmandu"), "Asia/Kathmandu"},
		{"America/New_York", "/nowhere", "America/New_York"},
		{":America/Lima", "/nowhere", "America/Lima"},
		{"", "/nowhere", "Local"},
		{"CET-1CEST", "/nowhere", "Local"},
		{"", link("../zoneinfo/../../etc"), "Local"},
	} {
		if got := localZone(tc.tz, tc.localtime).String(); got != tc.want {
			t.Errorf("TZ=%s, %s: %s, want %s", tc.tz, tc.localtime, got, tc.want)
		}
	}
	if got := zoneName(time.Local, at("2026-11-22T10:00:00Z")); strings.Contains(got, "Local") ||
		!strings.Contains(got, "UTC") {
		t.Errorf("a zone without a name is called %q", got)
	}
}
