package store_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

// What waits is old when it was there by the call before and does not get on.
func TestWhatDoesNotGetOnIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hung{}
		f := newFixtureOn(t, nil, h, func(cfg *store.Config) { cfg.Attempt = 0 })
		age := func(want bool, when string) {
			t.Helper()
			if f.Age() != want {
				t.Errorf("%s: Age() = %v", when, !want)
			}
		}
		age(false, "nothing waits")
		f.add(5, "hangs")
		f.Start()
		synctest.Wait()
		time.Sleep(300 * time.Millisecond)
		age(false, "a request is on the wire for 300 ms")
		time.Sleep(200 * time.Millisecond)
		age(true, "for 500 ms")
		f.add(5, "waits") // nobody has been told to send it
		age(true, "the request hangs on")
		f.add(100, "goes") // and more writers are worth while
		f.Start()
		synctest.Wait()
		if h.stored() == 0 {
			t.Error("nothing was written beside the request that hangs")
		}
		time.Sleep(time.Minute) // until its time limit, and for what follows
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOn(t, nil, newCapped(0))
		for i, want := range []bool{false, true, true} {
			f.add(1, "waits")
			if got := f.Age(); got != want {
				t.Errorf("call %d, with something new and nothing written: %v", i, got)
			}
		}
		f.Start()
		time.Sleep(time.Second)
		f.add(1, "new")
		if f.Age() {
			t.Error("everything that was there has been written")
		}
	})
}

// Where much is written, and written, nothing is old, whatever has waited.
func TestWhatGetsOnIsNotOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCapped(10)
		f := newFixtureOn(t, nil, c, func(cfg *store.Config) { cfg.Attempt = 0 })
		f.add(20, "waits")
		f.Age()
		f.Start()
		time.Sleep(100 * time.Millisecond)
		if f.Age() || f.Waiting() == 0 {
			t.Errorf("old, though some of it has been written; %d wait", f.Waiting())
		}
		c.set(func() { c.perSec = 0 })
		time.Sleep(time.Minute)
	})
}

// A disk that is slow, but does not stall, takes what it can in the time that
// there is. The rest stays, in its order.
func TestPersistIsBroughtToAnEnd(t *testing.T) {
	slow := func(t *testing.T) *fixture {
		f := newFixtureOn(t, nil, &hung{}, func(cfg *store.Config) { cfg.MaxBytes = 8 << 20 })
		dir := filepath.Join(t.TempDir(), "spill")
		sp, _, err := spill.Open(spill.Config{Dir: dir, MaxBytes: 64 << 20, KeepFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		f.UseSpill(sp)
		for i := range 2000 {
			e := store.Entry{Time: time.Now(), Level: "INFO", Message: strings.Repeat("x", 1000), ExceptionAt: -1}
			if i%64 == 0 { // each write of 64 KiB or so takes its time
				e.Kept = func(string, string) { time.Sleep(90 * time.Millisecond) }
			}
			f.Add(e)
		}
		return f
	}
	synctest.Test(t, func(t *testing.T) {
		f, began := slow(t), time.Now()
		if f.Persist() {
			t.Error("Persist() = true: what is tried here?")
		}
		if took := time.Since(began); took < 900*time.Millisecond || took > 1200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := f.Unsafe(); n == 0 || n == 2000 || f.Waiting() != 2000 {
			t.Errorf("%d of 2000 lines are in memory only, %d wait", n, f.Waiting())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f, began := slow(t), time.Now()
		var log bytes.Buffer
		f.LastResort(&log, 8<<20, true, began.Add(500*time.Millisecond))
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("the last resort took %v of 500 ms", took)
		}
		if n := strings.Count(log.String(), "logtable_record"); n == 0 || n == 2000 || len(f.Lost()) > 0 {
			t.Errorf("%d of 2000 lines are in the log, lost %v", n, f.Lost())
		}
	})
}
