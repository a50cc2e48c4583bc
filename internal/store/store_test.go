package store_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

const (
	infoTable   = "logtable-info"
	errorsTable = "logtable-errors"
)

// reports collects what a Store says, and polices that it is said once.
type reports struct {
	t       testing.TB
	mu      sync.Mutex
	failing map[string]string
	said    []string
}

func (r *reports) Fail(key, message, advice string, _ ...any) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.failing[key]; known {
		return false
	}
	r.failing[key] = message
	r.said = append(r.said, message+" | "+advice)
	return true
}

func (r *reports) Recover(key, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.failing[key]; known {
		delete(r.failing, key)
		r.said = append(r.said, message)
	}
}

func (r *reports) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.said, "\n")
}

type fixture struct {
	*store.Store
	t       *testing.T
	server  *table.Server
	reports *reports
	tables  [2]string // the informational and the errors table
}

// newFixture starts the embedded endpoint with both tables and a Store that
// writes to it.
func newFixture(t *testing.T, change ...func(*store.Config)) *fixture {
	t.Helper()
	server := table.Start(t)
	if err := server.CreateLogTables(context.Background(), infoTable, errorsTable); err != nil {
		t.Fatal(err)
	}
	server.ResetStats()
	return newFixtureOn(t, server, server.Client(), change...)
}

func newFixtureOn(
	t *testing.T, server *table.Server, client dynamotest.BatchWriter, change ...func(*store.Config),
) *fixture {
	t.Helper()
	r := &reports{t: t, failing: map[string]string{}}
	cfg := store.Config{
		Client: dynamotest.Over(client), InfoTable: infoTable, ErrorsTable: errorsTable, TTL: ttl,
		Zone: time.UTC, MaxBytes: 64 << 20, Report: r, Attempt: time.Minute,
		Panicked: func(v any) { t.Errorf("a writer panicked: %v", v) },
	}
	for _, f := range change {
		f(&cfg)
	}
	return &fixture{store.New(cfg), t, server, r, [2]string{cfg.InfoTable, cfg.ErrorsTable}}
}

var base = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// ttl is long enough for rows of base never to have expired when a test runs.
const ttl = 50 * 365 * 24 * time.Hour

// add queues n records; every fifth is an error.
func (f *fixture) add(n int, prefix string) {
	for i := range n {
		level := "INFO"
		if i%5 == 4 {
			level = "ERROR"
		}
		f.Add(store.Entry{
			Time: base.Add(time.Duration(i) * time.Millisecond / 3), Error: level == "ERROR", Level: level,
			Locator: "1", Module: "m",
			RequestID: "r", Message: fmt.Sprintf("%s: (1) %s %d", level, prefix, i), ExceptionAt: -1,
		})
	}
}

// messages returns the messages of both tables, each table in the order of
// its keys.
func (f *fixture) messages() []string {
	var all []string
	for _, name := range []string{infoTable, errorsTable} {
		for _, item := range f.server.Items(name) {
			all = append(all, item.Str("message"))
		}
	}
	return all
}

// flushed flushes until all is stored; the time limit only ends a test that
// hangs.
func (f *fixture) flushed() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for f.Waiting() > 0 {
		if err := f.Flush(ctx); err != nil && ctx.Err() != nil {
			f.t.Fatalf("%d records still wait: %v\n%s", f.Waiting(), err, f.reports.text())
		}
	}
}

// complete checks that all n records of a prefix are stored, each once.
func (f *fixture) complete(n int, prefix string) {
	f.t.Helper()
	seen := map[string]int{}
	for _, m := range f.messages() {
		seen[m]++
	}
	for i := range n {
		level := "INFO"
		if i%5 == 4 {
			level = "ERROR"
		}
		if m := fmt.Sprintf("%s: (1) %s %d", level, prefix, i); seen[m] != 1 {
			f.t.Errorf("%q is stored %d times", m, seen[m])
		}
	}
	if len(f.Lost()) != 0 {
		f.t.Errorf("lost: %v", f.Lost())
	}
}

func TestEverythingIsStoredInBothTables(t *testing.T) {
	f := newFixture(t)
	f.add(734, "line")
	f.flushed()
	f.complete(734, "line")
	if info, errors := len(f.server.Items(infoTable)), len(f.server.Items(errorsTable)); info != 588 || errors != 146 {
		t.Errorf("%d informational rows and %d errors", info, errors)
	}
	last := ""
	for _, item := range f.server.Items(infoTable) {
		var n int
		fmt.Sscanf(item.Str("message"), "INFO: (1) line %d", &n)
		if s := fmt.Sprintf("%06d", n); s <= last {
			t.Fatalf("order of keys: %s after %s", s, last)
		} else {
			last = s
		}
		if item.Num("expiry") != fmt.Sprint(base.Add(ttl).Unix()+int64(n/3/1000)) {
			t.Fatalf("expiry of line %d: %s", n, item.Num("expiry"))
		}
	}
	for _, item := range f.server.Items(errorsTable) {
		if item.Has("expiry") {
			t.Fatalf("an error expires: %v", item)
		}
	}
	if stats := f.server.Stats(); stats.Requests["BatchWriteItem"] != 30 || stats.Overwritten != 0 {
		t.Errorf("%d requests for 734 rows, %d written twice", stats.Requests["BatchWriteItem"], stats.Overwritten)
	}
}

