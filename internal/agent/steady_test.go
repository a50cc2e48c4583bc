package agent_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/spill"
)

// spilling gives an agent's store a spill of the test's own.
func spilling(t *testing.T) func(*agent.Config) {
	return func(cfg *agent.Config) {
		sp, _, err := spill.Open(spill.Config{Dir: filepath.Join(t.TempDir(), "spill"), MaxBytes: 256 << 20,
			KeepFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { sp.Close() })
		cfg.Mark.Marker = cfg.Store.UseSpill(sp)
	}
}

// A function that prints all the time, less than a batch a second: every line
// leaves within a second, in every mode.
func TestWhateverIsASecondOldLeaves(t *testing.T) {
	for name, change := range map[string]func(*agent.Config){
		"end": nil, "adaptive": flushing(agent.FlushAdaptive), "background": flushing(agent.FlushBackground),
		"managed": func(cfg *agent.Config) { cfg.Concurrent = true },
	} {
		for _, every := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond,
			900 * time.Millisecond} {
			t.Run(fmt.Sprint(name, " ", every), func(t *testing.T) {
				play(t, change, func(c *cloud, _ <-chan error) {
					<-c.asked
					c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a",
						Deadline: time.Now().Add(time.Minute)}
					c.post(begin("a"))
					began, printed := time.Now(), 0
					for ; time.Since(began) < 20*time.Second; time.Sleep(every) {
						due := int((time.Since(began) - time.Second) / every)
						if n := c.stored(); n < due {
							t.Fatalf("after %v %d rows are stored of %d lines that are a second old", time.Since(began),
								n, due)
						}
						c.post(line(fmt.Sprint("line ", printed)))
						printed++
					}
				})
			})
		}
	}
}

// The alert of an error does not wait for the end of a function that goes on
// printing.
func TestAnAlertLeavesWhileTheFunctionPrints(t *testing.T) {
	p := &phone{}
	play(t, alerting(p), func(c *cloud, _ <-chan error) {
		p.c = c
		c.invoke("a")
		c.post(severe("1"))
		for range 4 {
			time.Sleep(250 * time.Millisecond)
			c.post(event("function", `"progress\n"`))
		}
		if n := c.get(func() bool { return len(p.messages) == 1 }); !n {
			t.Error("no alert after a second")
		}
	})
}

// During an outage what waits is on /tmp within a second, however long the
// invocation lasts: the kill of the process costs no more.
func TestInAnOutageAKillCostsASecond(t *testing.T) {
	for name, begin := range map[string]func(*cloud){
		"hangs":   func(c *cloud) { c.latency = time.Hour },
		"refuses": func(c *cloud) { c.broken = errors.New("connection refused") },
	} {
		t.Run(name, func(t *testing.T) {
			var cfg *agent.Config
			play(t, func(c *agent.Config) { spilling(t)(c); cfg = c }, func(c *cloud, _ <-chan error) {
				c.set(func() { begin(c) })
				<-c.asked
				c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a", Deadline: time.Now().Add(time.Minute)}
				c.post(event("platform.start", `{"requestId":"a"}`))
				began := time.Now()
				for i := 0; time.Since(began) < 20*time.Second; i++ {
					c.post(line(fmt.Sprint("line ", i)))
					time.Sleep(300 * time.Millisecond)
					synctest.Wait()
					// What is a second old is not in memory only: of lines that
					// came within the last second there are four.
					if n := cfg.Store.Unsafe(); n > 4 {
						t.Fatalf("after %v %d lines are in memory only", time.Since(began), n)
					}
				}
			})
		})
	}
}

