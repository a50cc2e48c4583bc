package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
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
// function while DynamoDB hangs. Memory stays within the bound that README
// states, the invocation is not held beyond the flush time-out, and every line
// is stored or counted.
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
	// What waits on /tmp leaves beside the following invocations, at a pace that
	// is the machine's, and after the pause that a dead DynamoDB is left alone.
	for idle, last := 0, -1; idle < 2000; idle++ {
		stats := server.Stats()
		stored := stats.ItemsWritten - stats.Overwritten
		if stored >= lines {
			break
		}
		if stored > last {
			idle, last = 0, stored
		}
		invoke(t, env, scriptfn.Step{SleepMs: 10})
	}
	shutDown(t, env)
	stored := len(server.Items("logtable-info"))
	if stored != lines || strings.Contains(env.ExtensionOutput(), "lost") {
		t.Errorf("%d of %d lines are stored", stored, lines)
	}
}
