package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

// longHold is what an environment may hold an invocation for once a minute at
// most, because of a table.
const longHold = 300 * time.Millisecond

// capped is a DynamoDB that takes so many rows a second, with one second's
// worth saved up, and answers after a while.
type capped struct {
	mu       sync.Mutex
	perSec   float64 // 0 for no limit
	latency  time.Duration
	refuse   int // so many requests are throttled as a whole
	units    float64
	at       time.Time
	rows     map[string]int // by key
	requests int
	refused  int // rows
}

func newCapped(perSecond float64) *capped {
	return &capped{
		perSec: perSecond, units: perSecond, at: time.Now(), latency: 5 * time.Millisecond, rows: map[string]int{},
	}
}

func (c *capped) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// take spends a write unit, if there is one. mu must be held.
func (c *capped) take() bool {
	if c.perSec == 0 {
		return true
	}
	now := time.Now()
	c.units, c.at = min(c.perSec, c.units+now.Sub(c.at).Seconds()*c.perSec), now
	if c.units < 1 {
		c.refused++
		return false
	}
	c.units--
	return true
}

func (c *capped) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	var latency time.Duration
	c.set(func() { latency = c.latency })
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if c.refuse > 0 {
		c.refuse--
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	left, any := map[string][]types.WriteRequest{}, false
	for name, puts := range in.RequestItems {
		for _, put := range puts {
			if !c.take() {
				left[name] = append(left[name], put)
				continue
			}
			any = true
			item := put.PutRequest.Item
			c.rows[str(item, "date")+str(item, "stamp_mod")]++
		}
	}
	if !any {
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: left}, nil
}

// life is one environment's, in virtual time, as the agent leads it.
type life struct {
	*fixture
	table *capped
	held  []time.Duration
	long  []time.Time // ends of holds that were long
	added int
}

func newLife(t *testing.T, c *capped) *life {
	small := func(cfg *store.Config) { cfg.Attempt, cfg.MaxBytes = 0, 2<<20 }
	l := &life{fixture: newFixtureOn(t, nil, c, small), table: c}
	sp, _, err := spill.Open(spill.Config{Dir: filepath.Join(t.TempDir(), "spill"), MaxBytes: 256 << 20, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	l.UseSpill(sp)
	return l
}

// invoke plays one invocation that prints so many lines in so long.
func (l *life) invoke(lines int, work time.Duration) {
	l.CheckSpill()
	l.Start()
	for range lines {
		l.Add(store.Entry{
			Time: time.Now(), Level: "INFO", Locator: "1", Module: "m",
			Message: fmt.Sprint("INFO: (1) line ", l.added), ExceptionAt: -1,
		})
		l.added++
		l.StartFull()
		if lines > 0 {
			time.Sleep(work / time.Duration(lines))
		}
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if l.Flush(ctx) != nil {
		if !l.Persist() {
			l.t.Error("something is left that only memory has")
		}
	}
	took := time.Since(began)
	l.held = append(l.held, took)
	if took > longHold {
		l.long = append(l.long, time.Now())
	}
}

// settled plays quiet invocations until everything is stored.
func (l *life) settled(within time.Duration) {
	l.t.Helper()
	for began := time.Now(); l.Waiting() > 0; {
		l.invoke(0, 0)
		time.Sleep(time.Second)
		if time.Since(began) > within {
			l.t.Fatalf("%d records still wait %v after the load", l.Waiting(), within)
		}
	}
	rows := 0
	l.table.set(func() { rows = len(l.table.rows) })
	if rows != l.added || len(l.Lost()) > 0 || l.Bytes() != 0 {
		l.t.Errorf("%d rows stored of %d, lost %v, %d bytes in memory", rows, l.added, l.Lost(), l.Bytes())
	}
	if l.Congested() || l.Resting() {
		l.t.Error("everything is stored, and still it is left alone")
	}
}

// bounded checks that long holds are a minute apart.
func (l *life) bounded() {
	l.t.Helper()
	for i := 1; i < len(l.long); i++ {
		if apart := l.long[i].Sub(l.long[i-1]); apart < time.Minute {
			l.t.Errorf("two holds longer than %v within %v", longHold, apart)
		}
	}
	sorted := slices.Sorted(slices.Values(l.held))
	twice := 0
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	for _, n := range l.table.rows {
		twice += n - 1
	}
	l.t.Logf("%d invocations held %v in the median, %v at the 95th percentile, %v at most; "+
		"%d requests, %d rows, %d written again, %d refused",
		len(sorted), sorted[len(sorted)/2], sorted[len(sorted)*95/100], sorted[len(sorted)-1],
		l.table.requests, len(l.table.rows), twice, l.table.refused)
}

// A table at its write limit, which is far below what is printed.
func TestACappedTableHoldsOnceAMinute(t *testing.T) {
	testkit.Slow(t)
	for _, tc := range []struct {
		lines int
		pause time.Duration // between invocations
	}{{100, 50 * time.Millisecond}, {1000, time.Second}} {
		t.Run(fmt.Sprint(tc.lines, " lines"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(t, newCapped(200))
				began := time.Now()
				for time.Since(began) < 75*time.Second {
					l.invoke(tc.lines, 50*time.Millisecond)
					time.Sleep(tc.pause)
				}
				during := time.Since(began)
				l.bounded()
				var requests, stored int
				l.table.set(func() { requests, stored = l.table.requests, len(l.table.rows) })
				if most := 20 * int(during.Seconds()); requests > most {
					t.Errorf("%d requests in %v for a table that takes 8 full ones a second", requests, during)
				}
				if least := int(during.Seconds() * 200 / 2); stored < least {
					t.Errorf("%d rows stored in %v: the table would have taken %d", stored, during, 2*least)
				}
				l.settled(time.Hour)
				l.long = nil
				l.table.set(func() { l.table.perSec = 0 })
				time.Sleep(2 * time.Minute)
				l.held = nil
				for range 20 {
					l.invoke(100, 50*time.Millisecond)
				}
				if l.Waiting() > 0 || slices.Max(l.held) > longHold {
					t.Errorf("%d wait, held %v, when the table takes everything again", l.Waiting(), l.held)
				}
			})
		})
	}
}

// A table that answers after 300 ms, for ever: the function is not held for it
// though every row is confirmed in the end.
func TestASlowTableHoldsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(t, newCapped(0))
		l.table.latency = 300 * time.Millisecond
		for range 150 {
			l.invoke(5, 50*time.Millisecond)
			time.Sleep(450 * time.Millisecond)
		}
		l.bounded()
		if held := slices.Sorted(slices.Values(l.held)); held[len(held)/2] > 0 {
			t.Errorf("held %v in the median for a table that will not be quicker", held[len(held)/2])
		}
		if waiting := l.Waiting(); waiting > 20 {
			t.Errorf("%d of %d rows wait", waiting, l.added)
		}
		// It is not given up for good.
		l.table.set(func() { l.table.latency = 5 * time.Millisecond })
		for range 25 {
			l.invoke(5, 50*time.Millisecond)
			time.Sleep(450 * time.Millisecond)
		}
		l.settled(time.Minute)
	})
}