func TestErrorsLeaveFirst(t *testing.T) {
	f := newFixture(t)
	f.add(50, "line") // few enough for one writer
	first := make(chan string, 100)
	f.server.OnRequest(func(_ string, _ int, body []byte) table.Fault {
		first <- string(body)
		return table.Fault{}
	})
	f.flushed()
	body := <-first
	if strings.Count(body, "ERROR: (1)") != 10 {
		t.Errorf("the first request carries %d of 10 errors", strings.Count(body, "ERROR: (1)"))
	}
}

func TestFaultsLoseAndDoubleNothing(t *testing.T) {
	testkit.Slow(t)
	for name, fault := range map[string]table.FaultFunc{
		"30 % throttled":         table.Throttle(0.3, 1),
		"30 % unprocessed items": table.Unprocessed(0.3, 2),
		"30 % internal errors":   table.ServerError(500, 0.3, 3),
		"30 % unavailable":       table.ServerError(503, 0.3, 4),
		"reset before storing":   table.ResetBefore(0.3, 5),
		"reset after storing":    table.ResetAfter(0.3, 6),
		"expired token once":     table.First(1, table.ExpiredToken()),
		"missing table once":     table.First(1, table.MissingTable()),
		"denied once":            table.First(1, table.AccessDenied()),
		"signature expired once": table.First(1, table.SignatureExpired()),
		"all unprocessed twice": table.First(2, table.Always(table.Fault{
			Unprocessed: func(table.Item) bool { return true },
		})),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.server.OnRequest(fault)
			f.add(200, "line")
			f.flushed()
			f.complete(200, "line")
			stats := f.server.Stats()
			if stats.Overwritten != stats.OverwrittenEqual {
				t.Errorf("%d rows overwritten by others", stats.Overwritten-stats.OverwrittenEqual)
			}
			faults := len(stats.Errors) + stats.Unprocessed + stats.Overwritten
			if stats.ItemsWritten < 200 || faults == 0 && !strings.Contains(name, "before") {
				t.Errorf("the fault did not happen: %+v", stats)
			}
		})
	}
}

func TestAnOutageIsOneLineAndCostsLittle(t *testing.T) {
	f := newFixture(t)
	f.server.Refuse()
	f.add(50, "before")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for f.Flush(ctx) != store.ErrResting {
		if ctx.Err() != nil {
			t.Fatal("a dead DynamoDB is never left alone")
		}
	}
	// While it rests, a flush returns at once and nothing is lost.
	for range 1000 {
		if err := f.Flush(ctx); err != store.ErrResting && err != nil {
			t.Fatal(err)
		}
	}
	if f.Waiting() != 50 {
		t.Errorf("%d records wait", f.Waiting())
	}
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.flushed()
	f.complete(50, "before")
	if n := strings.Count(f.reports.text(), "\n"); n != 1 {
		t.Errorf("want one line for the outage and one for its end:\n%s", f.reports.text())
	}
}

func TestAHungTableHoldsOnce(t *testing.T) {
	testkit.Slow(t)
	f := newFixture(t, func(c *store.Config) { c.Attempt = 0 })
	f.server.Hang()
	f.add(3, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 1600*time.Millisecond)
	defer cancel()
	if err := f.Flush(ctx); err != context.DeadlineExceeded {
		t.Fatalf("first flush: %v", err)
	}
	forever := context.Background()
	if err := f.Flush(forever); err != store.ErrResting {
		t.Fatalf("second flush: %v", err)
	}
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.flushed()
	f.complete(3, "line")
}

func TestAPoisonItemTakesNobodyAlong(t *testing.T) {
	f := newFixture(t)
	f.server.OnRequest(table.Poison("POISON"))
	f.add(10, "a")
	poison := infoAt(base.Add(time.Second), strings.Repeat("p", 2000)+" POISON")
	poison.Locator = "9"
	f.Add(poison)
	f.add(40, "b")
	f.flushed()
	f.complete(10, "a")
	f.complete(40, "b")
	var short table.Item
	for _, item := range f.server.Items(infoTable) {
		if item.Str("locator") == "9" {
			short = item
		}
	}
	if short == nil || !strings.Contains(short.Str("issues"), "ValidationException") || short.Num("truncated") == "" {
		t.Errorf("no short form of the refused row: %v\n%s", short, f.reports.text())
	}
}

