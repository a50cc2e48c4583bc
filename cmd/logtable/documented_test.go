package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shellWords takes a command line apart as a shell does that knows quotation
// marks, pipes and comments.
func shellWords(line string) (words []string) {
	line, _, _ = strings.Cut(line, " # ")
	line, _, _ = strings.Cut(line, " | ")
	line, _, _ = strings.Cut(line, " > ")
	for _, word := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1) {
		words = append(words, strings.Trim(word, `'"`))
	}
	return words
}

// TestDocumentedCommands runs every query, show and stats of the documents and
// of the helps as it stands there.
func TestDocumentedCommands(t *testing.T) {
	server, env := application(t)
	for i := range 2 {
		put(t, server.Client(), "ship", "INFO", "1", "packed", i, "11111111-2222", "execution", execution)
	}
	put(t, server.Client(), "alerted", "ERROR", "1", "as docs/alerts.md has it", 3, "22222222-3333",
		"trace_id", "6352a70e1e2c2db1583c0d1f5e7a9b3c")
	lines := map[string]bool{}
	collect := func(text string) {
		for _, m := range regexp.MustCompile(`(?m)^ *(?:\$ )?(?:bin/)?(logtable (?:query|show|stats|tail)\b.*)$`).
			FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(m[1], "   ") // a help's explanation
			lines[line] = true
		}
	}
	for _, file := range []string{"README.md", "docs/reading.md", "docs/alerts.md", "docs/install.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		collect(string(text))
	}
	for _, command := range []string{"", "query", "show", "stats", "errors"} {
		collect(logtable(t, nil, append(strings.Fields(command), "--help")...).stdout)
	}
	if len(lines) < 15 {
		t.Errorf("this test finds only %d commands", len(lines))
	}
	for line := range lines {
		words := shellWords(line)[1:]
		if slices.Contains(words, "-f") {
			continue // it does not end: TestTailFollows
		}
		if strings.Contains(line, "[") {
			continue // the usage
		}
		got := logtableAt(t, showNow, env, append(words, "--endpoint-url", server.URL())...)
		if got.code != exitOK && !(got.code == exitSeen && strings.Contains(line, "--exit-code")) {
			t.Errorf("%s: %+v", line, got)
		}
		if words[0] == "show" && got.stdout == "" {
			t.Errorf("%s shows nothing", line)
		}
	}
}
