package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

const wantCauses = `state      count  last  by time  module   locator       text
new            3    1h        █  billing  ?5031128a     KeyError: 'order0'
came back      2   20m      █ █  billing  platform.ti…  the function was stoppe…
open          40    7m  ▁▂▂▂▃▃█  orders   7             card of customer 0 decl…

45 errors from 2026-11-17 09:00:00 to 2026-11-24 09:00:00 (UTC), 7 read units
`

// How causes look on a terminal: no line is wider, and a narrow one still has
// what matters.
func TestErrorsOnATerminal(t *testing.T) {
	i := newInbox(t)
	run := func(width uint16, args ...string) string {
		t.Helper()
		term := newTerminal(t, width, 50)
		args = append(args, "--no-pager", "--endpoint-url", i.server.URL())
		code := execute(t.Context(), args, &shell{
			getenv: func(name string) string { return i.env[name] }, stdin: strings.NewReader(""),
			stdout: term.tty, stderr: io.Discard, now: func() time.Time { return i.now },
		})
		text := term.text()
		for line := range strings.Lines(text) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > int(width) && !strings.Contains(line, "\x1b") {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		if code != exitOK {
			t.Errorf("%q: exit code %d\n%s", args, code, text)
		}
		return text
	}
	for n := range 40 {
		ago := time.Duration(n*n)*6*time.Minute + 7*time.Minute
		i.fail(ago, "7", fmt.Sprintf("card of customer %d declined", n), "41")
	}
	i.module = "billing"
	for n := range 3 {
		i.fail(time.Duration(n+1)*time.Hour, "?", fmt.Sprintf("KeyError: 'order%d'", n), "7",
			"exception_at", len("ERROR: (?) "))
	}
	i.fail(50*time.Hour, "platform.timeout", "the function was stopped after 3 s", "7")
	i.now = i.now.Add(-49 * time.Hour)
	i.does(exitOK, "resolved", "resolve", "billing", "platform.timeout", "--note", "6 s now")
	i.now = i.now.Add(49 * time.Hour)
	i.fail(20*time.Minute, "platform.timeout", "the function was stopped after 6 s", "8")
	got := run(80, "errors", "--color", "never", "--not", "refused")
	if got != wantCauses {
		t.Errorf("got\n%s\nwant\n%s", got, wantCauses)
	}
	if text, err := os.ReadFile("../../docs/inbox.md"); err != nil || !strings.Contains(string(text), wantCauses) {
		t.Errorf("docs/inbox.md does not have\n%s (%v)", wantCauses, err)
	}
	i.module = strings.Repeat("a-long-name-", 9)
	i.fail(time.Hour, strings.Repeat("locator ", 100), strings.Repeat("日本語 ", 100), strings.Repeat("v", 64))
	for _, width := range []uint16{40, 60, 80, 120, 200} {
		run(width, "errors", "--color", "never")
		if width >= 60 { // a row's columns are wider than 40
			run(width, "errors", "billing", "platform.timeout", "--color", "never")
		}
		if got := run(width, "errors", "--color", "always"); !strings.Contains(got, "\x1b["+sgrAlert+"mcame back") {
			t.Errorf("what came back is not to be seen:\n%s", got)
		}
	}
	if got := run(200, "errors", "--color", "never"); !strings.Contains(got, "requests") {
		t.Errorf("a wide terminal lacks columns:\n%s", got)
	}
	i.env["TERM"] = "dumb"
	if got := run(120, "errors", "orders", "7"); strings.ContainsAny(got, "█▁▄") || !strings.Contains(got, "###") {
		t.Errorf("a dumb terminal gets\n%s", got)
	}
}
