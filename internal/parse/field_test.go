package parse_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/parse"
)

// fieldSample is a record as people's loggers write it, after a public report
// (its source), and the lines that must come of it.
type fieldSample struct {
	Name    string          `json:"name"`
	Source  string          `json:"source"`
	Setting string          `json:"setting"`
	Record  json.RawMessage `json:"record"`
	Want    []want          `json:"want"`
}

func fieldSamples(t testing.TB) (all []fieldSample) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "field", "lines.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for dec := json.NewDecoder(f); ; {
		var s fieldSample
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// A readable error is never downgraded, whatever prints it.
func TestFieldSamples(t *testing.T) {
	for _, s := range fieldSamples(t) {
		t.Run(s.Name, func(t *testing.T) {
			var got []want
			parser := mapped(t, s.Setting, parse.Options{})
			parser.Lines(s.Record, func(l parse.Line) {
				checkLine(t, parser, s.Record, l)
				got = append(got, wantOf(l.Clone()))
			})
			if diff := cmp.Diff(s.Want, got); diff != "" {
				t.Errorf("%s: %s: -want +got\n%s", s.Source, s.Record, diff)
			}
		})
	}
}
