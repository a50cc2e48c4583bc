package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

// cloud plays Lambda and DynamoDB for an Agent inside a synctest bubble, where
// waiting costs no time.
type cloud struct {
	t      *testing.T
	agent  *agent.Agent
	events chan any // extapi.NextEvent or error
	asked  chan time.Time
	log    bytes.Buffer

	mu      sync.Mutex
	rows    []string
	latency time.Duration
	broken  error
	panics  bool
	arrived time.Time
	unread  time.Time // since when an end waits to be read; zero for none
	looked  func()    // called once, when somebody asks for that; nil for none
	started sync.Once
}

// now is the clock of the agent, its Store and its alerts, which ask it with
// their locks held: see the package's comment for their order.
func (c *cloud) now() time.Time {
	c.holdsNoLock("asks a clock")
	return time.Now()
}

func (c *cloud) holdsNoLock(who string) {
	if c.agent != nil && !c.agent.MuIsFree() {
		c.t.Errorf("Agent.mu is held by somebody who %s", who)
	}
}

// Write takes the diagnostics.
func (c *cloud) Write(p []byte) (int, error) {
	c.holdsNoLock("writes to the log")
	return c.log.Write(p)
}

func (c *cloud) Next(ctx context.Context) (extapi.NextEvent, error) {
	c.started.Do(func() { go c.agent.Started() }) // as the client does
	c.asked <- time.Now()
	select {
	case ev := <-c.events:
		if err, ok := ev.(error); ok {
			return extapi.NextEvent{}, err
		}
		return ev.(extapi.NextEvent), nil
	case <-ctx.Done():
		return extapi.NextEvent{}, ctx.Err()
	}
}

func (c *cloud) Idle() (bool, time.Time) {
	c.holdsNoLock("asks the listener")
	c.mu.Lock()
	defer c.mu.Unlock()
	return true, c.arrived
}
func (c *cloud) DoneWaiting() (time.Time, bool) {
	c.holdsNoLock("asks the listener")
	c.mu.Lock()
	if looked := c.looked; looked != nil {
		c.looked = nil
		c.mu.Unlock()
		looked()
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	return c.unread, !c.unread.IsZero()
}
func (c *cloud) Counts() logsapi.Counts { return logsapi.Counts{} }

func (c *cloud) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	c.mu.Lock()
	latency, broken, panics := c.latency, c.broken, c.panics
	c.mu.Unlock()
	if panics {
		panic("a bug")
	}
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if broken != nil {
		return nil, broken
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, requests := range in.RequestItems {
		for _, r := range requests {
			b, _ := json.Marshal(r.PutRequest.Item["message"])
			c.rows = append(c.rows, string(b))
		}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

func (c *cloud) stored() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows)
}

func (c *cloud) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// storeConfig is what the Stores here have in common.
func storeConfig(client dynamotest.BatchWriter, log *diag.Logger) store.Config {
	return store.Config{
		Client: dynamotest.Over(client), InfoTable: "info", ErrorsTable: "errors",
		TTL: time.Hour, Zone: time.UTC, MaxBytes: 1 << 20, Report: log,
	}
}

// shutdownEvent is Lambda's, with the deadline that it has.
func shutdownEvent(reason string) extapi.NextEvent {
	return extapi.NextEvent{
		Type: extapi.Shutdown, Deadline: time.Now().Add(2 * time.Second), ShutdownReason: reason,
	}
}

// play runs an agent with f as the cloud's part, in a bubble.
func play(t *testing.T, change func(*agent.Config), f func(c *cloud, done <-chan error)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{t: t, events: make(chan any), asked: make(chan time.Time, 100)}
		log := diag.New(c)
		cfg := agent.Config{
			Events: c, Receiver: c, Diag: log, Now: c.now, FlushTimeout: 2 * time.Second,
			Rows: agent.Rows{Scale: level.DefaultScale(), Module: "orders"},
		}
		var disable func()
		rows := storeConfig(c, log)
		rows.Now, rows.Panicked = c.now, func(v any) { log.Panic("writer", v); disable() }
		cfg.Store = store.New(rows)
		if change != nil {
			change(&cfg)
		}
		c.agent = agent.New(cfg)
		disable = c.agent.Disable
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- c.agent.Run(ctx) }()
		f(c, done)
		if t.Failed() {
			t.Logf("log:\n%s", c.log.String())
		}
		cancel()
		// DynamoDB is well again, so that no writer is left in the bubble.
		c.set(func() { c.latency, c.broken = 0, nil })
		_ = cfg.Store.FlushLast(context.Background())
		time.Sleep(10 * time.Second) // longer than a backoff
		synctest.Wait()
	})
}

