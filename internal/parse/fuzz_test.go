package parse_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/traceid"
)

// hostile are inputs that have broken JSON parsers, ours or others'.
var hostile = []string{
	``, `{`, `}`, `"`, `""`, `{}`, `[]`, `null`, `{"`, `{"locator"`, `{"locator":`, `{"locator":"`, `{"locator":?}`,
	`{"locator":"1","level":"INFO"} `, `{"locator":"1","level":"INFO"},`, `{"locator":"1","level":"INFO"}}`,
	`{"locator":1e400,"level":"INFO"}`, `{"locator":-0,"level":"INFO"}`, `{"locator":01,"level":"INFO"}`,
	`{"locator":"\ud800","level":"INFO","text":"\udc00\ud800"}`,
	"{\"locator\":\"\xff\",\"level\":\"INFO\",\"\xfe\":\"\xc0\x80\"}",
	`{"locator":"\u0000","level":"INFO","x":"\u0000"}`, "{\"locator\":\"a\x00b\",\"level\":\"INFO\"}",
	`{"timestamp":"t","message":{"timestamp":"t","message":{"timestamp":"t","message":{"timestamp":"t","message":{"timestamp":"t","message":{"locator":"1","level":"INFO"}}}}}}`,
	`{"message":"{\"message\":\"{\\\"message\\\":\\\"{}\\\"}\"}"}`, `{"message":null,"timestamp":null,"locator":null}`,
	strings.Repeat("{", 100), strings.Repeat(`{"a":`, 100), strings.Repeat("[", 200) + strings.Repeat("]", 200),
	`{"locator":"1","level":"INFO","exception":{"stack":["a",{"method":"m"},5,null]}}`,
	`{"locator":"1","level":"INFO","exception":{"message":": ","stack":": : \n"}}`,
	`{"locator":"1","level":"INFO","exception":{"Error":{"Message":"","Code":""},"message":"x","response":{"Error":{}}}}`,
	`{"locator":"1","level":"INFO","exception":{"type":"T","stack":"T","cause":{"cause":{"message":"m"}}}}`,
	"[X]\t2026-11-22T10:52:00Z\t\t", "2026-11-22T10:52:00Z\tid\tINFO\t", "A, [] B c -- ", "I, [x]  INFO id --", "]\t",
	"[\t", "[",
}

func addSeeds(f *testing.F, add func(string)) {
	for _, s := range samples(f) {
		add(string(s.Record))
	}
	for _, s := range hostile {
		add(s)
	}
}

// FuzzRecord reads anything as a record.
func FuzzRecord(f *testing.F) {
	addSeeds(f, func(s string) { f.Add([]byte(s)) })
	quiet, loud := parse.New(parse.Options{}), parse.New(parse.Options{Plain: "INFO"})
	auto := mapped(f, "auto", parse.Options{})
	f.Fuzz(func(t *testing.T, record []byte) {
		line, ok := quiet.Record(record)
		checkAuto(t, auto, record, line, ok)
		if ok {
			checkLine(t, quiet, record, line)
		}
		checkLines(t, quiet, record, line, ok)
		if text := strings.TrimSpace(string(record)); strings.HasPrefix(text, "{") {
			checkReference(t, record, line, ok)
		}
		plain, any := loud.Record(record)
		if any {
			checkLine(t, loud, record, plain)
		}
		if ok && !cmp.Equal(line, plain) {
			t.Errorf("%q: with Plain off %+v, on %+v", record, line, plain)
		}
		if !ok && any && plain.Kind != parse.Plain {
			t.Errorf("%q: only with Plain on %+v", record, plain)
		}
	})
}

