package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

// withSpill gives a fixture a spill in a directory of the test's.
func (f *fixture) withSpill(dir string) *spill.Spill {
	f.t.Helper()
	sp, _, err := spill.Open(spill.Config{Dir: dir, MaxBytes: 64 << 20, KeepFree: -1})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { sp.Close() })
	f.UseSpill(sp)
	return sp
}

func TestWhatDoesNotFitIntoMemoryIsSpilledAndReplayed(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.MaxBytes = 200 << 10 })
	sp := f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.Refuse()
	f.add(5000, "line")
	if f.Waiting() != 5000 || len(f.Lost()) > 0 || sp.Records() < 4000 {
		t.Fatalf("%d wait, %d of them in the spill; lost %v", f.Waiting(), sp.Records(), f.Lost())
	}
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.drained()
	f.complete(5000, "line")
	if sp.Records() != 0 || sp.Bytes() != 0 {
		t.Errorf("%d records and %d bytes are left in the spill", sp.Records(), sp.Bytes())
	}
	if stats := f.server.Stats(); stats.Overwritten != stats.OverwrittenEqual {
		t.Errorf("%d rows overwritten by others", stats.Overwritten-stats.OverwrittenEqual)
	}
}

// TestAHoldWaitsForItsOwnOverflow: lines that only found no room in memory are
// written before the flush ends; what an earlier one left gets a share of it.
func TestAHoldWaitsForItsOwnOverflow(t *testing.T) {
	testkit.Slow(t)
	f := newFixture(t, func(c *store.Config) { c.MaxBytes = 64 << 10 })
	sp := f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.OnRequest(table.Always(table.Fault{Delay: 20 * time.Millisecond}))
	f.add(3000, "line")
	if sp.Records() < 2000 {
		t.Fatalf("only %d of 3000 found no room", sp.Records())
	}
	if err := f.Flush(t.Context()); err != nil || f.Waiting() > 0 {
		t.Errorf("%v; %d wait", err, f.Waiting())
	}
	f.complete(3000, "line")

	f.server.OnRequest(table.Always(table.Fault{Delay: time.Second}))
	f.add(3000, "more")
	f.Persist()
	if err := f.Flush(t.Context()); err != nil || f.Waiting() < 1000 {
		t.Errorf("%v; %d wait: the hold was for all that an earlier one had left", err, f.Waiting())
	}
	f.server.OnRequest(nil)
	f.drained()
}

// drained flushes until memory and spill are empty.
func (f *fixture) drained() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for f.Waiting() > 0 {
		if f.Flush(ctx); ctx.Err() != nil {
			f.t.Fatalf("%d records still wait\n%s", f.Waiting(), f.reports.text())
		}
	}
}

// What is on the wire and was copied into the spill meanwhile is one record.
func TestACopyIsCountedOnce(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.Attempt = 0 })
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.Hang()
	f.add(20, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	f.Flush(ctx) // they are on the wire now
	if !f.Persist() || f.Unsafe() != 0 {
		t.Fatal("not everything is persistent")
	}
	if n := f.Waiting(); n != 20 {
		t.Errorf("%d records of 20 wait", n)
	}
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.drained()
	f.complete(20, "line")
}

func TestASecondProcessReplaysUnderTheSameKeys(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "spill")
	sp := f.withSpill(dir)
	f.server.Hang()
	f.add(200, "line")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	f.Flush(ctx) // some are on the wire now
	if !f.Persist() {
		t.Fatal("not everything is persistent")
	}
	// The first process is killed: its lock goes, and nothing else happens.
	sp.Close()
	f.server.Restore()

	g := newFixtureOn(t, f.server, f.server.Client())
	g.withSpill(dir)
	g.drained()
	g.complete(200, "line")
}

func TestAnotherOwnersRecordsAreNotWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	f := newFixture(t, func(c *store.Config) { c.Owner = "a" })
	sp := f.withSpill(dir)
	f.server.Refuse()
	f.add(20, "theirs")
	f.Persist()
	sp.Close()
	f.server.Restore()
	g := newFixtureOn(t, f.server, f.server.Client(), func(c *store.Config) { c.Owner = "b" })
	g.withSpill(dir)
	g.add(20, "ours")
	g.drained()
	g.complete(20, "ours")
	if n := len(g.messages()); n != 20 || !strings.Contains(g.reports.text(), "another function") {
		t.Errorf("%d rows; %s", n, g.reports.text())
	}
}