// invoke sends an INVOKE with a time-out of 10 s and returns its beginning.
func (c *cloud) invoke(id string) time.Time {
	<-c.asked
	now := time.Now()
	c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: id, Deadline: now.Add(10 * time.Second)}
	synctest.Wait()
	c.post(event("platform.start", fmt.Sprintf(`{"requestId":%q}`, id)))
	return now
}

func (c *cloud) post(events ...string) {
	c.set(func() { c.arrived = time.Now() })
	body := []byte("[" + strings.Join(events, ",") + "]")
	c.agent.Intake(body)
	clear(body) // the listener uses its memory again
}

func event(kind, record string) string {
	return fmt.Sprintf(`{"time":%q,"type":%q,"record":%s}`, time.Now().UTC().Format(time.RFC3339Nano), kind, record)
}

func line(text string) string {
	return event("function", fmt.Sprintf(`{"locator":"1","level":"info","text":%q}`, text))
}

func done(id, more string) string {
	return event("platform.runtimeDone", fmt.Sprintf(`{"requestId":%q%s}`, id, more))
}

// nextWithin checks when the agent calls next, counted from a time.
func (c *cloud) nextWithin(since time.Time, least, most time.Duration) {
	c.t.Helper()
	at := <-c.asked
	if took := at.Sub(since); took < least || took > most {
		c.t.Errorf("next came %v after, want %v to %v", took, least, most)
	}
	c.asked <- at // for the following invoke
}

func TestWritesBeforeNext(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.latency = 30 * time.Millisecond
		c.invoke("a")
		c.post(line("x"), line("y"))
		time.Sleep(300 * time.Millisecond) // the function works
		ended := time.Now()
		c.post(done("a", `,"status":"success"`))
		c.nextWithin(ended, 30*time.Millisecond, 31*time.Millisecond)
		if c.stored() != 2 {
			t.Errorf("%d rows stored at next", c.stored())
		}
	})
}

func TestNothingLoggedNothingHeld(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.latency = time.Hour
		c.invoke("a")
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 0, 0)
	})
}

func TestTheEndMayComeBeforeINVOKE(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.post(event("platform.start", `{"requestId":"a"}`), line("x"), done("a", ""))
		now := time.Now()
		c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a", Deadline: now.Add(10 * time.Second)}
		c.nextWithin(now, 0, time.Millisecond)
		if c.stored() != 1 {
			t.Error("the line is not stored")
		}
	})
}

