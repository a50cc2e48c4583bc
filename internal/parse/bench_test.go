package parse_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
)

// corpus is a telemetry body of 1,000 function events, whose lines are about
// size bytes each: as a string (str) or as an object (obj). A part of them has
// non-ASCII text, escaped or not, and a tenth is not JSON.
func corpus(form string, size int) []byte {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `%c{"time":"2026-11-22T10:52:%02d.%03dZ","type":"function","record":`, "[,"[min(i, 1)], i/1000, i%1000)
		text := "order stored, the customer's next step is payment. "
		if i%4 == 0 {
			text = "Bestellung für Zoë gespeichert; \\u00e9\\t"
		}
		line := fmt.Sprintf(`{"locator":"%d","level":"INFO","text":"%s","requestId":"6f0c1b52-2d0e-4b6e-9d3f-%012d","order":{"id":%d,"total":12.50,"items":["a","b"]}}`,
			i, strings.Repeat(text, max(1, (size-160)/len(text))), i, i*7919)
		if i%10 == 9 {
			quoted, _ := json.Marshal(fmt.Sprintf("2026-11-22T10:52:00.573Z\tid-%d\tINFO\t{ msg: 'hi' } %s\n", i, strings.Repeat("x", size-60)))
			b.Write(quoted)
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

// BenchmarkParse reads a body of 1,000 events. Beside it, on the same body:
// what validating it costs (of the outer JSON only) and what encoding/json
// takes for about the same work. Compare ratios of one run: absolute values
// are the machine's.
func BenchmarkParse(b *testing.B) {
	for _, form := range []string{"str", "obj"} {
		for _, size := range []int{300, 2000} {
			body := corpus(form, size)
			name := fmt.Sprintf("%s%d", form, size)
			b.Run(name+"/valid", func(b *testing.B) {
				perEvent(b, body, func() {
					if !json.Valid(body) {
						b.Fatal("the body is no JSON")
					}
				})
			})
			b.Run(name+"/logtable", func(b *testing.B) {
				parser := parse.New(parse.Options{})
				perEvent(b, body, func() {
					n := 0
					err := logsapi.Events(body, func(e logsapi.Event) {
						if _, ok := parser.Record(e.Record); ok {
							n++
						}
					})
					if err != nil || n != 900 {
						b.Fatalf("%d lines, %v", n, err)
					}
				})
			})
			b.Run(name+"/encoding-json", func(b *testing.B) {
				perEvent(b, body, func() {
					if n := encodingJSON(body); n != 900 {
						b.Fatalf("%d lines", n)
					}
				})
			})
		}
	}
}

// perEvent reports times and allocations per event, not per body.
func perEvent(b *testing.B, body []byte, read func()) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
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
