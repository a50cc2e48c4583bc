package store_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

// ear hears when rows are safe.
type ear struct {
	mu    sync.Mutex
	heard []string // date and stamp_mod
}

func (e *ear) kept(date, stampMod string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, date+" "+stampMod)
}

func (e *ear) times() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.heard)
}

func (e *ear) entry(message string) store.Entry {
	return store.Entry{
		Time: time.Now(), Error: true, Level: "ERROR", Locator: "1", Module: "m", Message: message,
		ExceptionAt: -1, Kept: e.kept,
	}
}

func TestKeptIsCalledWhenTheRowIsStored(t *testing.T) {
	f := newFixture(t)
	var e ear
	f.server.OnRequest(table.First(2, table.ServerError(500, 1, 1)))
	f.Add(e.entry("ERROR: (1) x"))
	if e.times() != 0 {
		t.Error("it is safe before anything was written")
	}
	f.drained()
	items := f.server.Items(errorsTable)
	if e.times() != 1 || len(items) != 1 || e.heard[0] != items[0].Str("date")+" "+items[0].Str("stamp_mod") {
		t.Errorf("heard %q, stored %d", e.heard, len(items))
	}
}

func TestKeptIsCalledOnceWhenTheRowIsInTheSpill(t *testing.T) {
	testkit.Slow(t)
	for name, onTheWire := range map[string]bool{"from the queue": false, "from the wire": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(c *store.Config) { c.Attempt = 0 }) // what hangs is given up
			f.withSpill(filepath.Join(t.TempDir(), "spill"))
			f.server.Hang()
			var e ear
			f.Add(e.entry("ERROR: (1) x"))
			if onTheWire {
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				defer cancel()
				f.Flush(ctx)
			}
			if e.times() != 0 || !f.Persist() || e.times() != 1 {
				t.Errorf("heard %q", e.heard)
			}
			if err := f.server.Restore(); err != nil {
				t.Fatal(err)
			}
			f.drained()
			if e.times() != 1 {
				t.Errorf("heard %q when it was stored in the end", e.heard)
			}
		})
	}
}

func TestKeptIsCalledWhenTheRowIsLost(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.MaxBytes = 64 << 10 })
	f.server.Refuse()
	var e ear
	for range 3 {
		f.Add(e.entry("ERROR: (1) " + strings.Repeat("x", 30<<10)))
	}
	if len(f.Lost()) == 0 || e.times() == 0 {
		t.Errorf("lost %v, heard %d", f.Lost(), e.times())
	}
}

func TestARowThatIsWaitedForIsNotPacked(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.Layout.Packed = true })
	var e ear
	for i := range 20 {
		entry := e.entry("WARN: (1) x")
		entry.Error, entry.Level = false, "WARN"
		if i != 7 {
			entry.Kept = nil
		}
		f.Add(entry)
	}
	f.drained()
	items := f.server.Items(infoTable)
	if len(items) != 3 || e.times() != 1 || e.heard[0] != items[1].Str("date")+" "+items[1].Str("stamp_mod") {
		t.Errorf("heard %q, %d items of 3: two packs and the row between", e.heard, len(items))
	}
}