// checkAuto is what holds of a record with auto: what is ours by our own names
// is read as without, unless a logger's line quotes it.
func checkAuto(t *testing.T, auto *parse.Parser, record []byte, line parse.Line, ok bool) {
	t.Helper()
	got, any := auto.Record(record)
	if any {
		checkLine(t, auto, record, got)
	}
	quoted := got.NoAlert || strings.Contains(got.Text, `"level"`)
	if ok && (!any || line.Kind == parse.Ours && !cmp.Equal(line, got) && !quoted) {
		t.Errorf("%q: without auto %+v, with it %+v, %v", record, line, got, any)
	}
}

// FuzzRaw reads anything as the bytes of a broken event.
func FuzzRaw(f *testing.F) {
	addSeeds(f, func(s string) {
		f.Add([]byte(s))
		f.Add([]byte(`{"time":"t","type":"function","record":` + s))
	})
	parser := parse.New(parse.Options{Plain: "INFO"})
	f.Fuzz(func(t *testing.T, text []byte) {
		line, ok := parser.Raw(text)
		if ok {
			checkLine(t, parser, text, line)
		}
		if !ok && len(strings.Trim(string(text), " \t\r\n")) > 0 {
			t.Errorf("%q is lost", text)
		}
	})
}

// FuzzString prints an object in every way that a runtime hands it on: they all
// must say the same.
func FuzzString(f *testing.F) {
	addSeeds(f, func(s string) {
		f.Add(s)
		if isString(s) && json.Valid([]byte(s)) {
			f.Add(unquote(s))
		}
	})
	parser := parse.New(parse.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Trim(text, " \t\r\n")
		all, isObject := members([]byte(text))
		if !isObject || !utf8.ValidString(text) || len(all) > 1_000 {
			return
		}
		for _, m := range all {
			if m.Name == "message" {
				return // an envelope itself
			}
		}
		if depth([]byte(text)) > 90 {
			return // an envelope makes it deeper
		}
		want, ok := parser.Record([]byte(text))
		const id = "6f0c1b52-2d0e-4b6e-9d3f-0a4b8f3f7c11"
		for name, record := range wrapped(t, text, id) {
			got, gotOK := parser.Record([]byte(record))
			expect := want
			if ok && want.Kind == parse.Invalid && strings.Contains(name, "envelope") {
				continue // the envelope's level counts, for want of one in the line
			}
			if ok && want.RequestID == "" && strings.Contains(name, "with id") {
				expect.RequestID = id
			}
			if front := "p { x }"; ok && strings.Contains(name, "node prefix") {
				if want.Kind == parse.Invalid {
					expect.Raw = front + " " + want.Raw
				} else {
					expect.Issues = append(slices.Clone(want.Issues),
						"extra text before the JSON object (print the object on its own): "+front)
				}
			}
			if gotOK != ok || !cmp.Equal(got, expect) {
				t.Errorf("%s of %q: got %+v, %v; want %+v, %v", name, text, got, gotOK, expect, ok)
			}
		}
	})
}

// FuzzLines puts any text between, before and behind two lines of ours. Both
// must be found, unless the text takes a part in JSON, and what it says must be
// told.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", ",", "hello", "\r\n", "\x1b[0m", "[INFO] ", "a\nb: ", "]", "\xff", "\x1b[", "x\r",
		": x\n", "\x00;", "INFO x\n"} {
		f.Add(s, byte(0))
		f.Add(s, byte(1))
	}
	const one, two = `{"locator":"1","level":"INFO","text":"first"}`, `{"locator":"2","level":"ERROR","text":"second"}`
	parser := parse.New(parse.Options{})
	f.Fuzz(func(t *testing.T, text string, end byte) {
		if strings.ContainsAny(text, "{[\"") || !utf8.ValidString(text) || len(text) > 400 {
			return
		}
		end = "\n\r"[end%2]
		record, err := json.Marshal(text + one + string(end) + text + string(end) + two + text)
		if err != nil {
			t.Fatal(err)
		}
		var lines []parse.Line
		parser.Lines(record, func(l parse.Line) { lines = append(lines, l.Clone()) })
		if len(lines) != 2 || lines[0].Text != "first" || lines[1].Text != "second" {
			t.Fatalf("%q: got %+v, want both lines", record, lines)
		}
		for i, line := range lines {
			checkLine(t, parser, record, line)
			said := strings.ReplaceAll(strings.Trim(strings.TrimLeft(text, "\x00,; \t\r\n"), " \t\r\n"), "\x00",
				"\u2400")
			says := func(r rune) bool { return r > ' ' && r != 0x7f && r != ',' && r != ';' }
			plain := strings.IndexFunc(said, says) == 0
			if told := strings.Join(line.Issues, "\n"); plain && !strings.Contains(told, said) {
				t.Errorf("%q: line %d: issues %q lack %q", record, i, told, said)
			}
		}
	})
}

