//go:build unix && !race

// The race detector takes its time, more of ours than of encoding/json's:
// .ci/test runs these without it.

package parse_test

import (
	"encoding/json"
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

// No line costs more processor time than a slow function can spare: 15 ms of an
// undisturbed processor of ours, in which encoding/json validates fourteen
// ordinary bodies of the line's size. That is what the test compares with, as
// it may run anywhere, beside anything.
func TestCraftedLinesAreCheap(t *testing.T) {
	const most = 14
	const line = `{"locator":"7","level":"INFO","text":"order stored, payment is next","order":{"id":7,"total":12.5}},`
	ordinary := []byte(`[` + strings.Repeat(line, longest/100) + `0]`)
	for setting, parser := range map[string]*parse.Parser{
		"no mapping":  parse.New(parse.Options{}),
		"all presets": mapped(t, "powertools;pino;slog;zap;log4j2;serilog;ecs;otel;lambda", parse.Options{}),
		"auto":        mapped(t, "auto", parse.Options{}),
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
				t.Errorf("%s: %q repeated takes %v, an ordinary body %v; want at most %d times as much", setting,
					c.front+c.unit, ours, theirs, most)
			}
		}
	}
}
