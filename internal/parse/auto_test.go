package parse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/parse"
)

// loggerSample is a line as a logger prints it, after the documents that
// testdata/presets.txt names, and the row that it makes.
type loggerSample struct {
	Preset string `json:"preset"`
	Name   string `json:"name"`
	// OnlyPreset says that the line is not recognised by itself.
	OnlyPreset bool   `json:"only_preset,omitempty"`
	Line       string `json:"line"`
	Message    string `json:"message"`
	RequestID  string `json:"request_id,omitempty"`
	Fields     string `json:"fields,omitempty"`
}

func loggerSamples(t testing.TB) (all []loggerSample) {
	t.Helper()
	f, err := os.Open("testdata/loggers/lines.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for dec := json.NewDecoder(f); ; {
		var s loggerSample
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// A logger's lines are stored with its preset, and with auto the same, in
// whatever way they arrive.
func TestLoggerSamples(t *testing.T) {
	met := map[string]bool{}
	for _, s := range loggerSamples(t) {
		met[s.Preset] = true
		settings := map[string]*parse.Parser{s.Preset: mapped(t, s.Preset, parse.Options{})}
		auto := mapped(t, "auto", parse.Options{})
		if !s.OnlyPreset {
			settings["auto"] = auto
			settings["auto and another preset"] = mapped(t, "ecs; auto", parse.Options{})
			settings["auto and a name"] = mapped(t, "text=x; auto", parse.Options{})
		} else if line, ok := auto.Record([]byte(s.Line)); ok {
			t.Errorf("%s/%s: auto makes %q of it", s.Preset, s.Name, line.Text)
		}
		for setting, parser := range settings {
			for form, record := range delivered(t, s.Line) {
				if s.Preset == "lambda" && strings.HasPrefix(form, "in ") {
					continue // of another envelope
				}
				line, ok := parser.Record([]byte(record))
				got := wantOf(line)
				if got.RequestID == around {
					got.RequestID = ""
				}
				got.Fields = compacted(got.Fields)
				if !ok || got.Kind != "ours" || got.Message != s.Message || got.RequestID != s.RequestID ||
					got.Fields != s.Fields {
					t.Errorf("%s/%s with %s, %s:\ngot  %+v\nwant %+v", s.Preset, s.Name, setting, form, got, s)
				}
			}
		}
	}
	_, err := parse.ParseMapping("nosuchlogger")
	_, list, _ := strings.Cut(err.Error(), "the presets ")
	for name := range strings.SplitSeq(list, ", ") {
		if !met[name] {
			t.Errorf("no sample of %q", name)
		}
	}
}

// compacted is an object's JSON without its white space.
func compacted(object string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(object)) != nil {
		return object
	}
	return b.String()
}

const around = "0a4b8f3f-2d0e-4b6e-9d3f-6f0c1b527c11" // the request that the runtime tells

// delivered returns the records in which what a function has printed arrives.
func delivered(t testing.TB, line string) map[string]string {
	t.Helper()
	quote := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const stamp = "2026-11-22T10:52:00.573Z"
	envelope := func(level, message string) string {
		return `{"timestamp":"` + stamp + `","level":"` + level + `","requestId":"` + around + `","message":` +
			message + `}`
	}
	all := map[string]string{
		"Text":                       quote(line + "\n"),
		"Text, by Node's console":    quote(stamp + "\t" + around + "\tINFO\t" + line + "\n"),
		"Text, by Python's logging":  quote("[ERROR]\t" + stamp + "\t" + around + "\t" + line + "\n"),
		"Text, by Java's":            quote("[main] INFO app.Orders - " + line),
		"in the runtime's envelope":  envelope("INFO", quote(line)),
		"in an envelope of an error": envelope("ERROR", quote(line+"\n")),
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(line), "", "  ") == nil {
		all["Text, pretty-printed"] = quote(pretty.String())
		all["JSON"] = line
		all["in an envelope as an object"] = envelope("WARN", line)
	}
	return all
}

// What is ours by our own names is read with auto as without.
func TestAutoOwnLines(t *testing.T) {
	none, auto := parse.New(parse.Options{}), mapped(t, "auto", parse.Options{})
	check := func(record []byte) {
		line, ok := none.Record(record)
		checkAuto(t, auto, record, line, ok)
	}
	for _, s := range samples(t) {
		check(s.Record)
	}
	for _, s := range mappedSamples(t) {
		check(s.Record)
	}
	for _, s := range fieldSamples(t) {
		check(s.Record)
	}
	for _, s := range hostile {
		check([]byte(s))
	}
	// With the marks of a logger, too.
	for _, s := range loggerSamples(t) {
		check([]byte(`{"locator":"7","level":"WARN","text":"ours",` + s.Line[1:]))
		check([]byte(strings.TrimSuffix(s.Line, "}") + `,"locator":"7","level":"WARN","text":"ours"}`))
	}
}

// noLines reads testdata/loggers/nolines.jsonl: what functions print and is no
// line of theirs, after real shapes. A line is an object, or a text as a JSON
// string.
func noLines(t testing.TB) (texts []string) {
	t.Helper()
	all, err := os.ReadFile("testdata/loggers/nolines.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all)) {
		text := strings.TrimSpace(line)
		if text[0] == '"' {
			text = unquote(text)
		}
		texts = append(texts, text)
	}
	return texts
}

// What is not a log line is not a row, in whatever way it arrives: events,
// answers, metrics, rows of databases, and the log lines of others in any of
// these or in what somebody says.
func TestNoLines(t *testing.T) {
	const least = 300
	texts := noLines(t)
	if len(texts) < least {
		t.Errorf("%d samples, want at least %d", len(texts), least)
	}
	parser := mapped(t, "auto", parse.Options{})
	for _, text := range texts {
		for form, record := range delivered(t, text) {
			line, ok := parser.Record([]byte(record))
			switch {
			case form == "in an envelope of an error": // that is a row, of the runtime's
				if !ok || line.Text != text+"\n" || line.RequestID != around || !line.Level.Error {
					t.Errorf("%s of %s is %+v, %v; want the envelope's row", form, text, line, ok)
				}
			case ok:
				t.Errorf("%s of %s is a row: %+v", form, text, line)
			}
		}
	}
}

// Who gets a function to log a text makes no row of it, and hides none.
func TestAutoQuoted(t *testing.T) {
	const (
		pino    = `{\"level\":30,\"time\":1795344720573,\"pid\":8,\"hostname\":\"h\",\"msg\":\"all is well\"}`
		alarm   = `{\"level\":60,\"time\":1795344720573,\"pid\":8,\"hostname\":\"h\",\"msg\":\"all is lost\"}`
		own     = `{\"locator\":\"X7RT2P\",\"level\":\"INFO\",\"text\":\"all is well\"}`
		logged  = `{"level":"ERROR","location":"h:7","timestamp":"2026-11-22T10:52:00Z","service":"s","message":`
		zap     = `{"level":"error","ts":1795344720.573,"caller":"a/main.go:12","msg":`
		runtime = `{"timestamp":"2026-11-22T10:52:00.573Z","level":"ERROR","requestId":"id1","message":`
	)
	parser := mapped(t, "auto", parse.Options{})
	for _, quoted := range []string{pino, alarm, own, "carrier refuses " + pino, "carrier refuses " + own, pino + " no",
		`\n` + alarm, `a\n` + alarm, `a\n` + own} {
		for front, locator := range map[string]string{logged: "h:7", zap: "a/main.go:12", runtime: "?"} {
			if front == runtime && (quoted[0] == '{' || quoted[0] == '\\') {
				continue // what was printed is a line, with nothing in front
			}
			record := front + `"` + quoted + `"}`
			var got []parse.Line
			parser.Lines([]byte(record), func(l parse.Line) { got = append(got, l.Clone()) })
			if len(got) != 1 || got[0].Level.Name != "ERROR" || got[0].Locator != locator ||
				got[0].Text != unquote(`"`+quoted+`"`) {
				t.Errorf("%s became %+v", record, got)
			}
		}
	}
}

// A line that Lambda has cut off, or that is not quite JSON, is recognised by
// what there is of it.
func TestAutoBroken(t *testing.T) {
	const front = `{"level":50,"time":1795344720573,"pid":8,"hostname":"h","err":{"type":"Error","message":"too much"},`
	auto, pino := mapped(t, "auto", parse.Options{}), mapped(t, "pino", parse.Options{})
	for _, line := range []string{
		front + `"body":"` + strings.Repeat("x", 300_000), front + `"price":NaN,"msg":"cannot ship"}`,
		front + `"msg":"cannot ship "17" now"}`,
	} {
		record, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := auto.Record(record)
		want, _ := pino.Record(record)
		if !ok || got.Kind != parse.Ours || got.Level.Name != "ERROR" || got.Exception != want.Exception ||
			got.Text != want.Text || len(got.Issues) == 0 {
			t.Errorf("%.200s became %.300s, %v; want %.300s", line, got.Issues, ok, want.Issues)
		}
	}
}

// A name that was written goes before those of a recognised logger, and the
// presets beside auto are for the other lines.
func TestAutoWithOthers(t *testing.T) {
	const pino = `{"level":50,"time":1795344720573,"pid":8,"hostname":"h","name":"orders","at":"i.js:9","msg":"m"}`
	const winston = `{"level":"error","message":"m","label":"a"}`
	const runtime = `{"timestamp":"2026-11-22T10:52:00.573Z","level":"INFO","requestId":"id1","message":"m"}`
	for _, tt := range []struct{ setting, line, want string }{
		{"auto", pino, "ERROR: (orders) m"},
		{"locator=at; auto", pino, "ERROR: (i.js:9) m"},
		{"auto; locator=at", pino, "ERROR: (i.js:9) m"},
		{"winston; auto", pino, "ERROR: (orders) m"},
		{"log4j2; powertools; zap; auto", pino, "ERROR: (orders) m"},
		{"auto; zap; lambda", pino, "ERROR: (orders) m"},
		{"auto; winston", winston, "ERROR: (a) m"},
		{"auto; locator=label; text=message", winston, "ERROR: (a) m"},
		{"auto", winston, ""},
		{"auto", runtime, ""},
		{"auto; lambda", runtime, "INFO: (?) m"},
		{"auto; winston", runtime, ""},
	} {
		line, ok := mapped(t, tt.setting, parse.Options{}).Record([]byte(tt.line))
		if got, _ := message(line); ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%s with %s is %q, %v; want %q", tt.line, tt.setting, got, ok, tt.want)
		}
	}
}

// A logger's line that names the request as the runtimes do is not an envelope
// of theirs: what it quotes does not hide it.
func TestSignedLineQuotes(t *testing.T) {
	const record = `{"level":"ERROR","location":"h:7","timestamp":"t","service":"s","requestId":"id1",` +
		`"message":"{\"locator\":\"9\",\"level\":\"INFO\",\"text\":\"ok\"}"}`
	for _, setting := range []string{"powertools", "auto"} {
		line, ok := mapped(t, setting, parse.Options{}).Record([]byte(record))
		if !ok || line.Level.Name != "ERROR" || line.Locator != "h:7" {
			t.Errorf("%s: %+v, %v; want the ERROR of h:7", setting, line, ok)
		}
	}
}
