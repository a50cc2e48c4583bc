package main

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// deletable is a store with errors of several causes: thirty of orders 7, in
// two shards of two days, and what else has their keys or their texts nearly.
func deletable(t *testing.T) *rowStore {
	t.Helper()
	s := newRowStore(t)
	for i := range 30 {
		date := []string{"2026-11-22", "2026-11-23", "2026-11-23#1"}[i%3]
		sec := 1795345200 + i + 86400*min(i%3, 1)
		s.put("errors", anError(date, sec, "orders", "7", fmt.Sprint("ERROR: (7) no pears ", i)))
	}
	s.put("errors", attributes{"date": text("shards"), "stamp_mod": text("x"), "shards": numeral("2")})
	s.put("errors", anError("2026-11-22", 1795345300, "orders", "8", "ERROR: (8) no pears"))
	s.put("errors", anError("2026-11-22", 1795345301, "orders-2", "7", "ERROR: (7) no pears"))
	s.put("errors", anError("2026-11-22", 1795345302, "orders", "?", "ERROR: (?) no pears"))
	s.put("errors", anError("2026-11-22", 1795345303, "orders", "?", "ERROR: (?) no apples 17"))
	s.put("errors", anError("2026-11-22", 1795345304, "orders", "?", "ERROR: (?) no apples 18"))
	s.put("errors", anError("2026-11-10", 1794322800, "orders", "7", "ERROR: (7) long ago"))
	s.put("errors", attributes{"date": text("cause#orders"), "stamp_mod": text("8"), "rev": numeral("1"),
		"state": text("resolved"), "message": text("CAUSE: (8) resolved")})
	info := anError("2026-11-22", 1795345200, "orders", "7", "INFO: (7) no pears")
	info["expiry"] = numeral("4000000000")
	s.put("info", info)
	return s
}

func anError(date string, sec int, module, locator, message string) attributes {
	return attributes{"date": text(date), "stamp_mod": text(fmt.Sprintf("%d.0050000+%s+2p4thtomb9", sec, module)),
		"message": text(message), "level": text("ERROR"), "locator": text(locator), "version": text("40")}
}

// resolve runs the program at showNow, two days after the errors.
func (s *rowStore) resolve(args ...string) result {
	s.t.Helper()
	env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors",
		"LOGTABLE_USER": "ada", "LOGTABLE_ERROR_SHARDS": "2"}
	args = append([]string{"resolve"}, args...)
	return logtableAt(s.t, showNow, env, append(args, "--endpoint-url", s.server.URL())...)
}

// list lists the causes.
func (s *rowStore) list() result {
	s.t.Helper()
	env := map[string]string{"LOGTABLE_ERRORS_TABLE": "errors", "LOGTABLE_ERROR_SHARDS": "2"}
	return logtableAt(s.t, showNow, env, "errors", "--endpoint-url", s.server.URL())
}

// mayDelete has the tables allow what the three policies do together that
// somebody needs who deletes.
func (s *rowStore) mayDelete(but ...string) {
	s.t.Helper()
	all := []string{"ReadPolicy", "ResolvePolicy", "DeletePolicy"}
	all = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(but, name) })
	enforce(s.t, s.server, strings.Join(all, "+"), "", "")
}

// remove deletes a row behind the program's back.
func (s *rowStore) remove(tableName, date, stampMod string) {
	s.t.Helper()
	in := &dynamodb.DeleteItemInput{TableName: &tableName,
		Key: attributes{"date": text(date), "stamp_mod": text(stampMod)}}
	if _, err := s.server.Client().DeleteItem(s.t.Context(), in); err != nil {
		s.t.Error(err)
	}
}

// packOf is a pack of lines, as no layer writes one to the errors table.
func packOf(t *testing.T, stampMod string, messages ...string) attributes {
	t.Helper()
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, 5)
	for n, message := range messages {
		key := strings.Replace(stampMod, "0000+", fmt.Sprintf("%04d+", n), 1)
		fmt.Fprintf(w, `{"date":{"S":"2026-11-22"},"stamp_mod":{"S":%q},"level":{"S":"ERROR"},"locator":{"S":"7"},`+
			`"message":{"S":%q},"expiry":{"N":"4000000000"}}`, key, message)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return attributes{"date": text("2026-11-22"), "stamp_mod": text(stampMod), "message": text(messages[0]),
		"lines": numeral(fmt.Sprint(len(messages))), "packed": &types.AttributeValueMemberB{Value: packed.Bytes()}}
}

