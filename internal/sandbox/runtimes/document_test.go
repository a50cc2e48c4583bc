package runtimes_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of languages into docs/languages.md")

// TestLanguagesDocument holds the table in docs/languages.md to the samples, so
// that each of its rows is a test.
func TestLanguagesDocument(t *testing.T) {
	const document = "../../../docs/languages.md"
	const begin, end = "<!-- generated: languages -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(document)
	check(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no part between %q and %q", document, begin, end)
	}
	want := languagesTable()
	if old == want {
		return
	}
	if !*update {
		t.Fatalf("%s differs from what is tested; `go test ./internal/sandbox/runtimes -run Document -update` "+
			"writes this table:\n%s", document, want)
	}
	check(t, os.WriteFile(document, []byte(before+begin+want+end+after), 0o644))
}

// languagesTable is the table. Its links lead from docs.
func languagesTable() string {
	var b strings.Builder
	b.WriteString("| language | runtime client | logger | Text | JSON | `LOGTABLE_FIELDS` | sample |\n")
	b.WriteString("|---|---|---|---|---|---|---|\n")
	for _, s := range samples {
		fields, path := s.fields, s.path
		if fields != "" {
			fields = "`" + fields + "`"
		}
		link := strings.TrimSuffix(strings.TrimPrefix(path, testdata), ".*.txt")
		if strings.Contains(path, "*") {
			path = path[:strings.LastIndex(path, "/")]
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | [%s](../%s) |\n",
			s.language, s.client.name, s.logger, supported(s, "Text"), supported(s, "JSON"), fields, link, path)
	}
	return b.String()
}

func supported(s sample, format string) string {
	if s.only != "" && s.only != format {
		return "–"
	}
	return "✓"
}
