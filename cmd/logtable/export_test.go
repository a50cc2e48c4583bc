package main

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// items are all items of the two tables.
func (s *rowStore) items() map[string][]table.Item {
	return map[string][]table.Item{"info": s.server.Items("info"), "errors": s.server.Items("errors")}
}

// What is exported, and imported into other tables, is the same to the byte,
// whoever has written it; under the policies that are for this, and nothing is
// overwritten when it is done again.
func TestAnImportedRowIsTheExportedOne(t *testing.T) {
	from, to := newRowStore(t), newRowStore(t)
	r := rand.New(rand.NewPCG(16, 1))
	for n := range 300 {
		isError := n%3 == 0
		from.put(map[bool]string{false: "info", true: "errors"}[isError], anyItem(r, n, isError))
	}
	for n, message := range []string{strings.Repeat("x", 400_000), strings.Repeat("\x01", 390_000)} {
		from.put("info", attributes{"date": text("2026-11-22#3"), "message": text(message),
			"stamp_mod": text(fmt.Sprintf("179534590%d.0000000+big+2p4thtomb9", n)), "expiry": numeral("4000000000")})
	}
	from.put("errors", attributes{"date": text("2026-11-22"), "stamp_mod": text("1795345910+example"),
		"message": text("ALARM: (7+) the ancestor's")})
	from.under("ReadPolicy")
	to.under("ReplayPolicy")
	for _, name := range []string{"rows.jsonl", "rows.jsonl.gz"} {
		file := filepath.Join(t.TempDir(), name)
		if got := from.run("export", file, "2026-11-22"); got.code != exitOK || got.stderr != "" ||
			!strings.HasPrefix(got.stdout, "303 rows, 101 errors, ") {
			t.Fatalf("%+v", got)
		}
		first := name == "rows.jsonl"
		for _, want := range []string{"303 rows written\n", "0 rows written, 303 already existed\n"} {
			if !first && strings.HasPrefix(want, "303") {
				continue
			}
			if got := to.run("import", file, "--rate", "1000000"); got != (result{exitOK, want, ""}) {
				t.Fatalf("%s: %+v, want %q", name, got, want)
			}
		}
	}
	if diff := cmp.Diff(from.items(), to.items()); diff != "" {
		t.Errorf("(-exported +imported):\n%.4000s", diff)
	}
	if stats := to.server.Stats(); stats.Overwritten > 0 {
		t.Errorf("rows are overwritten: %+v", stats)
	}
}

