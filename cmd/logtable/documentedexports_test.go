package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every export and import that reading.md shows is run, one after the other, as
// somebody would who tries them all.
func TestDocumentedExports(t *testing.T) {
	document, err := os.ReadFile("../../docs/reading.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newRowStore(t)
	for _, tables := range [][2]string{{"logtable-info", "logtable-errors"}, {"copy-info", "copy-errors"}} {
		if err := s.server.CreateLogTables(t.Context(), tables[0], tables[1]); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().UTC()
	for n, name := range []string{"logtable-info", "logtable-errors"} {
		item := attributes{"date": text(at.Format(time.DateOnly)), "request_id": text("7f3a9c12-1111"),
			"stamp_mod": text(fmt.Sprintf("%d.0000000+orders+2p4thtomb9", at.Unix()-int64(n))),
			"message":   text("ERROR: (1) card declined"), "level": text("ERROR"), "locator": text("1")}
		if n == 0 {
			item["expiry"] = numeral("4000000000")
		}
		s.put(name, item)
	}
	t.Chdir(t.TempDir())
	command := regexp.MustCompile(`(?m)^\$ logtable ((?:export|import)\b.*)$`)
	ran := 0
	for _, m := range command.FindAllStringSubmatch(string(document), -1) {
		words, _, _ := strings.Cut(m[1], " # ")
		words, _, _ = strings.Cut(words, " | ")
		words, _, _ = strings.Cut(words, " > ")
		args := append(strings.Fields(words), "--endpoint-url", s.server.URL())
		got := logtable(t, nil, args...)
		if got.code != exitOK || got.stdout == "" && got.stderr == "" {
			t.Errorf("logtable %s: %+v", words, got)
		}
		ran++
	}
	if copied := len(s.server.Items("copy-info")) + len(s.server.Items("copy-errors")); ran < 4 || copied != 2 {
		t.Errorf("%d commands are run, %d rows of 2 are copied", ran, copied)
	}
}
