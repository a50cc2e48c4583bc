package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// TestACappedTableHoldsNobody: a table at its write limit, which takes a
// fraction of what the function prints. Waiting for it would cost half a second
// of every invocation; what it does not take waits on /tmp, and is stored when
// the storm is over. The figures are far from what a busy machine adds.
func TestACappedTableHoldsNobody(t *testing.T) {
	env, server := start(t)
	server.LimitWrites(200)
	const invocations, lines = 50, 100
	var held []time.Duration
	for range invocations {
		held = append(held, invoke(t, env, print(line, lines), scriptfn.Step{SleepMs: 50}).Held)
	}
	slices.Sort(held)
	t.Logf("held %v in the median, %v at most", held[len(held)/2], held[len(held)-1])
	if long := held[invocations*3/4]; long > 300*time.Millisecond {
		t.Errorf("a quarter of the invocations was held for %v or longer", long)
	}
	log := env.ExtensionOutput()
	if n := strings.Count(log, "\n"); n > 20 {
		t.Errorf("%d diagnostic lines:\n%s", n, log)
	}
	if !strings.Contains(log, "more slowly than they arrive") {
		t.Errorf("nobody is told:\n%s", log)
	}
	server.LimitWrites(0)
	for range 500 {
		if s := server.Stats(); s.ItemsWritten-s.Overwritten >= invocations*lines {
			break
		}
		invoke(t, env, scriptfn.Step{SleepMs: 20})
	}
	invoke(t, env, print(line, 1))
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n != invocations*lines+1 ||
		strings.Contains(env.ExtensionOutput(), "lost") {
		t.Errorf("%d of %d lines are stored:\n%s", n, invocations*lines+1, env.ExtensionOutput())
	}
	if s := server.Stats(); s.Overwritten != s.OverwrittenEqual {
		t.Errorf("%d rows were overwritten by others", s.Overwritten-s.OverwrittenEqual)
	}
}