// left are the messages in the errors table.
func (s *rowStore) left() (messages []string) {
	for _, item := range s.server.Items("errors") {
		messages = append(messages, item.Str("message"))
	}
	slices.Sort(messages)
	return messages
}

// others is what is in the errors table that is not to be deleted, with what is
// said of the cause.
func others(more ...string) []string {
	all := append([]string{"", "CAUSE: (7) resolved by ada", "CAUSE: (8) resolved", "ERROR: (7) long ago",
		"ERROR: (7) no pears", "ERROR: (8) no pears", "ERROR: (?) no apples 17", "ERROR: (?) no apples 18",
		"ERROR: (?) no pears"}, more...)
	slices.Sort(all)
	return all
}

const found7 = "30 errors of orders (7) from 2026-11-17 09:00 to 2026-11-24 09:00 (UTC)\n" +
	"orders (7): resolved by ada\nseen before in 40\n"

// What is deleted is of the cause and of the time, under the policies that are
// for it; done again, nothing is left to be done.
func TestResolveDeletesTheErrorsOfItsCause(t *testing.T) {
	s := deletable(t)
	s.mayDelete()
	got := s.resolve("orders", "7", "--delete", "--yes", "--rate", "100000")
	if want := (result{exitOK, found7 + "30 rows deleted\n", ""}); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if diff := cmp.Diff(others(), s.left()); diff != "" {
		t.Error(diff)
	}
	if n := len(s.server.Items("info")); n != 1 {
		t.Errorf("the informational table has %d rows", n)
	}
	deletes := s.server.Stats().Requests["DeleteItem"]
	got = s.resolve("orders", "7", "--delete", "--yes")
	if got.code != exitOK || !strings.Contains(got.stdout, "no error of orders (7) from 2026-11-17") ||
		s.server.Stats().Requests["DeleteItem"] != deletes {
		t.Errorf("%+v", got)
	}
}

// An error without a locator is of the cause that its text says.
func TestResolveDeletesErrorsWithoutALocator(t *testing.T) {
	s := deletable(t)
	var apples string
	for line := range strings.Lines(s.list().stdout) {
		if strings.Contains(line, "no apples") {
			apples = regexp.MustCompile(`\?[0-9a-f]{8}`).FindString(line)
		}
	}
	got := s.resolve("orders", apples, "--delete", "--yes", "--rate", "100000")
	if got.code != exitOK || !strings.HasSuffix(got.stdout, "2 rows deleted\n") {
		t.Errorf("%+v", got)
	}
	left := strings.Join(s.left(), "\n")
	if strings.Contains(left, "apples") || !strings.Contains(left, "(?) no pears") {
		t.Error(left)
	}
}

