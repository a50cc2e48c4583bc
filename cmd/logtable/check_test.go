package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/explain"
)

// checked runs check over a log.
func checked(t *testing.T, log string, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"check"}, args...), func(name string) string { return env[name] },
		strings.NewReader(log), &out, &errs)
	return code, out.String(), errs.String()
}

const aLog = `START RequestId: 8f2c6a Version: $LATEST
{"locator":"12","level":"INFO","text":"order accepted","module":"orders","order":17}
{"locator":"7","level":"ERROR","text":"cannot ship","exception":"Timeout: no answer\n  at ship.go:12"}
{'level': 'ERROR', 'text': 'cannot ship', 'order': 17}
{"level":30,"time":1795344720573,"pid":8,"msg":"hello"}
2026-11-22T10:52:00.573000+00:00 2026/11/22/[$LATEST]8f2c6a1e4f6b9d0e8f2c6a1e4f6b9d0e {"level":"ERROR","text":"boom"}
Traceback (most recent call last):
  File "x.py", line 3, in f
KeyError: 'pears'
{
  "locator": 4,
  "order": 17
}
{"message":"\u001b[2J` + "\u202e" + `"}
`

func TestCheck(t *testing.T) {
	const want = `    1          START RequestId: 8f2c6a Version: $LATEST
    2  INFO    orders (12) order accepted  order=17
    3  ERROR   (7) cannot ship
               Timeout: no answer … and 1 more line
    4  no row  a Python dict: json.dumps it
               {'level': 'ERROR', 'text': 'cannot ship', 'order': 17}
    5  no row  a line of pino: LOGTABLE_FIELDS=auto
               {"level":30,"time":1795344720573,"pid":8,"msg":"hello"}
  6-9  ERROR   (?) boom
               Traceback (most recent call last): … and 2 more lines
               issue: locator is missing: write where in the source the line comes from, such as "locator": "42"
10-13  no row  JSON with a "locator" alone: add "level" and "text"
               {
   14          {"message":"\u001b[2J\u202e"}  (JSON without a level: add "level", such as "INFO", and "text" or "locator")

Summary: 14 lines: 3 rows (1 informational, 2 errors), 1 with issues; 2 lines are other text, which stays in CloudWatch.
3 lines look like log lines and become no rows:
  1 × a Python dict: json.dumps it (line 4)
  1 × a line of pino: LOGTABLE_FIELDS=auto (line 5)
  1 × JSON with a "locator" alone: add "level" and "text" (line 10-13)
`
	code, stdout, stderr := checked(t, aLog, nil)
	if code != exitSeen || stdout != want || stderr != "" {
		t.Errorf("exit code %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, stdout, want)
	}
}

// What an advice says can be followed by the flag, by --env and in the
// environment, and what the layer would refuse is refused.
func TestCheckTakesTheSettingsOfTheLayer(t *testing.T) {
	const token = "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	const pino = `{"level":50,"time":1795344720573,"pid":8,"msg":"` + token + `"}`
	for _, tt := range []struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		{nil, nil, exitSeen, "no row"},
		{nil, []string{"--fields", "auto"}, exitOK, "ERROR   (?) token [redacted jwt]"},
		{nil, []string{"-e", "LOGTABLE_FIELDS=pino"}, exitOK, "ERROR   (?) token [redacted jwt]"},
		{map[string]string{"LOGTABLE_FIELDS": "auto"}, nil, exitOK, "ERROR   (?)"},
		{nil, []string{"--fields", "auto", "-e", "LOGTABLE_MODULE=orders"}, exitOK, "ERROR   orders (?)"},
		{nil, []string{"--fields", "auto", "-e", "LOGTABLE_REDACT=off"}, exitOK, "token eyJ"},
		{nil, []string{"--fields", "auto", "-e", "LOGTABLE_LEVELS=INFO=0,ERROR=7,BAD=9", "-e",
			"LOGTABLE_ERRORS_FROM=BAD"}, exitOK, "1 row (1 informational, 0 errors)"},
		{nil, []string{"--log-format", "JSON"}, exitSeen, "a line of pino"},
		{nil, []string{"-e", "LOGTABLE_LEVEL=ERROR", "-e", "LOGTABLE_PLAIN=INFO"}, exitOK,
			"(its level is below LOGTABLE_LEVEL=ERROR)"},
		// The tool's own zone, which the layer would refuse.
		{map[string]string{"LOGTABLE_TIMEZONE": "local"}, []string{"--fields", "auto"}, exitOK, "ERROR"},
		{nil, []string{"--fields", "pinot"}, exitUsage, `cannot read "pinot"`},
		{nil, []string{"-e", "LOGTABLE_FIELD=auto"}, exitUsage, "did you mean LOGTABLE_FIELDS?"},
		{nil, []string{"-e", "auto"}, exitUsage, "is not NAME=VALUE"},
		{nil, []string{"--log-format", "xml"}, exitUsage, "write Text or JSON"},
		{nil, []string{"no-such.log"}, exitError, "cannot read the log: open no-such.log"},
	} {
		code, stdout, stderr := checked(t, pino+"\n", tt.env, tt.args...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%v %v: exit code %d, want %d, and %q in\n%s%s", tt.env, tt.args, code, tt.code, tt.want,
				stdout, stderr)
		}
	}
}