func TestHoldIsBounded(t *testing.T) {
	for _, tc := range []struct {
		name  string
		flush time.Duration
		runs  time.Duration // the function, of 10 s
		end   string
		want  time.Duration // hold
	}{
		{"by LOGTABLE_FLUSH_TIMEOUT", 2 * time.Second, time.Second, `,"status":"success"`, 2 * time.Second},
		{"by a short one", 100 * time.Millisecond, time.Second, "", 100 * time.Millisecond},
		{"by the deadline", 5 * time.Second, 9 * time.Second, "", 800 * time.Millisecond},
		{"after a time-out", 2 * time.Second, time.Second, `,"status":"timeout"`, 300 * time.Millisecond},
		{"after a crash", 2 * time.Second, time.Second, `,"status":"error","errorType":"Runtime.ExitError"`,
			300 * time.Millisecond},
		{"after an exception", 2 * time.Second, time.Second, `,"status":"error","errorType":"Function.ValueError"`,
			2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			play(t, func(cfg *agent.Config) { cfg.FlushTimeout = tc.flush }, func(c *cloud, _ <-chan error) {
				c.latency = time.Hour // hangs
				c.invoke("a")
				time.Sleep(tc.runs)
				c.post(line("x"))
				ended := time.Now()
				c.post(done("a", tc.end))
				c.nextWithin(ended, tc.want, tc.want)
			})
		})
	}
}

func TestNoEndIsWaitedForOnceToTheDeadline(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		began := c.invoke("a")
		c.post(line("x"))
		c.nextWithin(began, 9800*time.Millisecond, 9800*time.Millisecond)
		if c.stored() != 1 {
			t.Error("the line waited for an end that never came")
		}
		for _, id := range []string{"b", "c"} {
			began = c.invoke(id)
			c.nextWithin(began, 0, 0)
		}
		// An end, of whichever invocation, and the next is waited for.
		c.post(done("b", ""))
		c.invoke("d")
		time.Sleep(time.Second)
		ended := time.Now()
		c.post(line("y"), done("d", ""))
		c.nextWithin(ended, 0, time.Millisecond)
		if c.stored() != 2 {
			t.Errorf("%d of 2 rows", c.stored())
		}
	})
}

// loseAnEnd plays an invocation whose end never comes, and one that is
// therefore not waited for.
func (c *cloud) loseAnEnd() {
	c.nextWithin(c.invoke("a"), 9800*time.Millisecond, 9800*time.Millisecond)
	c.nextWithin(c.invoke("b"), 0, 0)
}

// waitedFor ends the invocation that is under way, a second later, and checks
// that next was not called before, and that its line, the first, is stored.
func (c *cloud) waitedFor(id string) {
	c.t.Helper()
	time.Sleep(time.Second)
	ended := time.Now()
	c.post(line("y"), done(id, ""))
	c.nextWithin(ended, 0, time.Millisecond)
	if c.stored() != 1 {
		c.t.Errorf("%d of 1 rows", c.stored())
	}
}

// The end that comes again may have arrived just before INVOKE, and not be
// read.
func TestAnEndThatIsNotReadYetIsTrusted(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.loseAnEnd()
		c.set(func() { c.unread = time.Now() })
		c.invoke("c")
		time.Sleep(100 * time.Millisecond)
		c.set(func() { c.unread = time.Time{} })
		c.post(done("b", ""))
		c.waitedFor("c")
	})
}

// The same, where the end is read between two looks.
func TestAnEndThatIsReadMeanwhileIsTrusted(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.loseAnEnd()
		c.set(func() { c.looked = func() { c.post(done("b", "")) } })
		c.invoke("c")
		c.waitedFor("c")
	})
}

// What only looked like an end, among a function's texts, holds nobody once it
// is read; and one that cannot be read, no longer than a flush.
func TestAnUnreadEndIsNotWaitedForLong(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		began := c.invoke("a")
		c.nextWithin(began, 9800*time.Millisecond, 9800*time.Millisecond)
		c.set(func() { c.unread = time.Now() })
		began = c.invoke("b")
		time.Sleep(100 * time.Millisecond)
		c.set(func() { c.unread = time.Time{} })
		c.agent.Arrived()
		c.nextWithin(began, 100*time.Millisecond, 100*time.Millisecond)
		c.set(func() { c.unread = time.Now() })
		began = c.invoke("c")
		c.nextWithin(began, 2*time.Second, 2*time.Second)
	})
}

// stalling is a /tmp on a disk that does not answer.
type stalling struct{ release chan struct{} }

