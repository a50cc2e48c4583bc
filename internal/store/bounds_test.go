package store_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row/items"
	"github.com/logtable/logtable/internal/store"
)

// witness is a client that keeps when requests came, how long they were waited
// for and how many were on the wire at once.
type witness struct {
	mu     sync.Mutex
	takes  time.Duration // until an answer; 0 for none ever
	err    error         // the answer; nil confirms
	began  []time.Time
	lasted []time.Duration
	now    int
	most   int
}

func (w *witness) BatchWriteItem(
	ctx context.Context, _ *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	began := time.Now()
	w.mu.Lock()
	w.began = append(w.began, began)
	w.now++
	w.most = max(w.most, w.now)
	var answer <-chan time.Time
	if w.takes > 0 {
		answer = time.After(w.takes)
	}
	w.mu.Unlock()
	var err error
	select {
	case <-answer:
		err = w.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
	w.lasted = append(w.lasted, time.Since(began))
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, err
}

// onWire is how many requests are on the wire.
func (w *witness) onWire() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// relent answers from now on, so that f can be emptied.
func (w *witness) relent(f *fixture) {
	w.mu.Lock()
	w.takes, w.err = time.Millisecond, nil
	w.mu.Unlock()
	for f.Waiting() > 0 {
		f.Start()
		time.Sleep(time.Second)
	}
}

// seen is what came since the last call.
func (w *witness) seen() (began []time.Time, lasted []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	began, lasted = w.began, w.lasted
	w.began, w.lasted = nil, nil
	return began, lasted
}

func TestRequestsStaySmall(t *testing.T) {
	c := &captured{}
	f := newFixtureOn(t, nil, c.client())
	for range 25 {
		f.Add(info(strings.Repeat("x", 300_000)))
	}
	f.flushed()
	for _, body := range c.bodies {
		if len(body) > 1<<20+1<<12 {
			t.Errorf("a request of %d bytes", len(body))
		}
	}
}

func TestWritersAreFew(t *testing.T) {
	for records, most := range map[int]int{50: 1, 5000: 4} {
		synctest.Test(t, func(t *testing.T) {
			w := &witness{takes: 20 * time.Millisecond}
			f := newFixtureOn(t, nil, w)
			f.add(records, "line")
			f.flushed()
			if w.most != most {
				t.Errorf("%d requests at once for %d records, want %d", w.most, records, most)
			}
		})
	}
}

func TestLossesAreToldSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{takes: 5 * time.Millisecond}
		rows := 0
		f := newFixtureOn(t, nil, w, func(c *store.Config) {
			c.MaxBytes = 1 << 10
			c.Losses = func(map[store.Loss]int) store.Entry { rows++; return info("lost") }
		})
		for range 60 {
			f.add(10, "line") // most are lost
			f.Flush(context.Background())
			time.Sleep(time.Second)
		}
		if rows < 5 || rows > 7 {
			t.Errorf("losses were told %d times in a minute", rows)
		}
	})
}

func TestPacksAreBounded(t *testing.T) {
	f := newFixture(t, packed)
	for range 2500 { // so short that a thousand are less than 128 KiB
		f.Add(store.Entry{Time: base, ExceptionAt: -1})
	}
	random := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 6000)
	for range 60 {
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		f.Add(info(base64.StdEncoding.EncodeToString(noise)))
	}
	f.flushed()
	sum := 0
	for _, item := range f.server.Items(infoTable) {
		if !item.Has("packed") {
			sum++
			continue
		}
		raw := []byte(item["packed"].Text)
		lines, err := items.Unpack(raw)
		if err != nil {
			t.Fatal(err)
		}
		sum += len(lines)
		plain, err := io.Copy(io.Discard, flate.NewReader(bytes.NewReader(raw)))
		if err != nil || len(lines) > 1000 || plain > 128<<10 {
			t.Errorf("a pack of %d lines in %d bytes: %v", len(lines), plain, err)
		}
	}
	if sum != 2560 {
		t.Errorf("%d lines in all", sum)
	}
}

func TestAFullPackIsWorthARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{takes: time.Millisecond}
		f := newFixtureOn(t, nil, w, packed)
		for n := 1; n <= 100; n++ {
			f.Add(info("line"))
			f.StartFull()
			time.Sleep(10 * time.Millisecond)
			if began, _ := w.seen(); len(began) > 0 != (n == 100) {
				t.Fatalf("%d requests after %d lines", len(began), n)
			}
		}
	})
}

