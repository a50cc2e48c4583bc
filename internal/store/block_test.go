package store_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

func info(message string) store.Entry {
	return infoAt(base, message)
}

// infoAt is info at another time than base.
func infoAt(at time.Time, message string) store.Entry {
	return store.Entry{
		Time: at, Level: "INFO", Locator: "1", Module: "m", Message: "INFO: (1) " + message, ExceptionAt: -1,
	}
}

// withSmallSpill gives a fixture a spill of so many bytes.
func (f *fixture) withSmallSpill(bytes int64) *spill.Spill {
	f.t.Helper()
	sp, _, err := spill.Open(spill.Config{Dir: filepath.Join(f.t.TempDir(), "spill"), MaxBytes: bytes, KeepFree: -1})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { sp.Close() })
	f.UseSpill(sp)
	return sp
}

// A line of control characters takes six times its size in JSON. It is cut to
// what all layers take, and keeps nobody off /tmp.
func TestALineOfControlCharactersFitsEverywhere(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.MaxBytes = 2 << 20; c.Owner = strings.Repeat("o", 64) })
	sp := f.withSmallSpill(8 << 20)
	f.server.Refuse()
	f.add(10, "before")
	f.Add(info(strings.Repeat("\x01", 390_000)))
	f.add(10, "after")
	if !f.Persist() || sp.Records() != 21 {
		t.Errorf("%d of 21 records are on /tmp; %s", sp.Records(), f.reports.text())
	}
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.drained()
	f.complete(10, "before")
	f.complete(10, "after")
	for _, item := range f.server.Items(infoTable) {
		if m := item.Str("message"); len(m) > 1000 {
			if item.Num("truncated") != fmt.Sprint(390_010-len(m)) || len(m) < 150_000 {
				t.Errorf("%d bytes are left, %s are said to be gone, of 390,010", len(m), item.Num("truncated"))
			}
		}
	}
}

// A record that the spill refuses, or has no room for, keeps none behind it
// off.
func TestOneThatFindsNoRoomBlocksNobody(t *testing.T) {
	for name, large := range map[string]func(*fixture){
		"refused": func(f *fixture) { f.AddRecord(store.Oversized(2 << 20)) },
		"no room": func(f *fixture) { f.Add(info(strings.Repeat("x", 390_000))) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(c *store.Config) { c.MaxBytes = 8 << 20 })
			sp := f.withSmallSpill(256 << 10)
			f.server.Refuse()
			f.add(10, "before")
			large(f)
			f.add(10, "after")
			if f.Persist() || sp.Records() != 20 || f.Waiting() != 21 {
				t.Errorf("%d of 20 records are on /tmp, %d wait; %s", sp.Records(), f.Waiting(), f.reports.text())
			}
		})
	}
	t.Run("written together", func(t *testing.T) {
		f := newFixture(t, func(c *store.Config) { c.MaxBytes = 8 << 20 })
		sp := f.withSmallSpill(64 << 10)
		f.server.Refuse()
		f.Add(info(strings.Repeat("x", 40_000)))
		f.Persist()
		f.Add(info(strings.Repeat("x", 30_000))) // more than is left
		for range 10 {
			f.Add(info("small"))
		}
		if f.Persist() || sp.Records() != 11 || f.Waiting() != 12 {
			t.Errorf("%d of 11 records are on /tmp, %d wait; %s", sp.Records(), f.Waiting(), f.reports.text())
		}
	})
	t.Run("of those that are evicted", func(t *testing.T) {
		f := newFixture(t, func(c *store.Config) { c.MaxBytes = 600 << 10 })
		sp := f.withSmallSpill(256 << 10)
		f.server.Refuse()
		f.add(300, "before")
		f.Add(info(strings.Repeat("x", 390_000)))
		f.add(500, "after")
		if len(f.Lost()) > 0 || f.Waiting() != 801 || sp.Records() < 100 {
			t.Errorf("%d wait, %d of them on /tmp, lost %v", f.Waiting(), sp.Records(), f.Lost())
		}
	})
}

// counting counts what it is told of.
type counting struct {
	*reports
	times map[string]int
}

func (c counting) Fail(key, message, advice string, args ...any) bool {
	c.times[key]++
	return c.reports.Fail(key, message, advice, args...)
}

// A spill without room is not asked again for each line, but it is asked again.
func TestAFullSpillIsRememberedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := counting{times: map[string]int{}}
		f := newFixtureOn(t, nil, newCapped(0), func(c *store.Config) {
			c.MaxBytes = 100 << 10
			told.reports = c.Report.(*reports)
			c.Report = told
		})
		sp := f.withSmallSpill(64 << 10)
		for i := range 5000 {
			f.Add(info(fmt.Sprint("line ", i)))
		}
		if n := told.times["spill"]; n == 0 || n > 10 {
			t.Errorf("the spill was found full %d times within a moment", n)
		}
		// Somebody makes room: it is noticed within a second.
		lost := len(f.Lost())
		segment, err := sp.Take()
		if err != nil {
			t.Fatal(err)
		}
		if err := sp.Done(segment); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		before := sp.Records()
		f.Add(info("one more"))
		if sp.Records() <= before || len(f.Lost()) != lost {
			t.Errorf("%d records on /tmp, as before, though there is room", before)
		}
	})
}

// BenchmarkAddBeyondAllBounds is a line that is lost, beside one that finds
// room: `go test -run xxx -bench Beyond ./internal/store`.
func BenchmarkAddBeyondAllBounds(b *testing.B) {
	for name, bytes := range map[string]int64{
		"room": 1 << 40, "memory and spill full": 256 << 10, "memory full, no spill": 0,
	} {
		b.Run(name, func(b *testing.B) {
			entries := lineEntries()
			s := store.New(store.Config{
				InfoTable: infoTable, ErrorsTable: errorsTable, TTL: ttl, Zone: time.UTC, MaxBytes: 2 << 20,
				Report: &reports{t: b, failing: map[string]string{}},
			})
			if bytes == 1<<40 {
				s.Bound(1 << 40)
			} else if bytes > 0 {
				dir := filepath.Join(b.TempDir(), "spill")
				sp, _, err := spill.Open(spill.Config{Dir: dir, MaxBytes: bytes, KeepFree: -1})
				if err != nil {
					b.Fatal(err)
				}
				defer sp.Close()
				s.UseSpill(sp)
			}
			for i := range 20_000 {
				s.Add(entries[i%len(entries)])
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Add(entries[i%len(entries)])
			}
		})
	}
}

// What is too long for a last-resort line is counted.
func TestWhatIsTooLongForTheLogIsCounted(t *testing.T) {
	f := newFixture(t)
	f.server.Refuse()
	f.Add(info(strings.Repeat("x", 300_000)))
	f.add(3, "line")
	var log bytes.Buffer
	rest := f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	if n := rest.Lost[store.Loss{Level: "INFO", Reason: "too long for a last-resort line"}]; n != 1 || rest.Lines != 3 {
		t.Errorf("%d lines, lost %v", rest.Lines, rest.Lost)
	}
	for line := range bytes.Lines(log.Bytes()) {
		if len(line) > 250_000 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
