package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

const wantStats = `2026-11-22 00:00:00 to 2026-11-23 00:00:00 (UTC), by module

module   rows  errors   rate     first      last  ▒ errors
mail        3       0     0%  11:00:02  11:00:02  ██████████████████████████████
orders      3       0     0%  11:00:00  11:00:00  ██████████████████████████████
billing     2       1  50.0%  11:00:00  11:00:00  ▒▒▒▒▒▒▒▒▒▒██████████
other       1       0     0%  11:00:01  11:00:01  ██████████

function  invocations  cold starts     p50     p95     max   memory used
orders              1            1  940 ms  940 ms  940 ms  77 of 128 MB

9 rows, 1 error (11.1%), about 9 write units to store, 3 read units to count
`

// How it looks on a terminal: no line is wider, and the histogram is drawn with
// what the terminal has.
func TestStatsOnATerminal(t *testing.T) {
	server, env := application(t)
	env["LOGTABLE_ERROR_SHARDS"] = "1"
	run := func(width uint16, args ...string) string {
		t.Helper()
		term := newTerminal(t, width, 50)
		args = append([]string{"stats", "2026-11-22", "--no-pager", "--endpoint-url", server.URL()}, args...)
		code := execute(t.Context(), args, &shell{
			getenv: func(name string) string { return env[name] }, stdin: strings.NewReader(""),
			stdout: term.tty, stderr: io.Discard, now: func() time.Time { return showNow },
		})
		text := term.text()
		for line := range strings.Lines(text) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > int(width) && !strings.Contains(line, "\x1b") {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		if code != exitOK {
			t.Errorf("stats %q: exit code %d\n%s", args, code, text)
		}
		return text
	}
	if text, err := os.ReadFile("../../docs/reading.md"); err != nil || !strings.Contains(string(text), wantStats) {
		t.Errorf("docs/reading.md does not have\n%s (%v)", wantStats, err)
	}
	// The first table of the application has rows of the test of query, too.
	if got := run(80, "--color", "never", "--not", "refused"); got != wantStats {
		t.Errorf("got\n%s\nwant\n%s", got, wantStats)
	}
	for range 6 {
		put(t, server.Client(), strings.Repeat("a-long-name-", 9), "ERROR", "1", "x", 3000+len(env), "r")
		env[strings.Repeat("X", len(env))] = ""
	}
	for _, width := range []uint16{40, 60, 80, 200} {
		run(width, "--color", "never", "--by", "module,locator")
		if got := run(width, "--color", "always", "--by", "module"); width > 60 && !strings.Contains(got, "\x1b[31m▒") {
			t.Errorf("errors are not red:\n%s", got)
		}
	}
	for name, value := range map[string]string{"TERM": "dumb", "LC_ALL": "C", "LANG": "de_DE.ISO-8859-1"} {
		env[name] = value
		got := run(80, "--color", "never")
		if strings.ContainsAny(got, "█▒") || !strings.Contains(got, "!!!") || !strings.Contains(got, "! errors") {
			t.Errorf("%s=%s:\n%s", name, value, got)
		}
		delete(env, name)
	}
	env["LANG"], env["LC_ALL"] = "C", "de_DE.UTF-8"
	if got := run(80); !strings.Contains(got, "█") {
		t.Errorf("with UTF-8:\n%s", got)
	}
}
