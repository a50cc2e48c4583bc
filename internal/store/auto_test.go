package store_test

import (
	"bytes"
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

	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
)

func auto(c *store.Config) { c.Layout.Auto = true }

// addInfo adds n informational lines, a millisecond apart.
func (f *fixture) addInfo(n int, prefix string) {
	for i := range n {
		f.Add(infoAt(base.Add(time.Duration(i)*time.Millisecond), fmt.Sprint(prefix, " ", i)))
	}
}

// shapes counts the items of the informational table that are lines, and those
// that are packs.
func (f *fixture) shapes() (lines, packs int) {
	for _, item := range f.server.Items(infoTable) {
		if item.Has("packed") {
			packs++
		} else {
			lines++
		}
	}
	return lines, packs
}

func TestAutoPacksWhileManyLinesWait(t *testing.T) {
	for _, tc := range []struct{ info, errors, lines, packs int }{
		{1, 0, 1, 0}, {10, 0, 10, 0}, {200, 0, 200, 0}, {200, 300, 200, 0}, {201, 0, 0, 1}, {201, 300, 0, 1},
	} {
		t.Run(fmt.Sprint(tc.info, " and ", tc.errors, " errors"), func(t *testing.T) {
			f := newFixture(t, auto)
			f.addInfo(tc.info, "line")
			for i := range tc.errors {
				f.Add(store.Entry{Time: base, Error: true, Level: "ERROR", Locator: "1", Module: "m",
					Message: fmt.Sprint("ERROR: (1) bad ", i), ExceptionAt: -1})
			}
			f.flushed()
			if lines, packs := f.shapes(); lines != tc.lines || packs != tc.packs {
				t.Errorf("%d lines and %d packs, want %d and %d", lines, packs, tc.lines, tc.packs)
			}
			if n := len(f.server.Items(errorsTable)); n != tc.errors {
				t.Errorf("%d errors of %d stand alone", n, tc.errors)
			}
			f.whole(tc.info, "line")
			f.whole(tc.errors, "bad")
		})
	}
}

// What follows a burst while it is on the wire belongs to it, and calm returns
// with the answer.
func TestAutoCountsWhatIsOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &sizes{takes: 100 * time.Millisecond}
		f := newFixtureOn(t, nil, w, auto)
		for _, step := range []struct{ add, items int }{{300, 1}, {60, 1}} {
			f.addInfo(step.add, "line")
			f.Start()
			time.Sleep(time.Millisecond)
			if got := w.items(); got != step.items {
				t.Errorf("%d lines became %d items, want %d", step.add, got, step.items)
			}
		}
		time.Sleep(time.Second)
		f.addInfo(20, "line")
		f.Start()
		time.Sleep(time.Second)
		if got := w.items(); got != 20 {
			t.Errorf("20 lines after the burst became %d items", got)
		}
	})
}

// In a burst a request is worth a full pack, in calm a full batch.
func TestAutoSendsFullPacksAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &sizes{takes: time.Second}
		f := newFixtureOn(t, nil, w, auto)
		for _, step := range []struct {
			add, items int
			then       time.Duration
		}{
			{24, 0, 0}, {1, 25, 2 * time.Second}, // the answer
			{250, 1, 0}, {60, 0, 0}, {40, 1, 0},
		} {
			f.addInfo(step.add, "line")
			f.StartFull()
			time.Sleep(time.Millisecond)
			if got := w.items(); got != step.items {
				t.Errorf("%d more lines became %d items, want %d", step.add, got, step.items)
			}
			time.Sleep(step.then)
		}
		time.Sleep(time.Minute)
	})
}

// sizes is a table that takes its time, and counts the items that are put.
type sizes struct {
	takes time.Duration
	mu    sync.Mutex
	put   int
}

func (s *sizes) BatchWriteItem(
	_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	s.mu.Lock()
	for _, puts := range in.RequestItems {
		s.put += len(puts)
	}
	s.mu.Unlock()
	time.Sleep(s.takes)
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

// items is how many there were since it was asked last.
func (s *sizes) items() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.put
	s.put = 0
	return n
}

