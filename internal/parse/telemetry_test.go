package parse_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/testkit"
)

// Every event of every sample is read, with its record as it is, and none of
// its function lines is lost or taken for one of ours.
func TestTelemetrySamples(t *testing.T) {
	parser := parse.New(parse.Options{Plain: "INFO"})
	samples := testkit.Telemetry(t)
	if len(samples) < 60 {
		t.Errorf("only %d samples", len(samples))
	}
	for _, s := range samples {
		t.Run(s.Name, func(t *testing.T) { checkBatch(t, parser, s.Batch) })
	}
}

func checkBatch(t *testing.T, parser *parse.Parser, body []byte) {
	t.Helper()
	type event struct {
		Time, Type string
		Record     any
	}
	want, got := []event{}, []event{}
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	err := logsapi.Events(body, func(e logsapi.Event) {
		if e.Broken {
			t.Errorf("broken: %s", e.Raw)
			return
		}
		var record any
		if err := json.Unmarshal(e.Record, &record); err != nil {
			t.Errorf("record %s: %v", e.Record, err)
		}
		got = append(got, event{string(e.Time), e.Type, record})
		if e.Type == "function" {
			checkForeign(t, parser, e.Record, record)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// checkForeign checks a line that was not printed for us: it is plain, and its
// request id is that of its envelope.
func checkForeign(t *testing.T, parser *parse.Parser, raw []byte, record any) {
	t.Helper()
	line, ok := parser.Record(raw)
	if !ok || line.Kind != parse.Plain {
		t.Errorf("%s: got %+v, %v; want a plain line", raw, line, ok)
		return
	}
	checkLine(t, parser, raw, line)
	switch record := record.(type) {
	case string:
		// NUL is the one character that a line never holds.
		if want := strings.ReplaceAll(strings.TrimRight(record, "\r\n"), "\x00", "␀"); line.Raw != want {
			t.Errorf("%s: raw %q, want %q", raw, line.Raw, want)
		}
	case map[string]any:
		want, found := record["requestId"].(string)
		if !found {
			want, _ = record["AWSRequestId"].(string) // Java's
		}
		if line.RequestID != want {
			t.Errorf("%s: request id %q, want %q", raw, line.RequestID, want)
		}
	}
}

// The runtimes' own output, with the sample object in it replaced by a line of
// ours: wherever it is still JSON on its way out, it is found.
func TestEmittedForms(t *testing.T) {
	forms := testkit.EmittedForms(t)
	if len(forms) < 16 {
		t.Errorf("only %d forms", len(forms))
	}
	ours := strings.NewReplacer(`"msg":"hi"`, `"locator":"12","level":"INFO","text":"hi"`, `"msg": "hi"`,
		`"locator": "12", "level": "INFO", "text": "hi"`,
		`\"msg\":\"hi\"`, `\"locator\":\"12\",\"level\":\"INFO\",\"text\":\"hi\"`, `\"msg\": \"hi\"`,
		`\"locator\": \"12\", \"level\": \"INFO\", \"text\": \"hi\"`)
	parser := parse.New(parse.Options{})
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			records := strings.SplitAfter(form.Stdout+form.Stderr, "\n")
			for _, frame := range form.Frames {
				records = append(records, frame.Message)
			}
			found := 0
			for _, text := range records {
				replaced := ours.Replace(text)
				if checkEmitted(t, parser, replaced, replaced != text) {
					found++
				}
			}
			if found == 0 {
				t.Error("none of the forms was found")
			}
		})
	}
}

// checkEmitted reads a text as a string record and, if it is JSON, as an
// object. It reports whether it held a line of ours.
func checkEmitted(t *testing.T, parser *parse.Parser, text string, ours bool) bool {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	records := []string{string(quoted)}
	if json.Valid([]byte(text)) && strings.HasPrefix(text, "{") {
		records = append(records, text)
	}
	for _, record := range records {
		line, ok := parser.Record([]byte(record))
		if !ours {
			if ok {
				t.Errorf("%s: got %+v, want nothing", record, line)
			}
			continue
		}
		if !ok || line.Kind != parse.Ours || line.Locator != "12" || line.Level.Name != "INFO" {
			t.Errorf("%s: got %+v, %v; want locator 12, INFO", record, line, ok)
		}
		second := strings.Contains(text, "{ x: 1 }") // argument of Node.js's console.log
		if told := strings.Contains(strings.Join(line.Issues, ""), "{ x: 1 }"); told != second {
			t.Errorf("%s: issues %q; want { x: 1 } in it: %v", record, line.Issues, second)
		}
	}
	return ours
}