func TestAPoisonItemThatCannotBeStoredAtAllIsCounted(t *testing.T) {
	f := newFixture(t)
	f.server.OnRequest(table.Poison("POISON"))
	f.Add(store.Entry{
		Time: base, Level: "INFO", Locator: "POISON", Module: "m", Message: "INFO: (POISON)", ExceptionAt: -1,
	})
	f.add(30, "a")
	f.flushed()
	if lost := f.Lost(); lost[store.Loss{Level: "INFO", Reason: "refused by DynamoDB"}] != 1 || len(lost) != 1 {
		t.Errorf("lost: %v", lost)
	}
	if n := len(f.messages()); n != 30 {
		t.Errorf("%d rows stored", n)
	}
}

func TestAWrongTableKeepsItsRows(t *testing.T) {
	f := newFixture(t)
	f.server.OnRequest(table.Poison(errorsTable)) // as a table with other keys refuses
	f.add(100, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := f.Flush(ctx); err != store.ErrResting {
		t.Fatalf("flush: %v", err)
	}
	if n := len(f.server.Items(infoTable)); n != 80 {
		t.Errorf("%d of 80 informational rows stored beside a wrong errors table", n)
	}
	if !strings.Contains(f.reports.text(), "stamp_mod (String)") {
		t.Errorf("no advice: %s", f.reports.text())
	}
	f.server.OnRequest(nil)
	f.flushed()
	f.complete(100, "line")
}

func TestATableThatTurnsBadKeepsItsRows(t *testing.T) {
	f := newFixture(t)
	f.add(50, "before")
	f.flushed()
	f.server.ResetStats()
	wrong := &table.Error{Status: 400, Code: "ValidationException", Message: "key schema"}
	f.server.OnRequest(table.Always(table.Fault{Err: wrong}))
	f.add(50, "line")
	for range 5 {
		if err := f.Flush(context.Background()); err != store.ErrResting {
			t.Fatalf("flush: %v", err)
		}
	}
	var log bytes.Buffer
	if n := f.server.Stats().Requests["BatchWriteItem"]; n > 40 {
		t.Errorf("%d requests to find out", n)
	}
	f.server.OnRequest(nil)
	f.flushed()
	f.complete(50, "line")
	// And at the very end: into the log, whole.
	f.server.OnRequest(table.Always(table.Fault{Err: wrong}))
	f.add(50, "end")
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	f.FlushLast(ctx)
	if rest := f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute)); rest.Lines != 50 || len(rest.Lost) > 0 {
		t.Errorf("%d last-resort lines of 50, lost %v", rest.Lines, rest.Lost)
	}
}

func TestAMissingTableKeepsItsRowsAndSaysWhatToDo(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.ErrorsTable = "not-there-yet" })
	f.add(100, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := f.Flush(ctx); err != store.ErrResting {
		t.Fatalf("flush: %v", err)
	}
	if n := len(f.server.Items(infoTable)); n != 80 || f.Waiting() != 20 {
		t.Errorf("%d informational rows, %d records wait", n, f.Waiting())
	}
	if text := f.reports.text(); !strings.Contains(text, "create the table not-there-yet") {
		t.Errorf("advice: %s", text)
	}
	if err := table.CreateLogTables(ctx, f.server.Client(), "other", "not-there-yet"); err != nil {
		t.Fatal(err)
	}
	f.flushed()
	if n := len(f.server.Items("not-there-yet")); n != 20 {
		t.Errorf("%d errors stored after the table was made", n)
	}
}

func TestDeniedAccessNamesThePolicyLine(t *testing.T) {
	f := newFixture(t)
	f.server.OnRequest(table.AccessDenied())
	f.add(5, "line")
	if err := f.Flush(context.Background()); err != store.ErrResting {
		t.Fatalf("flush: %v", err)
	}
	text := f.reports.text()
	if !strings.Contains(text, `"Action":"dynamodb:BatchWriteItem"`) || !strings.Contains(text, "table/"+errorsTable) {
		t.Errorf("advice: %s", text)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.MaxBytes = 100 << 10 })
	f.server.Refuse()
	f.add(10_000, "line")
	waiting, lost := f.Waiting(), 0
	for loss, n := range f.Lost() {
		if loss.Level != "INFO" && loss.Level != "ERROR" || loss.Reason != "memory and /tmp are full" {
			t.Errorf("loss %+v", loss)
		}
		lost += n
	}
	if waiting+lost != 10_000 || waiting < 100 || waiting > 400 {
		t.Errorf("%d wait, %d are counted as lost, of 10,000", waiting, lost)
	}
	// Errors displace informational rows.
	if n := f.Lost()[store.Loss{Level: "ERROR", Reason: "memory and /tmp are full"}]; n > 2000-200 {
		t.Errorf("%d of 2,000 errors lost while informational rows were kept", n)
	}
	if text := f.reports.text(); strings.Count(text, "memory and /tmp are full") != 1 {
		t.Errorf("reports: %s", text)
	}
}

