package parse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// mappedSample is a record that a logger writes, and the line that must come of
// it under a setting of LOGTABLE_FIELDS. Without want there is none.
type mappedSample struct {
	Name    string          `json:"name"`
	Setting string          `json:"setting"`
	Record  json.RawMessage `json:"record"`
	Want    *want           `json:"want"`
}

// mappedSamples reads testdata/mapping/*.jsonl.
func mappedSamples(t testing.TB) (all []mappedSample) {
	t.Helper()
	files, err := filepath.Glob("testdata/mapping/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for dec := json.NewDecoder(f); ; {
			var s mappedSample
			if err := dec.Decode(&s); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s.Name = strings.TrimSuffix(filepath.Base(name), ".jsonl") + "/" + s.Name
			all = append(all, s)
		}
	}
	return all
}

func mapped(t testing.TB, setting string, o parse.Options) *parse.Parser {
	t.Helper()
	m, err := parse.ParseMapping(setting)
	if err != nil {
		t.Fatalf("ParseMapping(%q): %v", setting, err)
	}
	o.Mapping = m
	return parse.New(o)
}

func TestParseMapping(t *testing.T) {
	for _, setting := range []string{"", " ", "off", "OFF"} {
		if m, err := parse.ParseMapping(setting); m != nil || err != nil {
			t.Errorf("ParseMapping(%q) = %v, %v; want neither", setting, m, err)
		}
	}
	for _, setting := range []string{
		"pino", "Pino;", " zap ; slog ", "text=message", "text = message , msg;level=lvl", "level=level",
		"auto", "Auto;lambda", "locator=x;auto", "powertools; lambda", "ecs;otel;log4j2;serilog;text=x",
		"locator=a.b.c.d", "text=@m,größe", "exception=a;exception=b",
	} {
		if m, err := parse.ParseMapping(setting); m == nil || err != nil {
			t.Errorf("ParseMapping(%q) = %v, %v", setting, m, err)
		}
	}
	for _, tt := range []struct{ setting, want string }{
		{";", "it has neither a preset nor a name"},
		{"log4j",
			`cannot read "log4j": write auto, role=name,name or one of the presets ` +
				`bunyan, dazn, dotnet, ecs, gcp, hclog, lambda, log4j2, logback, logrus, loguru, monolog, ` +
				`nestjs, nlog, otel, pino, powertools, python-json-logger, quarkus, semantic-logger, serilog, ` +
				`serilog-elasticsearch, slog, structlog, tracing, tslog, winston, zap, zerolog`},
		{"pino,zap", `cannot read "pino,zap"`},
		{"message=text", `cannot map to "message": write one of locator, level, text, exception, module, request_id`},
		{"=a", `cannot map to ""`},
		{"text=", "the names for text: one is empty"},
		{"text=a,,b", "the names for text: one is empty"},
		{"text=a,level=b", `cannot use the name "level=b" for text`},
		{"text=a.b.c.d.e", `cannot use the name "a.b.c.d.e" for text`},
		{"text=" + strings.Repeat("x", 129), "write at most 128 bytes"},
		{"text=a" + many(32), "too many names for text"},
	} {
		if m, err := parse.ParseMapping(tt.setting); m != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseMapping(%q) = %v, %v; want %q", tt.setting, m, err, tt.want)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",x%d", i)
	}
	return b.String()
}