func (s stalling) Mark([]byte) error { <-s.release; return nil }
func (s stalling) Unmark() error     { return nil }

func TestAStalledDiskHoldsNobody(t *testing.T) {
	var disk stalling
	play(t, func(cfg *agent.Config) {
		disk.release = make(chan struct{}) // of the bubble's own
		cfg.Mark.Marker = disk
	}, func(c *cloud, done <-chan error) {
		disk.release <- struct{}{} // the mark at the start
		began := c.invoke("a")
		c.nextWithin(began, 9850*time.Millisecond, 9850*time.Millisecond)
		for _, id := range []string{"b", "c"} {
			began = c.invoke(id)
			c.nextWithin(began, 0, 0)
		}
		close(disk.release)
		<-c.asked
		c.events <- extapi.NextEvent{Type: extapi.Shutdown, Deadline: time.Now().Add(2 * time.Second)}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestALongInvocationIsWrittenMeanwhile(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		c.post(line("x"))
		time.Sleep(2 * time.Second)
		if c.stored() != 1 {
			t.Error("a line waited two seconds though the function runs on")
		}
	})
}

// A function that prints much is written while it runs, errors first, in full
// batches: at its end there is less than one left.
func TestFullBatchesLeaveWhileTheFunctionRuns(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.latency = 10 * time.Millisecond
		c.invoke("a")
		var lines []string
		for i := range 128 {
			lines = append(lines, line(fmt.Sprint("line ", i)))
		}
		for i := range 5 {
			lines = append(lines, strings.Replace(line(fmt.Sprint("error ", i)), "info", "error", 1))
		}
		c.post(lines...)
		time.Sleep(400 * time.Millisecond) // less than after which everything leaves
		if n := c.stored(); n != 125 {
			t.Errorf("%d rows stored while the function runs, want the five full batches of 133 lines", n)
		}
		c.mu.Lock()
		for _, row := range c.rows[:min(75, len(c.rows))] { // three requests may be on their way at once
			if strings.Contains(row, "error") {
				lines = lines[:len(lines)-1]
			}
		}
		c.mu.Unlock()
		if len(lines) != 128 {
			t.Errorf("%d errors are not in the first requests", len(lines)-128)
		}
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 10*time.Millisecond, 11*time.Millisecond)
		if c.stored() != 133 {
			t.Errorf("%d rows stored at next", c.stored())
		}
	})
}

func TestShutdown(t *testing.T) {
	shutdown := func(c *cloud) time.Time {
		<-c.asked
		now := time.Now()
		c.events <- shutdownEvent("spindown")
		return now
	}
	t.Run("takes what arrives beside it", func(t *testing.T) {
		play(t, nil, func(c *cloud, done <-chan error) {
			c.latency = 10 * time.Millisecond
			shutdown(c)
			for range 10 {
				time.Sleep(60 * time.Millisecond)
				c.post(line("late"))
			}
			if err := <-done; err != nil || c.stored() != 10 {
				t.Errorf("%v, %d of 10 rows", err, c.stored())
			}
		})
	})
	t.Run("ends in time while DynamoDB hangs", func(t *testing.T) {
		play(t, nil, func(c *cloud, done <-chan error) {
			c.latency = time.Hour
			c.agent.Intake([]byte("[" + line("x") + "]"))
			began := shutdown(c)
			<-done
			if took := time.Since(began); took > 1900*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if !strings.Contains(c.log.String(), "rows of this environment were lost") {
				t.Error("the loss is not reported")
			}
		})
	})
	t.Run("does not wait for itself", func(t *testing.T) {
		play(t, nil, func(c *cloud, done <-chan error) {
			began := shutdown(c)
			<-done
			if took := time.Since(began); took > 150*time.Millisecond {
				t.Errorf("took %v with nothing to do", took)
			}
		})
	})
}

