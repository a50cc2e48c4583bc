package read

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/logtable/logtable/internal/row"
)

// unending is tables whose partitions have a row each 10 ms from midnight on
// and never end. Its pages have what is asked for, at most 5,000 items; a
// filter lets through one of so many.
type unending struct {
	oneOf int

	mu                         sync.Mutex
	active, mostActive         int
	calls, items, most, handed int           // most is how many items were not handed out yet
	meet                       int           // so many requests wait for each other
	met                        chan struct{} // closed when they are there
	hang                       int           // from this call on, none is answered
	began                      func()        // is called with each call
}

func (e *unending) begin() (wait <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	e.active++
	e.mostActive = max(e.mostActive, e.active)
	if e.began != nil {
		e.began()
	}
	if e.hang > 0 && e.calls >= e.hang {
		return make(chan struct{})
	}
	if e.met != nil && e.active == e.meet {
		close(e.met)
		e.met = nil
	}
	return e.met
}

func (e *unending) end(items int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active--
	e.items += items
	e.most = max(e.most, e.items-e.handed)
}

func (e *unending) Query(
	ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	out := &dynamodb.QueryOutput{}
	wait := e.begin()
	defer func() { e.end(len(out.Items)) }()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	date := in.ExpressionAttributeValues[":v0"].(*types.AttributeValueMemberS).Value
	at, _ := time.Parse(time.DateOnly, date[:10])
	if start, ok := in.ExclusiveStartKey["stamp_mod"].(*types.AttributeValueMemberS); ok {
		at = parseKey("", start.Value).Time.Add(10 * time.Millisecond)
	} else if at.Before(day) {
		return out, nil // the days before have no rows
	}
	n := 5000
	if in.Limit != nil {
		n = min(n, int(*in.Limit))
	}
	out.ScannedCount = int32(n)
	for i := range n {
		if i%e.oneOf > 0 && i < n-1 {
			at = at.Add(10 * time.Millisecond)
			continue
		}
		key := fmt.Sprintf("%d.%03d0000+m+%s", at.Unix(), at.Nanosecond()/1e6, strings.ReplaceAll(date, "-", ""))
		it := item("date", date, "stamp_mod", key, "level", "INFO", "message", "INFO: (1) x")
		if i == n-1 {
			out.LastEvaluatedKey = map[string]types.AttributeValue{"date": it["date"], "stamp_mod": it["stamp_mod"]}
		}
		if i%e.oneOf == 0 {
			out.Items = append(out.Items, it)
		}
		at = at.Add(10 * time.Millisecond)
	}
	out.Count = int32(len(out.Items))
	return out, nil
}

// read hands out so many rows of days of shards.
func (e *unending) read(t *testing.T, rows, shards int) {
	t.Helper()
	e.oneOf = max(e.oneOf, 1)
	last := ""
	o := Options{From: day, To: day.AddDate(0, 0, 3), InfoTable: "info", ErrorsTable: "errors",
		Shards: shards, ErrorShards: 1, Now: day}
	for r, err := range New(e).Query(ctx, o) {
		if err != nil {
			t.Fatal(err)
		}
		if r.StampMod < last {
			t.Fatalf("%s comes after %s", r.StampMod, last)
		}
		last = r.StampMod
		e.mu.Lock()
		e.handed++
		e.mu.Unlock()
		if rows--; rows == 0 {
			break
		}
	}
	if e.active != 0 {
		t.Errorf("%d requests are left on the wire", e.active)
	}
}

// Partitions that must be asked are asked at once, but not too many.
func TestPartitionsAreAskedAtOnce(t *testing.T) {
	for shards, want := range map[int]int{1: 4, 7: 16, 100: 16} {
		e := &unending{meet: want, met: make(chan struct{})}
		e.read(t, 1000, shards)
		if e.mostActive != want {
			t.Errorf("%d shards: %d requests at once, want %d", shards, e.mostActive, want)
		}
	}
}

