package runtimes_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// README's table of languages is this one, so that each of its rows is a test.
func TestREADMETable(t *testing.T) {
	want := readmeTable()
	readme, err := os.ReadFile("../../../README.md")
	check(t, err)
	if !strings.Contains(string(readme), want) {
		t.Errorf("README's table of languages differs from what is tested; it has to be:\n%s", want)
	}
}

func readmeTable() string {
	var b strings.Builder
	b.WriteString("| language | runtime client | logger | Text | JSON | `LOGTABLE_FIELDS` | sample " +
		"|\n|---|---|---|---|---|---|---|\n")
	for _, s := range samples {
		fields, path := s.fields, s.path
		if fields != "" {
			fields = "`" + fields + "`"
		}
		link := strings.TrimSuffix(strings.TrimPrefix(path, testdata), ".*.txt")
		if strings.Contains(path, "*") {
			path = path[:strings.LastIndex(path, "/")]
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | [%s](%s) |\n",
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