func TestEvictionIsPiecewise(t *testing.T) {
	f := newFixture(t, func(c *store.Config) { c.MaxBytes = 1 << 20 })
	sp := f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.Refuse()
	for i := 0; sp.Records() == 0; i++ {
		f.Add(info(fmt.Sprint("line ", i)))
	}
	if n := f.Bytes(); n < 1<<20-80<<10 || n > 1<<20 {
		t.Errorf("%d bytes are left in memory of 1 MiB after the first overflow", n)
	}
}

// How long a request is waited for: at first, after time-outs, if it is large,
// and at the end.
func TestAttemptsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{}
		f := newFixtureOn(t, nil, w, func(c *store.Config) { c.Attempt = 0 })
		f.add(1, "line")
		probed := func() (all []time.Duration) {
			for range 600 {
				f.Start()
				time.Sleep(100 * time.Millisecond)
			}
			_, all = w.seen()
			return all
		}
		all := append(probed(), probed()...)
		if first := all[0]; first < 1500*time.Millisecond || first > 1600*time.Millisecond {
			t.Errorf("the first attempt lasted %v", first)
		}
		if last := all[len(all)-1]; last < 8*time.Second || last > 8100*time.Millisecond {
			t.Errorf("an attempt after %d time-outs lasted %v", len(all)-1, last)
		}
		for w.onWire() > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		w.seen()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		f.FlushLast(ctx)
		if _, lasted := w.seen(); len(lasted) < 3 {
			t.Errorf("the last flush tried for %v in 3 s", lasted)
		} else if last := lasted[len(lasted)-1]; last < 700*time.Millisecond || last > 800*time.Millisecond {
			t.Errorf("attempts of %v at the end", lasted)
		}
		w.relent(f)
	})
	synctest.Test(t, func(t *testing.T) {
		w := &witness{}
		f := newFixtureOn(t, nil, w, func(c *store.Config) { c.Attempt = 0 })
		f.Add(info(strings.Repeat(`"`, 390_000))) // 780 KB in JSON
		f.Start()
		time.Sleep(time.Minute)
		if _, lasted := w.seen(); lasted[0] < 2900*time.Millisecond || lasted[0] > 3200*time.Millisecond {
			t.Errorf("the first attempt of a large request lasted %v", lasted[0])
		}
		w.relent(f)
	})
}

// What is on the wire when the end comes is given up if it has been there for
// long, and sent again.
func TestTheEndGivesUpOldRequests(t *testing.T) {
	for after, restarted := range map[time.Duration]bool{200 * time.Millisecond: false, 400 * time.Millisecond: true} {
		synctest.Test(t, func(t *testing.T) {
			w := &witness{takes: 600 * time.Millisecond}
			f := newFixtureOn(t, nil, w, func(c *store.Config) { c.Attempt = 0 })
			f.add(1, "line")
			f.Start()
			time.Sleep(after)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if err := f.FlushLast(ctx); err != nil {
				t.Error(err)
			}
			if began, _ := w.seen(); len(began) > 1 != restarted {
				t.Errorf("%d requests, the first %v before the end", len(began), after)
			}
			w.relent(f)
		})
	}
}

func TestADeadDynamoDBIsProbedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{takes: time.Millisecond, err: &types.InternalServerError{}}
		f := newFixtureOn(t, nil, w, func(c *store.Config) { c.Attempt = 0 })
		f.add(10, "line")
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := f.Flush(ctx); err != store.ErrResting {
			t.Errorf("flush: %v", err)
		}
		if began, _ := w.seen(); len(began) != 5 {
			t.Errorf("%d requests to find out", len(began))
		}
		last, longest, probes := time.Now(), time.Duration(0), 0
		for range 3000 {
			f.Start()
			time.Sleep(100 * time.Millisecond)
			began, _ := w.seen()
			for _, at := range began {
				probes++
				longest, last = max(longest, at.Sub(last)), at
			}
		}
		if probes > 45 || longest > 10500*time.Millisecond || longest < 9*time.Second {
			t.Errorf("%d probes in 5 minutes, the longest pause was %v", probes, longest)
		}
		w.relent(f)
	})
}

// A table that takes one row a second is asked about twice a second, not a
// hundred times, and not once a minute.
func TestTheBackoffIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCapped(1)
		l := newLife(t, c)
		l.add(60, "line")
		l.Start()
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
			l.Start()
		}
		requests := 0
		c.set(func() { requests = c.requests })
		if requests < 30 || requests > 300 {
			t.Errorf("%d requests in a minute", requests)
		}
		for range 120 {
			l.Start()
			time.Sleep(time.Second)
		}
	})
}
