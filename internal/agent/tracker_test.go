package agent

import (
	"fmt"
	"testing"
	"time"
)

// A step of a tracker's test: an event of the telemetry stream or of the
// Extensions API, or a line whose request is asked for. Times are in
// milliseconds.
type step struct {
	what string // invoke, start, end, init-end, line
	id   string // for line: the request that is expected
	at   int
}

func TestWhoseLineIsIt(t *testing.T) {
	for name, steps := range map[string][]step{
		"init, then one invocation after the other": {
			{"line", "init", 1}, {"init-end", "", 5}, {"invoke", "a", 10}, {"start", "a", 10}, {"line", "a", 11},
			{"end", "a", 20}, {"line", "", 21}, {"invoke", "b", 30}, {"start", "b", 30}, {"line", "b", 31},
			{"end", "b", 40},
		},
		"a line ahead of the very first start": {
			{"line", "init", 1}, {"init-end", "", 5}, {"line", "init", 4}, {"invoke", "a", 10}, {"line", "init", 4},
			{"line", "a", 12}, {"start", "a", 10},
		},
		"a late line is not taken for the next invocation's": {
			{"start", "a", 10}, {"end", "a", 20}, {"invoke", "b", 30}, {"line", "", 21}, {"start", "b", 30},
			{"line", "", 21}, {"line", "b", 30},
		},
		"INVOKE alone opens nothing once starts are known": {
			{"start", "a", 10}, {"end", "a", 20}, {"invoke", "b", 30}, {"line", "", 31},
		},
		"a platform that sends no start": {
			{"line", "init", 1}, {"invoke", "a", 10}, {"line", "a", 11}, {"end", "a", 20}, {"line", "", 21},
			{"invoke", "b", 30}, {"line", "b", 31},
		},
		"two starts leave it open whose a line is": {
			{"start", "a", 10}, {"line", "a", 11}, {"start", "b", 30}, {"line", "", 31}, {"end", "b", 40},
			{"line", "a", 41},
		},
		"a lost end is forgotten two invocations later": {
			{"invoke", "a", 10}, {"start", "a", 10}, {"invoke", "b", 30}, {"start", "b", 30}, {"line", "", 31},
			{"end", "b", 40},
			{"invoke", "c", 50}, {"start", "c", 50}, {"line", "c", 51}, {"end", "c", 60}, {"line", "", 61},
		},
		"start twice": {
			{"start", "a", 10}, {"start", "a", 10}, {"line", "a", 11}, {"end", "a", 20}, {"line", "", 21},
		},
		"a line whose clock is years off is still the open invocation's": {
			{"start", "a", 4_000_000_000}, {"line", "a", 1},
		},
		"the end before the INVOKE event": {
			{"start", "a", 10}, {"end", "a", 12}, {"invoke", "a", 10}, {"line", "", 13},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var tr tracker
			play(t, &tr, steps)
		})
	}
	t.Run("concurrent invocations", func(t *testing.T) {
		tr := tracker{concurrent: true}
		play(t, &tr, []step{
			{"start", "a", 10}, {"line", "a", 11}, {"start", "b", 12}, {"line", "", 13}, {"end", "a", 14},
			{"line", "", 15},
			{"line", "b", 14 + 100}, {"end", "b", 116}, {"line", "", 117},
		})
	})
}

func play(t *testing.T, tr *tracker, steps []step) {
	t.Helper()
	for i, s := range steps {
		at := time.UnixMilli(1_795_300_000_000 + int64(s.at))
		switch s.what {
		case "invoke":
			tr.invoke(s.id, at)
		case "start":
			tr.start(s.id, at)
		case "end":
			tr.end(s.id, at, false, tr.concurrent)
		case "report":
			tr.end(s.id, at, false, true)
		case "init-end":
			tr.initEnd = at
		case "line":
			if got := tr.requestOf(at); got != s.id {
				t.Errorf("step %d: the line at %d ms belongs to %q, want %q", i, s.at, got, s.id)
			}
		}
	}
}

func TestATrackerStaysSmall(t *testing.T) {
	tr := tracker{concurrent: true}
	for i := range 10_000 {
		id := fmt.Sprint(i)
		tr.start(id, time.Time{})
		tr.allow(id, 1)
		if i%2 == 0 {
			tr.end(id, time.Time{}, false, true)
		}
	}
	if len(tr.open) > 1000 || len(tr.done) > 64 {
		t.Errorf("%d open, %d done", len(tr.open), len(tr.done))
	}
	var lost tracker
	for i := range 10_000 {
		lost.invoke(fmt.Sprint(i), time.Time{})
	}
	if len(lost.pending) > 8 || len(lost.open) > 2 {
		t.Errorf("%d pending, %d open of invocations whose end was lost", len(lost.pending), len(lost.open))
	}
	if tr.endOf("9998") == nil {
		t.Error("the last end is forgotten")
	}
}

// SHUTDOWN finds the invocation of the last INVOKE running, though the end of
// the one before was lost.
func TestWhoIsUnfinished(t *testing.T) {
	var tr tracker
	at := time.UnixMilli(1_795_300_000_000)
	if u := tr.unfinished(); u != nil {
		t.Errorf("%q runs", u.id)
	}
	tr.invoke("a", at)
	tr.start("a", at)
	tr.invoke("b", at.Add(time.Minute)) // its start is not delivered
	if u := tr.unfinished(); u == nil || u.id != "b" {
		t.Errorf("%+v is taken for what runs, want b", u)
	}
	tr.end("b", at.Add(2*time.Minute), false, false)
	tr.end("a", at.Add(2*time.Minute), false, false)
	if u := tr.unfinished(); u != nil {
		t.Errorf("%q runs", u.id)
	}
}

// The telemetry of an attempt is read when the next one's INVOKE has been
// handled: after a thaw, or in busy traffic.
func TestTheEndOfAnAttemptIsReadLate(t *testing.T) {
	var tr tracker
	at := func(s int) time.Time { return time.Unix(1_795_300_000+int64(s), 0) }
	tr.invoke("r", at(0))
	tr.invoke("r", at(60))
	tr.start("r", at(0))
	tr.end("r", at(1), false, false)
	if tr.endOf("r") != nil {
		t.Error("the first attempt's end is taken for the second one's")
	}
	tr.start("r", at(60))
	tr.end("r", at(61), false, false)
	if tr.endOf("r") == nil {
		t.Error("the second attempt's end is not seen")
	}
	tr.invoke("r", at(180))
	if tr.endOf("r") != nil {
		t.Error("the third attempt is taken for ended")
	}
}
