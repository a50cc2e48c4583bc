package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// A bug in what is done with lines that have waited costs those lines, and never
// the lock under which telemetry is read: Intake would stand still for ever.
func TestAPanicOfTheLookAheadLeavesNoLock(t *testing.T) {
	var log strings.Builder
	a := New(Config{Scale: level.DefaultScale(), Diag: diag.New(&log)})
	l := a.ahead
	holdOne := func() {
		done := l.begin()
		defer done()
		l.hold(parse.Open, []byte(`"{"`), "a", time.Now())
	}

	holdOne()
	parser := a.parser
	a.parser = nil // whatever is done with the line now panics
	done := l.begin()
	l.release() // as the next event does, which must be read all the same
	done()
	if a.parser = parser; l.what != parse.Closed || l.waits.Load() || a.counts.unreadable != 1 || !strings.Contains(log.String(), "panic") {
		t.Errorf("waits for %v (%v), %d unreadable, log %s", l.what, l.waits.Load(), a.counts.unreadable, log.String())
	}

	holdOne()
	// There is no Store: to start sending panics.
	a.guarded("look-ahead", func() { l.flush("a test") })
	if !a.silent.Load() {
		t.Error("flush has not panicked")
	}
	if !l.mu.TryLock() {
		t.Fatal("the lock is still held")
	}
	l.mu.Unlock()
}
