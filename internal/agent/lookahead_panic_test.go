package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// A bug in what is done with lines that have waited costs those lines, and
// never the lock under which telemetry is read: Intake would stand still for
// ever.
func TestAPanicOfTheLookAheadLeavesNoLock(t *testing.T) {
	var log strings.Builder
	a := New(Config{Rows: Rows{Scale: level.DefaultScale()}, Diag: diag.New(&log)})
	in := &a.intake
	l := &in.ahead
	holdOne := func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		l.hold(parse.Open, []byte(`"{"`), "a", time.Now())
	}

	holdOne()
	parser := in.parser
	in.parser = nil // whatever is done with the line now panics
	in.mu.Lock()
	l.release() // as the next event does, which must be read all the same
	in.mu.Unlock()
	if in.parser = parser; l.what != parse.Closed || l.waits.Load() || a.skipped.unreadable != 1 ||
		!strings.Contains(log.String(), "panic") {
		t.Errorf("waits for %v (%v), %d unreadable, log %s", l.what, l.waits.Load(), a.skipped.unreadable, log.String())
	}

	holdOne()
	// There is no Store: to start sending panics.
	a.guarded("look-ahead", l.flush)
	if !a.noop.Load() {
		t.Error("flush has not panicked")
	}
	if !in.mu.TryLock() {
		t.Fatal("the lock is still held")
	}
	in.mu.Unlock()
}
