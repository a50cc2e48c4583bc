package parse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
)

// corpus is a telemetry body of 1,000 function events, whose lines are about
// size bytes each: as a string (str) or as an object (obj). A part of them has
// non-ASCII text, escaped or not, and a tenth is not JSON.
func corpus(form string, size int) []byte {
	var b strings.Builder
	for i := range events {
		fmt.Fprintf(&b, `%c{"time":"2026-11-22T10:52:%02d.%03dZ","type":"function","record":`, "[,"[min(i, 1)], i/1000,
			i%1000)
		text := "order stored, the customer's next step is payment. "
		if i%4 == 0 {
			text = "Bestellung für Zoë gespeichert; \\u00e9\\t"
		}
		line := fmt.Sprintf(`{"locator":"%d","level":"INFO","text":"%s","requestId":"6f0c1b52-2d0e-4b6e-9d3f-%012d","order":{"id":%d,"total":12.50,"items":["a","b"]}}`,
			i, strings.Repeat(text, max(1, (size-160)/len(text))), i, i*7919)
		if i%10 == 9 {
			quoted, _ := json.Marshal(fmt.Sprintf("2026-11-22T10:52:00.573Z\tid-%d\tINFO\t{ msg: 'hi' } %s\n", i,
				strings.Repeat("x", size-60)))
			b.Write(quoted)
		} else if form == "envelope" {
			quoted, _ := json.Marshal(line)
			fmt.Fprintf(&b, `{"timestamp":"2026-11-22T10:52:00.573Z","level":"INFO","requestId":"id","message":%s}`,
				quoted)
		} else if form == "str" {
			quoted, _ := json.Marshal(line + "\n")
			b.Write(quoted)
		} else {
			b.WriteString(line)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return []byte(b.String())
}

// BenchmarkParse reads a body of 1,000 events, up to the rows' messages. Beside
// it, on the same body and in turns: what validating it costs (of the outer
// JSON only) and what encoding/json takes for about the same work. It reports
// the ratios of the minima, which other load disturbs least: /valid is how
// many times json.Valid's time the parser takes, encoding/json/ how many times
// its time encoding/json takes.
func BenchmarkParse(b *testing.B) {
	for _, form := range []string{"str", "obj"} {
		for _, size := range []int{300, 2000} {
			b.Run(fmt.Sprintf("%s%d", form, size), func(b *testing.B) {
				body := corpus(form, size)
				read := reader(b)
				ours, valid, theirs := time.Hour, time.Hour, time.Hour
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					ours = min(ours, timed(func() { read(body) }))
					b.StopTimer()
					valid = min(valid, timed(func() {
						if !json.Valid(body) {
							b.Fatal("the body is no JSON")
						}
					}))
					if i%8 == 0 {
						theirs = min(theirs, timed(func() {
							if n := encodingJSON(body); n != 900 {
								b.Fatalf("%d lines", n)
							}
						}))
					}
					b.StartTimer()
				}
				b.ReportMetric(float64(ours)/events, "min-ns/event")
				b.ReportMetric(float64(ours)/float64(valid), "/valid")
				b.ReportMetric(float64(theirs)/float64(ours), "encoding/json/")
			})
		}
	}
}

// BenchmarkAuto reads BenchmarkParse's str300, whose lines are ours, and the
// same in a runtime's envelopes, without a mapping and with auto, in turns. It
// reports the ratio of the minima.
func BenchmarkAuto(b *testing.B) {
	m, err := parse.ParseMapping("auto")
	if err != nil {
		b.Fatal(err)
	}
	for _, form := range []string{"str", "obj", "envelope"} {
		b.Run(form, func(b *testing.B) {
			body := corpus(form, 300)
			without, with := reader(b), readerWith(b, parse.Options{Mapping: m})
			least, most := time.Hour, time.Hour
			b.ReportAllocs()
			for b.Loop() {
				most = min(most, timed(func() { with(body) }))
				b.StopTimer()
				least = min(least, timed(func() { without(body) }))
				b.StartTimer()
			}
			b.ReportMetric(float64(most)/float64(least), "auto/none")
		})
	}
}

// BenchmarkMapping is BenchmarkParse's str300 with a preset in use, of which
// the lines have no need, and of lines that need it.
func BenchmarkMapping(b *testing.B) {
	body := corpus("str", 300)
	for name, body := range map[string][]byte{"own": body,
		"pino": bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(`\"level\":\"INFO\"`), []byte(`\"level\":30`)),
			[]byte(`\"text\"`), []byte(`\"msg\"`))} {
		b.Run(name, func(b *testing.B) {
			m, err := parse.ParseMapping("pino")
			if err != nil {
				b.Fatal(err)
			}
			read := readerWith(b, parse.Options{Mapping: m})
			b.ReportAllocs()
			for b.Loop() {
				read(body)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// events is how many events corpus makes.
const events = 1000

func reader(t testing.TB) func(body []byte) { return readerWith(t, parse.Options{}) }

// readerWith returns a function that reads corpus's bodies: the whole way of an
// event up to the strings of which the agent makes a row.
func readerWith(t testing.TB, o parse.Options) func(body []byte) {
	parser := parse.New(o)
	var message []byte
	lines := 0
	visit := func(line parse.Line) {
		message, _ = line.AppendMessage(message[:0])
		lines++
	}
	event := func(e logsapi.Event) { parser.Lines(e.Record, visit) }
	return func(body []byte) {
		lines = 0
		if err := logsapi.Events(body, event); err != nil || lines != events*9/10 {
			t.Fatalf("%d lines, %v", lines, err)
		}
	}
}

// The whole way of an event up to the strings of a row needs no memory of its
// own: a batch costs what the reader of its events costs.
func TestAllocationsOfABatch(t *testing.T) {
	for _, setting := range []string{"off", "auto"} {
		m, err := parse.ParseMapping(setting)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{"str", "obj", "envelope"} {
			body := corpus(form, 300)
			read := readerWith(t, parse.Options{Mapping: m})
			read(body) // buffers grow once
			if n := testing.AllocsPerRun(5, func() { read(body) }) / events; n > 0.01 {
				t.Errorf("%s, %s: %v allocations an event, want at most 0.01", setting, form, n)
			}
		}
	}
}

// encodingJSON does what the parser does, but for prefixes, with maps of
// json.RawMessage, and says how many lines it found.
func encodingJSON(body []byte) (n int) {
	var events []struct {
		Time, Type string
		Record     json.RawMessage
	}
	if json.Unmarshal(body, &events) != nil {
		return 0
	}
	for _, e := range events {
		record := []byte(e.Record)
		var text string
		if record[0] == '"' {
			if json.Unmarshal(record, &text) != nil {
				continue
			}
			record = []byte(text)
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(record, &members) != nil || members["locator"] == nil {
			continue
		}
		var strs [4]string
		for i, name := range []string{"locator", "level", "text", "requestId"} {
			if json.Unmarshal(members[name], &strs[i]) != nil {
				continue
			}
			delete(members, name)
		}
		if fields, err := json.Marshal(members); err == nil && len(fields) > 2 {
			n++
		}
	}
	return n
}
