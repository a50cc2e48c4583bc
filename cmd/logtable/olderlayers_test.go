package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

var update = flag.Bool("update", false, "write what is missing in testdata/layers")

// TestRowsOfOlderLayers holds that what older layers wrote is still read: the
// tool is upgraded first, and tables keep errors for years. A member that was
// printed of a row must be printed as it was; there may be more.
func TestRowsOfOlderLayers(t *testing.T) {
	layers, _ := filepath.Glob("testdata/layers/*/info.json")
	if len(layers) < 2 {
		t.Fatal("testdata/layers has lost rows of older layers")
	}
	for _, info := range layers {
		dir := filepath.Dir(info)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s := newRowStore(t)
			stored := append(s.load("info", info), s.load("errors", filepath.Join(dir, "errors.json"))...)
			day := slices.Min(stored) // that they are of: demos take seconds
			got := s.run("query", day, "-o", "jsonl")
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("%+v", got)
			}
			golden := filepath.Join(dir, "rows.jsonl")
			want, err := os.ReadFile(golden)
			if os.IsNotExist(err) && *update {
				want, err = []byte(got.stdout), os.WriteFile(golden, []byte(got.stdout), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			compareRows(t, strings.TrimSpace(got.stdout), strings.TrimSpace(string(want)))
			if n := strings.Count(string(want), "\n"); n < 30 {
				t.Errorf("only %d rows were read of %d items", n, len(stored))
			}
		})
	}
}

// load puts the items of a file that aws dynamodb scan has made into a table,
// as they are, and returns their partition keys.
func (s *rowStore) load(tableName, path string) (keys []string) {
	s.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	var scan struct{ Items []json.RawMessage }
	var key struct{ Date struct{ S string } }
	if err := json.Unmarshal(content, &scan); err != nil {
		s.t.Fatal(err)
	}
	client := dynamotest.Client(s.server.URL())
	for _, item := range scan.Items {
		body := `{"TableName":"` + tableName + `","Item":` + string(item) + `}`
		if _, err := client.Call(s.t.Context(), "PutItem", []byte(body)); err != nil {
			s.t.Fatal(err)
		}
		if err := json.Unmarshal(item, &key); err != nil {
			s.t.Fatal(err)
		}
		keys = append(keys, key.Date.S)
	}
	return keys
}

// compareRows compares lines of -o jsonl: what is wanted must be there.
func compareRows(t *testing.T, got, want string) {
	t.Helper()
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d rows are read, there were %d", len(gotLines), len(wantLines))
	}
	for i := range wantLines {
		var g, w map[string]any
		if json.Unmarshal([]byte(gotLines[i]), &g) != nil || json.Unmarshal([]byte(wantLines[i]), &w) != nil {
			t.Fatalf("row %d is not JSON:\n%s\n%s", i+1, gotLines[i], wantLines[i])
		}
		for name, value := range w {
			if !reflect.DeepEqual(g[name], value) {
				t.Errorf("row %d: %s is read as %v, and was %v", i+1, name, g[name], value)
			}
		}
	}
}
