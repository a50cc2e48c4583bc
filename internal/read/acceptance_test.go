package read

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// What a large table is like: LOGTABLE_TEST_ROWS rows, as many in each of 40
// days of 8 shards, lines of their own on even days and packs on odd ones.
const (
	largeDays   = 40
	largeShards = 8
)

// keyed is a line and its sort key.
type keyed struct {
	logged
	id string
}

// largeDay is the lines of a day, and the items that hold them, by table.
func largeDay(t *testing.T, number, n int) (lines []keyed, items map[string][]map[string]types.AttributeValue) {
	random := rand.New(rand.NewPCG(40, uint64(number)))
	items = map[string][]map[string]types.AttributeValue{}
	packs := make([][]map[string]types.AttributeValue, largeShards)
	flush := func(shard int) {
		if len(packs[shard]) > 0 {
			items["info"] = append(items["info"], pack(t, packs[shard]))
			packs[shard] = nil
		}
	}
	begin := day.AddDate(0, 0, number-largeDays)
	for i := range n {
		at := begin.Add(time.Duration(i) * 24 * time.Hour / time.Duration(n)).Truncate(time.Millisecond)
		l, shard := anyLine(random, i), random.IntN(largeShards)
		it := l.item(at, i%10_000)
		it["date"] = &types.AttributeValueMemberS{Value: row.ShardDate(at.Format(time.DateOnly), shard)}
		lines = append(lines, keyed{l, it["stamp_mod"].(*types.AttributeValueMemberS).Value})
		switch {
		case l["level"] == "ERROR":
			items["errors"] = append(items["errors"], it)
		case number%2 == 0:
			items["info"] = append(items["info"], it)
		default:
			if p := packs[shard]; len(p) > 0 {
				first := parseKey("", p[0]["stamp_mod"].(*types.AttributeValueMemberS).Value).Time
				if at.Sub(first) >= row.PackSpan || len(p) == 500 {
					flush(shard)
				}
			}
			packs[shard] = append(packs[shard], it)
		}
	}
	for shard := range packs {
		flush(shard)
	}
	return lines, items
}

// TestALargeTable holds what queries find of a large table against a look at
// every line of it, on AWS's DynamoDB Local.
func TestALargeTable(t *testing.T) {
	rows := 20_000
	if text := os.Getenv("LOGTABLE_TEST_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{t: t, api: ddblocal.Client(t)}
	if err := table.CreateLogTables(ctx, f.api, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	days := make([][]keyed, largeDays)
	var puts errgroup.Group
	puts.SetLimit(4)
	for number := range largeDays {
		puts.Go(func() error {
			lines, items := largeDay(t, number, rows/largeDays)
			days[number] = lines
			for name, all := range items {
				f.putAll(name, all)
			}
			return nil
		})
	}
	_ = puts.Wait()
	t.Logf("%d rows written in %v", rows, time.Since(began).Round(time.Millisecond))

	meter := NewMeter(f.api)
	client := New(meter)
	o := Options{InfoTable: "info", ErrorsTable: "errors", Shards: largeShards, ErrorShards: largeShards, Now: day}
	began, o.From, o.To = time.Now(), day.Add(-time.Hour), day
	for _, err := range client.Query(ctx, o) {
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the first row of the last hour after %v", time.Since(began).Round(time.Millisecond))
		break
	}
	began, o.From = time.Now(), day.AddDate(0, 0, -largeDays)
	n, last := 0, ""
	for r, err := range client.Query(ctx, o) {
		if err != nil || r.StampMod < last {
			t.Fatalf("%s after %s: %v", r.StampMod, last, err)
		}
		last = r.StampMod
		n++
	}
	took := time.Since(began)
	t.Logf("all %d rows in %v, %.0f a second, %.0f read units so far", n, took.Round(time.Millisecond),
		float64(n)/took.Seconds(), meter.Units())
	if n != rows/largeDays*largeDays {
		t.Fatalf("%d rows, want %d", n, rows)
	}
	random := rand.New(rand.NewPCG(16, 16))
	found := 0
	for i := range 60 {
		o.Filter, o.NewestFirst, o.Limit = Filter{}, random.IntN(2) == 0, random.IntN(2)*random.IntN(500)
		var tests []fieldTest
		o.Filter, tests = anyFilter(t, random)
		first := random.IntN(largeDays)
		length := 1 + random.IntN(min(largeDays-first, 5))
		if i < 3 { // some see everything
			first, length = 0, largeDays
		}
		o.From = day.AddDate(0, 0, first-largeDays)
		o.To = o.From.AddDate(0, 0, length)
		var want, got []string
		for _, l := range slices.Concat(days[first : first+length]...) {
			if wanted(o.Filter, tests, l.logged) {
				want = append(want, l.id)
			}
		}
		if o.NewestFirst {
			slices.Reverse(want)
		}
		if o.Limit > 0 {
			want = want[:min(o.Limit, len(want))]
		}
		for r, err := range client.Query(ctx, o) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.StampMod)
		}
		if found += len(got); !slices.Equal(want, got) {
			t.Fatalf("%+v: %d rows, want %d (-want +got):\n%.3000s", o, len(got), len(want), gocmp.Diff(want, got))
		}
	}
	if found < 100 {
		t.Errorf("%s: these filters test little", fmt.Sprint(found, " rows were found"))
	}
	t.Logf("%d rows found by 60 filters", found)
}