// A table that is too slow for what is printed holds one invocation a minute
// for long, and no other.
func TestASlowTableHoldsOneInvocationAMinute(t *testing.T) {
	for name, latency := range map[string]time.Duration{"350 ms": 350 * time.Millisecond, "3 s": 3 * time.Second,
		"hangs": time.Hour} {
		t.Run(name, func(t *testing.T) {
			play(t, spilling(t), func(c *cloud, _ <-chan error) {
				c.set(func() { c.latency = latency })
				var long []time.Time
				began := time.Now()
				for i := 0; time.Since(began) < 5*time.Minute; i++ {
					id := fmt.Sprint(i)
					c.invoke(id)
					time.Sleep(700 * time.Millisecond)
					ended := time.Now()
					c.post(line("x"), line("y"), done(id, ""))
					at := <-c.asked
					c.asked <- at
					if at.Sub(ended) > 300*time.Millisecond {
						long = append(long, at)
					}
				}
				for i := 1; i < len(long); i++ {
					if long[i].Sub(long[i-1]) < time.Minute {
						t.Errorf("invocations were held for long %v apart", long[i].Sub(long[i-1]))
					}
				}
				if len(long) == 0 {
					t.Error("none was held for long: the test does not try the limit")
				}
			})
		})
	}
}

// A platform that tells of nothing: one invocation waits two seconds, and no
// other, until a sign comes.
func TestWithoutASignNothingIsWaitedFor(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		invoke := func(id string) time.Time {
			<-c.asked
			now := time.Now()
			c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: id, Deadline: now.Add(15 * time.Minute)}
			synctest.Wait()
			return now
		}
		c.nextWithin(invoke("a"), 2*time.Second, 2*time.Second)
		for _, id := range []string{"b", "c"} {
			c.nextWithin(invoke(id), 0, 0)
		}
		if n := strings.Count(c.log.String(), "reported no invocation"); n != 1 {
			t.Errorf("%d lines say that nothing comes", n)
		}
		invoke("d")
		c.post(line("x"), event("platform.start", `{"requestId":"d"}`)) // too late for d, whose next has been called
		began := invoke("e")
		c.post(event("platform.start", `{"requestId":"e"}`))
		time.Sleep(5 * time.Second)
		c.post(line("y"), done("e", ""))
		c.nextWithin(began, 5*time.Second, 5*time.Second+time.Millisecond)
		if c.stored() != 2 {
			t.Errorf("%d of 2 rows", c.stored())
		}
	})
}

// Only SHUTDOWN's reason tells of some deaths.
func TestSHUTDOWNTellsOfADeath(t *testing.T) {
	for _, tc := range []struct {
		name, reason string
		before       func(c *cloud)
		want         string // locator of the row, "" for none
	}{
		{"a time-out", "timeout", func(c *cloud) {}, "platform.timeout"},
		{"a crash", "failure", func(c *cloud) {}, "platform.crash"},
		{"the ordinary end", "spindown", func(c *cloud) {}, ""},
		{"the invocation had ended", "timeout", func(c *cloud) { c.post(done("a", "")) }, ""},
		{"it was told before", "timeout", func(c *cloud) { c.post(done("a", `,"status":"timeout"`)) },
			"platform.timeout"},
		{"it was told otherwise", "failure", func(c *cloud) { c.post(done("a", failed)) }, "platform.error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			play(t, nil, func(c *cloud, stopped <-chan error) {
				<-c.asked
				c.events <- extapi.NextEvent{Type: extapi.Invoke, RequestID: "a",
					Deadline: time.Now().Add(3 * time.Second)}
				c.post(event("platform.start", `{"requestId":"a"}`), line("last words"))
				tc.before(c)
				<-c.asked
				c.events <- shutdownEvent(tc.reason)
				<-stopped
				deaths := c.of("(platform.")
				switch {
				case tc.want == "" && deaths != 0, tc.want != "" && (deaths != 1 || c.of("("+tc.want+")") != 1):
					t.Errorf("%d deaths, want %q: %q", deaths, tc.want, c.rows)
				case tc.want == "platform.timeout" && c.of(`Last lines:\n{\"locator\":\"1\"`) != 1 &&
					c.of(`last words`) != 2:
					t.Errorf("the last lines are missing: %q", c.rows)
				}
			})
		})
	}
}

