package store_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/iam"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
)

// spread has both tables sharded.
func spread(c *store.Config) {
	c.Layout = store.Layout{Shards: 8, ErrorShards: 4, Function: "orders"}
}

// policy has the endpoint allow what the layer's role may do by a document in
// which the rows' leading keys are these.
func (f *fixture) policy(leadingKeys string) {
	f.t.Helper()
	p, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":"dynamodb:BatchWriteItem","Resource":"*",
		"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":` + leadingKeys + `}}}]}`))
	if err != nil {
		f.t.Fatal(err)
	}
	f.server.Authorize(func(action, arn string, keys []string) bool {
		return iam.Allowed([]iam.Policy{p}, iam.Request{Action: action, Resource: arn,
			Keys: map[string][]string{"dynamodb:LeadingKeys": keys}})
	})
}

// notesOf are the items by which a table says that it is sharded, without them
// the rows.
func (f *fixture) notesOf(name string) (notes, rows []table.Item) {
	for _, item := range f.server.Items(name) {
		if item.Str("date") == "shards" {
			notes = append(notes, item)
		} else {
			rows = append(rows, item)
		}
	}
	return notes, rows
}

// told has a sharded environment say so, and forgets it.
func (f *fixture) told() {
	f.t.Helper()
	f.Add(infoAt(base, "first"))
	f.flushed()
	if notes, _ := f.notesOf(errorsTable); len(notes) == 0 {
		f.t.Fatal("the errors table does not say that it is sharded")
	}
}

// requests is how many requests the fixture's endpoint has had.
func (f *fixture) requests() int { return f.server.Stats().Requests["BatchWriteItem"] }

// A sharded table says so once for each environment, with a request that rows
// needed anyway.
func TestAShardedTableSaysSo(t *testing.T) {
	f := newFixture(t, spread)
	f.policy(`["20*","shards"]`)
	before := time.Now()
	for i := range 3 {
		f.add(10, fmt.Sprint("line of ", i))
		f.flushed()
	}
	if stats := f.server.Stats(); stats.Requests["BatchWriteItem"] != 3 || stats.ItemsWritten != 32 {
		t.Errorf("%d requests with %d items, want 3 with 30 rows and two notes",
			stats.Requests["BatchWriteItem"], stats.ItemsWritten)
	}
	info, _ := f.notesOf(infoTable)
	errors, _ := f.notesOf(errorsTable)
	if len(info) != 1 || len(errors) != 1 {
		t.Fatalf("%d and %d notes, want one in each table", len(info), len(errors))
	}
	if n := info[0]; n.Str("stamp_mod") != "orders#8" || n.Num("shards") != "8" ||
		n.Str("message") != "orders spreads each day over 8 partitions" {
		t.Errorf("%v", n)
	}
	var expiry int64
	fmt.Sscan(info[0].Num("expiry"), &expiry)
	if least := before.Add(ttl).Unix(); expiry < least || expiry > least+60 {
		t.Errorf("the note expires at %d, its rows from %d on", expiry, least)
	}
	if n := errors[0]; n.Str("stamp_mod") != "orders#4" || n.Num("shards") != "4" || n.Has("expiry") {
		t.Errorf("%v", n)
	}
	if f.reports.text() != "" {
		t.Error(f.reports.text())
	}
}

// Tables that are not sharded say nothing, nor does one in the other's name.
func TestAPlainTableSaysNothing(t *testing.T) {
	f := newFixture(t, spread, func(c *store.Config) { c.Layout.Shards = 1 })
	f.add(10, "line")
	f.flushed()
	info, _ := f.notesOf(infoTable)
	errors, _ := f.notesOf(errorsTable)
	if len(info) != 0 || len(errors) != 1 {
		t.Errorf("%d and %d notes, want one of the errors", len(info), len(errors))
	}
}

// Under the policy of an older template, whose leading keys are days only,
// DynamoDB refuses a batch with a note as a whole. It costs one request and
// one diagnostic for each table; nothing rests, and no error is spread whose
// readers do not know it.
func TestAnOlderPolicyCostsOneRequest(t *testing.T) {
	f := newFixture(t, spread)
	f.policy(`"20*"`)
	const flushes = 20 // of one row each, which no writer can take in two
	for i := range flushes {
		e := infoAt(base, fmt.Sprint("line ", i))
		if e.Error = i%2 > 0; e.Error {
			e.Level = "ERROR"
		}
		f.Add(e)
		if err := f.Flush(t.Context()); err != nil || f.Waiting() > 0 {
			t.Fatalf("flush %d: %v, %d wait", i, err, f.Waiting())
		}
	}
	stats := f.server.Stats()
	if stats.Requests["BatchWriteItem"] != flushes+1 || stats.Errors["AccessDeniedException"] != 1 {
		t.Errorf("%d requests for %d flushes, %v", stats.Requests["BatchWriteItem"], flushes, stats.Errors)
	}
	if stats.ItemsWritten != flushes || stats.Overwritten > 0 || len(f.Lost()) > 0 {
		t.Errorf("%+v, lost %v", stats, f.Lost())
	}
	t.Logf("an older policy: %d requests instead of %d in the life of an environment, %d write units for %d rows",
		f.requests(), flushes, stats.WriteUnits, stats.ItemsWritten)
	dates := map[string]bool{}
	_, errors := f.notesOf(errorsTable)
	for _, item := range errors {
		dates[item.Str("date")] = true
	}
	if len(dates) != 1 || !dates["2026-11-22"] {
		t.Errorf("errors are in %v, and nobody knows", dates)
	}
	const want = `cannot write the item "shards" to table `
	if text := f.reports.text(); strings.Count(text, want) != 2 || strings.Count(text, "\n") != 1 ||
		!strings.Contains(text, `allow the partition key "shards"`) {
		t.Errorf("want one diagnostic for each table:\n%s", text)
	}
}

// Where rows are refused as well, it is not the notes' doing: the table rests
// as usual, and the note waits.
func TestARefusedTableIsNotAskedTwiceAsOften(t *testing.T) {
	f := newFixture(t, spread)
	f.policy(`"19*"`)
	f.add(10, "line")
	if err := f.Flush(t.Context()); err != store.ErrResting {
		t.Fatal(err)
	}
	n := f.requests()
	if n > 4 { // both tables at once with notes and without, and each alone
		t.Errorf("%d requests", n)
	}
	f.policy(`["20*","shards"]`)
	f.flushed()
	f.complete(10, "line")
	if text := f.reports.text(); strings.Contains(text, `"shards"`) {
		t.Errorf("the notes are named as the cause:\n%s", text)
	}
}

// A note takes the place of no row: a full batch leaves without it.
func TestANoteDisplacesNoRow(t *testing.T) {
	f := newFixture(t, spread)
	f.add(24, "full") // room for one note
	f.flushed()
	if stats := f.server.Stats(); stats.Requests["BatchWriteItem"] != 1 || stats.ItemsWritten != 25 {
		t.Errorf("%+v", stats)
	}
	f.add(25, "more")
	f.flushed()
	if stats := f.server.Stats(); stats.Requests["BatchWriteItem"] != 2 || stats.ItemsWritten != 50 {
		t.Errorf("%+v", stats)
	}
	f.add(1, "last")
	f.flushed()
	if stats := f.server.Stats(); stats.Requests["BatchWriteItem"] != 3 || stats.ItemsWritten != 52 {
		t.Errorf("%+v", stats)
	}
}

// While full batches wait, which they do for as long as a partition is at its
// limit, the notes go with the first: no request is added for them but the one
// for what they displace, and errors are spread from then on.
func TestNotesDoNotWaitForABacklogToEnd(t *testing.T) {
	f := newFixture(t, spread)
	const backlog, writers = 1000, 4
	wait := make(chan struct{})
	var first atomic.Int64 // row of the request that has both notes
	first.Store(-1)
	f.server.OnRequest(func(_ string, _ int, body []byte) table.Fault {
		<-wait
		if bytes.Contains(body, []byte(`"orders#8"`)) && bytes.Contains(body, []byte(`"orders#4"`)) {
			lines := regexp.MustCompile(`line (\d+)`).FindSubmatch(body)
			n, _ := strconv.Atoi(string(lines[1]))
			first.Store(int64(n))
		}
		return table.Fault{}
	})
	for i := range backlog {
		f.Add(store.Entry{Time: base, Error: true, Level: "ERROR", Locator: "1", Module: "orders",
			Message: fmt.Sprint("ERROR: (1) line ", i), ExceptionAt: -1})
	}
	close(wait)
	f.flushed()
	info, _ := f.notesOf(infoTable)
	errors, rows := f.notesOf(errorsTable)
	if len(info) != 1 || len(errors) != 1 || len(rows) != backlog {
		t.Fatalf("%d and %d notes, %d rows", len(info), len(errors), len(rows))
	}
	// Until there is a backlog, each writer may have taken a full batch.
	if n := first.Load(); n < 0 || n > writers*25 || f.requests() > backlog/25+1 {
		t.Errorf("the notes came with row %d, want one of the first %d; %d requests", n, writers*25, f.requests())
	}
}

// Errors are spread from when readers can know: not before the note is written,
// and all that come after.
func TestErrorsAreSpreadOnceTheirNoteIsWritten(t *testing.T) {
	spreads := 0
	for range 20 { // environments: some are in shard 0
		f := newFixture(t, spread)
		f.server.OnRequest(table.First(1, table.Always(table.Fault{
			Unprocessed: func(i table.Item) bool { return i.Str("date") == "shards" },
		})))
		for i := range 4 {
			f.add(5, fmt.Sprint("line of ", i))
			f.flushed()
		}
		_, rows := f.notesOf(errorsTable)
		for i, item := range rows {
			item, early := item.Str("date"), strings.Contains(item.Str("message"), "of 0 ") ||
				strings.Contains(item.Str("message"), "of 1 ")
			if sharded := strings.Contains(item, "#"); sharded && early {
				t.Errorf("error %d is in %s before anybody can know", i, item)
			} else if sharded {
				spreads++
			}
		}
	}
	if spreads == 0 || spreads%2 != 0 {
		t.Errorf("%d errors are in shards: want both late ones of some environments", spreads)
	}
}

// What DynamoDB leaves unwritten of a note is nobody's trouble: no request, no
// pause, no wait. It goes along with the next rows.
func TestAnUnwrittenNoteIsNotWaitedFor(t *testing.T) {
	f := newFixture(t, spread)
	f.server.OnRequest(table.First(1, table.Always(table.Fault{
		Unprocessed: func(i table.Item) bool { return i.Str("date") == "shards" },
	})))
	f.add(10, "a")
	if err := f.Flush(t.Context()); err != nil || f.requests() != 1 || f.Waiting() > 0 {
		t.Fatalf("%v, %d requests, %d wait", err, f.requests(), f.Waiting())
	}
	if notes, _ := f.notesOf(infoTable); len(notes) > 0 {
		t.Fatal("the fault did not happen")
	}
	f.add(10, "b")
	f.flushed()
	if notes, _ := f.notesOf(infoTable); len(notes) != 1 || f.requests() != 2 {
		t.Errorf("%d notes after %d requests", len(notes), f.requests())
	}
}

// A request that failed is sent again with its rows alone or with the note, and
// in the end both are there.
func TestANoteOutlivesAFailure(t *testing.T) {
	f := newFixture(t, spread)
	f.server.OnRequest(table.First(2, table.ServerError(500, 1, 1)))
	f.add(10, "a")
	f.flushed()
	f.add(10, "b")
	f.flushed()
	f.complete(10, "a")
	f.complete(10, "b")
	if notes, _ := f.notesOf(infoTable); len(notes) != 1 {
		t.Errorf("%d notes", len(notes))
	}
}

// At the end of a process there is time for rows only.
func TestTheEndHasNoNotes(t *testing.T) {
	f := newFixture(t, spread)
	f.policy(`"20*"`)
	f.add(10, "line")
	if err := f.FlushLast(t.Context()); err != nil || f.requests() != 1 {
		t.Errorf("%v, %d requests", err, f.requests())
	}
}

// One table for both has one note, or the batch would have two items of one
// key.
func TestOneTableHasOneNote(t *testing.T) {
	f := newFixture(t, spread, func(c *store.Config) { c.ErrorsTable, c.Layout.Shards = infoTable, 4 })
	f.add(10, "line")
	f.flushed()
	notes, rows := f.notesOf(infoTable)
	if len(notes) != 1 || notes[0].Str("stamp_mod") != "orders#4" || len(rows) != 10 || f.requests() != 1 {
		t.Errorf("%v, %d rows, %d requests", notes, len(rows), f.requests())
	}
}

// An environment that lives longer than its rows writes its note again: while
// there are rows, there is the note.
func TestANoteDoesNotExpireBeforeItsRows(t *testing.T) {
	var seconds atomic.Int64
	clock := func() time.Time { return base.Add(time.Duration(seconds.Load()) * time.Second) }
	f := newFixture(t, spread, func(c *store.Config) { c.TTL, c.Now = time.Hour, clock })
	for range 6 * 60 {
		seconds.Add(60)
		now := clock()
		f.Add(infoAt(now, "line"))
		f.flushed()
		var note, last int64
		notes, rows := f.notesOf(infoTable)
		fmt.Sscan(notes[0].Num("expiry"), &note)
		fmt.Sscan(rows[len(rows)-1].Num("expiry"), &last)
		if last-note > 1800 || note < now.Unix() {
			t.Fatalf("the note expires %d s before the last row, and in %d s", last-note, note-now.Unix())
		}
	}
	if stats := f.server.Stats(); stats.ItemsWritten > 6*60+13 {
		t.Errorf("%d notes written in six hours", stats.ItemsWritten-6*60)
	}
}

// A key stays what it is, in the spill and in the last resort, when the setting
// changes in between.
func TestAnErrorsShardSurvivesAnotherSetting(t *testing.T) {
	for range 20 { // environments: some are in shard 0
		f := newFixture(t, spread)
		f.told()
		other := newFixtureOn(t, f.server, f.server.Client(), spread)
		other.told()
		dir := filepath.Join(t.TempDir(), "spill")
		f.server.Refuse()
		sp := f.withSpill(dir)
		f.add(10, "kept")
		if !f.Persist() {
			t.Fatal("not everything is persistent")
		}
		sp.Close()
		var log bytes.Buffer
		other.add(10, "printed")
		other.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
		if err := f.server.Restore(); err != nil {
			t.Fatal(err)
		}
		last := newFixtureOn(t, f.server, f.server.Client()) // without shards
		last.withSpill(dir)
		last.drained()
		_, kept := f.notesOf(errorsTable)
		var sharded bool
		for _, item := range kept {
			sharded = sharded || strings.Contains(item.Str("date"), "#")
		}
		for line := range bytes.Lines(log.Bytes()) {
			r, found, err := row.ReadLastResort(line)
			if !found {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			date, _ := r.Key()
			sharded = sharded || r.IsError() && bytes.Contains(date, []byte("#"))
		}
		if len(kept) != 2 || len(last.Lost()) > 0 {
			t.Fatalf("%d errors of 2 came back, lost %v", len(kept), last.Lost())
		}
		if sharded {
			return
		}
	}
	t.Error("no error was in a shard")
}
