package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/agent"
)

func flushing(f agent.Flush) func(*agent.Config) {
	return func(cfg *agent.Config) { cfg.Flush = f }
}

// round is an invocation of the given length with one line, whose telemetry
// comes late after its end; it returns how long next took after INVOKE.
func (c *cloud) round(id string, length, late time.Duration, lines ...string) (took time.Duration) {
	c.t.Helper()
	began := c.invoke(id)
	time.Sleep(length)
	body := append(append([]string{}, lines...), done(id, `,"status":"success"`))
	time.Sleep(late)
	c.post(body...)
	at := <-c.asked
	c.asked <- at
	return at.Sub(began)
}

func TestBusyTrafficIsNotHeld(t *testing.T) {
	play(t, flushing(agent.FlushAdaptive), func(c *cloud, _ <-chan error) {
		c.latency = 30 * time.Millisecond
		const length, late = 50 * time.Millisecond, 25 * time.Millisecond
		// Nothing is known of the traffic yet: each is written before next.
		for i, id := range []string{"a", "b", "c"} {
			if took := c.round(id, length, late, line("x")); took != length+late+30*time.Millisecond ||
				c.stored() != i+1 {
				t.Errorf("%s: next after %v, %d rows", id, took, c.stored())
			}
		}
		// Three short gaps in a row: from now on next comes at once, and the
		// line leaves beside what follows.
		for i, id := range []string{"d", "e", "f", "g"} {
			if took := c.round(id, length, late, line("x")); took != 0 {
				t.Errorf("%s: next after %v in busy traffic", id, took)
			}
			if c.stored() != 3+i {
				t.Errorf("%s: %d rows, want those of the invocations before", id, c.stored())
			}
			time.Sleep(100 * time.Millisecond)
		}
		// A lull. The first invocation after it is written before next again.
		time.Sleep(time.Minute)
		if took := c.round("h", length, late, line("x")); took != length+late+30*time.Millisecond {
			t.Errorf("after a lull: next after %v", took)
		}
		if c.stored() != 8 {
			t.Errorf("after a lull: %d rows of 8", c.stored())
		}
	})
}

func TestAnErrorLeavesAheadInBusyTraffic(t *testing.T) {
	play(t, flushing(agent.FlushAdaptive), func(c *cloud, _ <-chan error) {
		for _, id := range []string{"a", "b", "c", "d"} {
			c.round(id, 50*time.Millisecond, 0)
		}
		c.invoke("e")
		c.post(line("x"), event("function", `{"locator":"2","level":"error","text":"bad"}`))
		synctest.Wait()
		if c.stored() != 2 {
			t.Errorf("%d rows while the function runs", c.stored())
		}
	})
}

// A long invocation in busy traffic does not keep its lines until the next.
func TestALongInvocationIsWrittenInBusyTraffic(t *testing.T) {
	play(t, flushing(agent.FlushAdaptive), func(c *cloud, _ <-chan error) {
		for _, id := range []string{"a", "b", "c", "d"} {
			c.round(id, 50*time.Millisecond, 0)
		}
		c.invoke("e")
		c.post(line("x"))
		time.Sleep(400 * time.Millisecond)
		if c.stored() != 0 {
			t.Error("sent at once")
		}
		time.Sleep(200 * time.Millisecond)
		if c.stored() != 1 {
			t.Error("a line waits for the end of a long invocation")
		}
	})
}

// Invocations that last for seconds, one right after the other, are busy
// traffic too. What has passed since the last INVOKE does not tell, but its end
// does, when its telemetry comes: then next is called though the function runs.
func TestLongInvocationsInARowAreBusyTraffic(t *testing.T) {
	play(t, flushing(agent.FlushAdaptive), func(c *cloud, _ <-chan error) {
		const length, late = 5 * time.Second, 25 * time.Millisecond
		ids := []string{"a", "b", "c", "d", "e", "f"}
		previous := ""
		for i, id := range ids {
			began := c.invoke(id)
			time.Sleep(late)
			if previous != "" {
				c.post(previous)
			}
			synctest.Wait()
			early := len(c.asked) == 1
			if want := i >= 3; early != want {
				t.Errorf("%s: next called while the function runs: %v, want %v", id, early, want)
			}
			time.Sleep(length - late)
			previous = done(id, "")
			if !early {
				c.post(previous)
				previous = ""
				c.nextWithin(began, length, length)
			}
		}
	})
}

func TestBackgroundNeverWaits(t *testing.T) {
	play(t, flushing(agent.FlushBackground), func(c *cloud, _ <-chan error) {
		c.latency = 10 * time.Millisecond
		began := c.invoke("a")
		c.nextWithin(began, 0, 0)
		c.post(line("x"))
		time.Sleep(20 * time.Millisecond)
		if c.stored() != 1 {
			t.Error("the line waits for something")
		}
		time.Sleep(time.Minute)
		began = c.invoke("b")
		c.nextWithin(began, 0, 0)
	})
}