func TestCheckForPrograms(t *testing.T) {
	var names []string
	for _, name := range []string{"a.log", "b.log"} {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, []byte(aLog), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	code, stdout, stderr := checked(t, "", nil, append(names, "-o", "jsonl")...)
	if code != exitSeen || !strings.Contains(stderr, "(lines "+names[0]+":4, "+names[1]+":4)") {
		t.Errorf("exit code %d, the summary is\n%s", code, stderr)
	}
	var lines []checkedLine
	for line := range strings.Lines(stdout) {
		var one checkedLine
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, one)
	}
	if len(lines) != 16 {
		t.Fatalf("%d lines, want 8 of each file:\n%s", len(lines), stdout)
	}
	first, second := lines[1], lines[8+5]
	if first.File != names[0] || first.Line != 2 || first.Missing || len(first.Rows) != 1 ||
		first.Rows[0].Category != "info" || first.Rows[0].Text != "order accepted" ||
		first.Rows[0].Module != "orders" || string(first.Rows[0].Fields) != `{"order":17}` || first.Printed != "" {
		t.Errorf("the first row is %+v", first)
	}
	if second.File != names[1] || second.Line != 6 || second.LastLine != 9 || second.Rows[0].Category != "errors" ||
		!strings.Contains(second.Rows[0].Exception, "KeyError: 'pears'") {
		t.Errorf("the error is %+v", second)
	}
	if missed := lines[3]; !missed.Missing || missed.Why != "a Python dict" || missed.Do != "json.dumps it" ||
		!strings.HasPrefix(missed.Printed, "{'level'") {
		t.Errorf("what is missed is %+v", missed)
	}
	_, stdout, _ = checked(t, aLog, nil, "-o", "json", "--missing")
	var array []checkedLine
	if err := json.Unmarshal([]byte(stdout), &array); err != nil || len(array) != 3 {
		t.Errorf("%v, %d lines, want the 3 that are missed:\n%s", err, len(array), stdout)
	}
	if _, stdout, _ = checked(t, "", nil, "-o", "json"); stdout != "[]\n" {
		t.Errorf("of nothing: %q", stdout)
	}
}

// Lines are cut as Lambda cuts them, so that a file without any line ends needs
// no more memory, and a line that was cut is put together as in the layer.
func TestCheckCutsLongLines(t *testing.T) {
	whole := `{"level":"INFO","text":"` + strings.Repeat("x", explain.MaxLine) + `"}` + "\n"
	just := `{"level":"INFO","text":"` + strings.Repeat("x", explain.MaxLine-len(`{"level":"INFO","text":""}`)) +
		`"}` + "\n"
	code, stdout, _ := checked(t, whole+just+strings.Repeat("y", 3*explain.MaxLine)+"\nend", nil, "-o", "jsonl")
	var numbers []int
	for line := range strings.Lines(stdout) {
		var one checkedLine
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, one.Line)
		if one.Line <= 2 && (len(one.Rows) != 1 || len(one.Rows[0].Text) < explain.MaxLine-100) {
			t.Errorf("line %d: %d rows, why %q", one.Line, len(one.Rows), one.Why)
		}
	}
	if got := fmt.Sprint(numbers); code != exitOK || got != "[1 2 3 3 3 4]" {
		t.Errorf("exit code %d, the lines are %s", code, got)
	}
}

// A result is printed when no more lines have arrived, so that a log can be
// followed.
func TestCheckPrintsAtOnce(t *testing.T) {
	in, write := io.Pipe()
	read, out := io.Pipe()
	over := make(chan int)
	go func() {
		none := func(string) string { return "" }
		over <- run(t.Context(), []string{"check", "-o", "jsonl"}, none, in, out, io.Discard)
	}()
	buffer := make([]byte, 1<<10)
	for range 3 {
		fmt.Fprintln(write, `{"level":"INFO","text":"x"}`)
		if n, err := read.Read(buffer); err != nil || !bytes.Contains(buffer[:n], []byte(`"text":"x"`)) {
			t.Fatalf("%v: %s", err, buffer[:n])
		}
	}
	write.Close()
	if code := <-over; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A summary has a bounded number of kinds and places.
func TestCheckSumIsBounded(t *testing.T) {
	var sum checkSum
	for i := range 1000 {
		why := explain.Why{Seen: fmt.Sprint("kind ", i%(maxKinds+5)), Log: true}
		sum.add("", &explain.Result{First: i + 1, Last: i + 1, Why: why})
	}
	all := 0
	for _, kind := range sum.kinds {
		if all += kind.count; len(kind.places) > maxPlaces {
			t.Errorf("%s has %d places", kind.why, len(kind.places))
		}
	}
	text := sum.missed(textStyle{})
	if all != 1000 || len(sum.kinds) != maxKinds || !strings.Contains(text, "× others") {
		t.Errorf("%d of 1000 lines, %d kinds:\n%s", all, len(sum.kinds), text)
	}
}
