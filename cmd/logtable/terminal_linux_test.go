package main

import (
	"os"
	"strings"
	"testing"
)

// onTerminal runs the real program on a terminal.
func onTerminal(t *testing.T, columns uint16, env map[string]string, args ...string) (code int, text string) {
	t.Helper()
	screen := newTerminal(t, columns, 24)
	cmd, _ := toolCommand(t, env, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen.tty, screen.tty, screen.tty
	code = exitCode(t, cmd.Run())
	return code, screen.text()
}

func TestOnATerminal(t *testing.T) {
	server, env := tables(t)
	env["PATH"] = os.Getenv("PATH")
	query := []string{"query", "2026-11-22", "--endpoint-url", server.URL(), "--shards", "1", "--color", "never"}
	const rows = "2026-11-22 Sunday (UTC)\n" +
		" 11:00:00.005  INFO   orders  (1)  received\n" +
		"               order=12345678901234567890 to=\"a b\"\n" +
		"!11:00:01.005  ERROR  orders  (2)  refused\n"
	const oneline = "2026-11-22 Sunday (UTC)\n" +
		" 11:00:00.005  INFO   orders  (1)  received  order=123456789012345678…\n" +
		"!11:00:01.005  ERROR  orders  (2)  refused\n"
	const closing = "2 rows, 1 error, 3.5 read units\n"
	for name, tc := range map[string]struct {
		args []string
		env  string
		want string
		code int
	}{
		"no pager":         {[]string{"--no-pager"}, "", rows + closing, 0},
		"a pager":          {nil, "LOGTABLE_PAGER=sed s/^/'> '/", quoted(rows + closing), 0},
		"PAGER":            {nil, "PAGER=sed s/^/'> '/", quoted(rows + closing), 0},
		"cat":              {nil, "LOGTABLE_PAGER=cat", rows + closing, 0},
		"no rows":          {[]string{"--module", "x"}, "LOGTABLE_PAGER=sed s/^/'> '/", "no matching rows in", 0},
		"one that leaves":  {nil, "LOGTABLE_PAGER=true", "", 0},
		"one that fails":   {nil, "LOGTABLE_PAGER=cat; exit 9", rows + closing, 0},
		"one that is not":  {nil, "LOGTABLE_PAGER=no-such-pager", `cannot run the pager "no-such-pager"`, 1},
		"raw":              {[]string{"-o", "raw", "--no-pager"}, "", "received\nrefused\n", 0},
		"rows, --oneline":  {[]string{"--oneline", "--no-pager"}, "", oneline + closing, 0},
		"with --exit-code": {[]string{"--exit-code"}, "LOGTABLE_PAGER=cat -", rows + closing, 3},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors",
				"PATH": os.Getenv("PATH"), "TERM": "xterm"}
			if variable, value, ok := strings.Cut(tc.env, "="); ok {
				env[variable] = value
			}
			code, got := onTerminal(t, 70, env, append(query, tc.args...)...)
			exact := strings.HasSuffix(tc.want, "\n")
			if code != tc.code || exact && got != tc.want || !strings.Contains(got, tc.want) {
				t.Errorf("exit code %d\n%s\nwant\n%s", code, got, tc.want)
			}
		})
	}
}

func quoted(text string) string {
	return strings.TrimSuffix("> "+strings.ReplaceAll(text, "\n", "\n> "), "> ")
}
