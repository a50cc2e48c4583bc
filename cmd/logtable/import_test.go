package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// write writes a file for import.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const (
	oursError = `{"time":"2026-11-22T11:00:01.005Z","table":"t","category":"errors","level":"ERROR",` +
		`"module":"orders","locator":"2","text":"refused","date":"2026-11-22","stamp_mod":"1795345201.0050000+orders+2p4thtomb9",` +
		`"message":"ERROR: (2) refused"}` + "\n"
	ancestorInfo = `"date":{"S":"2026-11-22"},"stamp_mod":{"S":"1795345202+example"},` +
		`"message":{"S":"INFO: (1) x"},"expiry":{"N":"4000000000"}`
	ancestorError = `"date":{"S":"2026-11-22"},"stamp_mod":{"S":"1795345203+example"},"message":{"S":"ALARM: (7+) y"}`
	plainInfo     = `{"date":"2026-11-22","stamp_mod":"1795345202+example","message":"INFO: (1) x","expiry":4000000000}`
	plainError    = `{"date":"2026-11-22","stamp_mod":"1795345203+example","message":"ALARM: (7+) y"}`
)

// Import takes its own exports and the ancestor's rows in each form in which
// AWS's tools hand them out.
func TestFormsOfImports(t *testing.T) {
	for name, content := range map[string]string{
		"items, a line each": "{" + ancestorInfo + "}\n{" + ancestorError + "}\n",
		"an export to S3":    zipped(t, `{"Item":{`+ancestorInfo+`}}`+"\n"+`{"Item":{`+ancestorError+`}}`+"\n"),
		"aws dynamodb scan": "{\n  \"Items\": [\n {" + ancestorInfo + "},\n{" + ancestorError +
			"}\n],\n\"Count\": 2\n}\n",
		"plain JSON, no newline": plainInfo + "\r\n\r\n" + plainError,
		"an array":               "\n[" + plainInfo + ",\n" + plainError + "]",
	} {
		t.Run(name, func(t *testing.T) {
			s := newRowStore(t)
			s.under("ReplayPolicy")
			got := s.run("import", writeFile(t, "rows", content))
			if got != (result{exitOK, "2 rows written\n", ""}) {
				t.Errorf("%+v", got)
			}
			want := map[string][]string{"info": {"4000000000 INFO: (1) x"}, "errors": {" ALARM: (7+) y"}}
			have := map[string][]string{}
			for table, items := range s.items() {
				for _, item := range items {
					have[table] = append(have[table], item.Num("expiry")+" "+item.Str("message"))
					if want := map[string]int{"info": 4, "errors": 3}[table]; len(item) != want {
						t.Errorf("%d attributes, want %d: %v", len(item), want, item)
					}
				}
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is not accepted is said, and counted; what is beside it is imported.
func TestImportSaysWhatItDoesNotAccept(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"a text":          {"hello\n" + oursError, "row 1 of FILE: not a row"},
		"CSV":             {csvHeaderLine + oursError, "not a row"},
		"a cut last line": {oursError + oursError[:100], "row 2 of FILE: the file ends in the middle"},
		"a cut gzip":      {"", "the file ends in the middle"},
		"another's item": {`{"date":{"S":"alert#orders"},"stamp_mod":{"S":"lock"}}` + "\n" + oursError,
			"its date is not a day"},
		"an old date": {strings.ReplaceAll(oursError, "2026-11-22", "1926-11-22") + oursError,
			"its date is not a day"},
		"no key":            {`{"message":"x"}` + "\n" + oursError, "not a row"},
		"an unknown member": {strings.Replace(oursError, `"level"`, `"colour"`, 1) + oursError, "a member is unknown"},
		"a category": {strings.Replace(oursError, `"errors"`, `"audit"`, 1) + oursError,
			"neither info nor errors"},
		"expired": {strings.Replace(plainInfo, "4000000000", "1700000000", 1) + "\n" + oursError,
			"expired: DynamoDB would delete it at once"},
		"an invalid number": {strings.Replace(plainInfo, "4000000000", "1e400", 1) + "\n" + oursError,
			"1 that DynamoDB refused: "},
		"a number that is a text": {strings.Replace(plainInfo, "4000000000", `"x"`, 1) + "\n" + oursError,
			"1 that DynamoDB refused: "},
		"two types": {`{"date":{"S":"2026-11-22","N":"1"},"stamp_mod":{"S":"x"}}` + "\n" + oursError,
			"is not DynamoDB's JSON"},
		"a nested one": {`{"date":{"S":"2026-11-22"},"stamp_mod":{"S":"x"},"l":{"L":[{"X":1}]}}` + "\n" + oursError,
			"is not DynamoDB's JSON"},
		"too large for an item": {strings.Replace(oursError, "ERROR: (2)", strings.Repeat("x", 410_000), 1) +
			strings.Replace(oursError, "1.005", "2.005", 1), "1 that DynamoDB refused: "},
		"a line without end": {strings.Repeat("x", maxLine+1) + "\n" + oursError, "longer than any row"},
		"control characters": {"\x1b[2J\x00\n" + oursError, "not a row"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRowStore(t)
			if name == "a cut gzip" {
				var lines strings.Builder
				for n := range 2000 {
					lines.WriteString(strings.Replace(oursError, "345201.005", fmt.Sprintf("345201.%03d", n%1000), 1))
				}
				tc.content = zipped(t, oursError+lines.String())
				tc.content = tc.content[:len(tc.content)-20]
			}
			file := writeFile(t, "rows", tc.content)
			got := s.run("import", file, "--rate", "100000")
			want := strings.ReplaceAll(tc.want, "FILE", file)
			if got.code != exitSeen || !strings.Contains(got.stderr, want) ||
				!strings.Contains(got.stderr, "not accepted: 1") || len(s.server.Items("errors")) == 0 ||
				strings.Contains(got.stderr, "\x1b") {
				t.Errorf("%+v, want %q", got, want)
			}
		})
	}
}

const csvHeaderLine = "time,category,level\n"

// Nothing is overwritten: another row under the same key stays, and is told of.
func TestImportLeavesWhatIsThere(t *testing.T) {
	s := newRowStore(t)
	s.put("errors", attributes{"date": text("2026-11-22"), "stamp_mod": text("1795345201.0050000+orders+2p4thtomb9"),
		"message": text("ERROR: (2) mine")})
	got := s.run("import", writeFile(t, "rows", oursError))
	if got.code != exitSeen || !strings.Contains(got.stderr, "another row has its key") {
		t.Errorf("%+v", got)
	}
	if items := s.server.Items("errors"); len(items) != 1 || items[0].Str("message") != "ERROR: (2) mine" {
		t.Errorf("%v", items)
	}
}

// An import stops where DynamoDB throttles, and goes on when it is run again.
func TestImportStopsOnThrottling(t *testing.T) {
	s := newRowStore(t)
	var rows strings.Builder
	for n := range 100 {
		rows.WriteString(strings.Replace(oursError, "345201.005", fmt.Sprintf("345201.%03d", n), 1))
	}
	file := writeFile(t, "rows", rows.String())
	var n atomic.Int64
	s.server.OnRequest(func(op string, number int, body []byte) table.Fault {
		if n.Add(1) > 30 {
			return table.Throttle(1, 1)(op, number, body)
		}
		return table.Fault{}
	})
	got := s.run("import", file, "--rate", "100000")
	if got.code != exitError || !strings.Contains(got.stderr, "use a lower --rate; ") ||
		!strings.Contains(got.stderr, "run it again to continue") || n.Load() > 30+3*putters {
		t.Errorf("%d requests, %+v", n.Load(), got)
	}
	s.server.OnRequest(nil)
	there := len(s.server.Items("errors"))
	want := fmt.Sprintf("%d rows written, %d already existed\n", 100-there, there)
	if got := s.run("import", file, "--rate", "100000"); got.stdout != want || there == 0 {
		t.Errorf("%+v, want %q", got, want)
	}
}

func TestImportDryRun(t *testing.T) {
	s := newRowStore(t)
	got := s.run("import", "--dry-run", writeFile(t, "rows", oursError))
	if got != (result{exitOK, "1 row found\n", ""}) || len(s.server.Items("errors")) > 0 {
		t.Errorf("%+v", got)
	}
	if got := s.run("import", "/nowhere", "--dry-run"); got.code != exitError {
		t.Errorf("%+v", got)
	}
	if got := s.run("import", "x", "--rate", "0"); got.code != exitUsage {
		t.Errorf("%+v", got)
	}
}

// Without the one action that its policy has, import says which.
func TestImportNeedsOnlyPutItem(t *testing.T) {
	s := newRowStore(t)
	s.under("ReadPolicy")
	got := s.run("import", writeFile(t, "rows", oursError))
	if got.code != exitError || !strings.Contains(got.stderr, "allow dynamodb:PutItem on errors") {
		t.Errorf("%+v", got)
	}
}

// Import keeps to its rate, by write units; a second's worth may come at once.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{rate: 100}
		begun := time.Now()
		for range 1000 {
			if err := p.take(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begun); d < 8900*time.Millisecond || d > 9100*time.Millisecond {
			t.Errorf("1000 units at 100 a second, less one second's, take %v", d)
		}
		time.Sleep(time.Hour) // catches up with one second, not with more
		begun = time.Now()
		for range 300 {
			_ = p.take(t.Context(), 1)
		}
		if d := time.Since(begun); d < 1900*time.Millisecond {
			t.Errorf("300 units after a pause take %v", d)
		}
	})
}

// However a file is made, its bytes are read within bounds, and no row is made
// of what is none.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{oursError, "{" + ancestorInfo + "}", `{"Items":[{` + ancestorError + `}]}`,
		"[" + plainError, zippedSeed,
		`{"date":"2026-11-22","stamp_mod":"x","stored":{"level":null,"a":{"M":{"b":{"NULL":true}}}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = eachImported(bytes.NewReader(data), func(place int, r *importedRow, err error) error {
			if (r == nil) != (err != nil) && err == nil {
				t.Errorf("row %d: %v, %v", place, r, err)
			}
			if err == nil && (r.item["date"] == nil || r.item["stamp_mod"] == nil) {
				t.Errorf("a row without a key: %v", r.item)
			}
			return nil
		})
	})
}

const zippedSeed = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xaa\x56\x02\x04\x00\x00\xff\xff"
