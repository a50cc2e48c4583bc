package agent_test

import (
	"fmt"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/extapi"
)

func snapshot(cfg *agent.Config) { cfg.Snapshot = true }

// A process cannot be cloned here. A clone is played by an agent that has the
// same past: the same random numbers, the same clock (the bubble's), the same
// telemetry. Its future is its own.
func TestClonesWriteInitsRowsOnce(t *testing.T) {
	for _, announced := range []bool{true, false} {
		t.Run(fmt.Sprintf("restoreStart %v", announced), func(t *testing.T) {
			var l ledger
			const clones = 3
			for clone := range clones {
				cryptotest.SetGlobalRandom(t, 1)
				play(t, func(cfg *agent.Config) {
					snapshot(cfg)
					l.writesTo(cfg)
				}, func(c *cloud, _ <-chan error) {
					for i := range 200 {
						c.post(line(fmt.Sprint("init ", i)))
					}
					synctest.Wait()
					if n := len(l.requests()); clone == 0 && n > 0 {
						t.Fatalf("%d rows were sent before the snapshot", n)
					}
					cryptotest.SetGlobalRandom(t, uint64(100+clone)) // the kernel's generator is reseeded
					time.Sleep(time.Hour)
					if announced {
						c.post(event("platform.restoreStart", `{"functionName":"orders"}`))
						c.post(line("restored")) // a hook's, before INVOKE
					}
					c.invoke("a")
					if !announced {
						c.post(line("restored"))
					}
					c.post(line("invoked"), done("a", ""))
					<-c.asked
				})
			}
			perClone := map[string]int{}
			for _, item := range l.rows {
				perClone[text(item, "message")]++
			}
			want := map[string]int{"INFO: (1) restored": clones, "INFO: (1) invoked": clones}
			for i := range 200 {
				want[fmt.Sprintf("INFO: (1) init %d", i)] = 1
			}
			if diff := cmp.Diff(want, perClone); diff != "" {
				t.Errorf("rows by message (-want +got):\n%s", diff)
			}
		})
	}
}

// Nothing that may happen before a snapshot has anything sent.
func TestNothingIsSentBeforeASnapshot(t *testing.T) {
	play(t, snapshot, func(c *cloud, _ <-chan error) {
		<-c.asked
		for range 1000 {
			c.post(line("loud init"))
		}
		c.post(event("platform.logsDropped", `{"droppedRecords":1}`), line("x"))
		c.events <- &extapi.Error{Call: "next", Status: 403, Type: "x"}
		time.Sleep(time.Hour)
		if n := c.stored(); n > 0 {
			t.Fatalf("%d rows were sent", n)
		}
		c.post(event("platform.restoreStart", `{}`), line("y"))
		c.invoke("a")
		c.post(done("a", ""))
		c.events <- extapi.NextEvent{Type: extapi.Shutdown, Deadline: time.Now().Add(2 * time.Second)}
		time.Sleep(2 * time.Second)
		if n := c.stored(); n != 1003 {
			t.Errorf("%d of 1003 rows after the restore", n)
		}
	})
}
