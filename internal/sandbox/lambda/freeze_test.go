package lambda

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// group lists the states of the living processes of a group ("T" is stopped),
// as ps tells them on Linux and macOS alike.
func group(t *testing.T, pgid int) (states []string) {
	t.Helper()
	out, err := exec.Command(testkit.Program(t, "ps"), "-A", "-o", "pgid=,state=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == strconv.Itoa(pgid) && f[1][0] != 'Z' {
			states = append(states, f[1][:1])
		}
	}
	return states
}

// awaitStopped polls, because SIGSTOP takes effect some time after kill(2).
func awaitStopped(t *testing.T, pgid int) {
	t.Helper()
	ctx := testContext(t)
	for {
		states := group(t, pgid)
		if len(states) > 0 && strings.Trim(strings.Join(states, ""), "T") == "" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("group %d is not stopped: %v", pgid, states)
		}
	}
}

func TestFreeze(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Freeze: true}}, "wait-for-done")
	first := invoke(t, e, `{"steps":[{"print":"one"}]}`)
	awaitStopped(t, e.ExtensionPID())
	awaitStopped(t, e.FunctionPID())

	// More time passes than the subscription's 25 ms. The report, which was
	// emitted when the extension called next, is not delivered in it.
	const idle = 100 * time.Millisecond
	began := time.Now()
	<-time.After(idle)
	thawed := time.Now()
	invoke(t, e, `{}`)
	for _, b := range e.Telemetry() {
		for _, ev := range b.Events {
			if ev.Type == "platform.report" && ev.RequestID == first.RequestID && b.Time.Before(thawed) {
				t.Errorf("report delivered %v into the freeze", b.Time.Sub(began))
			}
		}
	}
	awaitStopped(t, e.ExtensionPID())
	if s := shutdown(t, e); !s.Delivered || s.ExitCode != 3 {
		t.Errorf("shutdown out of the freeze: %+v", s)
	}
	record(t, delivered(e), "platform.report", 0)
	noViolations(t, e)
}

func TestNoFreeze(t *testing.T) {
	e := start(t, Config{}, "wait-for-done")
	invoke(t, e, `{}`)
	awaitEvent(t, e, "platform.report") // delivered while idle
	for _, s := range group(t, e.ExtensionPID()) {
		if s == "T" {
			t.Error("the extension is stopped")
		}
	}
	noViolations(t, e)
}

// A stopped environment can vanish, too.
func TestKillFrozen(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Freeze: true}})
	invoke(t, e, `{}`)
	pid := e.ExtensionPID()
	e.Kill()
	if left := group(t, pid); len(left) > 0 {
		t.Errorf("the extension's group is still there: %v", left)
	}
}