func TestWhatIsLeftAtTheEndIsALastResortLine(t *testing.T) {
	f := newFixture(t)
	f.server.Refuse()
	f.add(10, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := f.FlushLast(ctx); err == nil {
		t.Fatal("a dead DynamoDB took the rows")
	}
	var log bytes.Buffer
	rest := f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	if rest.Lines != 10 || len(rest.Lost) != 0 {
		t.Fatalf("%d of 10 records are in the log, lost %v", rest.Lines, rest.Lost)
	}
	// And from there into the tables of another store.
	g := newFixture(t)
	for line := range bytes.Lines(log.Bytes()) {
		r, found, err := row.ReadLastResort(line)
		if !found || err != nil {
			t.Fatal(found, err)
		}
		g.AddRecord(r)
	}
	g.flushed()
	g.complete(10, "line")
}

func TestWhatEvenTheLastResortCannotHoldIsCounted(t *testing.T) {
	f := newFixture(t)
	f.server.Refuse()
	f.add(100, "line")
	var log bytes.Buffer
	rest := f.LastResort(&log, 6_000, false, time.Now().Add(time.Minute))
	lost := 0
	for _, n := range rest.Lost {
		lost += n
	}
	if rest.Lines+lost != 100 || rest.Lines < 20 || log.Len() > 6_000 {
		t.Errorf("%d lines in %d bytes, %d lost", rest.Lines, log.Len(), lost)
	}
	if n := strings.Count(log.String(), `"table":"errors"`); n != 20 {
		t.Errorf("%d of 20 errors are among the lines: errors go first", n)
	}
}

func TestTheLastFlushDoesNotRest(t *testing.T) {
	f := newFixture(t)
	f.server.OnRequest(table.First(8, table.ServerError(500, 1, 1)))
	f.add(3, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for f.Flush(ctx) != store.ErrResting {
	}
	if err := f.FlushLast(ctx); err != nil {
		t.Fatalf("last flush: %v", err)
	}
	f.complete(3, "line")
}

// panicking is a client with a bug.
type panicking struct{ store.Client }

func (panicking) BatchWriteItem(
	context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	panic("bug")
}

func TestAPanicOfAWriterIsContained(t *testing.T) {
	caught := make(chan any, 10)
	f := newFixtureOn(t, nil, panicking{}, func(c *store.Config) { c.Panicked = func(v any) { caught <- v } })
	f.add(1, "line")
	f.Flush(context.Background())
	if v := <-caught; v != "bug" {
		t.Errorf("panic value %v", v)
	}
}

func TestTwoEnvironmentsInTheSameMillisecond(t *testing.T) {
	f := newFixture(t)
	g := newFixtureOn(t, f.server, f.server.Client())
	var done sync.WaitGroup
	for name, s := range map[string]*fixture{"a": f, "b": g} {
		done.Go(func() {
			for i := range 200 {
				s.Add(info(fmt.Sprintf("%s %d", name, i)))
			}
		})
	}
	done.Wait()
	f.flushed()
	g.flushed()
	if n := len(f.server.Items(infoTable)); n != 400 {
		t.Errorf("%d rows of 400", n)
	}
	if n := f.server.Stats().Overwritten; n != 0 {
		t.Errorf("%d rows overwritten", n)
	}
}

func TestLargeRowsShareNoRequest(t *testing.T) {
	f := newFixture(t)
	for range 6 {
		// Control characters take six bytes each on the wire.
		f.Add(info(strings.Repeat("\x01", 380_000)))
	}
	f.flushed()
	if n := len(f.server.Items(infoTable)); n != 6 {
		t.Errorf("%d rows of 6; %v", n, f.server.Stats().Errors)
	}
	for _, r := range f.server.Records() {
		if r.Bytes > 4<<20 {
			t.Errorf("a request of %d bytes", r.Bytes)
		}
	}
}

func TestWhatIsNoFullBatchWaitsForMore(t *testing.T) {
	for _, tc := range []struct{ add, packed, left int }{
		{24, 0, 24}, {25, 0, 0}, {60, 0, 10}, {99, 1, 99}, {100, 1, 0},
	} {
		f := newFixture(t, func(c *store.Config) { c.Layout.Packed = tc.packed == 1 })
		f.add(tc.add, "line")
		f.StartFull()
		for deadline := time.Now().Add(10 * time.Second); f.Waiting() > tc.left && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if f.Waiting() != tc.left {
			t.Errorf("of %d records %d wait, want %d", tc.add, f.Waiting(), tc.left)
		}
		f.flushed()
		f.whole(tc.add, "line")
	}
}
