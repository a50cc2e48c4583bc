package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/extapi"
)

// of is how many stored rows hold a text.
func (c *cloud) of(text string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, row := range c.rows {
		if strings.Contains(row, text) {
			n++
		}
	}
	return n
}

const failed = `,"status":"error","errorType":"Function.ValueError"`

// A failed asynchronous invocation comes again, a minute or two later, with the
// same request ID and mostly in the same environment.
func TestARetriedInvocationIsWaitedForLikeTheFirst(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		for attempt := range 3 {
			began := c.invoke("a")
			if attempt > 0 {
				// The report of the attempt before comes when this one has
				// begun.
				c.post(event("platform.report", `{"requestId":"a"`+failed+`,"metrics":{"durationMs":1}}`))
			}
			time.Sleep(time.Second)
			select {
			case <-c.asked:
				t.Fatalf("attempt %d: next was called %v after INVOKE, while the function runs", attempt,
					time.Since(began))
			default:
			}
			ended := time.Now()
			c.post(line(fmt.Sprint("attempt ", attempt)), done("a", failed))
			c.nextWithin(ended, 0, time.Millisecond)
			if n := c.of(fmt.Sprint("attempt ", attempt)); n < 1 {
				t.Errorf("attempt %d: its line is not stored at next", attempt)
			}
			if n := c.of("(platform.error)"); n != attempt+1 {
				t.Errorf("%d deaths are stored after %d attempts", n, attempt+1)
			}
			time.Sleep(time.Minute)
		}
	})
}

// The platform's events of a retry, in every order in which they may come: next
// is called at the second attempt's end, and only then.
func TestTheEventsOfARetryInAnyOrder(t *testing.T) {
	for _, order := range []string{
		"invoke start report", "invoke report start", "start invoke report", "report invoke start",
		"report start invoke",
		"start report invoke", "invoke start", "start invoke",
	} {
		t.Run(order, func(t *testing.T) {
			play(t, nil, func(c *cloud, _ <-chan error) {
				c.invoke("a")
				ended := time.Now()
				report := event("platform.report", `{"requestId":"a"`+failed+`}`)
				c.post(line("first"), done("a", failed))
				c.nextWithin(ended, 0, time.Millisecond)
				time.Sleep(time.Minute)
				<-c.asked
				for what := range strings.FieldsSeq(order) {
					time.Sleep(10 * time.Millisecond)
					switch what {
					case "invoke":
						deadline := time.Now().Add(10 * time.Second)
						c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a", Deadline: deadline}
						synctest.Wait()
					case "start":
						c.post(event("platform.start", `{"requestId":"a"}`))
					case "report":
						c.post(report)
					}
				}
				time.Sleep(time.Second)
				if len(c.asked) > 0 {
					t.Fatal("next was called while the second attempt runs")
				}
				ended = time.Now()
				c.post(line("second"), done("a", failed))
				c.nextWithin(ended, 0, time.Millisecond)
				if c.of("second") < 1 || c.of("(platform.error)") != 2 {
					t.Errorf("rows: %q", c.rows)
				}
			})
		})
	}
}

// What is delivered twice is not a retry.
func TestAStartThatComesAgainOpensNothing(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		start := event("platform.start", `{"requestId":"a"}`)
		time.Sleep(time.Second)
		ended := time.Now()
		end := done("a", failed)
		c.post(line("x"), end)
		c.nextWithin(ended, 0, time.Millisecond)
		time.Sleep(time.Second)
		c.post(start, end) // in another piece than before
		c.invoke("b")
		time.Sleep(time.Second)
		c.post(line("y"), done("b", ""))
		if n := c.of("(platform.error)"); n != 1 {
			t.Errorf("%d deaths of one attempt", n)
		}
	})
}

// On managed instances the report is the only end there is.
func TestOnManagedInstancesARetryDiesAgain(t *testing.T) {
	dies := func(id string) string { return event("platform.report", `{"requestId":"`+id+`"`+failed+`}`) }
	play(t, func(cfg *agent.Config) { cfg.Concurrent = true }, func(c *cloud, _ <-chan error) {
		<-c.asked
		for range 3 {
			c.post(begin("a"), line("x"))
			time.Sleep(time.Second)
			c.post(dies("a"))
			time.Sleep(time.Minute)
		}
		// The next attempt may begin before the report of the one before has
		// come.
		c.post(begin("b"), line("y"))
		time.Sleep(time.Second)
		first := dies("b")
		time.Sleep(time.Minute)
		c.post(begin("b"), first, line("z"))
		time.Sleep(time.Second)
		c.post(dies("b"))
		time.Sleep(time.Second)
		if n := c.of("(platform.error)"); n != 5 {
			t.Errorf("%d deaths of 5 attempts", n)
		}
	})
}

// In busy traffic, and where no end is waited for, an end is read when the next
// invocation's INVOKE has been handled.
func TestARetryOfWhatEndedUnseenIsWaitedFor(t *testing.T) {
	for name, change := range map[string]func(*agent.Config){"busy": flushing(agent.FlushAdaptive), "doubted": nil} {
		t.Run(name, func(t *testing.T) {
			play(t, change, func(c *cloud, _ <-chan error) {
				if change == nil {
					c.loseAnEnd()
				} else {
					for i := range 5 {
						c.round(fmt.Sprint("w", i), 50*time.Millisecond, 0)
					}
				}
				c.invoke("r")
				time.Sleep(100 * time.Millisecond)
				end := done("r", failed)
				<-c.asked
				c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "x",
					Deadline: time.Now().Add(10 * time.Second)}
				synctest.Wait()
				c.post(end)
				c.post(begin("x"))
				time.Sleep(50 * time.Millisecond)
				c.post(done("x", ""))
				time.Sleep(time.Minute)
				c.invoke("r")
				time.Sleep(time.Second)
				if len(c.asked) > 0 {
					t.Error("next was called while the second attempt runs")
				}
			})
		})
	}
}

// The report of the first attempt was lost: the second one's is its own.
func TestALostReportIsNotTheNextOnes(t *testing.T) {
	play(t, nil, func(c *cloud, stopped <-chan error) {
		c.invoke("a")
		ended := time.Now()
		c.post(done("a", failed))
		c.nextWithin(ended, 0, time.Millisecond)
		time.Sleep(time.Minute)
		c.invoke("a")
		time.Sleep(time.Second)
		c.post(line("x"), done("a", `,"status":"error","errorType":"Runtime.ExitError"`))
		<-c.asked
		c.post(event("platform.report",
			`{"requestId":"a","status":"error","errorType":"Runtime.ExitError",`+
				`"metrics":{"memorySizeMB":128,"maxMemoryUsedMB":128}}`))
		c.events <- shutdownEvent("failure")
		<-stopped
		if c.of("(platform.oom)") != 1 || c.of("(platform.error)") != 1 {
			t.Errorf("rows: %q", c.rows)
		}
	})
}
