package store_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

// mortal is an environment's way to the tables, until it vanishes.
type mortal struct {
	*partitions
	dead atomic.Bool
}

func (m *mortal) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	if m.dead.Load() {
		panic("gone") // which is the end of a Store's writing
	}
	return m.partitions.BatchWriteItem(ctx, in, o...)
}

// An incident is a thousand environments that have worked, and now write errors
// at once: so many a second each, for so long.
type incident struct {
	shards, perSecond, seconds int
	vanish                     string // how a third of them end when it is over: "", "killed", "shut down"
}

// An aftermath is what became of the errors.
type aftermath struct {
	errors  int           // that were written
	stored  int           // in the end
	waited  int           // when the incident was over
	gone    int           // with those that vanished
	printed int           // by those that were shut down
	took    time.Duration // from the end of the incident to the last row
}

const environments = 1000

// incidents are those that are played.
var incidents = []incident{
	{shards: 1}, {shards: 2}, {shards: 4}, {shards: 8}, {shards: 1, vanish: "killed"},
	{shards: 2, vanish: "killed"}, {shards: 8, vanish: "killed"}, {shards: 1, vanish: "shut down"},
}

// play has an environment live through the incident, and notes what it leaves.
func (i incident) play(t *testing.T, p *partitions, e int, a *aftermath, mu *sync.Mutex) {
	m := &mortal{partitions: p}
	f := newFixtureOn(t, nil, m, func(c *store.Config) {
		c.Layout = store.Layout{ErrorShards: i.shards, Function: fmt.Sprint("f", e%20)}
		c.Attempt, c.Panicked = 0, func(any) {}
	})
	invocation := func(n int, entry func(int) store.Entry) {
		next := time.Now().Add(time.Second)
		for k := range n {
			f.Add(entry(k))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 900*time.Millisecond)
		_ = f.Flush(ctx) // what is left stays
		cancel()
		time.Sleep(time.Until(next))
	}
	time.Sleep(time.Duration(e) * time.Second / environments)
	for range 2 {
		invocation(1, func(int) store.Entry { return infoAt(time.Now(), "all is well") })
	}
	for range i.seconds {
		invocation(i.perSecond, func(k int) store.Entry {
			entry := infoAt(time.Now(), fmt.Sprint("error ", k))
			entry.Error, entry.Level = true, "ERROR"
			return entry
		})
	}
	mu.Lock()
	a.waited += f.Waiting()
	mu.Unlock()
	gone, printed := 0, 0
	switch {
	case e%3 > 0 || i.vanish == "":
		for f.Waiting() > 0 {
			invocation(0, nil)
		}
	case i.vanish == "killed":
		gone = f.Waiting()
	default:
		ctx, cancel := context.WithTimeout(context.Background(), 1600*time.Millisecond)
		_ = f.FlushLast(ctx) // what is left is printed
		cancel()
		rest := f.LastResort(io.Discard, 1<<20, false, time.Now().Add(250*time.Millisecond))
		printed = rest.Lines
		for _, n := range rest.Lost {
			gone += n
		}
	}
	m.dead.Store(true)
	mu.Lock()
	defer mu.Unlock()
	a.gone += gone
	a.printed += printed
}

// What LOGTABLE_ERROR_SHARDS is for. Whatever a partition takes, no error is
// lost by an environment that goes on; one that is killed takes along what
// DynamoDB would not have yet.
func TestAnIncidentOnOnePartition(t *testing.T) {
	testkit.Slow(t)
	for _, i := range incidents {
		i.perSecond, i.seconds = 4, 5
		synctest.Test(t, func(t *testing.T) {
			a := aftermath{errors: environments * i.perSecond * i.seconds}
			p := newPartitions()
			var mu sync.Mutex
			var running sync.WaitGroup
			over := time.Now().Add(time.Duration(2+i.seconds+1) * time.Second) // of the last environment
			for e := range environments {
				running.Go(func() { i.play(t, p, e, &a, &mu) })
			}
			running.Wait()
			a.stored, a.took = p.stored[errorsTable], max(p.last.Sub(over), 0)
			t.Logf("%2d shards, a third %q: of %d errors %d waited at the end of 5 s, the last was stored %v "+
				"after it; %d stored, %d gone, %d printed; %d refusals", i.shards, i.vanish, a.errors, a.waited,
				a.took.Round(time.Second/10), a.stored, a.gone, a.printed, p.refused)
			// A request of one that was killed may have been carried out.
			if total := a.stored + a.gone + a.printed; total < a.errors || total > a.errors && i.vanish == "" {
				t.Errorf("%d errors of %d are accounted for", total, a.errors)
			}
			switch saturated := a.waited > a.errors/10; {
			case i.shards < 4 && !saturated:
				t.Error("the partitions are not saturated: the test proves nothing")
			case i.shards >= 8 && (saturated || a.gone > 0):
				t.Errorf("%d errors waited, %d are gone: the shards do not help", a.waited, a.gone)
			case i.vanish != "killed" && a.gone > 0:
				t.Errorf("%d errors are gone", a.gone)
			}
		})
	}
}
