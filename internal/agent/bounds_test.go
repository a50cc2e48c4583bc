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
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/level"
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
	play(t, both(roomy(16<<20), spilling(t), func(cfg *agent.Config) { rows = cfg.Store }),
		func(c *cloud, _ <-chan error) {
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
		{`{"request":"a","for":"us"}`, 1}, {`{"request":"","for":"us"}`, 1}, {`{"request":"a","for":"them"}`, 0},
		{`{"request":"a"}`, 0},
		{"", 1}, // one that cannot be read
	} {
		play(t, func(cfg *agent.Config) { cfg.Mark.Owner = "us" }, func(c *cloud, _ <-chan error) {
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
	play(t, both(roomy(8<<20), func(cfg *agent.Config) {
		cfg.LastResort = agent.LastResort{Log: &log,
			MaxBytes: 8 << 20}
	}), func(c *cloud, stopped <-chan error) {
		c.set(func() { c.latency = time.Hour })
		<-c.asked
		c.post(many(1 << 20))
		began := time.Now()
		c.events <- shutdownEvent("spindown")
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
	for name, deadline := range map[string]time.Time{"none": {},
		"in a century": time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
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
		c.events <- shutdownEvent("spindown")
		time.Sleep(1210 * time.Millisecond)
		c.post(severe("1"))
		<-stopped
		if p.told != 1 {
			t.Errorf("%d alerts", p.told)
		}
	})
}

// Reading what a function printed may take long on a starved processor: that,
// too, makes one invocation a minute longer and no other.
func TestABodyThatIsReadSlowlyHoldsOneInvocationAMinute(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		for i := range 5 {
			c.set(func() { c.unread = time.Time{} })
			if i > 0 {
				c.post(done(fmt.Sprint(i-1), ""))
			}
			c.invoke(fmt.Sprint(i))
			time.Sleep(500 * time.Millisecond)
			ended := time.Now()
			c.set(func() { c.unread = ended })
			c.agent.Arrived()
			at := <-c.asked
			c.asked <- at
			if held := at.Sub(ended); i > 0 && held > 300*time.Millisecond {
				t.Errorf("invocation %d was held for %v", i, held)
			}
		}
	})
}

// A stalled disk at the very end delays the process, and nothing is said of
// messages that may be lost: what there was stands in the log.
func TestNothingIsSaidToBeLostThatIsNot(t *testing.T) {
	var log bytes.Buffer
	play(t, func(cfg *agent.Config) {
		cfg.LastResort, cfg.Mark.Marker = agent.LastResort{Log: &log, MaxBytes: 8 << 20}, slowMarker{}
	}, func(c *cloud, stopped <-chan error) {
		c.set(func() { c.latency = time.Hour })
		<-c.asked
		c.post(line("x"))
		c.events <- shutdownEvent("spindown")
		<-stopped
		if !strings.Contains(log.String(), "logtable_record") ||
			strings.Contains(c.log.String(), "is stuck") {
			t.Errorf("log: %s%s", log.String(), c.log.String())
		}
	})
}

// slowMarker is on a disk that does not answer when the process ends.
type slowMarker struct{}

func (slowMarker) Mark([]byte) error { return nil }
func (slowMarker) Unmark() error     { time.Sleep(500 * time.Millisecond); return nil }

// Lambda is not kept waiting for whoever holds the Store's lock. (A mutex stops
// virtual time, so this takes half a second of the real one.)
func TestNextDoesNotWaitForTheStoresLock(t *testing.T) {
	c := &cloud{t: t, events: make(chan any), asked: make(chan time.Time, 100)}
	log := diag.New(&c.log)
	cfg := agent.Config{
		Events: c, Receiver: c, Diag: log, Rows: agent.Rows{Scale: level.DefaultScale(), Module: "orders"},
		FlushTimeout: 300 * time.Millisecond,
	}
	cfg.Store = store.New(storeConfig(c, log))
	c.agent = agent.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.agent.Run(ctx)
	<-c.asked
	c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a", Deadline: time.Now().Add(10 * time.Minute)}
	c.post(begin("a"))
	locked, release := make(chan struct{}), make(chan struct{})
	cfg.Store.Add(store.Entry{
		Time: time.Now(), Level: "INFO", Message: "x", ExceptionAt: -1,
		Kept: func(string, string) { // called with the lock held
			close(locked)
			<-release
		},
	})
	cfg.Store.Start()
	<-locked
	read := make(chan struct{})
	go func() {
		c.post(done("a", "")) // the intake waits, too
		close(read)
	}()
	select {
	case <-c.asked:
	case <-time.After(time.Minute):
		t.Error("next waits for the Store's lock")
	}
	close(release)
	<-read
}

// Before a snapshot no alert leaves, either: each clone would be on its
// connection.
func TestNoAlertLeavesBeforeASnapshot(t *testing.T) {
	p := &phone{}
	play(t, both(alerting(p), snapshot, spilling(t), roomy(4<<10)), func(c *cloud, _ <-chan error) {
		p.c = c
		<-c.asked
		for i := range 30 { // more than memory has room for: they go to /tmp
			c.post(severe(fmt.Sprint(i)))
		}
		time.Sleep(3 * time.Second)
		told := func() int { return c.number(func() int { return len(p.messages) }) }
		if n := told(); n > 0 || c.stored() > 0 {
			t.Errorf("%d alerts, %d rows before the restore", n, c.stored())
		}
		c.post(event("platform.restoreStart", `{}`))
		time.Sleep(3 * time.Second)
		if told() == 0 || c.stored() == 0 {
			t.Errorf("%d alerts, %d rows after the restore", told(), c.stored())
		}
	})
}

func (c *cloud) number(f func() int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f()
}

// A hold that DynamoDB has used up leaves what it printed on /tmp all the same.
func TestWhatAHoldHadNoTimeForIsOnTmp(t *testing.T) {
	for _, hold := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 2 * time.Second} {
		var rows *store.Store
		play(t, both(spilling(t), func(cfg *agent.Config) { rows, cfg.FlushTimeout = cfg.Store, hold }),
			func(c *cloud, _ <-chan error) {
				c.set(func() { c.latency = time.Hour })
				c.invoke("a")
				c.post(line("x"), line("y"))
				c.post(done("a", ""))
				<-c.asked
				if waiting, unsafe := rows.Waiting(), rows.Unsafe(); waiting < 2 || unsafe != 0 {
					t.Errorf("a hold of %v: %d lines wait, %d of them in memory only", hold, waiting, unsafe)
				}
			})
	}
}