// A pack is exported as the rows that are in it, and imported as rows; where
// the pack is still there, its first line is known to be in it.
func TestAPackIsExportedAsItsRows(t *testing.T) {
	from, to := newRowStore(t), newRowStore(t)
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, 5)
	var want []string
	for n := range 5 {
		line := fmt.Sprintf(`{"date":{"S":"2026-11-22"},"stamp_mod":{"S":"1795345202.005%04d+orders+2p4thtomb9"},`+
			`"level":{"S":"INFO"},"message":{"S":"INFO: (1) line %d"},"expiry":{"N":"4000000000"}}`, n, n)
		fmt.Fprint(w, line)
		want = append(want, fmt.Sprintf("INFO: (1) line %d", n))
	}
	_ = w.Close()
	from.put("info", attributes{"date": text("2026-11-22"), "stamp_mod": text("1795345202.0050000+orders+2p4thtomb9"),
		"message": text("5 lines: INFO: (1) line 0"), "expiry": numeral("4000000000"), "lines": numeral("5"),
		"packed": &types.AttributeValueMemberB{Value: packed.Bytes()}})
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	if got := from.run("export", file, "2026-11-22"); !strings.HasPrefix(got.stdout, "5 rows, ") {
		t.Fatalf("%+v", got)
	}
	if got := to.run("import", file); got.stdout != "5 rows written\n" || got.code != exitOK {
		t.Errorf("%+v", got)
	}
	var got []string
	for _, item := range to.server.Items("info") {
		got = append(got, item.Str("message"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := from.run("import", file); got != (result{exitOK, "4 rows written, 1 already existed\n", ""}) {
		t.Errorf("into the tables that have the pack: %+v", got)
	}
	query := []string{"query", "2026-11-22", "-o", "jsonl"}
	if a, b := from.run(query...), to.run(query...); a != b || strings.Count(a.stdout, "\n") != 5 {
		t.Errorf("query shows\n%s\nand\n%s", a.stdout, b.stdout)
	}
}

// What exports does not depend on query: the same rows, filters and spans, and
// as CSV the same bytes.
func TestExportTakesTheFiltersOfQuery(t *testing.T) {
	s := newRowStore(t)
	r := rand.New(rand.NewPCG(16, 2))
	for n := range 60 {
		s.put(map[bool]string{false: "info", true: "errors"}[n%2 == 0], anyItem(r, n, n%2 == 0))
	}
	for _, args := range []string{"", "--errors", "--info", "--grep plain", "--level x", "--from 11:00:30",
		"--request plain", "--timezone +02:00", "--module nobody"} {
		for _, form := range []string{"csv", "jsonl"} {
			flags := append(strings.Fields(args), "-o", form)
			query := s.run(append([]string{"query", "2026-11-22"}, flags...)...)
			stdout := s.run(append([]string{"export", "-", "2026-11-22"}, flags...)...)
			file := filepath.Join(t.TempDir(), "rows."+form)
			got := s.run(append([]string{"export", file, "2026-11-22"}, strings.Fields(args)...)...)
			written, err := os.ReadFile(file)
			if err != nil || got.code != exitOK || stdout.stdout != string(written) {
				t.Fatalf("%s: %+v, %v", args, got, err)
			}
			if plain := withoutStored(t, form, string(written)); plain != query.stdout {
				t.Errorf("%s -o %s: the export is\n%s\nand query prints\n%s", args, form, plain, query.stdout)
			}
			if entries, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(entries) != 1 {
				t.Errorf("%s: left behind: %q", args, entries)
			}
		}
	}
}

// withoutStored leaves out what export adds to the lines of query.
func withoutStored(t *testing.T, form, lines string) string {
	if form == "csv" {
		return lines
	}
	var b strings.Builder
	for line := range strings.Lines(lines) {
		d := json.NewDecoder(strings.NewReader(line))
		_, _ = d.Token()
		for end := int64(0); d.More(); end = d.InputOffset() {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if name == memberStored {
				line = line[:end] + "}\n"
				break
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// An export that was interrupted, however, continues where it stopped, and is
// what it would have been without.
func TestAnInterruptedExportContinues(t *testing.T) {
	s := newRowStore(t)
	for n := range 120 { // 12 MB: saved on the way as well
		isError := n%10 == 0
		item := attributes{"date": text("2026-11-22"), "level": text("INFO"),
			"message": text(fmt.Sprint("INFO: (1) ", n, strings.Repeat("x", 99_000))), "locator": text("1"),
			// Ten rows of each key: it is in two tables and in shards.
			"stamp_mod": text(fmt.Sprintf("%d.0000000+orders+2p4thtomb9", 1795345200+n/10))}
		if !isError {
			item["expiry"] = numeral("4000000000")
			item["date"] = text([]string{"2026-11-22", "2026-11-22#1", "2026-11-22#2", "2026-11-22#3", "2026-11-22#4",
				"2026-11-22#5", "2026-11-22#6", "2026-11-22#7", "2026-11-22#8", "2026-11-22#9"}[n%10])
		}
		s.put(map[bool]string{false: "info", true: "errors"}[isError], item)
	}
	for _, name := range []string{"rows.jsonl.gz", "rows.csv"} {
		dir := t.TempDir()
		whole, file := filepath.Join(dir, "whole-"+name), filepath.Join(dir, name)
		if got := s.run("export", whole, "2026-11-22"); got.code != exitOK {
			t.Fatalf("%+v", got)
		}
		// Each run is refused something a little later; what it has not saved
		// is as after a crash, and half a line is there.
		continued := 0
		for stop := 1; ; stop++ {
			var n atomic.Int64
			s.server.OnRequest(func(op string, _ int, _ []byte) table.Fault {
				if n.Add(1) > int64(30+5*stop) {
					return table.Fault{Err: &table.Error{Code: "AccessDeniedException", Message: "enough"}}
				}
				return table.Fault{}
			})
			got := s.run("export", file, "2026-11-22", "--shards", "10")
			s.server.OnRequest(nil)
			if strings.Contains(got.stderr, "continuing behind the ") {
				continued++
			}
			if got.code == exitOK {
				break
			}
			if got.code != exitError {
				t.Fatalf("%+v", got)
			}
			if stop%2 == 0 {
				half, err := os.OpenFile(file+".partial", os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = half.WriteString(`{"time":"2026-11-2`)
				half.Close()
			}
		}
		if continued < 2 {
			t.Errorf("%s: continued %d times", name, continued)
		}
		// Which of those with one key comes first, nobody has said.
		a, b := slices.Sorted(strings.Lines(contents(t, whole))), slices.Sorted(strings.Lines(contents(t, file)))
		if !slices.Equal(a, b) || len(a) < 120 {
			t.Errorf("%s: %d lines, and continued %d", name, len(a), len(b))
		}
		if got := s.run("export", file, "2026-11-22"); got.code != exitError ||
			!strings.Contains(got.stderr, "overwrites nothing") {
			t.Errorf("%+v", got)
		}
	}
}

// contents reads a file, and decompresses it.
func contents(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	all, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestExportRefuses(t *testing.T) {
	s := newRowStore(t)
	s.put("errors", attributes{"date": text("2026-11-22"), "stamp_mod": text("1795345200.0000000+orders+2p4thtomb9"),
		"message": text("ERROR: (1) no")})
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	s.server.OnRequest(table.AccessDenied())
	if got := s.run("export", file, "2026-11-22"); got.code != exitError ||
		!strings.Contains(got.stderr, "allow dynamodb:Query on") {
		t.Errorf("%+v", got)
	}
	s.server.OnRequest(nil)
	if got := s.run("export", file, "2026-11-22", "--errors"); got.code != exitError ||
		!strings.Contains(got.stderr, "asked for differently") {
		t.Errorf("%+v", got)
	}
	if err := os.Truncate(file+".partial", 0); err != nil {
		t.Fatal(err)
	}
	if got := s.run("export", file, "2026-11-22"); got.code != exitOK || strings.Count(contents(t, file), "\n") != 1 {
		t.Errorf("%+v", got)
	}
	// Another one at the same time.
	busy, err := openPartial(file+".2.jsonl", false, exportState{})
	if err != nil {
		t.Fatal(err)
	}
	defer busy.close()
	if got := s.run("export", file+".2.jsonl", "2026-11-22"); got.code != exitError ||
		!strings.Contains(got.stderr, "another export") {
		t.Errorf("%+v", got)
	}
	if got := s.run("export", "/nowhere/x", "2026-11-22"); got.code != exitError {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]string{
		"yesterday": "is a day", "2026-11-22": "is a day", "rows.xlsx": "end it in .jsonl or .csv",
	} {
		if got := s.run("export", name); got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// CSV has a cell for each column, whatever is in the rows.
func TestExportedCSVCanBeRead(t *testing.T) {
	s := newRowStore(t)
	r := rand.New(rand.NewPCG(16, 3))
	for n := range 100 {
		s.put("errors", anyItem(r, n, true))
	}
	file := filepath.Join(t.TempDir(), "rows.csv.gz")
	if got := s.run("export", file, "2026-11-22"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	records, err := csv.NewReader(strings.NewReader(contents(t, file))).ReadAll()
	if err != nil || len(records) != 101 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// Whoever interrupts an export, or ends it with SIGKILL, can go on with it.
func TestAKilledExportContinues(t *testing.T) {
	s := newRowStore(t)
	for n := range 60 {
		s.put("errors", attributes{"date": text("2026-11-22"), "message": text(strings.Repeat("x", 300_000)),
			"stamp_mod": text(fmt.Sprintf("%d.0000000+orders+2p4thtomb9", 1795345200+n))})
	}
	file := filepath.Join(t.TempDir(), "rows.jsonl.gz")
	for run, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL, 0} {
		reached := make(chan bool, 1000)
		var n atomic.Int64
		s.server.OnRequest(func(string, int, []byte) table.Fault {
			if n.Add(1) < int64(7*(run+1)) || signal == 0 {
				return table.Fault{}
			}
			reached <- true
			return table.Fault{Hang: true}
		})
		env := map[string]string{"AWS_MAX_ATTEMPTS": "3", "LOGTABLE_ERRORS_TABLE": "errors"}
		cmd, stderr := toolCommand(t, env, "export", file, "2026-11-22", "--errors",
			"--endpoint-url", s.server.URL())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if signal != 0 {
			<-reached
			_ = cmd.Process.Signal(signal)
		}
		code := exitCode(t, cmd.Wait())
		if want := []int{130, -1, 0}[run]; code != want {
			t.Errorf("exit code %d after %v: %s", code, signal, stderr)
		}
		if run == 0 && !strings.Contains(stderr.String(), "rows are in "+file+".partial: run the same command again") {
			t.Errorf("what to do is not said: %s", stderr)
		}
	}
	if got := strings.Count(contents(t, file), "\n"); got != 60 {
		t.Errorf("%d rows of 60", got)
	}
}
