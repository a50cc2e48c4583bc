package explain

import (
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// results are what a Reader makes of a text.
func results(t testing.TB, o Options, text string) (all []Result) {
	t.Helper()
	if o.Fields != "" {
		mapping, err := parse.ParseMapping(o.Fields)
		if err != nil {
			t.Fatal(err)
		}
		o.Rows.Mapping = mapping
	}
	r := NewReader(o, func(result Result) { all = append(all, result) })
	for line := range strings.Lines(text) {
		r.Line([]byte(line))
	}
	r.Flush()
	return all
}

// The first mistakes, as the languages print them.
func TestWhys(t *testing.T) {
	const stored, text = "stored", "" // an ordinary line
	for _, tt := range []struct{ line, want string }{
		{`{"level":"INFO","text":"hello"}`, stored},
		{`{"locator":"1","order":17}`, "JSON with a \"locator\" alone: add \"level\" and \"text\""},
		{`hello`, text},
		{"\n", text},
		{`START RequestId: 8f2c6a Version: $LATEST`, text},
		{"2026-11-22T10:52:00.573Z\t8f2c\tERROR\tno such order",
			"text at ERROR: print JSON, or set LOGTABLE_PLAIN=INFO to store all text"},
		{"[WARNING]\t2026-11-22T10:52:00.573Z\t8f2c\thm",
			"text at WARN: print JSON, or set LOGTABLE_PLAIN=INFO to store all text"},
		{"2026-11-22 10:52:00,573 - app - ERROR - no such order",
			"text at ERROR: print JSON, or set LOGTABLE_PLAIN=INFO to store all text"},
		{"ERROR:root:no", "text at ERROR: print JSON, or set LOGTABLE_PLAIN=INFO to store all text"},
		{"2026-11-22T10:52:00.573Z\t8f2c\tINFO\thello", text},
		{"ERROR is what it says", text},
		{"[ERROR] KeyError: 'a'\rTraceback (most recent call last):\r  File", text},
		{"2026-11-22T10:52:00.573Z\t8f2c\tERROR\tInvoke Error \t{\"errorType\":\"Error\"}", text},
		{`{'level': 'ERROR', 'text': 'cannot ship'}`, "a Python dict: json.dumps it"},
		{` 'level': 'ERROR',`, "a Python dict over several lines: json.dumps it"},
		{`{ level: 'ERROR', text: 'cannot ship' }`, "a JavaScript object: JSON.stringify it"},
		{`  level: 'error',`, "a JavaScript object over several lines: JSON.stringify it"},
		{`order [object Object]`, "an object that was joined to a string: JSON.stringify it"},
		{`{level=ERROR, text=cannot ship}`, "a map as text: print it as JSON"},
		{`map[level:ERROR text:cannot ship]`, "a Go map: json.Marshal it"},
		{`2026/11/22 10:52:00 map[text:no level:ERROR]`, "a Go map: json.Marshal it"},
		{`{"level"=>"ERROR", "text"=>"no"}`, "a Ruby hash: JSON.generate it"},
		{`{:text=>"no", :level=>:error}`, "a Ruby hash: JSON.generate it"},
		{`    [level] => ERROR`, "a PHP array: json_encode it"},
		{`time=2026-11-22T10:52:00Z level=INFO msg="order accepted" order=17`,
			"key=value pairs: have the logger print JSON"},
		{`level=error`, "key=value pairs: have the logger print JSON"},
		{`level=17 is too high`, text},
		{`{"level":30,"time":1795344720573,"pid":8,"hostname":"a","msg":"hello"}`,
			"a line of pino: LOGTABLE_FIELDS=auto"},
		{`{"level":"info","message":"hello"}`, "a line of winston: LOGTABLE_FIELDS=winston"},
		{`{"level":"INFO","order":17}`, "JSON with a level, but without a text: add \"text\" or \"locator\""},
		{`{"severity":"INFO","description":"hello"}`, "JSON with a level and a text by other names: " +
			`call them "level" and "text", or set LOGTABLE_FIELDS="level=severity;text=description"`},
		{`{"level":"gold","message":"hello"}`,
			"JSON with a level that is not known: write one of DEBUG, INFO, WARN, ALARM, ERROR"},
		{`{"level":"INFO","message":"cut`, "JSON that is broken: print valid JSON, each line in one piece"},
		{`"{\"level\":\"INFO\",\"text\":\"hello\"}"`, "JSON that was made a string twice: serialize it once"},
		{`[{"level":"INFO","text":"hello"}]`, "a JSON array: print each object on a line of its own"},
		{`{"message":"hello"}`, "(JSON without a level: add \"level\", such as \"INFO\", and \"text\" or \"locator\")"},
		{`{"statusCode":200}`, "(JSON that is no log line)"},
		{`[{"id":1}]`, text},
		{"{\n  \"level\": 30,\n  \"time\": 1795344720573,\n  \"pid\": 8,\n  \"msg\": \"hello\"\n}",
			"a line of pino: LOGTABLE_FIELDS=auto"},
		{"INFO {\n  \"level\": \"INFO\",", "JSON over several lines: print it on one line"},
	} {
		got := stored
		for _, result := range results(t, Options{}, tt.line) {
			got = result.Why.String()
			switch {
			case len(result.Rows) > 0:
				got = stored
			case got != "" && !result.Why.Log:
				got = "(" + got + ")" // not counted
			}
		}
		if got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.line, got, tt.want)
		}
	}
}

// What a setting is said to store, it stores; what is set stays set.
func TestSettingsThatAreAdvisedHelp(t *testing.T) {
	for _, tt := range []struct{ line, fields, want string }{
		{`{"level":30,"time":1795344720573,"pid":8,"msg":"hello"}`, "", "auto"},
		{`{"level":30,"time":1795344720573,"pid":8,"msg":"hello"}`, "winston", `"winston;auto"`},
		{`{"severity":"INFO","description":"hello"}`, "", `"level=severity;text=description"`},
		{`{"level":"info","message":"hello"}`, "auto", `"auto;winston"`},
		{`{"level":"INFO","description":"hello"}`, "", `text=description`},
		{`{"level":"INFO","description":"hello"}`, "zap", `"zap;text=description"`},
	} {
		got := results(t, Options{Fields: tt.fields}, tt.line)[0].Why
		_, advised, ok := strings.Cut(got.Do, "LOGTABLE_FIELDS=")
		if !ok || advised != tt.want {
			t.Errorf("%s with %q: advised is %q, want %s", tt.line, tt.fields, got.Do, tt.want)
			continue
		}
		if again := results(t, Options{Fields: strings.Trim(advised, `"`)}, tt.line)[0]; len(again.Rows) != 1 {
			t.Errorf("%s with %s: %+v, want a row", tt.line, advised, again.Why)
		}
	}
	if got := results(t, Options{Fields: "pino"}, `{"level":"gold","time":1,"msg":"x"}`)[0]; len(got.Rows) != 1 {
		t.Errorf("%+v, want the WARN that a preset makes of an unknown level", got.Why)
	}
}

// A level that is left out by a setting is no mistake.
func TestBelowTheLevel(t *testing.T) {
	rows := agent.Rows{Scale: level.DefaultScale()}
	rows.MinLevel, _ = rows.Scale.Find("WARN")
	got := results(t, Options{Rows: rows}, `{"level":"INFO","text":"hello"}`)[0]
	if len(got.Rows) > 0 || got.Why.Log || got.Why.Seen != "its level is below LOGTABLE_LEVEL=WARN" {
		t.Errorf("%+v", got)
	}
}