// What the numbers and names of others mean.
func TestMappedLevels(t *testing.T) {
	tests := []struct {
		setting string
		levels  string // by level: the values, as JSON
	}{
		{"pino; text=msg", `DEBUG 5 10 20 29.5 "20"; INFO 30 39; WARN 40 45; ERROR 50 60 100`},
		{"powertools; text=msg", `DEBUG 0 10 "DEBUG"; INFO 20; WARN 30 "WARNING"; ERROR 40 50 "CRITICAL"`},
		{"ecs; text=msg",
			`DEBUG 7 "debug"; INFO 5 6 "notice"; WARN 4 "warning"; ` +
				`ERROR 0 1 2 3 "emerg" "alert" "crit" "err"; - 8 -1 2.5`},
		{"log4j2; text=msg",
			`DEBUG 7 500 600 "TRACE" "FINE"; INFO 6 400; WARN 4 300; ERROR 3 0 100 200 "FATAL" "SEVERE"; - 8 150`},
		{"serilog; text=msg",
			`DEBUG 0 1 "Verbose" "Debug" "Trace"; INFO 2 "Information"; WARN 3 "Warning"; ` +
				`ERROR 4 5 "Error" "Fatal" "Critical"; - 6 "None"`},
		{"slog; text=msg",
			`DEBUG -9 -4 -1 "DEBUG" "DEBUG+3" "DEBUG-8" "INFO-1"; INFO 0 3 "INFO" "INFO+3"; ` +
				`WARN 4 "INFO+4" "WARN+1"; ERROR 8 12 "ERROR" "ERROR+99"; - "INFO+" "INFO+x" "LOUD+1"`},
		{"zap; text=msg",
			`DEBUG -1 "debug"; INFO 0 "info"; WARN 1 "warn"; ERROR 2 3 4 5 "error" "dpanic" "panic" "fatal"; - 6`},
		{"otel; text=msg",
			`DEBUG 1 4 5 8 "TRACE" "DEBUG4"; INFO 0 9 12 "INFO" "INFO2" "Information"; WARN 13 16; ` +
				`ERROR 17 20 21 24 "ERROR3" "FATAL"; - 25 -1 "INFO5"`},
		{"slog; pino; text=msg", `INFO 0; ERROR 30`},
		{"text=msg", `DEBUG 0; INFO 1; WARN 2; ALARM 6; ERROR 7 "7" "ERROR"; - 3 30 1e99 "1 2" "" "INFO+2" "INFO2"`},
	}
	for _, tt := range tests {
		parser := mapped(t, tt.setting, parse.Options{})
		for part := range strings.SplitSeq(tt.levels, ";") {
			values := words.FindAllString(part, -1)
			for _, value := range values[1:] {
				line, ok := parser.Record([]byte(`{"level":` + value + `,"msg":"m"}`))
				got, wanted := line.Level.Name, line.Kind == parse.Invalid
				if values[0] != "-" {
					wanted = line.Kind == parse.Ours && got == values[0]
				}
				if !ok || !wanted {
					t.Errorf("%s: level %s is %s (%v), want %s", tt.setting, value, got, line.Kind, values[0])
				}
			}
		}
	}
}

var words = regexp.MustCompile(`"[^"]*"|\S+`)

// A replaced scale gives numbers and names their meaning, as far as it goes.
func TestMappedLevelsOnReplacedScale(t *testing.T) {
	scale, err := level.ParseScale("DEBUG=10,INFO=20,WARNING=30,ERROR=40,CRITICAL=50", "")
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{"text=msg": "CRITICAL", "pino": "ERROR"} {
		line, _ := mapped(t, setting, parse.Options{Scale: scale}).Record([]byte(`{"level":50,"msg":"m"}`))
		if line.Level.Name != want {
			t.Errorf("%s: level 50 is %s, want %s", setting, line.Level.Name, want)
		}
	}
}

// With a mapping, what is ours by our own names is read as without, but that a
// missing locator is not a fault.
func TestMappedOwnLines(t *testing.T) {
	plain := parse.New(parse.Options{})
	for _, setting := range []string{"powertools", "pino", "slog", "zap", "log4j2", "serilog", "ecs", "otel",
		"lambda"} {
		parser := mapped(t, setting, parse.Options{})
		for _, s := range samples(t) {
			if s.Want.Kind == "plain" || s.Want.Issues != nil || s.More != nil {
				continue
			}
			want, _ := plain.Record(s.Record)
			if got, ok := parser.Record(s.Record); !ok || got.Locator != want.Locator || got.Level != want.Level ||
				got.RequestID != want.RequestID || !strings.HasPrefix(got.Exception, want.Exception) {
				t.Errorf("%s: %s: got %+v, want %+v", setting, s.Name, got, want)
			}
		}
	}
}

func TestMappedSamples(t *testing.T) {
	for _, s := range mappedSamples(t) {
		t.Run(s.Name, func(t *testing.T) {
			parser := mapped(t, s.Setting, parse.Options{})
			line, ok := parser.Record(s.Record)
			if s.Want == nil {
				if ok {
					t.Errorf("Record(%s) = %+v, want nothing", s.Record, line)
				}
				return
			}
			if !ok {
				t.Fatalf("Record(%s): nothing", s.Record)
			}
			if diff := cmp.Diff(*s.Want, wantOf(line)); diff != "" {
				t.Errorf("Record(%s): -want +got\n%s", s.Record, diff)
			}
		})
	}
}