// The rows are in the file before the first of them is deleted: what was
// deleted can be imported again, as it was.
func TestWhatIsDeletedIsExportedBefore(t *testing.T) {
	for _, name := range []string{"rows.jsonl", "rows.jsonl.gz"} {
		s := deletable(t)
		before := s.items()["errors"]
		file := filepath.Join(t.TempDir(), name)
		var whole atomic.Bool
		s.server.OnRequest(func(op string, _ int, _ []byte) table.Fault {
			if _, err := os.Stat(file); op == "DeleteItem" && err == nil {
				whole.Store(true)
			}
			return table.Fault{}
		})
		got := s.resolve("orders", "7", "--delete", "--yes", "--export", file, "--rate", "100000")
		if want := "30 rows are in " + file + "\n" + found7 + "30 rows deleted\n"; got != (result{exitOK, want, ""}) {
			t.Errorf("%+v", got)
		}
		if !whole.Load() || len(s.items()["errors"]) != len(before)+1-30 {
			t.Errorf("whole before the first is deleted: %v; %d rows are left", whole.Load(), len(s.items()["errors"]))
		}
		s.server.OnRequest(nil)
		if got := s.run("import", file); got.stdout != "30 rows written\n" {
			t.Errorf("%+v", got)
		}
		var after []table.Item
		for _, item := range s.items()["errors"] {
			if message := item.Str("message"); message != "CAUSE: (7) resolved by ada" &&
				!strings.HasPrefix(message, "logtable spreads") { // which import says, too
				after = append(after, item)
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
	}
}

// Where DynamoDB throttles it stops, and the same command goes on. What came
// meanwhile is not in the file, and stays.
func TestADeletionThatIsThrottledCanBeContinued(t *testing.T) {
	s := deletable(t)
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	args := []string{"orders", "7", "--delete", "--yes", "--export", file, "--rate", "100000"}
	var mu sync.Mutex
	deletes := 0
	throttle := table.Throttle(1, 1)
	s.server.OnRequest(func(op string, n int, body []byte) table.Fault {
		mu.Lock()
		defer mu.Unlock()
		if op != "DeleteItem" {
			return table.Fault{}
		}
		if deletes++; deletes > 10 {
			return throttle(op, n, body)
		}
		return table.Fault{}
	})
	got := s.resolve(args...)
	if got.code != exitError || !strings.Contains(got.stderr, "10 rows deleted of 30: run the same command again") ||
		!strings.Contains(got.stderr, "use a lower --rate") {
		t.Errorf("%+v", got)
	}
	s.server.OnRequest(nil)
	s.put("errors", anError("2026-11-23", 1795345200+86300, "orders", "7", "ERROR: (7) late"))
	got = s.resolve(args...)
	if got.code != exitSeen || !strings.Contains(got.stdout, "20 rows deleted") ||
		strings.Contains(got.stdout, "resolved by") || !strings.Contains(got.stderr, "not deleted: 1 that "+file) {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(others("ERROR: (7) late"), s.left()); diff != "" {
		t.Error(diff)
	}
}

// A week later, the same command still deletes what is in its file.
func TestADeletionCanBeContinuedLater(t *testing.T) {
	s := deletable(t)
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	s.server.OnRequest(table.Only(table.AccessDenied(), "DeleteItem"))
	if got := s.resolve("orders", "7", "--delete", "--yes", "--export", file); got.code != exitError ||
		!strings.Contains(got.stderr, "allow dynamodb:DeleteItem on errors") {
		t.Fatalf("%+v", got)
	}
	s.server.OnRequest(nil)
	env := map[string]string{"LOGTABLE_ERRORS_TABLE": "errors", "LOGTABLE_ERROR_SHARDS": "2"}
	got := logtableAt(t, showNow.AddDate(0, 0, 14), env, "resolve", "orders", "7", "--delete", "--yes",
		"--export", file, "--rate", "100000", "--endpoint-url", s.server.URL())
	if got.code != exitOK || !strings.HasSuffix(got.stdout, "30 rows deleted\n") {
		t.Errorf("%+v", got)
	}
}

// A row that is no longer what was read stays, and one that has gone is no
// failure.
func TestARowThatChangedIsNotDeleted(t *testing.T) {
	s := deletable(t)
	var once sync.Once
	s.server.OnRequest(func(op string, _ int, _ []byte) table.Fault {
		if op == "GetItem" { // what was said of the cause: the rows have been read
			once.Do(func() {
				s.put("errors", anError("2026-11-22", 1795345200, "orders", "9", "ERROR: (9) another one"))
				s.remove("errors", "2026-11-22", "1795345203.0050000+orders+2p4thtomb9")
			})
		}
		return table.Fault{}
	})
	got := s.resolve("orders", "7", "--delete", "--yes", "--rate", "100000")
	if got.code != exitSeen || !strings.HasSuffix(got.stdout, "28 rows deleted, 1 had gone before\n") ||
		got.stderr != "not deleted: 1 changed since they were read\n" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(others("ERROR: (9) another one"), s.left()); diff != "" {
		t.Error(diff)
	}
}

// Rows that others have written are deleted, too: without a message, with a
// long one of characters of several bytes. A pack is not a row of an error, and
// stays whatever it holds.
func TestOddRowsAreDeleted(t *testing.T) {
	s := newRowStore(t)
	s.put("errors", attributes{"date": text("2026-11-22"), "stamp_mod": text("1795345200+orders"),
		"locator": text("7")})
	s.put("errors", anError("2026-11-22", 1795345201, "orders", "7", "ERROR: (7) "+strings.Repeat("é", 199_000)))
	s.put("errors", attributes{"date": text("2026-11-22"), "stamp_mod": text("1795345202+orders"),
		"message": text("ALARM: (7) the ancestor's")})
	pack := packOf(t, "1795345203.0050000+orders+2p4thtomb9", "ERROR: (7) packed", "ERROR: (7) packed, too")
	s.put("errors", pack)
	got := s.resolve("orders", "7", "--delete", "--yes", "--rate", "100000")
	if !strings.Contains(got.stdout, "3 rows deleted") {
		t.Errorf("%+v", got)
	}
	if items := s.server.Items("errors"); len(items) != 2 || !items[0].Has("packed") && !items[1].Has("packed") {
		t.Errorf("%v", items)
	}
}

// Scripts have to say that they mean it, before anything is read.
func TestWhatDeleteIsAskedFor(t *testing.T) {
	s := deletable(t)
	for _, tc := range []struct{ args, want string }{
		{"--delete", "add --yes"},
		{"--yes", "--yes is about deleting"},
		{"--rate 10", "--rate is about deleting"},
		{"--export x.jsonl", "--export is about deleting"},
		{"--delete --yes --rate 0", "--rate 0 is not valid"},
		{"--delete --yes --export x.csv", "end its name in .jsonl"},
		{"--delete --yes --export=", "end its name in .jsonl"},
	} {
		got := s.resolve(append([]string{"orders", "7"}, strings.Fields(tc.args)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, tc.want) {
			t.Errorf("%s: %+v", tc.args, got)
		}
	}
	if n := len(s.server.Stats().Requests); n != 0 && s.server.Stats().Requests["Query"] > 0 {
		t.Errorf("%v", s.server.Stats().Requests)
	}
}

// Each of the policies is needed, and it says which; without it nothing is
// deleted.
func TestWhoMayDelete(t *testing.T) {
	for but, want := range map[string]string{
		"ReadPolicy": "allow dynamodb:Query on errors", "ResolvePolicy": "allow dynamodb:GetItem on errors",
		"DeletePolicy": "allow dynamodb:DeleteItem on errors",
	} {
		s := deletable(t)
		s.mayDelete(but)
		got := s.resolve("orders", "7", "--delete", "--yes", "--rate", "100000")
		if got.code != exitError || !strings.Contains(got.stderr, want) {
			t.Errorf("without %s: %+v", but, got)
		}
		s.server.Authorize(nil)
		if n := len(s.server.Items("errors")); n < 38 {
			t.Errorf("without %s, %d rows are left", but, n)
		}
	}
}

// What is not an export that can be read back is no reason to delete anything.
func TestNothingIsDeletedOnABadFile(t *testing.T) {
	s := deletable(t)
	for _, content := range []string{"not rows\n", `{"category":"errors"`, ""} {
		got := s.resolve("orders", "7", "--delete", "--yes", "--export", writeFile(t, "rows.jsonl", content))
		if got.code == exitOK || s.server.Stats().Requests["DeleteItem"] > 0 {
			t.Errorf("%q: %+v", content, got)
		}
	}
}

// Deletions are paced by write units, also the first ones: a row of 2 KB is
// three.
func TestDeletionsArePaced(t *testing.T) {
	s := newRowStore(t)
	for i := range 6 {
		s.put("errors", anError("2026-11-22", 1795345200+i, "orders", "7", "ERROR: (7) "+strings.Repeat("x", 2_000)))
	}
	began := time.Now()
	got := s.resolve("orders", "7", "--delete", "--yes", "--rate", "20")
	if took := time.Since(began); got.code != exitOK || took < 750*time.Millisecond {
		t.Errorf("%+v, in %v", got, took)
	}
}

// Whoever interrupts it is told how to go on.
func TestADeletionIsInterrupted(t *testing.T) {
	s := deletable(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.server.OnRequest(func(op string, _ int, _ []byte) table.Fault {
		if op == "DeleteItem" {
			cancel()
		}
		return table.Fault{}
	})
	var stdout, stderr strings.Builder
	env := map[string]string{"LOGTABLE_ERRORS_TABLE": "errors", "LOGTABLE_ERROR_SHARDS": "2"}
	code := execute(ctx, []string{"resolve", "orders", "7", "--delete", "--yes", "--endpoint-url", s.server.URL()},
		&shell{getenv: func(name string) string { return env[name] }, stdin: strings.NewReader(""),
			stdout: &stdout, stderr: &stderr, now: func() time.Time { return showNow }})
	if code != exitInterrupted || !strings.Contains(stderr.String(), "of 30: run the same command again to go on") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}
