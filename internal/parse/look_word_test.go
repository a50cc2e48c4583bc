package parse_test

import (
	"encoding/json"
	"testing"

	"github.com/logtable/logtable/internal/parse"
)

// foreign are lines that are not stored, and the setting that Look names for
// them; "" for none.
var foreign = []struct{ text, setting string }{
	{`{"level":50,"time":1795344720573,"pid":8,"hostname":"169.254.11.5","msg":"cannot ship","order":17}`, "auto"},
	{`{"level":50,"msg":"cannot ship","order":17}`, "pino"},
	{`{"level":"error","ts":1795344720.5,"caller":"ship/main.go:12","msg":"cannot ship"}`, "auto"},
	{`{"time":"2026-11-22T10:52:00.573Z","level":"ERROR","msg":"cannot ship","order":17}`, "auto"},
	{`{"level":"error","message":"cannot ship","order":17}`, "winston"},
	{`{"level":"error","message":"cannot ship","timestamp":"2026-11-22T10:52:00.573Z"}`, "winston"},
	{`{"levelname":"ERROR","message":"cannot ship"}`, "python-json-logger"},
	{`{"statusCode":200,"headers":{"a":"b"},"items":[{"id":1,"name":"x"},{"id":2,"name":"y"}],"order":17}`, ""},
	{`{'level': 'ERROR', 'text': 'cannot ship', 'order': 17}`, ""},
	{`START RequestId: 8f2c6a Version: $LATEST`, ""},
}

func record(t testing.TB, text string) []byte {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return quoted
}

// What Look says stores a line does so.
func TestLookKeepsItsWord(t *testing.T) {
	lines := append(foreign[:len(foreign):len(foreign)], []struct{ text, setting string }{
		{`{"timestamp":"2026-11-22T10:52:00.573Z","level":"ERROR","requestId":"6f0c1b52","message":"no"}`, "auto"},
		{`{"timestamp":"2026-11-22T10:52:00.573Z","level":"ERROR","message":"no, at init"}`, "lambda"},
		{`{"timestamp":"2026-11-22T10:52:00Z","level":"ERROR","message":"no","logger":"a","requestId":"6f"}`, "auto"},
	}...)
	for _, line := range lines {
		for name, record := range map[string][]byte{"text": record(t, line.text), "object": []byte(line.text)} {
			if !json.Valid(record) {
				continue
			}
			look, ok := parse.New(parse.Options{}).Look(record)
			if look.Setting != line.setting || look.Shape == parse.LookLogger != ok && line.setting != "" {
				t.Errorf("%s, as %s: %+v, %v, want %q", line.text, name, look, ok, line.setting)
			}
			if look.Setting == "" {
				continue
			}
			mapping, err := parse.ParseMapping(look.Setting)
			if err != nil {
				t.Fatal(err)
			}
			stored := 0
			parse.New(parse.Options{Mapping: mapping}).Lines(record, func(l parse.Line) {
				if stored++; l.Kind != parse.Ours || l.Level != look.Level {
					t.Errorf("%s, as %s, with %s: %+v, want %+v", line.text, name, look.Setting, l, look.Level)
				}
			})
			if stored != 1 {
				t.Errorf("%s, as %s, with %s: %d lines", line.text, name, look.Setting, stored)
			}
		}
	}
}

// FuzzLook looks at anything that is not stored: a look leaves the parser as it
// was, whatever it is set to, and what it says stores a line does so.
func FuzzLook(f *testing.F) {
	addSeeds(f, func(s string) { f.Add([]byte(s)) })
	for _, line := range foreign {
		f.Add(record(f, line.text))
		f.Add([]byte(line.text))
	}
	pino, err := parse.ParseMapping("pino")
	if err != nil {
		f.Fatal(err)
	}
	parsers := []*parse.Parser{parse.New(parse.Options{}), parse.New(parse.Options{Mapping: pino})}
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, p := range parsers {
			if _, stored := p.Record(record); stored {
				continue
			}
			look, ok := p.Look(record)
			if again, okAgain := p.Look(record); again != look || okAgain != ok {
				t.Errorf("%q: %+v, %v, then %+v, %v", record, look, ok, again, okAgain)
			}
			if line, stored := p.Record(record); stored {
				t.Errorf("%q: a line after the look: %+v", record, line)
			}
			if look.Setting == "" {
				continue
			}
			mapping, err := parse.ParseMapping(look.Setting)
			if err != nil {
				t.Fatal(err)
			}
			if _, stored := parse.New(parse.Options{Mapping: mapping}).Record(record); !stored {
				t.Errorf("%q: %s does not store it", record, look.Setting)
			}
		}
	})
}

// What the platform puts around text below the errors is not a logger's line.
func TestLookAtTextOfThePlatform(t *testing.T) {
	const text = `{"timestamp":"2026-11-22T10:52:00.573Z","level":"INFO","message":"just text"}`
	if look, ok := parse.New(parse.Options{}).Look([]byte(text)); !ok || look.Logger != "lambda" || look.Level.Error {
		t.Errorf("%+v, %v", look, ok)
	}
}

// A look at what is no JSON allocates nothing, and one at a logger's line next
// to nothing: what is needed for all of them is made once.
func TestLookAllocatesLittle(t *testing.T) {
	p := parse.New(parse.Options{})
	for _, line := range foreign {
		record := record(t, line.text)
		p.Look(record)
		if n := testing.AllocsPerRun(100, func() { p.Look(record) }); n > 2 {
			t.Errorf("%s: %v allocations", line.text, n)
		}
	}
}

// BenchmarkLook compares a look with what reading a line costs in any case.
func BenchmarkLook(b *testing.B) {
	p := parse.New(parse.Options{})
	for _, line := range foreign {
		record := record(b, line.text)
		b.Run("lines/"+line.text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Lines(record, func(parse.Line) {})
			}
		})
		b.Run("look/"+line.text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Look(record)
			}
		})
	}
}
