package parse_test

import (
	"encoding/json"
	"testing"

	"github.com/logtable/logtable/internal/parse"
)

// What is not stored is told from what is not a log line at all.
func TestLook(t *testing.T) {
	const runtime = `{"timestamp":"2026-11-22T10:52:00.573Z","requestId":"id1",`
	logger := func(name, setting string) parse.Look {
		return parse.Look{Shape: parse.LookLogger, Logger: name, Setting: setting}
	}
	for text, want := range map[string]parse.Look{
		`{"level":50,"time":1795344720573,"pid":8,"msg":"m"}`: logger("pino", "auto"),

		`{"level":50,"msg":"m"}`: logger("pino", "pino"),

		`{"level":"error","ts":1795344720.5,"caller":"a/b.go:12","msg":"m"}`: logger("zap", "auto"),

		`{"level":"error","message":"m"}`: logger("winston", "winston"),

		`{"levelname":"ERROR","message":"m"}`: logger("python-json-logger", "python-json-logger"),

		runtime + `"level":"ERROR","message":"no"}`: logger("lambda", "auto"),

		`{'level': 'ERROR', 'message': 'it is'}`:                     {Shape: parse.LookPython},
		"[ERROR]\t2026-11-22T10:52:00.573Z\tid1\t{'level': 'ERROR'}": {Shape: parse.LookPython},

		"{\n  level: 'error',\n  message: 'm'\n}":                 {Shape: parse.LookNode},
		`{ level: 50, msg: 'm' }`:                                 {Shape: parse.LookNode},
		"2026-11-22T10:52:00.573Z\tid1\tINFO\t{ level: 'error' }": {Shape: parse.LookNode},

		`{level=ERROR, message=m}`: {Shape: parse.LookMap},

		`  "level": "ERROR",`: {Shape: parse.LookPretty},
	} {
		record, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parse.New(parse.Options{}).Look(record)
		if !ok || !got.Level.Error {
			t.Errorf("Look(%s) = %+v, %v; want an error", text, got, ok)
		}
		if got.Shape != want.Shape || got.Logger != want.Logger || got.Setting != want.Setting {
			t.Errorf("Look(%s) = %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{
		``, `hello`, `{}`, `[]`, `{"level":"gold","message":"m"}`, `{"message":"m"}`, `{ a: 1 }`, `{'a': 'level'}`,
		`see {"level":"error","message":"m"}`, `level: 'error'`, `{"a":{"level":"error","message":"m"}}`,
	} {
		record, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parse.New(parse.Options{}).Look(record); ok {
			t.Errorf("Look(%s) = %+v, want nothing", text, got)
		}
	}
	envelope := runtime + `"level":"INFO","message":"plain"}`
	if got, ok := parse.New(parse.Options{}).Look([]byte(envelope)); !ok || got.Logger != "lambda" ||
		got.Setting != "lambda" || got.Level.Name != "INFO" {
		t.Errorf("Look(%s) = %+v, %v", envelope, got, ok)
	}
}
