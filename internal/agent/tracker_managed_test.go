package agent

import (
	"fmt"
	"testing"
	"time"
)

func TestWhoseLineIsItAmongConcurrentInvocations(t *testing.T) {
	for name, steps := range map[string][]step{
		"one after the other": {
			{"line", "init", 1}, {"start", "a", 10}, {"line", "a", 11}, {"end", "a", 20}, {"line", "", 21},
			{"start", "b", 300}, {"line", "", 299}, {"line", "b", 301}, {"end", "b", 400},
		},
		"who runs when another ends shares its late lines": {
			{"start", "a", 10}, {"start", "b", 12}, {"end", "a", 20}, {"line", "", 21}, {"line", "", 119},
			{"line", "b", 120},
		},
		"and so does who begins soon after": {
			{"start", "a", 10}, {"end", "a", 20}, {"start", "b", 21}, {"line", "", 22}, {"line", "b", 120},
		},
		"init's late lines are not the first invocation's": {
			{"line", "init", 1}, {"init-end", "", 5}, {"start", "a", 6}, {"line", "", 7}, {"line", "a", 105},
		},
		"a report that comes twice counts once": {
			{"start", "a", 10}, {"start", "b", 12}, {"end", "a", 20}, {"end", "a", 90}, {"line", "b", 120},
		},
		"a lost report is forgotten when no invocation can be that long": {
			{"start", "a", 10}, {"start", "b", 12}, {"end", "b", 20}, {"start", "c", 17 * 60 * 1000},
			{"line", "c", 17*60*1000 + 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := tracker{concurrent: true}
			play(t, &tr, steps)
		})
	}
}

// A managed instance lives for days, and now and then a report is lost.
func TestATrackerStaysSmallForDays(t *testing.T) {
	const perDay, days = 5000, 14
	tr := tracker{concurrent: true}
	at := time.UnixMilli(1_795_300_000_000)
	most := 0
	for i := range perDay * days {
		at = at.Add(24 * time.Hour / perDay)
		id := fmt.Sprint(i)
		tr.start(id, at)
		tr.remember(id, []byte("a line"))
		tr.allow(id, 10)
		if i%50 != 0 {
			tr.end(id, at.Add(time.Second), false, true)
		}
		most = max(most, len(tr.open)+len(tr.done))
	}
	// 16 minutes have one lost report.
	if len(tr.open) > 3 || most > maxDone+3 {
		t.Errorf("%d open at the end, at most %d entries", len(tr.open), most)
	}
}

func TestLinesWithoutARequestShareABudgetUntilTheNextStart(t *testing.T) {
	tr := tracker{concurrent: true}
	for i := range 3 {
		tr.start(fmt.Sprint(i), time.Time{})
		if !tr.allow("", 1) || tr.allow("", 1) {
			t.Fatalf("invocation %d: the budget of one line is not renewed, or not kept to", i)
		}
	}
}
