package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/store"
)

// In congestion a hold that is probably in vain comes once in ten seconds at
// most, but it comes: for a table that is quick again.
func TestChancesAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(t, newCapped(0))
		l.table.latency = 300 * time.Millisecond
		for range 10 {
			l.invoke(5, 10*time.Millisecond)
		}
		if !l.Congested() {
			t.Fatal("ten holds for a table of 300 ms, and no congestion")
		}
		time.Sleep(10 * time.Second)
		began := time.Now()
		var chances []time.Time
		for time.Since(began) < 5*time.Minute {
			l.invoke(1, 10*time.Millisecond)
			if l.held[len(l.held)-1] > 0 {
				chances = append(chances, time.Now())
			}
			time.Sleep(90 * time.Millisecond)
		}
		if n := len(chances); n < 28 || n > 36 {
			t.Errorf("%d holds in 5 minutes", n)
		}
		if first := chances[0].Sub(began); first > 2*time.Second {
			t.Errorf("the first chance came after %v", first)
		}
		for i, at := range chances[1:] {
			if apart := at.Sub(chances[i]); apart < 500*time.Millisecond || apart > 11*time.Second {
				t.Errorf("holds %v apart", apart)
			}
		}
		l.bounded()
		l.table.set(func() { l.table.latency = time.Millisecond })
		for range 150 {
			l.invoke(1, 10*time.Millisecond)
			time.Sleep(90 * time.Millisecond)
		}
		l.settled(time.Minute)
	})
}

// Congestion may come and go: one long hold a minute remains the limit.
func TestHoldsAfterALongOneAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(t, newCapped(200))
		for range 40 { // every 15 s a burst that the table takes seconds for
			l.invoke(600, 50*time.Millisecond)
			for range 15 {
				l.invoke(0, 10*time.Millisecond)
				time.Sleep(time.Second)
			}
			if l.Congested() {
				t.Fatal("still congested after 15 s")
			}
		}
		l.bounded()
		before := len(l.long)
		if before == 0 {
			t.Error("no hold was long: what is tried here?")
		}
		time.Sleep(2 * time.Minute)
		l.invoke(600, 50*time.Millisecond)
		if len(l.long) != before+1 {
			t.Errorf("held %v: after quiet minutes a table is worth a long hold", l.held[len(l.held)-1])
		}
		l.bounded()
		l.settled(time.Minute)
	})
}

// hung is a DynamoDB whose first request is never answered.
type hung struct {
	mu       sync.Mutex
	requests int
	rows     int
}

func (h *hung) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	h.mu.Lock()
	h.requests++
	first := h.requests == 1
	h.mu.Unlock()
	if first {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, puts := range in.RequestItems {
		h.rows += len(puts)
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

func (h *hung) stored() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rows
}

// At the end nothing queues behind a request that hangs, and the request itself
// is given up in time for its records to be sent again.
func TestAtTheEndNothingQueuesBehindARequestThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hung{}
		f := newFixtureOn(t, nil, h, func(cfg *store.Config) { cfg.Attempt = 0 })
		f.add(5, "sent")
		f.Start()
		time.Sleep(20 * time.Millisecond)
		f.add(5, "waiting")
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- f.FlushLast(ctx) }()
		time.Sleep(100 * time.Millisecond)
		if n := h.stored(); n != 5 {
			t.Errorf("%d rows after 100 ms: what waits queues behind the request that hangs", n)
		}
		if err := <-done; err != nil || h.stored() != 10 {
			t.Errorf("FlushLast() = %v, %d of 10 rows", err, h.stored())
		}
	})
}

// A writer that pauses after a failure does not let the end wait for it.
func TestAtTheEndNoWriterPauses(t *testing.T) {
	for range 20 { // the pause is drawn
		synctest.Test(t, func(t *testing.T) {
			s := &sulky{refusals: 4}
			f := newFixtureOn(t, nil, s)
			f.add(5, "waiting")
			f.Start()
			synctest.Wait()
			for s.refused() < s.refusals {
				time.Sleep(time.Millisecond)
				synctest.Wait()
			}
			began := time.Now()
			err := f.FlushLast(t.Context())
			if took := time.Since(began); err != nil || took > 50*time.Millisecond {
				t.Errorf("FlushLast() = %v after %v", err, took)
			}
		})
	}
}

// sulky refuses its first requests.
type sulky struct {
	refusals int

	mu       sync.Mutex
	requests int
}

func (s *sulky) BatchWriteItem(
	context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests++; s.requests <= s.refusals {
		return nil, errors.New("refused")
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

func (s *sulky) refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(s.requests, s.refusals)
}