// Long records made to be read over and over come to an end, with a line. Were
// one of them read in a time that grows with its length squared, the test would
// run for minutes.
func TestHostileLengths(t *testing.T) {
	const ours = `{"locator":"1","level":"INFO"}`
	parsers := []*parse.Parser{parse.New(parse.Options{Plain: "INFO"}),
		mapped(t, "ecs; otel; lambda; log4j2; text=a.a.a.a", parse.Options{Plain: "INFO"}),
		mapped(t, "auto", parse.Options{Plain: "INFO"})}
	for _, unit := range []string{
		`{"a":1,"a.a":{"a":`, `{"level":"INFO","error.`, `{"error.a":1,"error.b":{"c":[`,
		`{"a":`, `["{",`, `[{"a":1},`, `[[`, `[`, `{"`, `{"a":1} `, `{"a":"`, "{\"a\":\n" + ours + ",\n\"b\":",
		ours + "\n",
		ours + "\n{\"x\":?}\n", `{"locator":"1",` + "\n", "{\"locator\":\"1\",\"te\n", `{"message":"{\"a\":"}` + "\n",
		", ", "\x1b[", "[INFO] ",
	} {
		for i, parser := range parsers {
			long := strings.Repeat(unit, 1<<(18-2*i)/len(unit))
			for _, text := range []string{long, long + ours, long + "\n" + ours + " x",
				ours + long + `{"a":1}` + long} {
				record, err := json.Marshal(text)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				parser.Lines(record, func(parse.Line) { n++ })
				if n == 0 {
					t.Errorf("%q repeated: nothing", unit)
				}
			}
		}
	}
}

// Objects made to be searched over and over with a mapping come to an end, too.
func TestHostileObjects(t *testing.T) {
	parser := mapped(t,
		"ecs; otel; lambda; log4j2; serilog; text=a.a.a.a,a.a.b,a.b; exception=a,a.a,b.a; locator=a.a.c,a.c",
		parse.Options{})
	for _, unit := range []string{`"error.%d":"x",`, `"a.%d":{},`, `"a":{"a":{"b%d":"x"}},`,
		`"attributes":{"exception.%d":1},`, `"x%d":1,`, `"log.origin.file.%d":[],`} {
		var b strings.Builder
		b.WriteString(`{"level":"INFO","message":"m",`)
		for i := 0; b.Len() < 1<<16; i++ {
			fmt.Fprintf(&b, unit, i)
		}
		members := strings.TrimSuffix(b.String(), ",")
		for _, record := range []string{members + "}", members + `,"a":{"a":` + members + "}}}",
			members + `,"log":` + members + `}}`} {
			if line, ok := parser.Record([]byte(record)); !ok || line.Kind != parse.Ours {
				t.Errorf("%q repeated: %v, %v", unit, line.Kind, ok)
			}
		}
	}
}

