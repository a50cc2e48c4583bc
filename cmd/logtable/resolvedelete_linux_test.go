package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

// Somebody at a terminal is asked, after the count and before anything is
// written; what is not yes is no.
func TestWhoDeletesIsAsked(t *testing.T) {
	for answer, want := range map[string]string{
		"y\n": "30 rows deleted", "\n": "nothing is deleted", "no\n": "nothing is deleted",
		"\x04": "nothing is deleted",
	} {
		s := deletable(t)
		before := len(s.server.Items("errors"))
		screen := newTerminal(t, 200, 30)
		if _, err := io.WriteString(screen.master, answer+"\x04"); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"LOGTABLE_ERRORS_TABLE": "errors", "LOGTABLE_ERROR_SHARDS": "2"}
		code := execute(t.Context(), []string{"resolve", "orders", "7", "--delete", "--rate", "100000",
			"--endpoint-url", s.server.URL()}, &shell{getenv: func(name string) string { return env[name] },
			stdin: screen.tty, stdout: screen.tty, stderr: screen.tty, now: func() time.Time { return showNow }})
		text := screen.text()
		const question = "delete 30 rows for good, within 1s and for less than a cent? [y/N]"
		counted, asked := strings.Index(text, "30 errors of orders (7)"), strings.Index(text, question)
		if code != exitOK || counted < 0 || asked < counted || strings.Index(text, want) < asked {
			t.Errorf("%q: exit code %d: %s", answer, code, text)
		}
		requests := s.server.Stats().Requests
		if deleted := answer == "y\n"; (requests["DeleteItem"] > 0) != deleted ||
			!deleted && len(s.server.Items("errors")) != before {
			t.Errorf("%q: %v", answer, requests)
		}
	}
}
