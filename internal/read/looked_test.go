package read

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// remembered is a Memory.
type remembered map[string]Looked

func (m remembered) Recall(table string) Looked      { return m[table] }
func (m remembered) Remember(table string, l Looked) { m[table] = l }

// note has a table say that it is sharded, in somebody's name.
func (f *fixture) note(tableName, function string, shards any) {
	f.t.Helper()
	f.putItem(tableName, item("date", "shards", "stamp_mod", fmt.Sprintf("%s#%v", function, shards), "shards", shards))
}

// read reads the last so much time before an instant, and counts the calls.
func (f *fixture) read(
	m Memory, now time.Time, length time.Duration, change ...func(*Options),
) (texts []string, n int) {
	f.t.Helper()
	c := &counter{querier: f.api}
	client := New(c)
	client.Memory = m
	o := Options{From: now.Add(-length), To: now, InfoTable: "info", ErrorsTable: "errors", Now: now}
	for _, f := range change {
		f(&o)
	}
	for row, err := range client.Query(ctx, o) {
		if err != nil {
			f.t.Fatal(err)
		}
		texts = append(texts, row.Text)
	}
	return texts, int(c.calls.Load())
}

const month = 30 * 24 * time.Hour

// Two calls for what writers say, and one for each day and table: two days for
// most quarters of an hour, of which three days are possible about noon.
func TestATableWithoutShardsCostsFewCalls(t *testing.T) {
	for hour, most := range map[int]int{0: 6, 3: 6, 9: 6, 10: 8, 12: 8, 15: 6, 23: 6} {
		f := newFixture(t)
		now := day.Add(time.Duration(hour)*time.Hour + 30*time.Minute)
		f.put("info", now.Add(-time.Minute), day.Format(time.DateOnly), "line")
		f.put("errors", now.Add(-time.Minute), day.Format(time.DateOnly), "error")
		m := remembered{}
		_, first := f.read(m, now, 15*time.Minute)
		texts, n := f.read(m, now.Add(time.Second), 15*time.Minute)
		if n > most || len(texts) != 2 {
			t.Errorf("at %d h: %d rows in %d calls, want at most %d", hour, len(texts), n, most)
		}
		_, firstMonth := f.read(m, now, month)
		texts, ofMonth := f.read(m, now.Add(time.Minute), month)
		if ofMonth > 70 || len(texts) != 2 {
			t.Errorf("at %d h: %d rows of a month in %d calls", hour, len(texts), ofMonth)
		}
		_, tomorrow := f.read(m, now.Add(23*time.Hour), 15*time.Minute)
		_, again := f.read(m, now.Add(25*time.Hour), 15*time.Minute)
		t.Logf("at %2d h: 15 minutes in %d calls, then %d; 30 days in %d, then %d; "+
			"15 minutes 23 h later in %d, 25 h in %d",
			hour, first, n, firstMonth, ofMonth, tomorrow, again)
		if first > most+45 || tomorrow > 8 || again < 30 {
			t.Errorf("at %d h: %d calls within a day, %d when it is over", hour, tomorrow, again)
		}
	}
}

// What writers say multiplies the calls of their table, and nothing is looked
// for beyond it twice.
func TestNotedShardsAreRead(t *testing.T) {
	f := newFixture(t)
	now := day.Add(20 * time.Hour)
	f.note("info", "orders", 4)
	f.note("info", "shop", 3)
	f.note("errors", "orders", 40)
	f.put("info", now.Add(-3*time.Minute), "2026-11-22#3", "a")
	f.put("errors", now.Add(-2*time.Minute), "2026-11-22#39", "b")
	f.put("info", now.Add(-time.Minute), "2026-11-22", "c")
	m := remembered{}
	for range 2 {
		texts, n := f.read(m, now, 15*time.Minute)
		if !slices.Equal(texts, []string{"a", "b", "c"}) {
			t.Errorf("%q", texts)
		}
		t.Logf("4 and 40 shards: %d calls", n)
	}
	if _, n := f.read(m, now, 15*time.Minute); n != 2+2*4+2*40 {
		t.Errorf("%d calls", n)
	}
	if _, n := f.read(m, now, 15*time.Minute, func(o *Options) { o.Shards, o.ErrorShards = 4, 1 }); n != 2*4+2 {
		t.Errorf("%d calls for shards that the caller knows", n)
	}
}