// FuzzException renders exceptions made of any type, message and stack: each
// must be there to read, and nothing of the stack but a repetition may go.
func FuzzException(f *testing.F) {
	f.Add("TypeError", "x is not a function", "TypeError: x is not a function\n    at f\n    at g")
	f.Add("ZeroDivisionError", "division by zero",
		"Traceback (most recent call last):\n  File\nZeroDivisionError: division by zero\n")
	f.Add("E", "", "E\nE: \nE")
	f.Add("", "m", "xm\nm")
	f.Add("a: b", ": ", ": : \n: ")
	f.Add("T", "two\nlines", "T: two\nlines\n  at x")
	parser := parse.New(parse.Options{})
	f.Fuzz(func(t *testing.T, typ, message, stack string) {
		for _, s := range []string{typ, message, stack} {
			if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				return // comes out changed, which other tests look at
			}
		}
		if typ+message+stack == "" {
			return
		}
		exception := map[string]string{"type": typ, "message": message, "stack": stack}
		record, err := json.Marshal(map[string]any{"locator": "1", "level": "ERROR", "exception": exception})
		if err != nil {
			t.Fatal(err)
		}
		line, _ := parser.Record(record)
		got := line.Exception
		if !strings.Contains(got, typ) || !strings.Contains(got, message) {
			t.Errorf("%q lacks %q or %q", got, typ, message)
		}
		for part := range strings.SplitSeq(strings.Trim(stack, "\r\n"), "\n") {
			part = strings.Trim(part, "\r") // of a line end
			label, _ := strings.CutSuffix(part, message)
			repeated := len(part) > len(label) || typ != "" && part == typ || strings.Contains(message, "\n")
			if !repeated && !strings.Contains(got, part) {
				t.Errorf("%q lacks %q of the stack %q", got, part, stack)
			}
		}
	})
}

// checkLines is what holds for all lines of a record, of which first is the
// first.
func checkLines(t *testing.T, p *parse.Parser, record []byte, first parse.Line, any bool) {
	t.Helper()
	n := 0
	p.Lines(record, func(line parse.Line) {
		if n++; n == 1 && !cmp.Equal(line, first) {
			t.Errorf("%q: Record says %+v, Lines %+v", record, first, line)
		}
		checkLine(t, p, record, line)
	})
	if any != (n > 0) || n > 1_000 {
		t.Errorf("%q: %d lines, Record says %v", record, n, any)
	}
}

// wrapped returns the records in which the forms that runtimes use deliver
// text.
func wrapped(t *testing.T, text, id string) map[string]string {
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const stamp = "2026-11-22T10:52:00.573Z"
	envelope := `{"timestamp":"` + stamp + `","level":"FATAL","text":"no","requestId":"` + id + `","message":`
	return map[string]string{
		"string":                   quote(text),
		"string with line end":     quote(text + "\r\n"),
		"node text with id":        quote(stamp + "\t" + id + "\tINFO\t" + text + "\n"),
		"node during init":         quote(stamp + "\tundefined\tINFO\t" + text + "\n"),
		"node prefix with id":      quote(stamp + "\t" + id + "\tINFO\tp { x } " + text + "\n"),
		"python text with id":      quote("[INFO]\t" + stamp + "\t" + id + "\t" + text + "\n"),
		"java":                     quote("[INFO] " + text),
		"ruby with id":             quote("I, [2026-11-22T10:52:00.123456 #8]  INFO " + id + " -- : " + text),
		"go":                       quote("2026/11/22 10:52:42 " + text + "\n"),
		"envelope, object with id": envelope + text + `}`,
		"envelope, string with id": envelope + quote(text) + `}`,
		"envelope, go text": `{"timestamp":"` + stamp + `","message":` + quote("2026/11/22 10:52:42 "+text) +
			`}`,
		"envelope as text with id": quote(envelope + quote(text) + `}`),
	}
}

