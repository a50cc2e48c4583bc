package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAttachAsks: once, on a terminal of 80 columns, and it goes by the answer.
func TestAttachAsks(t *testing.T) {
	r := attached(t)
	before := r.state("orders")
	for _, tc := range []struct {
		answer string
		code   int
		says   string
	}{
		{"\n", exitError, "nothing was changed"},
		{"n\n", exitError, "nothing was changed"},
		{"y\n", exitOK, "orders: attached"},
	} {
		screen := newTerminal(t, 80, 24)
		if _, err := io.WriteString(screen.master, tc.answer+"\x04"); err != nil {
			t.Fatal(err)
		}
		code := execute(t.Context(), []string{"attach", "orders", "--region", r.region, "--endpoint-url", r.URL},
			&shell{getenv: func(string) string { return "" }, stdin: screen.tty, stdout: screen.tty, stderr: screen.tty,
				now: time.Now})
		text := screen.text()
		if code != tc.code || strings.Count(text, "Change 1 function? [y/N]") != 1 || !strings.Contains(text, tc.says) {
			t.Errorf("%q: exit code %d\n%s", tc.answer, code, text)
		}
		changed := !cmp.Equal(before, r.state("orders"))
		if changed != (code == exitOK) {
			t.Errorf("%q: changed is %v", tc.answer, changed)
		}
		for line := range strings.Lines(text) {
			if columns(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("wider than 80 columns: %s", line)
			}
		}
	}
}
