package parse_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/testkit"
)

// longest is about the longest entry that Lambda hands on, in bytes.
const longest = 255 << 10

// pinos is what a line of pino's begins with.
const pinos = `{"level":50,"time":1795344720573,"pid":8,`

// crafted are units that, repeated, make a line that is dear to read, and what
// stands in front of them.
var crafted = []struct{ front, unit string }{
	{"", `{"a":"`}, {"", `{"a":`}, {"", `{"a":[`}, {"", "{\"a\":\n"},
	{`{"locator":"1","level":"ERROR","exception":{"stack":[`, `1,`},
	{`{"locator":"1","level":"ERROR","exception":[`, `{"message":"m"},`},
	{`{"locator":"1","level":"ERROR","exception":`, `{"type":"E","errors":[{"message":"m"}],"cause":`},
	{`{"level":50,"msg":"m",`, `"error.1":"x",`}, {`{"level":50,"msg":"m",`, `"":1,`}, {`{"level":50,`, `"msg":1,`},
	{"", `{"a":1}`}, {"", `{"level":50,"msg":1}`},
	{`{"locator":"1","level":"ERROR","text":"`, `"`}, {`{"locator":"1","level":"ERROR","text":"`, `","`},
	{`{"locator":"1","level":"ERROR","text":"`, `\`},
	{`{"locator":"1","level":"ERROR","text":"`, "\x01"}, {`{"locator":"1","level":"ERROR","text":"`, "x\n"},
	{`{"locator":"1","level":"ERROR","text":"`, "\n{\""},
	{`{"locator":"1","level":"ERROR","x":`, `[NaN,`}, {`{"locator":"1","level":"ERROR","x":[`, `NaN,`},
	{`{"locator":"1","level":"ERROR","x":[`, `{"a":NaN},`}, {`{"a":[`, `[{"a":1},`},
	{"", `[{"a":1},`}, {"", "[{\"a\":1\n"}, {"", `["{",`}, {"", `{"message":"{\"a\":`},
	{"", `{"timestamp":1,"message":{`}, {`{"locator":"1","level":"ERROR"} `, "at x\n"},
	{`{"locator":"1","level":"ERROR"} `, "E: x\n"}, {"", ", "}, {"", "[INFO] {"}, {"", "{\"locator\":\"1\",\"te\n"},
	{`{"locator":"1","level":"ERROR",`, `"text":1,`},
	{"", pinos + `"msg":"m"}`}, {pinos, `"msg":1,`}, {pinos, `"pid":8,`},
	{pinos + `"ts":1795344720,"caller":"a:1","service":"s","location":"a:1",`, `"x":1,`},
	{`{"record":{"no":1},"level_name":"INFO","channel":"a","@t":"a","@m":"b","EventId":1,"Category":"a",`, `"x":1,`},
	{pinos + `"msg":"`, `{\"level\":50,\"time\":1795344720573,\"pid\":8,\"msg\":\"m\"}\n`},
	{`{"locator":"1","level":"ERROR",`, `"trace_id":"6352a70e1e2c2db1583c0d1f5e7a9b3c",`},
	{`{"locator":"1","level":"ERROR",`, `"trace":{"a":1},`}, {`{"locator":"1","level":"ERROR",`, `"tenant":"x",`},
	{`{"timestamp":1,"message":"{\"locator\":\"1\",\"level\":\"INFO\"}",`, `"tenantId":"\u0061",`},
}

// What a large record has made large is given up, and while it is read it is
// not many times larger than the record.
func TestMemoryOfLargeRecords(t *testing.T) {
	testkit.Slow(t)
	for setting, parser := range map[string]*parse.Parser{
		"no mapping": parse.New(parse.Options{}),
		"pino":       mapped(t, "pino", parse.Options{}),
		"auto":       mapped(t, "auto", parse.Options{}),
	} {
		for _, c := range crafted {
			text := c.front + strings.Repeat(c.unit, (1<<20)/len(c.unit))
			record, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			parser.Lines(record, func(parse.Line) {})
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 24*uint64(len(record)) {
				t.Errorf("%s: %q: a record of %d bytes took %d", setting, c.front+c.unit, len(record), took)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 512<<10 {
				t.Errorf("%s: %q: after a record of %d bytes, %d are kept", setting, c.front+c.unit, len(record), kept)
			}
			runtime.KeepAlive(parser)
		}
	}
}
