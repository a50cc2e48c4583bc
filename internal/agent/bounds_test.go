package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/store"
)

// roomy gives the agent a store with room for so many bytes in memory.
func roomy(bytes int) func(*agent.Config) {
	return func(cfg *agent.Config) { cfg.Store.Bound(bytes) }
}

func both(changes ...func(*agent.Config)) func(*agent.Config) {
	return func(cfg *agent.Config) {
		for _, change := range changes {
			change(cfg)
		}
	}
}

// many is a body's worth of lines of about so many bytes together.
func many(bytes int) string {
	text := strings.Repeat("x", 900)
	return strings.TrimSuffix(strings.Repeat(line(text)+",", bytes/1000), ",")
}

// Moving to /tmp takes time, too: it is a part of the hold.
func TestAHoldLeavesTimeForTmp(t *testing.T) {
	for _, tc := range []struct {
		bytes       int
		least, most time.Duration
	}{
		{1000, 399 * time.Millisecond, 400 * time.Millisecond},
		{1 << 20, 300 * time.Millisecond, 380 * time.Millisecond},
		{32 << 20, 300 * time.Millisecond, 300 * time.Millisecond}, // a quarter of the hold at most
	} {
		short := func(cfg *agent.Config) { cfg.FlushTimeout = 400 * time.Millisecond }
		play(t, both(roomy(128<<20), spilling(t), short), func(c *cloud, _ <-chan error) {
			c.set(func() { c.latency = time.Hour })
			c.invoke("a")
			for left := tc.bytes; left > 0; left -= 4 << 20 {
				c.post(many(min(left, 4<<20)))
			}
			ended := time.Now()
			c.post(done("a", ""))
			c.nextWithin(ended, tc.least, tc.most)
		})
	}
}

// What DynamoDB does not take is moved to /tmp while the function runs: at its
// end it would be billed.
func TestAnOutageIsMovedToTmpBeforeTheEnd(t *testing.T) {
	var rows *store.Store
	play(t, both(roomy(16<<20), spilling(t), func(cfg *agent.Config) { rows = cfg.Store }), func(c *cloud, _ <-chan error) {
		c.set(func() { c.broken = fmt.Errorf("connection refused") })
		c.invoke("a")
		c.post(line("x"))
		time.Sleep(5100 * time.Millisecond) // between two ticks of the clock
		if !rows.Resting() {
			t.Fatal("DynamoDB is down, and the store does not know")
		}
		c.post(many(700 << 10))
		if rows.Unsafe() == 0 {
			t.Error("700 KB are moved at once, though their invocation may end soon")
		}
		c.post(many(700 << 10))
		if n := rows.Unsafe(); n != 0 {
			t.Errorf("%d lines, more than 1 MiB, wait in memory", n)
		}
	})
}

// The mark of another function's process, on a developer's machine, is not
// about us.
func TestAnotherFunctionsMarkSaysNothing(t *testing.T) {
	for _, tc := range []struct {
		mark string
		rows int
	}{
		{`{"request":"a","for":"us"}`, 1}, {`{"request":"","for":"us"}`, 1}, {`{"request":"a","for":"them"}`, 0}, {`{"request":"a"}`, 0},
		{"", 1}, // one that cannot be read
	} {
		play(t, func(cfg *agent.Config) { cfg.Owner = "us" }, func(c *cloud, _ <-chan error) {
			c.agent.Unclean([]byte(tc.mark))
			c.invoke("b")
			c.post(done("b", ""))
			<-c.asked
			if n := c.of("logtable.unclean"); n != tc.rows {
				t.Errorf("mark %s: %d rows, want %d", tc.mark, n, tc.rows)
			}
		})
	}
}

// At the end of an environment whose DynamoDB hangs there is time for writing
// everything to the log.
func TestTheLastResortHasItsTime(t *testing.T) {
	var log bytes.Buffer
	play(t, both(roomy(8<<20), func(cfg *agent.Config) { cfg.Log, cfg.LastResort = &log, 8<<20 }), func(c *cloud, stopped <-chan error) {
		c.set(func() { c.latency = time.Hour })
		<-c.asked
		c.post(many(1 << 20))
		began := time.Now()
		c.events <- extapi.NextEvent{Type: extapi.Shutdown, Deadline: began.Add(2 * time.Second), ShutdownReason: "spindown"}
		<-stopped
		if took := time.Since(began); took > 1650*time.Millisecond {
			t.Errorf("the log was written %v after SHUTDOWN: too late for a megabyte", took)
		}
		if n := strings.Count(log.String(), "logtable_record"); n != 1<<20/1000 {
			t.Errorf("%d of %d records are in the log", n, 1<<20/1000)
		}
	})
}

// A deadline that makes no sense holds nobody for longer than Lambda's longest
// invocation.
func TestADeadlineThatMakesNoSense(t *testing.T) {
	for name, deadline := range map[string]time.Time{"none": {}, "in a century": time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(c *cloud, _ <-chan error) {
				<-c.asked
				began := time.Now()
				c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a", Deadline: deadline}
				c.post(event("platform.start", `{"requestId":"a"}`))
				c.nextWithin(began, 15*time.Minute-200*time.Millisecond, 15*time.Minute)
			})
		})
	}
}

// slowPhone takes its time for a message.
type slowPhone struct {
	takes time.Duration
	told  int
}

func (p *slowPhone) Fits(alert.Message) bool { return true }
func (p *slowPhone) Publish(ctx context.Context, _ alert.Message) error {
	select {
	case <-time.After(p.takes):
		p.told++
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// An error that comes late, while DynamoDB hangs at the very end, is alerted
// all the same: there is time for its way to /tmp and for the alert.
func TestALateErrorAtTheEndIsAlerted(t *testing.T) {
	p := &slowPhone{takes: 240 * time.Millisecond}
	play(t, both(alerting(nil), func(cfg *agent.Config) {
		cfg.Alerts.Send.Channel = p
		spilling(t)(cfg)
	}), func(c *cloud, stopped <-chan error) {
		c.set(func() { c.latency = time.Hour })
		<-c.asked
		c.post(line("x"))
		c.events <- extapi.NextEvent{Type: extapi.Shutdown, ShutdownReason: "spindown", Deadline: time.Now().Add(2 * time.Second)}
		time.Sleep(1210 * time.Millisecond)
		c.post(severe("1"))
		<-stopped
		if p.told != 1 {
			t.Errorf("%d alerts", p.told)
		}
	})
}