// Lambda reports the memory that was used when we have called next; whether a
// process that was killed had run out of it shows only then.
func TestAReportThatComesApartTellsOfOutOfMemory(t *testing.T) {
	crash := `,"status":"error","errorType":"Runtime.ExitError"`
	memory := func(used int) string {
		return event("platform.report", fmt.Sprintf(
			`{"requestId":"a","status":"error","errorType":"Runtime.ExitError",`+
				`"metrics":{"memorySizeMB":128,"maxMemoryUsedMB":%d}}`, used))
	}
	for _, tc := range []struct {
		name   string
		report func(c *cloud)
		want   string
	}{
		{"out of memory", func(c *cloud) { c.post(memory(128)) },
			"(platform.oom) the function ran out of memory: Runtime.ExitError, memory 128 MB, used 128 MB"},
		{"not out of memory", func(c *cloud) { c.post(memory(60)) },
			"(platform.crash) the function's process exited: Runtime.ExitError, memory 128 MB, used 60 MB"},
		{"no report", func(c *cloud) {}, "(platform.crash) the function's process exited: Runtime.ExitError"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			play(t, nil, func(c *cloud, stopped <-chan error) {
				c.invoke("a")
				ended := time.Now()
				c.post(line("x"), done("a", crash))
				c.nextWithin(ended, 0, time.Millisecond)
				<-c.asked
				tc.report(c)
				c.events <- shutdownEvent("failure")
				<-stopped
				if c.of(tc.want) != 1 || c.of("(platform.") != 1 {
					t.Errorf("rows: %q, want one %q", c.rows, tc.want)
				}
			})
		})
	}
	t.Run("no SHUTDOWN", func(t *testing.T) {
		play(t, nil, func(c *cloud, _ <-chan error) {
			c.invoke("a")
			c.post(done("a", crash))
			time.Sleep(time.Second + time.Millisecond)
			if c.of("(platform.crash)") != 1 {
				t.Errorf("a second later the death is not stored: %q", c.rows)
			}
		})
	})
}

func TestAFailedRestoreIsADeath(t *testing.T) {
	for _, kind := range []string{"platform.restoreRuntimeDone", "platform.restoreReport"} {
		play(t, snapshot, func(c *cloud, _ <-chan error) {
			<-c.asked
			c.post(line("init"))
			c.post(event("platform.restoreStart", `{}`),
				event(kind, `{"status":"error","errorType":"Runtime.RestoreHookUserTimeout"}`))
			time.Sleep(2 * time.Second)
			if c.of("ERROR: (platform.restore) the restore from the snapshot failed: "+
				"Runtime.RestoreHookUserTimeout") != 1 {
				t.Errorf("%s: rows: %q", kind, c.rows)
			}
			c.post(event("platform.restoreReport", `{"status":"success"}`))
			time.Sleep(2 * time.Second)
			if c.of("(platform.restore)") != 1 {
				t.Errorf("%s: a restore that went well is a death: %q", kind, c.rows)
			}
		})
	}
}

// LOGTABLE_MAX_LINES is about the invocation, whatever request a line names.
func TestALineDoesNotEvadeTheLimitByARequestOfItsOwn(t *testing.T) {
	for name, concurrent := range map[string]bool{"on-demand": false, "managed": true} {
		t.Run(name, func(t *testing.T) {
			play(t, func(cfg *agent.Config) { cfg.Rows.MaxLines, cfg.Concurrent = 10, concurrent },
				func(c *cloud, _ <-chan error) {
					<-c.asked
					for round := range 2 {
						c.post(begin(fmt.Sprint(round)))
						for i := range 1000 {
							record := fmt.Sprintf(
								`{"locator":"1","level":"info","text":"x","requestId":"upstream-%d"}`, i)
							c.post(event("function", record))
						}
						c.post(strings.Replace(line("bad"), "info", "error", 1))
					}
					time.Sleep(2 * time.Second)
					if n, errors := c.of("INFO"), c.of("ERROR"); n != 20 || errors != 2 {
						t.Errorf("%d informational rows and %d errors, want 10 and 1 an invocation", n, errors)
					}
				})
		})
	}
}
