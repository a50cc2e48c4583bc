package agent

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
)

// MuIsFree reports whether Agent.mu can be taken: nobody holds it for longer
// than a moment. Whoever is called by the agent may ask, with any lock held.
func (a *Agent) MuIsFree() bool {
	for range 1_000_000 {
		if a.mu.TryLock() {
			a.mu.Unlock()
			return true
		}
		runtime.Gosched()
	}
	return false
}

// TestTheLockOrder holds what the package's comment says of intake.mu: while a
// body is read, which may take long, everything else goes on. That Agent.mu is
// not held into the Store, the alerts, a mark or the log is looked at whenever
// play's clocks, its cloud or its log are used.
func TestTheLockOrder(t *testing.T) {
	a := newTestAgent()
	a.cfg.Diag = diag.New(io.Discard)
	a.intake.mu.Lock() // a body is being read
	ctx := t.Context()
	soon := func() time.Time { return time.Now().Add(10 * time.Millisecond) }
	for name, f := range map[string]func(){
		"Arrived":          a.Arrived,
		"the clock":        a.tick,
		"the look-ahead":   a.intake.ahead.flush,
		"an INVOKE":        func() { a.noteInvoke("a", ""); a.writeLeftOver("a") },
		"a hold":           func() { a.writeBeforeNext(ctx, soon()) },
		"no hold":          a.leaveToNext,
		"SHUTDOWN":         func() { a.shutdown(ctx, soon(), "spindown") },
		"Started":          a.Started,
		"losses":           func() { a.Losses(nil) },
		"an end's arrival": func() { a.updateFacts("a", &endFacts{}) },
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s waits for the body that is being read", name)
		}
	}
	a.intake.mu.Unlock()

	a.mu.Lock()
	defer a.mu.Unlock()
	if a.MuIsFree() {
		t.Error("a lock that is held is said to be free: no test would see it")
	}
}