// While /tmp keeps many rows, new lines are packed with one another; a
// segment's lines are packed if they alone are many, however often it comes.
func TestAutoKnowsTheBacklogOfTheSpill(t *testing.T) {
	for _, tc := range []struct{ kept, anew, lines, packs int }{
		{300, 0, 0, 1}, {300, 10, 0, 2}, {150, 0, 150, 0}, {150, 10, 160, 0}, {150, 60, 150, 1},
	} {
		t.Run(fmt.Sprint(tc.kept, " and ", tc.anew), func(t *testing.T) {
			f := newFixture(t, auto)
			f.withSpill(filepath.Join(t.TempDir(), "spill"))
			f.addInfo(tc.kept, "old")
			f.Persist()
			f.addInfo(tc.anew, "new")
			f.drained()
			if lines, packs := f.shapes(); lines != tc.lines || packs != tc.packs {
				t.Errorf("%d lines and %d packs, want %d and %d", lines, packs, tc.lines, tc.packs)
			}
			f.whole(tc.kept, "old")
			f.whole(tc.anew, "new")
		})
	}
}

// Calm and bursts in turn, over faults and through /tmp: every line is read
// once, in order.
func TestAutoReadsBackWhole(t *testing.T) {
	f := newFixture(t, auto, func(c *store.Config) { c.MaxBytes = 100 << 10 })
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	var want []string
	for part, n := range []int{10, 700, 30, 5, 250, 100, 1000, 1, 150} {
		if part%3 == 1 {
			f.server.OnRequest(table.ResetAfter(0.2, uint64(part)))
		}
		at := base.Add(time.Duration(part) * 2 * time.Second)
		for i := range n {
			text := fmt.Sprintf("%d of part %d", i, part)
			e := infoAt(at.Add(time.Duration(i)*time.Millisecond), text)
			if e.Error = i%50 == 49; e.Error {
				e.Level, e.Message = "ERROR", "ERROR: (1) "+text
			}
			f.Add(e)
			want = append(want, text)
		}
		if part%4 == 2 {
			f.Persist()
		}
		f.drained()
		f.server.OnRequest(nil)
	}
	var got []string
	for _, row := range readAll(t, f.server.Client()) {
		got = append(got, row.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d lines are read, %d were written, or the order differs", len(got), len(want))
	}
	if lines, packs := f.shapes(); lines < 196 || packs < 3 {
		t.Errorf("%d lines and %d packs: nothing is mixed", lines, packs)
	}
}

// A row that DynamoDB may still write must not take the place of a pack with
// its key: lines without an answer stay rows, whoever comes meanwhile.
func TestARowThatMayComeLateIsNotPacked(t *testing.T) {
	for name, tc := range map[string]struct {
		fault table.FaultFunc
		lines int // that are rows of their own in the end
	}{
		"no answer":     {table.ResetBefore(1, 1), 10},
		"answer lost":   {table.ResetAfter(1, 1), 10},
		"unclear error": {table.ServerError(500, 1, 1), 10},
		"throttled":     {table.Throttle(1, 1), 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, auto)
			f.server.OnRequest(table.First(1, func(op string, n int, body []byte) table.Fault {
				f.addInfo(300, "burst")
				return tc.fault(op, n, body)
			}))
			f.addInfo(10, "calm")
			f.drained()
			if lines, packs := f.shapes(); lines != tc.lines || packs == 0 {
				t.Errorf("%d lines and %d packs, want %d lines", lines, packs, tc.lines)
			}
			f.whole(10, "calm")
			f.whole(300, "burst")
		})
	}
}

// The same through /tmp: a copy of what was on the wire comes back as the row
// that it was.
func TestACopyOfARowOnTheWireIsNotPacked(t *testing.T) {
	f := newFixture(t, auto, func(c *store.Config) { c.Attempt, c.Owner = 0, "me" })
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.Hang()
	f.addInfo(10, "calm")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	f.Flush(ctx)
	f.addInfo(300, "burst")
	if !f.Persist() {
		t.Fatal("not everything is on /tmp")
	}
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.drained()
	if lines, packs := f.shapes(); lines != 10 || packs == 0 {
		t.Errorf("%d lines and %d packs, want 10 lines", lines, packs)
	}
	f.whole(10, "calm")
	f.whole(300, "burst")
}

// A line that must stand alone does not keep the packs off that leave with it.
func TestLinesThatStandAloneShareARequestWithPacks(t *testing.T) {
	f := newFixture(t, packed)
	f.server.OnRequest(func(op string, n int, body []byte) table.Fault {
		if bytes.Contains(body, []byte("lines: ")) && bytes.Contains(body, []byte("bad")) {
			f.addInfo(3, fmt.Sprint("other ", n))
			return table.Poison("RequestItems")(op, n, body)
		}
		return table.Fault{}
	})
	f.addInfo(3, "bad")
	f.drained()
	f.whole(3, "bad")
}
