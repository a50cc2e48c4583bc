package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// TestLimits lists what bounds an agent's waiting and memory, why, and the test
// that fails without it.
func TestLimits(t *testing.T) {
	sources := ""
	for _, dir := range []string{".", "../../cmd/extension"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests in %s: %v", dir, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources += string(text)
		}
	}
	for _, limit := range []struct {
		name  string
		value any
		why   string
		test  string
	}{
		{"margin", margin, "next is called so long before an invocation's deadline", "TestHoldIsBounded"},
		{"holdSlack", holdSlack, "a hold whose work is stuck is broken off so long after its bound",
			"TestAStalledDiskHoldsNobody"},
		{"thawed", thawed, "a timer that is later than that was frozen, and nothing was slow", "TestAThawWithinAHold"},
		{"troubleHold", troubleHold, "after an end that a reset follows, SHUTDOWN waits for our next",
			"TestHoldIsBounded"},
		{"shortHold", shortHold, "a second hold within a minute is shorter", "TestASlowTableHoldsOneInvocationAMinute"},
		{"longHoldPause", longHoldPause, "one long hold in so much time", "TestASlowTableHoldsOneInvocationAMinute"},
		{"unknownDeadline", unknownDeadline, "Lambda's longest invocation, where it names no deadline",
			"TestADeadlineThatMakesNoSense"},
		{"firstSign", firstSign, "a platform that tells of nothing holds one invocation so long",
			"TestWithoutASignNothingIsWaitedFor"},
		{"writeEvery", writeEvery, "nothing waits for an event for longer", "TestWhateverIsASecondOldLeaves"},
		{"persistTime", 0, "the part of a hold that moving to /tmp takes", "TestAHoldLeavesTimeForTmp"},
		{"persistBytes", persistBytes, "in an outage so much stays in memory while the function runs",
			"TestAnOutageIsMovedToTmpBeforeTheEnd"},
		{"shutdownTime", shutdownTime, "Lambda's own, where SHUTDOWN's deadline makes no sense", "TestShutdownEnd"},
		{"shutdownMargin", shutdownMargin, "the process is gone so long before SHUTDOWN's deadline", "TestShutdownEnd"},
		{"leastShutdown", leastShutdown, "tried even if SHUTDOWN's deadline is over", "TestShutdownEnd"},
		{"lastResortTime", lastResortTime, "kept of SHUTDOWN for writing to the log", "TestTheLastResortHasItsTime"},
		{"quiet", quiet, "telemetry that comes beside SHUTDOWN is waited for", "TestShutdown"},
		{"lookFirst", lookFirst, "foreign records that are looked at, each", "TestABurstIsSampled"},
		{"lookEvery", lookEvery, "after that one in so many", "TestABurstIsSampled"},
		{"hintAfter", hintAfter, "so much is known before the first hint", "TestAHintAfterAMinute"},
		{"lastAlertTime", lastAlertTime, "kept of SHUTDOWN for alerts", "TestALateErrorAtTheEndIsAlerted"},
		{"rowPatience", rowPatience, "an alert waits so long for its row at SHUTDOWN",
			"TestATableThatHangsLeavesTimeForTheAlert"},
		{"backoffMost", backoffMost, "a refused next is not asked again at once", "TestARefusedNextIsNoTightLoop"},
		{"maxJobs", maxJobs, "what is stuck does not pile up work", "TestWorkDoesNotPileUp"},
		{"maxOpen", maxOpen, "memory of invocations whose end was lost", "TestATrackerStaysSmall"},
		{"maxDone", maxDone, "memory of invocations that have ended", "TestATrackerStaysSmall"},
		{"maxPending", maxPending, "memory of INVOKE events whose end was lost", "TestATrackerStaysSmall"},
		{"longestInvocation", longestInvocation, "what lies further back has a clock of its own", "TestWhoseLineIsIt"},
		{"lateLines", lateLines, "on managed instances late lines of others come so late",
			"TestWhoseLineIsItAmongConcurrentInvocations"},
		{"shortGap", shortGap, "traffic with longer gaps is not busy", "TestBusyTrafficIsNotHeld"},
		{"shortGaps", shortGaps, "busy is what had so many short gaps in a row", "TestBusyTrafficIsNotHeld"},
		{"keptMessage", keptMessage, "a long line's buffer is not kept for life", "TestALongLinesBufferIsNotKept"},
		{"tailLines", tailLines, "a death tells the last lines", "TestTailIsBounded"},
		{"tailRoom", tailRoom, "and is kept with so much, to be masked whole", "TestTailIsBounded"},
		{"tailBytes", tailBytes, "and so much of each", "TestTailIsBounded"},
	} {
		if !strings.Contains(sources, "func "+limit.test+"(") {
			t.Errorf("%s = %v (%s): there is no test %s", limit.name, limit.value, limit.why, limit.test)
		}
	}
}

