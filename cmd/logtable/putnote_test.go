package main

import (
	"fmt"
	"strings"
	"testing"
)

// Errors that come back from a log or a file may be in further partitions of
// their days, which the table that they are written to has not said yet: then
// nobody would look for them there.
func TestErrorsThatComeBackAreFound(t *testing.T) {
	record := func(shard string, n int) string {
		line := fmt.Sprintf(lastResortLine, "errors", n, "ERROR", n, "ERROR", "")
		line = strings.Replace(line, "1795300002", "1795345202", 1)
		return strings.Replace(line, `"2026-11-22"`, `"2026-11-22`+shard+`"`, 1) + "\n"
	}
	log := "START RequestId: 1\n" + record("", 1) + record("#3", 2) + record("#1", 3) + record("#200", 4)
	var rows strings.Builder
	for n, shard := range []string{"", "#3", "#1", "#200"} {
		row := strings.Replace(oursError, `"date":"2026-11-22"`, `"date":"2026-11-22`+shard+`"`, 1)
		rows.WriteString(strings.Replace(row, "0050000", fmt.Sprintf("005%04d", n), 1))
	}
	for _, args := range [][]string{
		{"replay", writeFile(t, "log", log), "--unsigned"}, {"import", writeFile(t, "rows", rows.String())},
	} {
		s := newRowStore(t)
		s.under("ReplayPolicy")
		for _, want := range []string{"4 rows written", "0 rows written, 4 already existed"} {
			if got := s.run(args...); !strings.HasPrefix(got.stdout, want) || strings.Contains(got.stderr, "shards") {
				t.Fatalf("%s: %+v", args[0], got)
			}
		}
		s.under("ReadPolicy")
		if got := s.run("query", "2026-11-22", "--errors"); strings.Count(got.stdout, "\n!") != 4 {
			t.Errorf("%s: of 4 errors, these are found:\n%s%s", args[0], got.stdout, got.stderr)
		}
	}
}

// Under the policy of an older template the rows are written, and who runs it
// is told that they are not looked for.
func TestWhereNobodyMaySayThatErrorsAreSpread(t *testing.T) {
	s := newRowStore(t)
	s.server.Authorize(func(_, _ string, keys []string) bool { return keys[0] != "shards" })
	row := strings.Replace(oursError, `"date":"2026-11-22"`, `"date":"2026-11-22#3"`, 1)
	got := s.run("import", writeFile(t, "rows", row))
	if got.code != exitSeen || got.stdout != "1 row written\n" || strings.Count(got.stderr, "\n") != 1 ||
		!strings.HasPrefix(got.stderr, "errors were written to 4 partitions a day of table errors, "+
			"which does not say so: read them with --error-shards 4, "+
			`or allow the partition key "shards" and run it again (`) {
		t.Errorf("%+v", got)
	}
}
