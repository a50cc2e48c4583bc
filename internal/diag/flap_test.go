package diag_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/diag"
)

// timed keeps when lines were written.
type timed struct {
	bytes.Buffer
	at []time.Time
}

func (w *timed) Write(p []byte) (int, error) {
	w.at = append(w.at, time.Now())
	return w.Buffer.Write(p)
}

// most is the largest number of lines in any minute.
func (w *timed) most() (most int) {
	for i, end := range w.at {
		n := 0
		for _, at := range w.at[:i+1] {
			if end.Sub(at) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// What comes and goes is three lines a minute, and nothing is left out
// uncounted.
func TestWhatFlapsIsThreeLinesAMinute(t *testing.T) {
	for name, every := range map[string]time.Duration{
		"often": 10 * time.Millisecond, "each second": time.Second, "each minute": time.Minute,
		"seldom": 5 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w timed
				l := diag.New(&w)
				const turns = 1000
				for range turns / 2 {
					l.Fail("dynamodb", "throttled", "raise it")
					time.Sleep(every)
					l.Recover("dynamodb", "works again")
					time.Sleep(every)
				}
				if most := w.most(); most > 3 {
					t.Errorf("%d lines in a minute", most)
				}
				time.Sleep(time.Hour)
				l.Recover("dynamodb", "works again") // if that has not been said yet
				l.Fail("dynamodb", "throttled", "raise it")
				sum := 0
				for _, line := range lines(t, &w.Buffer) {
					sum++
					if n, ok := line["unsaid"].(float64); ok {
						sum += int(n)
					}
				}
				if sum != turns+1 {
					t.Errorf("%d turns said or counted, of %d", sum, turns+1)
				}
				if name == "seldom" && len(w.at) != turns+1 {
					t.Errorf("%d lines of %d though there was room", len(w.at), turns+1)
				}
			})
		})
	}
}

// The last word is what is, though its line found no room when it came.
func TestTheLastWordIsTrue(t *testing.T) {
	for name, fails := range map[string]bool{"it fails in the end": true, "it works in the end": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w timed
				l := diag.New(&w)
				for range 10 {
					l.Fail("dynamodb", "throttled", "")
					l.Recover("dynamodb", "works again")
				}
				if fails {
					l.Fail("dynamodb", "throttled", "")
				}
				for range 100 {
					time.Sleep(time.Second)
					if fails {
						l.Fail("dynamodb", "throttled", "")
					} else {
						l.Recover("dynamodb", "works again")
					}
				}
				all := lines(t, &w.Buffer)
				want := map[bool]string{true: "throttled", false: "works again"}[fails]
				if last := all[len(all)-1]["logtable"]; last != want || len(all) > 6 {
					t.Errorf("the last of %d lines is %q, want %q", len(all), last, want)
				}
			})
		})
	}
}

// However many causes there are, what is known of them is bounded, and so are
// the lines of those beyond.
func TestCausesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w timed
		l := diag.New(&w)
		for i := range 5_000 {
			l.Fail(fmt.Sprint("key ", i), "fails", "")
		}
		if n := len(w.at); n > 256+3 {
			t.Errorf("%d lines of 5,000 causes in a moment", n)
		}
		if n := diag.Causes(l); n > 256 {
			t.Errorf("%d causes are remembered", n)
		}
		// Those that are over make room.
		for i := range 256 {
			l.Recover(fmt.Sprint("key ", i), "works again")
		}
		time.Sleep(time.Minute)
		for i := range 200 {
			l.Fail(fmt.Sprint("new ", i), "fails", "")
		}
		if n := diag.Causes(l); n > 256 {
			t.Errorf("%d causes are remembered", n)
		}
		if l.Fail("new 0", "fails", "") || !l.Fail("new 201", "fails", "") {
			t.Error("new causes found no room though old ones are over")
		}
	})
}