func TestShutdownEnd(t *testing.T) {
	a := newTestAgent()
	now := time.UnixMilli(1_795_300_000_000)
	for _, tc := range []struct {
		name     string
		deadline time.Time
		want     time.Duration
	}{
		{"Lambda's", now.Add(1600 * time.Millisecond), 1450 * time.Millisecond},
		{"none", time.Time{}, 1850 * time.Millisecond},
		{"too far away", now.Add(time.Hour), 1850 * time.Millisecond},
		{"long over", now.Add(-time.Hour), 1850 * time.Millisecond},
		{"just over", now.Add(-time.Second), 100 * time.Millisecond},
		{"near", now.Add(200 * time.Millisecond), 100 * time.Millisecond},
	} {
		if got := a.shutdownEnd(now, tc.deadline).Sub(now); got != tc.want {
			t.Errorf("deadline %s: the end is after %v, want %v", tc.name, got, tc.want)
		}
	}
}

// newTestAgent returns an agent that has not begun, with an empty Store.
func newTestAgent() *Agent {
	return New(Config{
		Store: store.New(store.Config{
			InfoTable: "info", ErrorsTable: "errors", TTL: time.Hour, Zone: time.UTC, MaxBytes: 1 << 20,
		}),
		Rows: Rows{Scale: level.DefaultScale(), Module: "m"},
	})
}

// A worker that is stuck is not given more and more to do.
func TestWorkDoesNotPileUp(t *testing.T) {
	a := newTestAgent()
	for range 1000 {
		a.startJob(func() {}) // there is no worker: none of them is done
	}
	if n := len(a.jobs); n != maxJobs {
		t.Errorf("%d jobs wait", n)
	}
}

func TestALongLinesBufferIsNotKept(t *testing.T) {
	a := newTestAgent()
	a.line(parse.Line{Level: a.cfg.Rows.Scale.Info(), Locator: "1", Text: strings.Repeat("x", 300<<10)}, "", time.Now())
	if c := cap(a.intake.memory.message); c > keptMessage {
		t.Errorf("a buffer of %d bytes is kept", c)
	}
	a.line(parse.Line{Level: a.cfg.Rows.Scale.Info(), Locator: "1", Text: "x"}, "", time.Now())
	if cap(a.intake.memory.message) == 0 {
		t.Error("a short line's buffer is not used again")
	}
}

func TestTailIsBounded(t *testing.T) {
	var kept tail
	for range 1000 {
		kept.add([]byte(`"` + strings.Repeat("x", 100<<10) + `"`))
	}
	size := 0
	for _, record := range kept.ring {
		size += cap(record)
	}
	if size > 64<<10 {
		t.Errorf("the tail of one invocation takes %d bytes", size)
	}
	a := newTestAgent()
	told := strings.Split(a.lastLines(kept.lines()), "\n")
	if len(told) != 11 { // and what they are
		t.Fatalf("%d lines are told", len(told))
	}
	for _, line := range told {
		if len(line) > 512+len("…") {
			t.Errorf("a line of %d bytes is told", len(line))
		}
	}
}
