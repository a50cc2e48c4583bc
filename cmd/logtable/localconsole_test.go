package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/explain"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/testkit"
)

// testConsole is one that writes into out, of a function with these settings.
func testConsole(t *testing.T, settings map[string]string) (c *localConsole, out *bytes.Buffer) {
	t.Helper()
	out = &bytes.Buffer{}
	sh := &shell{getenv: func(string) string { return "" }, stdout: out, stderr: out, now: time.Now}
	c, err := newLocalConsole(sh, &outputFlags{color: "never"})
	if err != nil {
		t.Fatal(err)
	}
	c.judgeBy(&lambda.Config{FunctionName: "f", Env: settings})
	return c, out
}

// What is said of a line stands below it, or names it.
func TestLocalConsoleSaysWhy(t *testing.T) {
	c, out := testConsole(t, map[string]string{"LOGTABLE_MODULE": "m"})
	for _, line := range []string{
		"{'locator': 1, 'level': 'INFO'}", "one", "two", `{"level":30,"time":1795677362488,"pid":1,"msg":"hi"}`,
		"\x1b[31mred\rand more",
	} {
		c.line([]byte(line + "\n"))
	}
	c.ended(lambda.Result{RequestID: "7f3a9c12-1", Status: lambda.StatusSuccess, Duration: time.Second}, nil)
	c.line([]byte("three\n"))
	c.ended(lambda.Result{}, fmt.Errorf("killed"))
	const want = `  | {'locator': 1, 'level': 'INFO'}
    no row: a Python dict: json.dumps it
  | one
    no row: ordinary text
  | two
  | {"level":30,"time":1795677362488,"pid":1,"msg":"hi"}
    no row: a line of pino: LOGTABLE_FIELDS=auto
  | \e[31mred
  | and more
REPORT  7f3a9c12  success in 1000 ms
  | three
    no row: ordinary text
REPORT  killed
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	c, out = testConsole(t, nil)
	c.line([]byte("{\n")) // it may go on
	c.line([]byte("no\n"))
	c.ended(lambda.Result{}, nil)
	if got := out.String(); !strings.HasPrefix(got, "  | {\n  | no\n    no row: ordinary text: {\n") {
		t.Errorf("it does not say which line is not a row:\n%s", got)
	}
	j := newJudge(&lambda.Config{}, func(why string) { out.WriteString(why) })
	j.lines = 2
	j.result(explain.Result{Last: 1, Text: strings.Repeat("é", excerpt)})
	if got := out.String(); !strings.HasSuffix(got, ": "+strings.Repeat("é", excerpt/2)+"…") {
		t.Errorf("a long line is not cut: %s", got)
	}
}

func TestLocalConsoleBounds(t *testing.T) {
	c, out := testConsole(t, nil)
	for range shownLines + 5 {
		c.line([]byte("y\n"))
	}
	payload, err := json.Marshal(map[string]string{"errorMessage": strings.Repeat("é", 2*shownResponse)})
	if err != nil {
		t.Fatal(err)
	}
	result := lambda.Result{RequestID: "1", Status: lambda.StatusError, FunctionError: "E", Payload: payload}
	c.ended(result, nil)
	c.response(result)
	got := out.String()
	if n := strings.Count(got, "  | y\n"); n != shownLines || !strings.Contains(got, "… and 5 more lines") {
		t.Errorf("%d lines are shown", n)
	}
	if len(got) > shownLines*len("  | y\n")+3*shownResponse || strings.Count(got, "…") != 3 ||
		strings.Contains(got, "\ufffd") {
		t.Errorf("%d bytes:\n%s", len(got), lastOf(got))
	}
	if _, err := checkEvent(append(bytes.Repeat([]byte(" "), maxEvent), '1'), "f"); err == nil ||
		!strings.Contains(err.Error(), "6 MB at most") {
		t.Error(err)
	}
	if event, err := checkEvent([]byte(" \n"), "f"); err != nil || string(event) != "{}" {
		t.Errorf("%s, %v", event, err)
	}
}

// An extension's output is shown, Logtable's first line is not.
func TestLocalConsoleOfExtensions(t *testing.T) {
	c, out := testConsole(t, nil)
	c.extensionLine([]byte(`{"level":"INFO","logtable":"v1","key_sha256":"x"}` + "\n"))
	c.extensionLine([]byte("something\n"))
	if got := out.String(); got != "  extension | something\n" {
		t.Errorf("%s", got)
	}
}

// The document's own functions do what it says, one after the other.
func TestLocalDocument(t *testing.T) {
	for _, program := range []string{"python3", "bash", "curl"} {
		testkit.Program(t, program)
	}
	text, err := os.ReadFile("../../docs/local.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
		if m == nil {
			t.Fatalf("there is no function in %s", language)
		}
		return string(m[1])
	}
	dir := files(t, map[string]string{"handler.py": block("python"), "bootstrap": block("bash"), "e": `{"name":"Ada"}`})
	for command, want := range map[string][]string{
		"--python handler.handler": {
			"no row: a Python dict: json.dumps it", "(1)  hello Ada", `RESPONSE {"hello": "Ada"}`,
		},
		"-- ./bootstrap": {"(1)  hello from bash", `RESPONSE "done"`},
	} {
		if !bytes.Contains(text, []byte("logtable local "+command)) {
			t.Errorf("the document does not say: logtable local %s", command)
		}
		args := strings.Fields("local --port 0 --tables-port 0 --event e --once " + command)
		cmd, stderr := toolCommand(t, nil, args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v, %s", command, err, stderr)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s does not say %q:\n%s", command, w, out)
			}
		}
	}
}
