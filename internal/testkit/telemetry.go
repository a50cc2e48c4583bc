package testkit

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
)

// samples are telemetry as Lambda's documentation, its runtimes' sources and
// people's logs show it: the forms are theirs, every value is made up.
//
//go:embed testdata/telemetry
var samples embed.FS

// A Sample is the body of one post to a telemetry listener.
type Sample struct {
	Name  string // its file and which form it shows
	Batch json.RawMessage
}

// Telemetry returns the samples of testdata/telemetry, and lines as long as
// Lambda delivers them, which are no use in a file.
func Telemetry(t testing.TB) (list []Sample) {
	t.Helper()
	for _, file := range []string{"platform.json", "text.json", "json.json", "odd.json"} {
		var forms []struct {
			Form  string
			Batch json.RawMessage
		}
		readSample(t, file, &forms)
		for _, f := range forms {
			list = append(list, Sample{file + ": " + f.Form, f.Batch})
		}
	}
	return append(list, oversize())
}

// oversize is a line of 300 KB, which Lambda cuts at 262,118 bytes.
func oversize() Sample {
	const cut = 262_118
	line := `{"crumbs":"` + strings.Repeat("x", 300<<10) + `"}`
	var events []string
	for _, record := range []string{line[:cut], line[cut:] + "\n"} {
		quoted, _ := json.Marshal(record)
		events = append(events, fmt.Sprintf(`{"time":"2026-11-22T10:20:02.345Z","type":"function","record":%s}`,
			quoted))
	}
	return Sample{"a line of 300 KB", json.RawMessage("[" + strings.Join(events, ",") + "]")}
}

// Emitted is what one way of logging makes of a few calls: what it prints, and
// the messages that it sends through the runtime's own channel.
type Emitted struct {
	Stdout, Stderr string
	Frames         []struct{ Message string }
}

// EmittedForms returns the ways of logging by their names. Where a call logged
// an object, it begins with "msg":"hi".
func EmittedForms(t testing.TB) (forms map[string]Emitted) {
	t.Helper()
	readSample(t, "emitted.json", &forms)
	return forms
}

func readSample(t testing.TB, file string, v any) {
	t.Helper()
	data, err := samples.ReadFile(path.Join("testdata/telemetry", file))
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
