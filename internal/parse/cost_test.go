//go:build unix

package parse_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/parse"
)

// processorTime is what this process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// longest is about the longest entry that Lambda hands on, in bytes.
const longest = 255 << 10

// crafted are units that, repeated, make a line that is dear to read, and what
// stands in front of them.
var crafted = []struct{ front, unit string }{
	{"", `{"a":"`}, {"", `{"a":`}, {"", `{"a":[`}, {"", "{\"a\":\n"}, {`{"locator":"1","level":"ERROR","exception":{"stack":[`, `1,`},
	{`{"locator":"1","level":"ERROR","exception":[`, `{"message":"m"},`}, {`{"locator":"1","level":"ERROR","exception":`, `{"type":"E","errors":[{"message":"m"}],"cause":`},
	{`{"level":50,"msg":"m",`, `"error.1":"x",`}, {`{"level":50,"msg":"m",`, `"":1,`}, {`{"level":50,`, `"msg":1,`}, {"", `{"a":1}`}, {"", `{"level":50,"msg":1}`},
	{`{"locator":"1","level":"ERROR","text":"`, `"`}, {`{"locator":"1","level":"ERROR","text":"`, `","`}, {`{"locator":"1","level":"ERROR","text":"`, `\`},
	{`{"locator":"1","level":"ERROR","text":"`, "\x01"}, {`{"locator":"1","level":"ERROR","text":"`, "x\n"}, {`{"locator":"1","level":"ERROR","text":"`, "\n{\""},
	{`{"locator":"1","level":"ERROR","x":`, `[NaN,`}, {`{"locator":"1","level":"ERROR","x":[`, `NaN,`}, {`{"locator":"1","level":"ERROR","x":[`, `{"a":NaN},`}, {`{"a":[`, `[{"a":1},`},
	{"", `[{"a":1},`}, {"", "[{\"a\":1\n"}, {"", `["{",`}, {"", `{"message":"{\"a\":`}, {"", `{"timestamp":1,"message":{`}, {`{"locator":"1","level":"ERROR"} `, "at x\n"},
	{`{"locator":"1","level":"ERROR"} `, "E: x\n"}, {"", ", "}, {"", "[INFO] {"}, {"", "{\"locator\":\"1\",\"te\n"}, {`{"locator":"1","level":"ERROR",`, `"text":1,`},
}

// No line costs more processor time than a slow function can spare: 15 ms of an
// undisturbed processor of ours, in which encoding/json validates fourteen
// ordinary bodies of the line's size. That is what the test compares with, as
// it may run anywhere, beside anything.
func TestCraftedLinesAreCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes its time, more of ours than of encoding/json's")
	}
	const most = 14
	ordinary := []byte(`[` + strings.Repeat(`{"locator":"7","level":"INFO","text":"order stored, payment is next","order":{"id":7,"total":12.5}},`, longest/100) + `0]`)
	for setting, parser := range map[string]*parse.Parser{
		"no mapping":  parse.New(parse.Options{}),
		"all presets": mapped(t, "powertools;pino;slog;zap;log4j2;serilog;ecs;otel;lambda", parse.Options{}),
	} {
		for _, c := range crafted {
			one, err := json.Marshal(c.unit)
			if err != nil {
				t.Fatal(err)
			}
			record, err := json.Marshal(c.front + strings.Repeat(c.unit, longest/(len(one)-len(`""`))))
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := time.Hour, time.Hour // the least of several, taken in turns
			for range 40 {
				start := processorTime(t)
				parser.Lines(record, func(parse.Line) {})
				ours = min(ours, processorTime(t)-start)
				start = processorTime(t)
				if !json.Valid(ordinary) {
					t.Fatal("the ordinary body is not valid")
				}
				if theirs = min(theirs, processorTime(t)-start); ours < most*theirs {
					break
				}
			}
			if ours > most*theirs {
				t.Errorf("%s: %q repeated takes %v, an ordinary body %v; want at most %d times as much", setting, c.front+c.unit, ours, theirs, most)
			}
		}
	}
}

// What a large record has made large is given up, and while it is read it is not
// many times larger than the record.
func TestMemoryOfLargeRecords(t *testing.T) {
	for setting, parser := range map[string]*parse.Parser{
		"no mapping": parse.New(parse.Options{}),
		"pino":       mapped(t, "pino", parse.Options{}),
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
