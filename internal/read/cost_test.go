package read

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// counter counts what a query costs.
type counter struct {
	querier
	calls, items atomic.Int64
}

func (c *counter) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	out, err := c.querier.Query(ctx, in, o...)
	c.calls.Add(1)
	if out != nil {
		c.items.Add(int64(out.ScannedCount))
	}
	return out, err
}

// fill stores n rows, a hundred a second, up to an instant.
func (f *fixture) fill(tableName string, n int, until time.Time) {
	f.t.Helper()
	var all []map[string]types.AttributeValue
	for i := range n {
		at := until.Add(-time.Duration(i) * 10 * time.Millisecond)
		all = append(all, item("date", at.Format(time.DateOnly), "level", "INFO",
			"message", fmt.Sprint("INFO: (1) line ", i),
			"stamp_mod", fmt.Sprintf("%d.%03d0000+m+env", at.Unix(), at.Nanosecond()/1e6)))
	}
	f.putAll(tableName, all)
}

// putAll stores items.
func (f *fixture) putAll(tableName string, all []map[string]types.AttributeValue) {
	f.t.Helper()
	for some := range slices.Chunk(all, 25) {
		var batch []types.WriteRequest
		for _, it := range some {
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{tableName: batch}}
		if out, err := f.api.BatchWriteItem(ctx, in); err != nil || len(out.UnprocessedItems) > 0 {
			f.t.Fatal(err, out)
		}
	}
}

// The last ten of many errors cost what the first ten cost; the last ten lines
// of a table that may hold packs cost a pack's span, but few calls.
func TestTheNewestCostFewCalls(t *testing.T) {
	f := newFixture(t)
	for _, table := range []string{"info", "errors"} {
		f.fill(table, 6500, day.Add(12*time.Hour))
	}
	for name, tc := range map[string]struct {
		o            Options
		calls, items int64
	}{
		"the last errors":  {Options{ErrorsTable: "errors", NewestFirst: true}, 5, 10},
		"the first errors": {Options{ErrorsTable: "errors"}, 5, 10},
		"the last lines":   {Options{InfoTable: "info", NewestFirst: true, Shards: 1}, 8, 10_000},
		"the first lines":  {Options{InfoTable: "info", Shards: 1}, 5, 10},
		"both, newest once": {
			Options{InfoTable: "info", ErrorsTable: "errors", NewestFirst: true, Shards: 1}, 12, 10_010,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &counter{querier: f.api}
			o := tc.o
			o.From, o.To, o.Limit = day, day.AddDate(0, 0, 1), 10
			var texts []string
			for row, err := range New(c).Query(ctx, o) {
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, row.Text)
			}
			if c.calls.Load() > tc.calls || c.items.Load() > tc.items || len(texts) != 10 {
				t.Errorf("%d rows in %d calls that read %d items, want at most %d and %d",
					len(texts), c.calls.Load(), c.items.Load(), tc.calls, tc.items)
			}
		})
	}
}

// packItem is an item that holds lines, under the key of one of them.
func packItem(t *testing.T, key string, lines ...string) map[string]types.AttributeValue {
	t.Helper()
	date := parseKey("", key).Time.Format(time.DateOnly)
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 5)
	for _, stamp := range lines {
		item := map[string]map[string]string{
			"date": {"S": date}, "stamp_mod": {"S": stamp},
			"level": {"S": "INFO"}, "message": {"S": "INFO: (1) " + stamp},
		}
		line, _ := json.Marshal(item) // of strings
		_, _ = w.Write(line)
	}
	_ = w.Close()
	return map[string]types.AttributeValue{
		"date":      &types.AttributeValueMemberS{Value: date},
		"stamp_mod": &types.AttributeValueMemberS{Value: key},
		"message":   &types.AttributeValueMemberS{Value: "2 lines: INFO"},
		"packed":    &types.AttributeValueMemberB{Value: b.Bytes()},
		"lines":     &types.AttributeValueMemberN{Value: "2"},
	}
}

// Earlier layers gave a pack whose lines came newest first the key of that one.
func TestPacksOfEarlierLayersAreFound(t *testing.T) {
	f := newFixture(t)
	at := day.Add(10 * time.Hour)
	stamp := func(ms int) string { return fmt.Sprintf("%d.%03d0000+m+2p4thtomb9", at.Unix(), ms) }
	f.putItem("info", packItem(t, stamp(900), stamp(900), stamp(100)))
	for _, newest := range []bool{false, true} {
		got := f.texts(Options{From: at, To: at.Add(500 * time.Millisecond), NewestFirst: newest})
		if !slices.Equal(got, []string{stamp(100)}) && !slices.Equal(got, []string{"INFO: (1) " + stamp(100)}) {
			t.Errorf("newest first %v: %q", newest, got)
		}
	}
}

// What a newer layer has packed in a way that this version does not know is
// shown as such.
func TestAPackThatCannotBeReadSaysSo(t *testing.T) {
	f := newFixture(t)
	at := day.Add(10 * time.Hour)
	key := fmt.Sprintf("%d.0000000+m+2p4thtomb9", at.Unix())
	item := packItem(t, key, key)
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 5)
	fmt.Fprintf(w, `{"date":{"S":"2026-11-22"},"stamp_mod":{"S":"%s"},"trace":{"S":"1"}}`, key)
	_ = w.Close()
	item["packed"] = &types.AttributeValueMemberB{Value: b.Bytes()}
	f.putItem("info", item)
	for row, err := range New(f.pages).Query(ctx, Options{From: day, To: day.AddDate(0, 0, 1), InfoTable: "info"}) {
		const want = `cannot unpack an item: the attribute "trace" is unknown: ` +
			`written by a newer Logtable: install that version and try again`
		if err != nil || row.Issues != want {
			t.Errorf("%v: issues %q, want %q", err, row.Issues, want)
		}
	}
}
