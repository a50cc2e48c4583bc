package parse_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/parse"
)

// printedBy are the files of testdata/loggers and what must come of their
// lines: one at each of the levels INFO, WARN and ERROR.
var printedBy = []struct {
	file, preset string
	locator      string   // what each one begins with
	text         string   // of the error
	exception    []string // what that one's has, in this order
	unsigned     bool     // auto does not know it: it looks like anybody's
}{
	{"dotnet-jsonconsole", "dotnet", "Orders.Function", "cannot count the items", dotnetTrace, false},
	{"dotnet-nlog", "nlog", "Orders.Function", "cannot count the items", dotnetTrace, false},
	{"dotnet-serilog", "serilog", "Orders.Function", "cannot count the items", dotnetTrace, false},
	{"dotnet-serilog-elasticsearch", "serilog-elasticsearch", "Orders.Function", "cannot count the items", dotnetTrace,
		false},
	{"go-hclog", "hclog", "orders", "cannot count the items", goError, false},
	{"go-logrus", "logrus", "?", "cannot count the items", goError, false},
	{"go-slog", "slog", "main.go:", "cannot count the items", goError, false},
	{"go-zap", "zap", "zap/main.go:", "cannot count the items", []string{goError[0], "main.handle"}, false},
	{"go-zerolog", "zerolog", "/var/task/main.go:", "cannot count the items", goError, false},
	{"java-log4j2-ecs", "ecs", "orders", "cannot count the items", javaTrace, false},
	{"java-log4j2-gelf", "log4j2", "orders", "cannot count the items", javaTrace, false},
	{"java-log4j2-json", "log4j2", "orders", "cannot count the items", javaTrace, false},
	{"java-log4j2-logstash", "log4j2", "orders", "cannot count the items", javaTrace, false},
	{"java-log4j2-powertools", "powertools", "orders", "cannot count the items", javaTrace, false},
	{"java-logback-contrib", "logback", "orders", "cannot count the items", javaTrace, false},
	{"java-logback-encoder", "logback", "orders", "cannot count the items", javaTrace, false},
	{"java-logback-logstash", "logback", "orders", "cannot count the items", javaTrace, false},
	{"node-bare-winston", "winston", "?",
		"cannot price the order: Cannot read properties of null (reading 'price')", nodeStack, true},
	{"node-bunyan", "bunyan", "orders", "cannot price the order", nodeStack, false},
	{"node-dazn", "dazn", "orders", "cannot price the order", nodeStack, false},
	{"node-nest", "nestjs", "orders", "cannot price the order", nodeStack, false},
	{"node-pino", "pino", "orders", "cannot price the order", nodeStack, false},
	{"node-powertools", "powertools", "orders", "cannot price the order", nodeStack, false},
	{"node-tslog", "tslog", "orders", "cannot price the order", nodeStack, false},
	{"node-winston", "winston", "orders", "cannot price the order", nodeStack, true},
	{"php-monolog", "monolog", "orders", "cannot share the items",
		[]string{"DivisionByZeroError: Division by zero", "with_monolog.php:"}, false},
	{"python-ecs", "ecs", "with_ecs.py:", "cannot count the pears", pythonTrace, false},
	{"python-json-logger", "python-json-logger", "orders", "cannot count the pears", pythonTrace, false},
	{"python-loguru", "loguru", "handler", "cannot count the pears", pythonTrace, false},
	{"python-opentelemetry", "otel", "with_opentelemetry.py:", "cannot count the pears",
		[]string{"KeyError: pears"}, false},
	{"python-powertools", "powertools", "handler:", "cannot count the pears", pythonTrace, false},
	{"python-structlog", "structlog", "handler", "cannot count the pears", pythonTrace, false},
	{"python-structlog-tracebacks", "structlog", "?", "cannot count the pears", pythonTrace, false},
	{"rust-tracing", "tracing", "Lambda runtime invoke", "cannot count the items", rustError, false},
	{"rust-tracing-json", "tracing", "with_tracing_json", "cannot count the items", rustError, false},
}