// FuzzMapping reads anything as a setting, and anything as a record with it.
func FuzzMapping(f *testing.F) {
	for _, s := range mappedSamples(f) {
		f.Add(s.Setting, []byte(s.Record))
	}
	for _, s := range loggerSamples(f) {
		f.Add("auto", []byte(s.Line))
	}
	for _, s := range hostile {
		f.Add("ecs; lambda; level=a.b; text=c.d.e,message; exception=error", []byte(s))
		f.Add(s, []byte(`{"level":"INFO","message":"m"}`))
	}
	f.Fuzz(func(t *testing.T, setting string, record []byte) {
		m, err := parse.ParseMapping(setting)
		if err != nil && m != nil {
			t.Errorf("%q: %v, %v", setting, m, err)
		}
		parser := parse.New(parse.Options{Mapping: m})
		line, ok := parser.Record(record)
		if ok {
			checkLine(t, parser, record, line)
		}
		checkLines(t, parser, record, line, ok)
		if raw, ok := parser.Raw(record); ok {
			checkLine(t, parser, record, raw)
		}
	})
}

// FuzzMapped reads anything as the line of a known logger: whatever is found to
// be one, nothing that it says is missing from the row.
func FuzzMapped(f *testing.F) {
	settings := []string{"auto", "powertools", "pino", "slog", "zap", "log4j2", "serilog", "ecs", "otel", "lambda",
		"text=message,msg; locator=caller,name; exception=error,stack", "bunyan", "zerolog", "logrus", "hclog",
		"quarkus", "logback", "serilog-elasticsearch", "nlog", "dotnet", "structlog", "loguru", "monolog", "tracing",
		"winston", "python-json-logger", "nestjs", "semantic-logger", "tslog", "gcp", "dazn", "locator=x;auto;lambda"}
	for i, setting := range settings {
		for _, s := range mappedSamples(f) {
			if i < 11 {
				f.Add(uint8(i), []byte(s.Record))
			}
		}
		for _, s := range loggerSamples(f) {
			if setting == "auto" || setting == s.Preset {
				f.Add(uint8(i), []byte(s.Line))
			}
		}
	}
	var parsers []*parse.Parser
	for _, setting := range settings {
		parsers = append(parsers, mapped(f, setting, parse.Options{}))
	}
	f.Fuzz(func(t *testing.T, setting uint8, record []byte) {
		n := int(setting) % len(settings)
		line, ok := parsers[n].Record(record)
		all, isObject := members(record)
		if !ok || !isObject || line.Kind != parse.Ours || strings.HasPrefix(string(record), " ") {
			return
		}
		checkLine(t, parsers[n], record, line)
		seen := map[string]bool{}
		for _, m := range all {
			if seen[m.Name] || m.Name == "message" && unquote(m.Value) != line.Text {
				return // repeated, or an envelope's
			}
			seen[m.Name] = true
		}
		rest := map[string]string{}
		left, _ := members([]byte(line.Fields))
		for _, m := range left {
			rest[m.Name] = m.Value
		}
		row, _ := message(line)
		row += line.Module + "\n" + line.RequestID
		if links := line.Links; links != nil {
			row += "\n" + strings.Join([]string{links.TraceID, links.OtherTraceID, links.TenantID, links.Execution,
				links.Operation}, "\n")
		}
		for _, m := range all {
			level := strings.ToLower(m.Name)
			if !isString(m.Value) || !utf8.ValidString(m.Value) || strings.Contains(m.Name, "\uFFFD") ||
				strings.Contains(level, "level") || level == "@l" || strings.HasPrefix(level, "severity") ||
				strings.Contains(m.Name, ".") || strings.HasPrefix(m.Name, "error") || m.Name == "stackTrace" ||
				strings.HasPrefix(level, "trace") || strings.HasPrefix(level, "xray") {
				continue // a level's own name, an exception that is put together, or a link
			}
			said := unquote(m.Value)
			if id, ok := traceid.Parse(said); ok {
				said = id
			}
			if _, execution, ok := strings.Cut(said, "/durable-execution/"); ok {
				said = execution
			}
			if _, left := rest[m.Name]; !left && !strings.Contains(row, said) {
				t.Errorf("%s: %s: %q of %s is in neither %q nor %s", settings[n], record, m.Value, m.Name, row,
					line.Fields)
			}
		}
	})
}