// While rows are handed out, the pages that are needed next are fetched:
// whoever reads a day with one shard need not wait for each page.
func TestPagesAreFetchedAhead(t *testing.T) {
	e, fifth := &unending{oneOf: 1}, make(chan struct{})
	e.began = func() {
		if e.calls == 5 { // four must be asked, and one is ahead
			close(fifth)
		}
	}
	o := Options{From: day, To: day.AddDate(0, 0, 1), InfoTable: "info", ErrorsTable: "errors", Shards: 1,
		ErrorShards: 1, Now: day}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, err := range New(e).Query(ctx, o) {
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-fifth:
		case <-ctx.Done():
			t.Error("no page was fetched ahead")
		}
		break
	}
	if e.active != 0 || e.calls != 5 {
		t.Errorf("%d calls, %d on the wire; want four and one ahead", e.calls, e.active)
	}
}

// What has been fetched and not handed out is bounded, however many shards
// there are, and so is what somebody has paid for who leaves.
func TestWhatIsFetchedAheadIsBounded(t *testing.T) {
	for _, tc := range []struct{ rows, shards, most int }{
		{10, 1, 12_000}, {10, 8, 14_000}, {10, 100, 20_000},
		{60_000, 1, maxItems}, {60_000, 8, maxItems}, {30_000, 100, maxItems},
	} {
		e := &unending{}
		e.read(t, tc.rows, tc.shards)
		t.Logf("%d rows of %d shards: at most %d items wait, %d in %d calls", tc.rows, tc.shards, e.most, e.items,
			e.calls)
		if e.most > tc.most {
			t.Errorf("%d rows of %d shards: %d items wait, want at most %d", tc.rows, tc.shards, e.most, tc.most)
		}
	}
}

// With a filter that finds little, a page has all that DynamoDB gives, and the
// shards are gone through together: the first row does not take a whole day of
// the first shard.
func TestAFilterThatFindsLittleReadsInOrder(t *testing.T) {
	e := &unending{oneOf: 20_000} // the first row of a page
	e.read(t, 100, 8)
	pages := 100 + 3*9*4 // one row each, and those that are small, or ahead
	if e.calls > pages {
		t.Errorf("%d calls for 100 rows of 100 pages, want at most %d", e.calls, pages)
	}
}

// Whoever leaves has nothing on the wire, even where nobody answers; and so has
// an error.
func TestNoRequestIsLeft(t *testing.T) {
	for _, hang := range []int{6, 7, 9} {
		(&unending{hang: hang}).read(t, 1, 1)
	}
	for n := range 12 {
		e := &unending{oneOf: 1}
		client := New(&failing{querier: e, n: n, err: errors.New("broken")})
		var last error
		for _, err := range client.Query(ctx, Options{From: day, To: day.Add(time.Hour), InfoTable: "i", Shards: 3}) {
			last = err
		}
		if last == nil || e.active != 0 {
			t.Errorf("after %d answers: %v, %d requests on the wire", n, last, e.active)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := &unending{oneOf: 1, hang: 1, began: cancel}
	for _, err := range New(e).Query(ctx, Options{From: day, To: day.Add(time.Hour), InfoTable: "i", Shards: 3}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if e.active != 0 {
		t.Errorf("%d requests on the wire", e.active)
	}
}

// Rows of many shards, in small pages, in packs and not, come in one order.
func TestShardsAreMergedInOrder(t *testing.T) {
	f := newFixture(t)
	var want []string
	for i := range 200 {
		at := day.Add(time.Duration(i) * 13 * time.Minute)
		text := fmt.Sprint("row ", i)
		f.put("info", at, row.ShardDate(at.Format(time.DateOnly), i*7%5), text)
		want = append(want, text)
	}
	for _, newest := range []bool{false, true} {
		got := f.texts(Options{From: day, To: day.AddDate(0, 0, 3), NewestFirst: newest})
		if newest {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("newest first %v: %q", newest, got)
		}
	}
}