// An environment that prints little on a table that others keep at its limit.
func TestAQuietFunctionBesideAStorm(t *testing.T) {
	testkit.Slow(t)
	synctest.Test(t, func(t *testing.T) {
		c := newCapped(200)
		var storm sync.WaitGroup
		over := make(chan struct{})
		stormers := []*life{newLife(t, c), newLife(t, c), newLife(t, c)}
		for _, l := range stormers {
			storm.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					l.invoke(20, 50*time.Millisecond)
				}
			})
		}
		l := newLife(t, c)
		lines := 0
		for range 130 {
			l.invoke(1, 50*time.Millisecond)
			lines++
			time.Sleep(450 * time.Millisecond)
		}
		l.bounded()
		sum := time.Duration(0)
		for _, d := range l.held {
			sum += d
		}
		if mean := sum / time.Duration(len(l.held)); mean > 50*time.Millisecond || l.Waiting() > lines/4 {
			t.Errorf("held %v in the mean; %d of %d lines wait", mean, l.Waiting(), lines)
		}
		close(over)
		storm.Wait()
		c.set(func() { c.perSec = 0 })
		for _, l := range append(stormers, l) {
			for began := time.Now(); l.Waiting() > 0 && time.Since(began) < 10*time.Minute; time.Sleep(time.Second) {
				l.invoke(0, 0)
			}
			if l.Waiting() > 0 || l.Congested() || len(l.Lost()) > 0 {
				t.Errorf("%d lines wait, lost %v, when the table is free again", l.Waiting(), l.Lost())
			}
		}
	})
}

// Throttling that passes leaves nothing behind: neither lines nor congestion.
func TestAThrottledRequestIsForgotten(t *testing.T) {
	for name, refuse := range map[string]int{"one": 1, "four in a row": 4} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(t, newCapped(0))
				for i := range 40 {
					if i == 10 {
						l.table.set(func() { l.table.refuse = refuse })
					}
					l.invoke(5, 50*time.Millisecond)
					if i >= 12 && l.Congested() {
						t.Fatalf("congested in invocation %d, throttled was the eleventh", i)
					}
					time.Sleep(time.Second)
				}
				l.bounded()
				l.settled(10 * time.Second)
				if late := slices.Max(l.held[12:]); late > 50*time.Millisecond {
					t.Errorf("held %v after it", late)
				}
			})
		})
	}
}

// Much is not slow: a table that takes whatever it is given is waited for.
func TestAHealthyTableIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(t, newCapped(0))
		l.table.latency = 50 * time.Millisecond
		for range 5 {
			l.invoke(3000, 50*time.Millisecond)
			if l.Waiting() > 0 || l.Congested() {
				t.Fatalf("%d wait, congested: %v", l.Waiting(), l.Congested())
			}
		}
		if slices.Min(l.held) < longHold {
			t.Errorf("held %v: what is tried here?", l.held)
		}
	})
}

// The end does not wait for chances: whatever the tables take is written.
func TestTheLastFlushKnowsNoCongestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(t, newCapped(200))
		for !l.Congested() {
			l.invoke(1000, 50*time.Millisecond)
		}
		l.table.set(func() { l.table.perSec = 0 })
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := l.FlushLast(ctx); err != nil || l.Waiting() > 0 {
			t.Errorf("%v, %d wait", err, l.Waiting())
		}
	})
}

// Without a spill, too, the tables get what waits in the background.
func TestCongestionWithoutASpill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCapped(200)
		large := func(cfg *store.Config) { cfg.Attempt, cfg.MaxBytes = 0, 8<<20 }
		l := &life{fixture: newFixtureOn(t, nil, c, large), table: c}
		for range 10 {
			l.invokeWithoutSpill(500)
			time.Sleep(500 * time.Millisecond)
		}
		if !l.Congested() {
			t.Error("not congested: what is tried here?")
		}
		for range 60 {
			l.invokeWithoutSpill(0)
			time.Sleep(time.Second)
		}
		l.bounded()
		l.settled(time.Second)
	})
}

func (l *life) invokeWithoutSpill(lines int) {
	for range lines {
		l.Add(infoAt(time.Now(), fmt.Sprint("line ", l.added)))
		l.added++
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	l.Flush(ctx)
	took := time.Since(began)
	l.held = append(l.held, took)
	if took > longHold {
		l.long = append(l.long, time.Now())
	}
}
