package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

// On a terminal the tool asks before the first row, once, and goes by the
// answer.
func TestATerminalIsAskedAboutThePrice(t *testing.T) {
	server, env := tables(t)
	manyRows(t, server)
	for answer, want := range map[string]struct {
		code int
		text string
	}{
		"y\n": {exitOK, "3,002 rows"}, "\n": {exitError, "stopped after"}, "no\n": {exitError, "stopped after"},
	} {
		screen := newTerminal(t, 100, 30)
		// It waits there; the end is for whoever goes on reading.
		if _, err := io.WriteString(screen.master, answer+"\x04"); err != nil {
			t.Fatal(err)
		}
		code := execute(t.Context(), []string{"query", "2026-11-22", "--no-pager", "--max-read-units", "150",
			"--endpoint-url", server.URL()}, &shell{getenv: func(name string) string { return env[name] },
			stdin: screen.tty, stdout: screen.tty, stderr: screen.tty, now: func() time.Time { return showNow }})
		text := screen.text()
		if code != want.code || strings.Count(text, "go on? [y/N]") != 1 || !strings.Contains(text, want.text) {
			t.Errorf("%q: exit code %d: %.2000s", answer, code, text)
		}
		asked, first := strings.Index(text, "this will read about"), strings.Index(text, "11:00:00.005")
		if asked < 0 || first >= 0 && first < asked || (code != exitOK && first >= 0) {
			t.Errorf("%q: asked at %d, the first row is at %d", answer, asked, first)
		}
	}
}
