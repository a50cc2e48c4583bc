package main

import (
	"fmt"
	"strings"
	"testing"
)

// Whoever asks for what does not occur is told what does.
func TestQueryNamesWhatOccurs(t *testing.T) {
	server, env := tables(t)
	const levels, modules = "the levels in that time are ERROR, INFO", "the modules in that time are orders"
	for args, want := range map[string]string{
		"--module order":                        modules + "\n",
		"--module nobody --level WARN":          levels + "; " + modules + "\n",
		"--locator 3,x*":                        "the locators in that time are 1, 2\n",
		"--level INFO --locator 2":              "", // both occur
		"--module orders --grep nothing":        "",
		"--grep nothing":                        "",
		"--module nobody --from 12:00":          "", // nothing does
		"--module nobody --info --to 11:00":     "",
		"--errors --level INFO":                 "the levels in that time are ERROR\n",
		"--errors --level INFO --locator 1":     "the levels in that time are ERROR; the locators in that time are 2\n",
		"--module ORDERS --level ALARM,WARN -i": levels + "; " + modules + "\n",
	} {
		query := append([]string{"query", "2026-11-22", "--shards", "1", "--endpoint-url", server.URL()},
			strings.Fields(args)...)
		got := logtable(t, env, query...)
		first, rest, _ := strings.Cut(got.stderr, "\n")
		if got.code != exitOK || !strings.HasPrefix(first, "no matching rows in ") || rest != want {
			t.Errorf("query %s: %+v, want the hint %q", args, got, want)
		}
	}
	for i := range 1100 {
		putRow(t, server.Client(), "info", map[string]any{
			"stamp_mod": fmt.Sprintf("1795345300.%03d%04d+m%d+env", i%1000, i, i%15),
			"message":   "INFO: (1) x", "level": "INFO",
		})
	}
	got := logtable(t, env, "query", "2026-11-22", "--shards", "1", "--endpoint-url", server.URL(),
		"--module", "nobody")
	const want = "\nthe modules of the newest 1000 rows are m0, m1, m10, m11, m12, m13, m14, m2, m3, m4 and 5 more\n"
	if !strings.HasSuffix(got.stderr, want) {
		t.Errorf("%+v, want %s", got, want)
	}
}