var (
	dotnetTrace = []string{"System.FormatException", "'seven'", "at Orders.Function.Handler()"}
	goError     = []string{`strconv.Atoi: parsing "seven": invalid syntax`}
	javaTrace   = []string{"NumberFormatException: For input string: \"seven\"", "at ", "handle"}
	nodeStack   = []string{"TypeError: Cannot read properties of null (reading 'price')", "    at "}
	pythonTrace = []string{"KeyError: 'pears'"}
	rustError   = []string{"invalid digit found in string"}
)

// What loggers really print becomes the same lines with their preset and with
// auto.
func TestLoggers(t *testing.T) {
	files, err := filepath.Glob("testdata/loggers/*.txt")
	if err != nil || len(files) != len(printedBy) {
		t.Errorf("%d files of loggers, want %d (%v)", len(files), len(printedBy), err)
	}
	for _, logger := range printedBy {
		for _, setting := range []string{logger.preset, "auto"} {
			t.Run(logger.file+"/"+setting, func(t *testing.T) {
				parser := mapped(t, setting, parse.Options{})
				for level, line := range printedLines(t, logger.file) {
					record, err := json.Marshal(line + "\n")
					if err != nil {
						t.Fatal(err)
					}
					var got []parse.Line
					parser.Lines(record, func(l parse.Line) { got = append(got, l.Clone()) })
					if logger.unsigned && setting == "auto" {
						if len(got) > 0 {
							t.Errorf("%s is taken for a line: %+v", line, got)
						}
						continue
					}
					if len(got) != 1 {
						t.Errorf("%d lines of %s", len(got), line)
						continue
					}
					text, exception := "only one pear left", []string(nil)
					if level == "ERROR" {
						text, exception = logger.text, logger.exception
					}
					l := got[0]
					if l.Kind != parse.Ours || l.Level.Name != level || len(l.Issues) > 0 ||
						!strings.HasPrefix(l.Locator, logger.locator) || level != "INFO" && l.Text != text ||
						level == "INFO" && !strings.HasPrefix(l.Text, "hello ") ||
						(l.Exception == "") != (exception == nil) || !hasAll(l.Exception, exception) {
						t.Errorf("%s became %+v", line, l)
					}
				}
			})
		}
	}
}

// What Python's runtime reports of an exception that nobody catches has no
// message, only the exception's parts.
func TestAutoTakesARuntimesReport(t *testing.T) {
	const report = `{"timestamp":"2026-11-22T10:52:00Z","level":"ERROR","errorMessage":"'pears'",` +
		`"errorType":"KeyError","requestId":"6f0c1b52-2d0e-4b6e-9d3f-0a4b8f3f7c11",` +
		`"stackTrace":["  File \"app.py\", line 7, in count\n"]}`
	var got []parse.Line
	mapped(t, "auto", parse.Options{}).Lines([]byte(report), func(l parse.Line) { got = append(got, l.Clone()) })
	if len(got) != 1 || got[0].Level.Name != "ERROR" ||
		!hasAll(got[0].Exception, []string{"KeyError: 'pears'", "count"}) {
		t.Errorf("got %+v", got)
	}
}

// printedLines are a file's lines, by the level at which they were logged.
func printedLines(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/loggers", file+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, "hello "):
			lines["INFO"] = line
		case strings.Contains(line, "only one pear left"):
			lines["WARN"] = line
		default:
			lines["ERROR"] = line
		}
	}
	if len(lines) != 3 {
		t.Fatalf("%s has lines of %d levels, want 3", file, len(lines))
	}
	return lines
}

// hasAll reports whether the parts are all in s, one behind the other.
func hasAll(s string, parts []string) bool {
	for _, part := range parts {
		_, after, ok := strings.Cut(s, part)
		if !ok {
			return false
		}
		s = after
	}
	return true
}
