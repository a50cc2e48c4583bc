package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

// peakMemory is the most that a process has had resident, in MiB (VmHWM); 0
// where the system does not say.
func peakMemory(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kb int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb >> 10
		}
	}
	return 0
}

// TestBurstOverAHangingTable: 200,000 lines in one invocation of the smallest
// function while DynamoDB hangs. Memory stays within the bound that
// docs/operations.md states, the invocation is not held beyond the flush
// time-out, and every line is stored, or was dropped by Lambda, whose buffer is
// bounded: then a row says how many.
func TestBurstOverAHangingTable(t *testing.T) {
	lines := 200_000
	if len(raceFlag) > 0 {
		lines = 30_000 // the race detector's memory and pace are not ours
	}
	dir := filepath.Join(t.TempDir(), "spill")
	env, server := start(t, func(c *lambda.Config) {
		c.MemoryMB = 128
		c.Env["LOGTABLE_SPILL_DIR"] = dir
		c.Env["LOGTABLE_SPILL_BYTES"] = "128MB" // by default, what exceeds 64 MB is counted as lost
	})
	invoke(t, env, print(line, 1))
	pid := env.ExtensionPID()
	if len(raceFlag) == 0 {
		// Half of the function's memory, page cache included.
		if err := testkit.LimitMemory(t, pid, 64<<20); err != nil {
			t.Logf("not under a cgroup: %v", err)
		} else {
			t.Log("under a cgroup of 64 MiB")
		}
	}
	server.Hang()
	r := invoke(t, env, print(line, lines-1))
	if r.Held > 2*time.Second+slack {
		t.Errorf("held for %v", r.Held)
	}
	peak := peakMemory(env.ExtensionPID())
	if now := env.ExtensionPID(); now != pid {
		t.Errorf("the process was killed: %d is now %d", pid, now)
	}
	t.Logf("held %v, peak resident memory %d MiB", r.Held, peak)
	// Twice the buffer of 2 MiB, 24 MiB for everything else; the race
	// detector's shadow memory is not ours.
	if limit := 28; len(raceFlag) == 0 && peak > limit {
		t.Errorf("peak resident memory of %d MiB, more than the stated %d MiB", peak, limit)
	}
	if err := server.Restore(); err != nil {
		t.Fatal(err)
	}
	awaitLines(t, env, server, lines)
	shutDown(t, env)
	if strings.Contains(env.ExtensionOutput(), "lost") {
		t.Error("lines are counted as lost")
	}
	allThere(t, server, lines)
}

// TestLambdaDropsLines: Lambda's buffer is too small for what the function
// prints. What it dropped is a row, and with it the sum comes out even.
func TestLambdaDropsLines(t *testing.T) {
	const lines = 5000
	env, server := start(t, func(c *lambda.Config) {
		c.Telemetry.Buffer = 200 << 10
		c.Hooks.Deliver = func(ctx context.Context, _ int, _ lambda.Batch) { // a slow way to us
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	invoke(t, env, print(line, lines))
	awaitLines(t, env, server, lines)
	shutDown(t, env)
	if dropped(server) == 0 {
		t.Error("nothing was dropped")
	}
	allThere(t, server, lines)
}

// awaitLines invokes until what was printed is stored, or nothing more is. What
// waits on /tmp leaves beside invocations, at a pace that is the machine's, and
// after the pause that a dead DynamoDB is left alone.
func awaitLines(t *testing.T, env *lambda.Environment, server *table.Server, lines int) {
	t.Helper()
	for idle, last := 0, -1; idle < 2000; idle++ {
		stats := server.Stats()
		stored := stats.ItemsWritten - stats.Overwritten - len(server.Items("logtable-errors"))
		if stored+dropped(server) >= lines {
			return
		}
		if stored > last {
			idle, last = 0, stored
		}
		invoke(t, env, scriptfn.Step{SleepMs: 10})
	}
}

// allThere checks that every line is stored or was dropped by Lambda.
func allThere(t *testing.T, server *table.Server, lines int) {
	t.Helper()
	stored, dropped := len(server.Items("logtable-info")), dropped(server)
	t.Logf("%d lines are stored, Lambda dropped %d", stored, dropped)
	if stored > lines || stored+dropped < lines {
		t.Errorf("%d of %d lines are stored, %d were dropped by Lambda", stored, lines, dropped)
	}
}

// dropped is how many events Lambda has dropped, by the rows that say so.
func dropped(server *table.Server) (n int) {
	for _, item := range server.Items("logtable-errors") {
		if item.Str("locator") != "platform.logsDropped" {
			continue
		}
		_, text, _ := strings.Cut(item.Str("message"), "Lambda dropped ")
		some := 0
		if _, err := fmt.Sscanf(text, "%d lines", &some); err == nil {
			n += some
		}
	}
	return n
}

// TestABurstThatIsNotStored: 20,000 lines of a logger that no setting names. No
// invocation is held for them, and that some are looked at takes no memory that
// without the hints is not taken.
func TestABurstThatIsNotStored(t *testing.T) {
	const (
		lines = 20_000
		pinos = `{"level":30,"time":1795344720573,"pid":8,"hostname":"h","msg":"request {n} is handled"}`
	)
	peak := map[string]int{}
	for _, hints := range []string{"off", "on"} {
		env, server := start(t, func(c *lambda.Config) { c.Env["LOGTABLE_HINTS"] = hints })
		for range 3 {
			r := invoke(t, env, print(pinos, lines))
			if r.Held > slack {
				t.Errorf("hints %s: held for %v", hints, r.Held)
			}
		}
		peak[hints] = peakMemory(env.ExtensionPID())
		shutDown(t, env)
		said := strings.Count(env.ExtensionOutput(), "about 60000 lines look like pino's")
		if want := strings.Count(hints, "on"); said != want {
			t.Errorf("hints %s: said %d times:\n%s", hints, said, env.ExtensionOutput())
		}
		if n := len(server.Items("logtable-info")); n > 0 {
			t.Errorf("%d rows", n)
		}
	}
	t.Logf("peak resident memory in MiB: %v", peak)
	if more := peak["on"] - peak["off"]; len(raceFlag) == 0 && more > 2 {
		t.Errorf("hints take %d MiB", more)
	}
}
