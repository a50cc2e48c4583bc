package parse

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/level"
)

var update = flag.Bool("update", false, "write the table of presets into docs/loggers.md")

// sources reads whose lines the presets take, with the documents that say how
// these look: `preset: text`.
func sources(t *testing.T) map[string]string {
	text, err := os.ReadFile("testdata/presets.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, said, _ := strings.Cut(strings.TrimSpace(line), ": ")
		all[name] = said
	}
	return all
}

// meanings are what numbers mean.
var meanings = map[level.Numbering]string{
	level.Ranks: "the scale's own", level.Pino: "10 to 60", level.Python: "Python's 10 to 50",
	level.Slog: "slog's -4 to 8, also `INFO+2`", level.Zap: "zapcore's -1 to 5", level.Syslog: "syslog's 0 to 7",
	level.Log4j: "syslog's 0 to 7, Log4j's 100 to 600", level.DotNet: ".NET's 0 to 5",
	level.OpenTelemetry: "1 to 24", level.Zerolog: "zerolog's -1 to 5", level.Monolog: "Monolog's 100 to 600",
}

// TestPresetsDocument holds the tables of loggers.md to the code;
// `go test ./internal/parse -run Presets -update` rewrites them.
func TestPresetsDocument(t *testing.T) {
	const path = "../../docs/loggers.md"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(document)
	for name, table := range map[string]string{"presets": presetsTable(t), "signs": signsTable()} {
		begin := "<!-- generated: " + name + " -->\n"
		head, rest, ok := strings.Cut(text, begin)
		_, tail, ended := strings.Cut(rest, "<!-- end -->")
		if !ok || !ended {
			t.Fatalf("%s has no place for the table of %s", path, name)
		}
		text = head + begin + table + "<!-- end -->" + tail
	}
	if text == string(document) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the code says; run go test ./internal/parse -run Presets -update", path)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// inOrder are the presets by their names.
func inOrder() []preset {
	return slices.SortedFunc(slices.Values(presets[:]), func(a, b preset) int {
		return strings.Compare(a.name, b.name)
	})
}

func presetsTable(t *testing.T) string {
	var b strings.Builder
	whose := sources(t)
	b.WriteString("| preset | lines of | text | level | locator, the first of | exception, all of " +
		"| a number means |\n|---|---|---|---|---|---|---|\n")
	for _, p := range inOrder() {
		if whose[p.name] == "" {
			t.Errorf("the preset %s has no source", p.name)
		}
		levels := p.names[roleLevel]
		switch {
		case levels == "":
			levels = "level"
		case !strings.Contains(levels, ".") && p.name == "powertools" || p.name == "serilog":
			levels = "level," + levels
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", p.name, whose[p.name], code(p.names[roleText]),
			code(levels), code(p.names[roleLocator]), code(p.names[roleException]), meanings[p.numbers])
	}
	return b.String()
}

// code is a list of names as a cell of a table.
func code(names string) string {
	if names == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(names, ",", "`, `") + "`"
}

func signsTable() string {
	var b strings.Builder
	b.WriteString("| preset | `auto` takes lines with a level, a text and one of |\n|---|---|\n")
	for _, p := range inOrder() {
		var all []string
		for _, s := range p.signs {
			all = append(all, s.String())
		}
		said := strings.Join(all, "; ")
		if said == "" {
			said = "– (write the preset)"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", p.name, said)
	}
	return b.String()
}

// String says what a sign is.
func (s sign) String() string {
	var said []string
	for m := marks(1); m != 0 && m <= s.all; m <<= 1 {
		if s.all&m != 0 && m != markMessage {
			said = append(said, m.String())
		}
	}
	text := strings.Join(said, " and ")
	if s.first != "" {
		text += ", " + code(s.first) + " first"
	}
	if s.last != "" {
		text += ", " + code(s.last) + " last"
	}
	if s.sorted {
		text += ", all members in alphabetical order, the time in whole seconds"
	}
	switch s.letters {
	case capitals:
		text += ", a level in capital letters"
	case smallLetters:
		text += ", a level in small letters"
	case tens:
		text += ", a level of 10, 20 … 60"
	}
	if s.errors {
		text += ", a level of the errors table"
	}
	return text
}

// String says which members a mark is.
func (m marks) String() string {
	switch m {
	case markGoogle:
		return "a name with `" + google + "`"
	case markMicros:
		return "`timestamp` with microseconds"
	case markLongdate:
		return "a time as `2026-11-22 10:52:00.5731`"
	case markPowertools:
		return "one of `location`, `cold_start`, `function_name`, `xray_trace_id`, `sampling_rate` …"
	}
	var names []string
	for _, w := range words {
		kind := ""
		if w.also == m && w.mark != m {
			kind = " as a number"
		}
		if one := "`" + w.name + "`" + kind; (w.mark == m || w.also == m) && !slices.Contains(names, one) {
			names = append(names, one)
		}
	}
	return strings.Join(names, "/")
}

// The words stand in the order of their lengths, which a vocabulary counts on.
func TestWords(t *testing.T) {
	for i := range words[1:] {
		if len(words[i].name) > len(words[i+1].name) {
			t.Errorf("%q stands before %q", words[i].name, words[i+1].name)
		}
	}
	if n := len(words[len(words)-1].name); n != longestWord {
		t.Errorf("the longest word has %d bytes, not %d", n, longestWord)
	}
	v := newVocabulary()
	for _, w := range words {
		if among := words[v.from[len(w.name)]:v.from[len(w.name)+1]]; !slices.Contains(among, w) {
			t.Errorf("%q is not found", w.name)
		}
	}
}