func TestARefusedNextIsNoTightLoop(t *testing.T) {
	play(t, nil, func(c *cloud, done <-chan error) {
		began := time.Now()
		for range 20 {
			<-c.asked
			c.events <- &extapi.Error{Call: "next", Status: 403, Type: "x"}
		}
		if took := time.Since(began); took < 30*time.Second {
			t.Errorf("20 refusals in %v", took)
		}
		if n := strings.Count(c.log.String(), "\n"); n != 1 {
			t.Errorf("%d lines", n)
		}
		select {
		case err := <-done:
			t.Errorf("the agent gave up: %v", err)
		default:
		}
	})
}

func TestHTTP500FromNextWritesAndEnds(t *testing.T) {
	play(t, nil, func(c *cloud, done <-chan error) {
		c.post(line("x"))
		<-c.asked
		c.events <- &extapi.Error{Call: "next", Status: 500, Type: "x"}
		if err := <-done; !errors.Is(err, agent.ErrLost) || c.stored() != 1 {
			t.Errorf("%v, %d rows", err, c.stored())
		}
	})
}

func TestAPanicLeadsToNoOpMode(t *testing.T) {
	play(t, nil, func(c *cloud, stopped <-chan error) {
		c.panics = true
		c.invoke("a")
		c.post(line("x"))
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 0, 2*time.Second)
		// From now on: next, and nothing else.
		for i := range 3 {
			began := c.invoke(fmt.Sprint(i))
			c.post(line("y"))
			c.nextWithin(began, 0, 0)
		}
		<-c.asked
		c.events <- extapi.NextEvent{Type: extapi.Shutdown, Deadline: time.Now().Add(2 * time.Second)}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if n := strings.Count(c.log.String(), "internal error"); n != 1 {
			t.Errorf("%d lines about the panic", n)
		}
	})
}

func TestOnManagedInstancesReportsSetWritingOff(t *testing.T) {
	play(t, func(cfg *agent.Config) { cfg.Concurrent = true }, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.post(event("platform.start", `{"requestId":"a"}`), line("x"),
			event("platform.report", `{"requestId":"a","status":"success"}`))
		synctest.Wait()
		if c.stored() != 1 {
			t.Errorf("%d rows after the report", c.stored())
		}
	})
}

func TestDroppedLogsAreARow(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.post(event("platform.logsDropped", `{"droppedBytes":12345,"droppedRecords":123,"reason":"too slow"}`))
		c.asked <- time.Now()
		c.invoke("a")
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 0, time.Millisecond)
		if len(c.rows) != 1 || !strings.Contains(c.rows[0],
			"ALARM: (platform.logsDropped) Lambda dropped 123 lines (12345 bytes)") {
			t.Errorf("rows: %v", c.rows)
		}
	})
}

func TestAfterDroppedLogsTheEndIsNotWaitedFor(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		time.Sleep(time.Second)
		dropped := time.Now()
		c.post(line("x"), event("platform.logsDropped", `{"droppedRecords":100000}`))
		c.nextWithin(dropped, 0, 0)
		c.post(done("a", ""))
		c.invoke("b")
		time.Sleep(time.Second)
		ended := time.Now()
		c.post(line("y"), done("b", ""))
		c.nextWithin(ended, 0, time.Millisecond)
		if c.stored() != 3 {
			t.Errorf("%d of 3 rows", c.stored())
		}
	})
}

func TestRecordsOfPlatformEventsMayBeAnything(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		for _, kind := range []string{"platform.start", "platform.runtimeDone", "platform.report",
			"platform.logsDropped", "platform.fault", "platform.new"} {
			for _, record := range []string{`"text"`, `null`, `17`, `[]`, `{}`, `{"requestId":7}`,
				`{"requestId":{"a":[]}}`, `{"requestId":null,"status":["x"]}`} {
				c.post(event(kind, record))
			}
		}
		if strings.Contains(c.log.String(), "panic") {
			t.Error(c.log.String())
		}
	})
}
