package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// An inbox is a person's view of two tables with errors in them.
type inbox struct {
	t      *testing.T
	server *table.Server
	env    map[string]string
	now    time.Time
	module string
	n      int
}

func newInbox(t *testing.T) *inbox {
	server, env := tables(t)
	env["LOGTABLE_USER"], env["LOGTABLE_SHARDS"] = "ada", "1"
	return &inbox{t: t, server: server, env: env, now: showNow, module: "orders"}
}

// fail stores an error of the module, so long ago.
func (i *inbox) fail(ago time.Duration, locator, text, version string, pairs ...any) {
	i.t.Helper()
	i.n++
	at := i.now.Add(-ago)
	row := map[string]any{"level": "ERROR", "message": fmt.Sprintf("ERROR: (%s) %s", locator, text),
		"request_id": fmt.Sprint("7f3a9c1", i.n), "date": at.Format(time.DateOnly),
		"stamp_mod": fmt.Sprintf("%d.%03d%04d+%s+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, i.n, i.module)}
	if locator != "?" {
		row["locator"] = locator
	}
	if version != "" {
		row["version"] = version
	}
	for n := 0; n < len(pairs); n += 2 {
		row[pairs[n].(string)] = pairs[n+1]
	}
	putRow(i.t, i.server.Client(), "errors", row)
}

func (i *inbox) run(args ...string) result {
	i.t.Helper()
	return logtableAt(i.t, i.now, i.env, append(args, "--endpoint-url", i.server.URL())...)
}

// does runs a command that is to print a text, of several words or lines.
func (i *inbox) does(code int, want string, args ...string) {
	i.t.Helper()
	got := i.run(args...)
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if got.code != code || !strings.Contains(words(got.stdout+" "+got.stderr), words(want)) {
		i.t.Errorf("%q: exit code %d\n%s%s\nwant %d and\n%s", args, got.code, got.stdout, got.stderr, code, want)
	}
}

// lacks runs a command that is not to print a text.
func (i *inbox) lacks(no string, args ...string) {
	i.t.Helper()
	if got := i.run(args...); strings.Contains(got.stdout, no) {
		i.t.Errorf("%q prints %q:\n%s%s", args, no, got.stdout, got.stderr)
	}
}

// The life of a cause: it is listed, resolved, comes back, is ignored.
func TestErrorsAreAToDoList(t *testing.T) {
	i := newInbox(t)
	for n := range 5 {
		i.fail(time.Duration(n+1)*time.Hour, "7", fmt.Sprint("card declined ", n), "41")
	}
	i.fail(30*time.Hour, "?", "KeyError: 'order'", "40", "exception_at", len("ERROR: (?) "))
	i.does(exitOK, `state  count  requests  first  last  versions  by time`, "errors")
	i.does(exitOK, `new        5         5     5h    1h  41`, "errors")
	i.does(exitOK, `open       1         1     1d    1d  40`, "errors", "--module", "or*")
	i.does(exitOK, "7 errors from 2026-11-17 09:00:00 to 2026-11-24 09:00:00 (UTC)", "errors")
	i.does(exitOK, "and 2 more causes with 2 errors: -n 0 prints all", "errors", "-n", "1")
	i.lacks("KeyError", "errors", "-n", "1")
	i.does(exitSeen, "card declined 0", "errors", "--exit-code")
	i.does(exitSeen, "card declined 0", "errors", "--exit-code", "--since", "2h")
	i.does(exitOK, "no errors in errors from", "errors", "--exit-code", "--since", "10m")
	i.does(exitSeen, "KeyError", "errors", "--exit-code", "--version", "40")
	i.does(exitOK, "no errors", "errors", "--exit-code", "--version", "43")
	i.does(exitOK, "no errors of this cause", "errors", "orders", "8", "--exit-code")
	i.lacks("card", "errors", "--grep", "KeyError")

	i.does(exitOK, "orders (7): resolved by ada: fixed in 42 seen before in 41",
		"resolve", "orders", "7", "--note", "fixed in 42")
	i.lacks("card", "errors")
	i.does(exitOK, "1 resolved: --all prints them, too", "errors")
	i.does(exitOK, "resolved 5", "errors", "--all")
	i.does(exitOK, "resolved orders (7) 2026-11-24 09:00:00 (now) resolved by ada: fixed in 42",
		"errors", "orders", "7")
	i.lacks("card", "query", "--since", "7d", "--open")
	i.does(exitOK, "KeyError", "query", "--since", "7d", "--open")

	i.now = i.now.Add(72 * time.Hour)
	i.fail(time.Hour, "7", "an old one still runs", "41")
	i.does(exitOK, "still seen in 41  6", "errors")
	i.lacks("old one", "query", "--since", "7d", "--open")
	i.does(exitOK, "still", "errors", "--exit-code", "--version", "41")
	i.fail(time.Minute, "7", "again", "42")
	i.does(exitSeen, "came back  7", "errors", "--exit-code")
	i.does(exitOK, "2026-11-24 09:00:00 (3d ago) resolved by ada: fixed in 42", "errors", "orders", "7")
	i.does(exitOK, "again", "query", "--since", "7d", "--open")

	i.env["LOGTABLE_USER"] = ""
	i.env["LOGTABLE_USER"] = "bob"
	i.does(exitOK, "orders (7): ignored by bob until 2026-12-04T09:00:00Z: the bank", "ignore", "orders", "7",
		"--until", "7d", "--note", "the bank")
	i.does(exitOK, "1 ignored", "errors", "--since", "2d")
	i.now = i.now.Add(8 * 24 * time.Hour)
	i.does(exitOK, "open  7", "errors", "--since", "30d")
	i.does(exitOK, "orders (7): reopened by bob", "reopen", "orders", "7")
	i.does(exitOK, "orders (7) is open", "reopen", "orders", "7")
	i.does(exitOK, "open orders (7) 2026-12-05 09:00:00 (now) reopened by bob no errors since 2026-12-04 09:00:00 "+
		"(1d ago) said before", "errors", "orders", "7", "--since", "1d", "--exit-code")
	i.does(exitOK, "said before 2026-11-27 09:00:00 (8d ago) ignored by bob until 2026-12-04 09:00:00: the bank "+
		"2026-11-24 09:00:00 (11d ago) resolved by ada: fixed in 42", "errors", "orders", "7", "--since", "30d")
}

func TestCausesAreNamedAsTheyArePrinted(t *testing.T) {
	i := newInbox(t)
	i.fail(time.Hour, "?", "KeyError: 'order'", "", "exception_at", len("ERROR: (?) "))
	i.fail(2*time.Hour, "it's here", "quoted", "")
	i.fail(3*time.Hour, strings.Repeat("long ", 200), "very long", "")
	i.fail(4*time.Hour, "\x1b[2Jcontrol\n", "with control characters\x1b[2J", "")
	list := i.run("errors", "-o", "jsonl")
	if strings.Contains(list.stdout, "\x1b") || list.code != exitOK {
		t.Errorf("%+v", list)
	}
	n := 0
	for line := range strings.Lines(list.stdout) {
		var c jsonCause
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		n++
		i.does(exitOK, "resolved by ada", "resolve", c.Module, c.Locator)
		one := i.run("errors", c.Module, c.Locator)
		words := shellWords(one.stdout[strings.LastIndex(one.stdout, "logtable reopen"):])
		if one.code != exitOK || len(words) < 4 || words[3] != c.Locator {
			t.Errorf("%q is to be typed as %q: %+v", c.Locator, words, one)
		}
	}
	if n != 5 { // one of them is that of tables
		t.Errorf("%d causes", n)
	}
	i.does(exitOK, "no open causes", "errors")
	i.does(exitUsage, "write it as logtable errors prints it", "resolve", "orders", "?")
	i.does(exitUsage, "an argument is missing", "resolve", "orders")
	i.does(exitUsage, "an argument is missing", "errors", "orders")
	i.does(exitError, "no error of orders (8) in the last 7d", "resolve", "orders", "8")
	i.does(exitError, "no error of orders (8)", "ignore", "orders", "8", "--until", "1h")
	i.does(exitUsage, "say for how long", "ignore", "orders", "7")
	i.does(exitUsage, "is over", "ignore", "orders", "7", "--until", "2020-01-01")
	i.does(exitUsage, "the note has 513 bytes, more than 512", "resolve", "orders", "it's here", "--note",
		strings.Repeat("x", 513))
	i.does(exitOK, "see [redacted", "resolve", "orders", "it's here", "--note", "see AKIA"+"IOSFODNN7EXAMPLE")
}

func TestAHundredCausesArePrinted(t *testing.T) {
	i := newInbox(t)
	for n := range 103 {
		i.fail(time.Hour, fmt.Sprint("place", n), "x", "")
	}
	i.does(exitOK, "and 4 more causes with 4 errors", "errors") // one is that of tables
	for _, args := range [][]string{{"-n", "0"}, {"-o", "jsonl"}} {
		if got := i.run(append([]string{"errors"}, args...)...); strings.Count(got.stdout, "place") != 103 {
			t.Errorf("%q prints %d", args, strings.Count(got.stdout, "place"))
		}
	}
}

// What programs read has all that people see.
func TestErrorsForPrograms(t *testing.T) {
	i := newInbox(t)
	i.fail(time.Hour, "7", "=cmd()", "41", "fields", `{"a":1}`)
	i.does(exitOK, "ignored", "ignore", "orders", "7", "--until", "2026-12-24", "--note", "known")
	rows, err := csv.NewReader(strings.NewReader(i.run("errors", "--all", "-o", "csv").stdout)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%q, %v", rows, err)
	}
	cells := map[string]string{}
	for n, name := range rows[0] {
		cells[name] = rows[2][n]
	}
	for name, want := range map[string]string{"state": "ignored", "count": "1", "versions": "41", "locator": "7",
		"text": "'=cmd()", "by": "ada", "until": "2026-12-24T00:00:00.000Z", "note": "known",
		"first": "2026-11-24T08:00:00.000Z"} {
		if cells[name] != want {
			t.Errorf("%s is %q, want %q", name, cells[name], want)
		}
	}
	var all []jsonCause
	if err := json.Unmarshal([]byte(i.run("errors", "orders", "7", "-o", "json").stdout), &all); err != nil {
		t.Fatal(err)
	}
	if c := all[0]; len(all) != 1 || c.State != "ignored" || c.Said.By != "ada" || c.Each != 3600 ||
		len(c.Counts) != 168 || c.Counts[167] != 1 || !strings.Contains(string(c.LastRow), `"fields":{"a":1}`) {
		t.Errorf("%+v", all)
	}
	if got := i.run("errors", "--since", "10m", "-o", "json"); got.stdout != "[]\n" {
		t.Errorf("nothing is %+v", got)
	}
}

// Two people say something at once: both words are there, and the one who was
// slower is told.
func TestTwoPeopleAtOnce(t *testing.T) {
	i := newInbox(t)
	i.fail(time.Hour, "7", "x", "41")
	var both sync.WaitGroup
	for _, who := range []string{"ada", "bob"} {
		both.Go(func() {
			env := map[string]string{"LOGTABLE_USER": who, "LOGTABLE_ERRORS_TABLE": "errors"}
			got := logtableAt(t, i.now, env, "resolve", "orders", "7", "--note", "by "+who,
				"--endpoint-url", i.server.URL())
			if got.code != exitOK {
				t.Errorf("%+v", got)
			}
		})
	}
	both.Wait()
	got := i.run("errors", "orders", "7")
	for _, who := range []string{"ada", "bob"} {
		if !strings.Contains(got.stdout, "resolved by "+who+": by "+who) {
			t.Errorf("the word of %s is lost:\n%s", who, got.stdout)
		}
	}
}

// TestWhoWasSlowerIsTold has bob say something between ada's look and her word.
func TestWhoWasSlowerIsTold(t *testing.T) {
	i := newInbox(t)
	i.fail(time.Hour, "7", "x", "41")
	behind, err := url.Parse(i.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	forward := httputil.NewSingleHostReverseProxy(behind)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") {
			once.Do(func() {
				bob := map[string]string{"LOGTABLE_USER": "bob", "LOGTABLE_ERRORS_TABLE": "errors"}
				logtableAt(t, i.now, bob, "ignore", "orders", "7", "--until", "1h", "--endpoint-url", i.server.URL())
			})
		}
		forward.ServeHTTP(w, r)
	}))
	defer between.Close()
	got := logtableAt(t, i.now, i.env, "resolve", "orders", "7", "--endpoint-url", between.URL)
	if got.code != exitOK || !strings.Contains(got.stderr,
		"meanwhile somebody else has said: ignored by bob until 2026-11-24T10:00:00Z") {
		t.Errorf("%+v", got)
	}
	i.does(exitOK, "resolved by ada", "errors", "orders", "7")
	i.does(exitOK, "ignored by bob", "errors", "orders", "7")
}

