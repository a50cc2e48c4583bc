package wait

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestBroadcastWakesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var b Broadcast
		n, done := 0, 0
		for range 3 {
			go func() {
				for {
					mu.Lock()
					if n == 2 {
						done++
						mu.Unlock()
						return
					}
					changed := b.Changed()
					mu.Unlock()
					<-changed
				}
			}()
		}
		for want := range 3 {
			synctest.Wait()
			mu.Lock()
			if done != 0 {
				t.Fatalf("%d goroutines went on at n = %d, want none", done, want)
			}
			if n < 2 {
				n++
			}
			b.Notify()
			mu.Unlock()
			if want == 1 {
				break
			}
		}
		synctest.Wait()
		if done != 3 {
			t.Fatalf("%d goroutines went on, want 3", done)
		}
	})
}

func TestBackoff(t *testing.T) {
	for n, want := range []time.Duration{50, 50, 100, 200, 400, 500, 500} {
		if got := Backoff(50, 500, n); got != want {
			t.Errorf("after %d failures: %d, want %d", n, got, want)
		}
	}
	if got := Backoff(time.Second, math.MaxInt64, 1000); got <= 0 {
		t.Errorf("a thousand failures overflow to %v", got)
	}
	if got := Backoff(time.Second, time.Millisecond, 1); got != time.Millisecond {
		t.Errorf("got %v, want the most", got)
	}
}

func TestSleepEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want the deadline's error after 1s", err, time.Since(start))
		}
		if err := Sleep(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
	})
}