func TestOnTheWireAndInTheSpillIsStillOneRow(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.Attempt = 0 })
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.OnRequest(table.Latency(300 * time.Millisecond))
	f.add(200, "line")
	for range 20 { // invocations that are too short for the table
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		f.Flush(ctx)
		cancel()
		f.Persist()
	}
	f.server.OnRequest(nil)
	f.drained()
	f.complete(200, "line")
}

func TestFaultsWithASpillLoseAndDoubleNothing(t *testing.T) {
	testkit.Slow(t)
	for name, fault := range map[string]table.FaultFunc{
		"throttled":    table.Throttle(0.5, 1),
		"unprocessed":  table.Unprocessed(0.5, 2),
		"reset after":  table.ResetAfter(0.5, 3),
		"reset before": table.ResetBefore(0.5, 4),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(c *store.Config) { c.MaxBytes = 100 << 10 })
			f.withSpill(filepath.Join(t.TempDir(), "spill"))
			f.server.OnRequest(fault)
			for i := range 10 {
				f.add(100, fmt.Sprint("part ", i))
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				f.Flush(ctx)
				cancel()
				if i%2 == 0 {
					f.Persist()
				}
			}
			f.drained()
			for i := range 10 {
				f.complete(100, fmt.Sprint("part ", i))
			}
		})
	}
}

func TestAFunctionThatEmptiesTmpIsNoticed(t *testing.T) {
	lossRow := func(lost map[store.Loss]int) store.Entry {
		return store.Entry{
			Time: base, Error: true, Level: "ALARM", Locator: "logtable.lost", Module: "m",
			Message: fmt.Sprint("ALARM: (logtable.lost) ", lost), ExceptionAt: -1,
		}
	}
	f := newFixture(t, func(c *store.Config) { c.Losses = lossRow })
	dir := filepath.Join(t.TempDir(), "spill")
	f.withSpill(dir)
	f.server.Refuse()
	f.add(100, "line")
	f.Persist()
	files, err := filepath.Glob(filepath.Join(dir, "*.spill"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	f.CheckSpill()
	if n := f.Lost()[store.Loss{Level: "?", Reason: "removed from /tmp by the function"}]; n != 100 {
		t.Fatalf("lost: %v", f.Lost())
	}
	f.server.Restore()
	f.add(1, "afterwards")
	f.drained()
	found := false
	for _, m := range f.messages() {
		found = found || strings.Contains(m, "logtable.lost") && strings.Contains(m, "100")
	}
	if !found {
		t.Errorf("the loss is not a row: %q", f.messages())
	}
}

func TestDamagedSpillIsCountedAndTheRestReplayed(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "spill")
	sp := f.withSpill(dir)
	f.server.Refuse()
	f.add(100, "line")
	f.Persist()
	sp.Close()
	f.server.Restore()
	files, _ := filepath.Glob(filepath.Join(dir, "*.spill"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 0xff
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := newFixtureOn(t, f.server, f.server.Client())
	g.withSpill(dir)
	g.drained()
	if n := len(f.messages()); n < 95 || n > 99 {
		t.Errorf("%d of 100 rows after one damaged byte a file", n)
	}
}

func TestTheLastResortHoldsWhatIsInTheSpill(t *testing.T) {
	f := newFixture(t)
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.Refuse()
	f.add(1000, "old")
	f.Persist()
	f.add(50, "new")
	var log bytes.Buffer
	rest := f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	if rest.Lines != 1050 || len(rest.Lost) > 0 {
		t.Errorf("%d lines, lost %v", rest.Lines, rest.Lost)
	}
	infos := false
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"table":"info"`) {
			infos = true
		} else if infos {
			t.Fatal("an error stands behind informational records")
		}
	}
	// With a reset nothing needs the log: /tmp survives.
	g := newFixture(t)
	g.withSpill(filepath.Join(t.TempDir(), "spill"))
	g.server.Refuse()
	g.add(100, "line")
	log.Reset()
	if rest := g.LastResort(&log, 1<<20, true, time.Now().Add(time.Minute)); rest.Lines != 0 || g.Waiting() != 100 {
		t.Errorf("%d lines, %d wait", rest.Lines, g.Waiting())
	}
}

// A spill that says it has something and gives nothing (its disk stalls, or all
// of it is taken) is not asked all the time: a flush ends.
func TestASpillThatGivesNothingIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.add(10, "line")
	f.Persist()
	f.LastResort(new(bytes.Buffer), 1<<20, false, time.Now().Add(time.Minute)) // takes all, gives nothing back
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := f.Flush(ctx); !errors.Is(err, store.ErrResting) {
		t.Errorf("Flush() = %v, want %v: it asked a spill that gives nothing for as long as it may",
			err, store.ErrResting)
	}
}