// What was said of causes is not a row to any command, and never expires.
func TestWhatIsSaidIsNoRow(t *testing.T) {
	i := newInbox(t)
	i.fail(time.Hour, "7", "x", "41")
	i.does(exitOK, "resolved", "resolve", "orders", "7", "--note", "a word")
	dir := t.TempDir()
	file, items := filepath.Join(dir, "rows.jsonl"), filepath.Join(dir, "items.json")
	scanned, err := i.server.Client().Scan(t.Context(), &dynamodb.ScanInput{TableName: &[]string{"errors"}[0]})
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, item := range scanned.Items {
		if item["state"] != nil && item["expiry"] != nil {
			t.Error("it expires")
		}
		// The ancestor's readers know three attributes, and this form.
		message, isText := item["message"].(*types.AttributeValueMemberS)
		if !isText || !regexp.MustCompile(`^[A-Z]+: \([^)]+\) .`).MatchString(message.Value) {
			t.Errorf("not a line for readers of rows: %v", item)
		}
		delete(item, "versions")
		members := map[string]json.RawMessage{}
		for name, value := range item {
			members[name] = encoded(value)
		}
		line, _ := json.Marshal(members)
		lines.Write(append(line, '\n'))
	}
	err = os.WriteFile(items, []byte(lines.String()), 0o600)
	if err != nil || !strings.Contains(lines.String(), "a word") {
		t.Fatal(lines.String(), err)
	}
	for _, args := range [][]string{
		{"query", "--since", "7d"}, {"query", "--since", "7d", "--errors", "-o", "jsonl"}, {"tail"},
		{"stats", "--since", "7d", "-o", "jsonl"}, {"show", "7f3a9c11"}, {"export", file, "--since", "7d"},
		{"query", "--since", "7d", "--grep", "a word"},
	} {
		got := i.run(args...)
		text, _ := os.ReadFile(file)
		if got.code != exitOK && args[0] != "show" || strings.Contains(got.stdout+string(text), "CAUSE") ||
			strings.Contains(got.stdout+string(text), "cause#") {
			t.Errorf("%q: %+v %s", args, got, text)
		}
	}
	if err := i.server.CreateLogTables(t.Context(), "info2", "errors2"); err != nil {
		t.Fatal(err)
	}
	i.env["LOGTABLE_INFO_TABLE"], i.env["LOGTABLE_ERRORS_TABLE"] = "info2", "errors2"
	i.does(exitSeen, "not accepted: 1", "import", items)
	if scanned, err = i.server.Client().Scan(t.Context(),
		&dynamodb.ScanInput{TableName: &[]string{"errors2"}[0]}); err != nil || len(scanned.Items) != 2 {
		t.Errorf("%v, %v", scanned, err)
	}
}

// Who may not read what was said is told, and sees open causes; who may not
// write is told what to allow.
func TestErrorsWithoutPermissions(t *testing.T) {
	i := newInbox(t)
	i.fail(time.Hour, "7", "x", "41")
	i.does(exitOK, "resolved", "resolve", "orders", "7")
	denied := table.AccessDenied()
	i.server.OnRequest(func(op string, n int, body []byte) table.Fault {
		if op == "Query" && strings.Contains(string(body), `"cause#orders"`) {
			return denied(op, n, body)
		}
		return table.Fault{}
	})
	i.does(exitOK, "allow dynamodb:Query on errors with keys that begin with cause#", "errors")
	i.does(exitOK, "open  1", "errors")
	for _, op := range []string{"GetItem", "PutItem"} {
		i.server.OnRequest(table.Only(denied, op))
		i.does(exitError, "allow dynamodb:"+op+" on errors", "resolve", "orders", "7")
	}
}