// Older layers spread informational rows and do not say so.
func TestShardsThatNobodyNotedAreFound(t *testing.T) {
	f := newFixture(t)
	now := day.Add(20 * time.Hour)
	lastMonth := now.Add(-25 * 24 * time.Hour)
	f.put("info", now.Add(-19*time.Hour), "2026-11-22#5", "early")
	f.put("info", lastMonth, lastMonth.Format(time.DateOnly)+"#7", "last month")
	f.put("info", now.Add(-time.Minute), "2026-11-22", "late")
	for _, newest := range []bool{false, true} {
		m := remembered{}
		ask := func(length time.Duration, want ...string) int {
			t.Helper()
			texts, n := f.read(m, now, length, func(o *Options) { o.NewestFirst = newest })
			if newest {
				slices.Reverse(texts)
			}
			if !slices.Equal(texts, want) {
				t.Errorf("newest first %v, %v: %q, want %q", newest, length, texts, want)
			}
			return n
		}
		// The span of the first question has nothing in a shard, and the next
		// one's day has.
		ask(15*time.Minute, "late")
		ask(20*time.Hour, "early", "late")
		ask(month, "last month", "early", "late")
		if n := ask(month, "last month", "early", "late"); n > 70+15+15 {
			t.Errorf("%d calls", n)
		}
		now := now.Add(25 * time.Hour)
		if texts, n := f.read(m, now, month); len(texts) != 3 || n > 200 {
			t.Errorf("a day later %d rows in %d calls: days that are over were looked at again", len(texts), n)
		}
	}
}

// A caller who leaves after the newest row has not seen all days.
func TestAnUnfinishedQueryRemembersNoMoreThanItLookedAt(t *testing.T) {
	f := newFixture(t)
	now := day.Add(20 * time.Hour)
	f.put("info", now.Add(-3*24*time.Hour), "2026-11-19#9", "before")
	f.put("info", now.Add(-time.Hour), "2026-11-22#3", "shard")
	f.put("info", now.Add(-time.Minute), "2026-11-22", "late")
	m := remembered{}
	texts, _ := f.read(m, now, month, func(o *Options) { o.NewestFirst, o.Limit = true, 1 })
	if !slices.Equal(texts, []string{"late"}) {
		t.Fatalf("%q", texts)
	}
	texts, _ = f.read(m, now, month)
	if !slices.Equal(texts, []string{"before", "shard", "late"}) {
		t.Errorf("%q", texts)
	}
}

// Looking at a day to come says nothing of today.
func TestADayToComeIsNotThePresent(t *testing.T) {
	f := newFixture(t)
	now := day.Add(3 * time.Hour)
	f.put("info", now.Add(-time.Hour), "2026-11-22#3", "shard")
	m := remembered{}
	f.read(m, now, 0, func(o *Options) { o.From, o.To = day.AddDate(0, 0, 2), day.AddDate(0, 0, 3) })
	if texts, _ := f.read(m, now, 3*time.Hour); !slices.Equal(texts, []string{"shard"}) {
		t.Errorf("%q", texts)
	}
}

// What a Memory has may be anybody's.
func TestAStrangeMemoryIsJudged(t *testing.T) {
	f := newFixture(t)
	now := day.Add(20 * time.Hour)
	f.put("info", now.Add(-time.Minute), "2026-11-22#1", "shard")
	for name, l := range map[string]Looked{
		"of the future": {At: now.Add(time.Hour), Present: 1},
		"of long ago":   {At: now.Add(-25 * time.Hour), Present: 1},
		"too many":      {At: now.Add(-time.Hour), Present: 1 << 40},
		"no day":        {Days: map[string]int{"": 1, "2026": -5, "x": 1 << 40}},
	} {
		if texts, _ := f.read(remembered{"info": l}, now, time.Hour); len(texts) != 1 {
			t.Errorf("%s: %q", name, texts)
		}
	}
	for _, shards := range []any{0, -3, 1_000_000, "many"} {
		f.note("info", "x", shards)
	}
	if texts, n := f.read(nil, now, time.Hour); len(texts) != 1 || n > 1000 {
		t.Errorf("%q in %d calls", texts, n)
	}
}

// noNotes refuses what writers say, as a policy does that allows days only.
type noNotes struct{ querier }

func (n noNotes) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	if v, ok := in.ExpressionAttributeValues[":v0"].(*types.AttributeValueMemberS); ok && v.Value == "shards" {
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException"}
	}
	return n.querier.Query(ctx, in, o...)
}

func TestWhoMayNotReadNotesReadsRows(t *testing.T) {
	f := newFixture(t)
	f.put("info", day.Add(time.Hour), "2026-11-22#1", "shard")
	n := 0
	o := Options{From: day, To: day.AddDate(0, 0, 1), InfoTable: "info"}
	for _, err := range New(noNotes{f.api}).Query(ctx, o) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
}
