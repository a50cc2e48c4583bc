package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

// sharded starts an endpoint and n environments that write to it.
func sharded(t *testing.T, n, shards int) (*table.Server, []*fixture) {
	t.Helper()
	server := table.Start(t)
	if err := server.CreateLogTables(context.Background(), infoTable, errorsTable); err != nil {
		t.Fatal(err)
	}
	all := make([]*fixture, n)
	for i := range all {
		all[i] = newFixtureOn(t, server, server.Client(), func(c *store.Config) {
			c.Layout = store.Layout{Shards: shards, ErrorShards: shards, Function: fmt.Sprint("f", i)}
		})
	}
	return server, all
}

func TestShardsAreReadAsOneTable(t *testing.T) {
	testkit.Slow(t)
	for _, shards := range []int{2, 16, 40} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			server, environments := sharded(t, 60, shards)
			for i, f := range environments {
				f.told()
				f.add(9, fmt.Sprint("line of ", i))
				f.flushed()
			}
			for _, name := range []string{infoTable, errorsTable} {
				dates := map[string]int{}
				byEnvironment := map[string]string{}
				_, rows := environments[0].notesOf(name)
				for _, item := range rows {
					dates[item.Str("date")]++
					stamp := item.Str("stamp_mod")
					environment := stamp[strings.LastIndexByte(stamp, '+'):]
					if d, known := byEnvironment[environment]; known && d != item.Str("date") {
						t.Errorf("environment %s is in %s and in %s", environment, d, item.Str("date"))
					}
					byEnvironment[environment] = item.Str("date")
				}
				if len(dates) < shards/2+1 || len(dates) > shards {
					t.Errorf("%s: %d partitions for %d shards", name, len(dates), shards)
				}
			}
			for name, change := range map[string]func(*read.Options){
				"looked for":   func(*read.Options) {},
				"named":        func(o *read.Options) { o.Shards, o.ErrorShards = shards, shards },
				"newest first": func(o *read.Options) { o.NewestFirst = true },
			} {
				rows := readAll(t, server.Client(), change)
				keys := make([]string, len(rows))
				for i, row := range rows {
					keys[i] = row.StampMod
				}
				if name == "newest first" {
					slices.Reverse(keys)
				}
				if len(rows) != 600 || !slices.IsSorted(keys) {
					t.Errorf("%s: %d rows of 600, in order: %v", name, len(rows), slices.IsSorted(keys))
				}
			}
		})
	}
}

// A key, with its shard, survives the spill and the process.
func TestAShardSurvivesTheSpill(t *testing.T) {
	server, environments := sharded(t, 8, 4)
	dir := filepath.Join(t.TempDir(), "spill")
	server.Refuse()
	for i, f := range environments {
		sp := f.withSpill(dir)
		f.add(10, fmt.Sprint("line of ", i))
		if !f.Persist() {
			t.Fatal("not everything is persistent")
		}
		sp.Close()
	}
	if err := server.Restore(); err != nil {
		t.Fatal(err)
	}
	last := newFixtureOn(t, server, server.Client())
	last.withSpill(dir)
	last.drained()
	dates := map[string]bool{}
	for _, item := range server.Items(infoTable) {
		dates[item.Str("date")] = true
	}
	if rows := readAll(t, server.Client()); len(rows) != 80 || len(dates) < 2 || len(last.Lost()) > 0 {
		t.Errorf("%d rows of 80 in %d partitions, lost %v", len(rows), len(dates), last.Lost())
	}
}

// partitions is a DynamoDB of which each partition key takes so many write
// units a second, with one second's worth saved up.
type partitions struct {
	perSecond float64
	mu        sync.Mutex
	buckets   map[string]*bucket
	stored    map[string]int // rows, by table
	refused   int
	last      time.Time // when one was stored
}

func newPartitions() *partitions {
	return &partitions{perSecond: 1000, buckets: map[string]*bucket{}, stored: map[string]int{}}
}

type bucket struct {
	units float64
	at    time.Time
}

// take takes a write unit, if there is one. mu must be held.
func (p *partitions) take(name, date string) bool {
	b := p.buckets[name+date]
	if b == nil {
		b = &bucket{units: p.perSecond, at: time.Now()}
		p.buckets[name+date] = b
	}
	b.units, b.at = min(p.perSecond, b.units+time.Since(b.at).Seconds()*p.perSecond), time.Now()
	if b.units < 1 {
		p.refused++
		return false
	}
	b.units--
	if date != "shards" {
		p.stored[name]++
		p.last = b.at
	}
	return true
}

func (p *partitions) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	left, any := map[string][]types.WriteRequest{}, false
	for name, puts := range in.RequestItems {
		for _, put := range puts {
			if p.take(name, put.PutRequest.Item["date"].(*types.AttributeValueMemberS).Value) {
				any = true
			} else {
				left[name] = append(left[name], put)
			}
		}
	}
	if !any {
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: left}, nil
}

// A thousand environments, each with four lines to write a second, on
// partitions with DynamoDB's limit: 1,000 write units a second. Where one
// partition is not enough, invocations are held for it and rows pile up.
func TestShardsRemoveThePartitionsLimit(t *testing.T) {
	testkit.Slow(t)
	const environments, perSecond, seconds = 1000, 4, 5
	for _, tc := range []struct {
		shards    int
		saturated bool
		either    bool // four shards have just what is wanted: chance decides
	}{{1, true, false}, {2, true, false}, {4, false, true}, {8, false, false}, {16, false, false}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPartitions()
			var mu sync.Mutex
			var held []time.Duration
			waiting, lost := 0, 0
			var running, measured sync.WaitGroup
			measured.Add(environments)
			for e := range environments {
				running.Go(func() {
					f := newFixtureOn(t, nil, p, func(c *store.Config) { c.Layout.Shards, c.Attempt = tc.shards, 0 })
					time.Sleep(time.Duration(e) * time.Second / environments)
					for range seconds {
						next := time.Now().Add(time.Second)
						for i := range perSecond {
							f.Add(infoAt(time.Now(), fmt.Sprint("line ", i)))
						}
						ctx, cancel := context.WithTimeout(context.Background(), 900*time.Millisecond)
						began := time.Now()
						f.Flush(ctx)
						took := time.Since(began)
						cancel()
						mu.Lock()
						held = append(held, took)
						mu.Unlock()
						time.Sleep(time.Until(next))
					}
					mu.Lock()
					waiting += f.Waiting()
					lost += len(f.Lost())
					mu.Unlock()
					measured.Done()
					measured.Wait()
					p.mu.Lock()
					p.perSecond = 1e9 // the rest is stored, and not measured
					p.mu.Unlock()
					for f.Waiting() > 0 {
						f.Flush(context.Background())
						time.Sleep(time.Second)
					}
				})
			}
			running.Wait()
			slices.Sort(held)
			t.Logf("%2d shards: of %d rows in %d s %d still wait, %d refusals; "+
				"invocations held %v in the median, %v at the 95th percentile",
				tc.shards, environments*perSecond*seconds, seconds, waiting, p.refused,
				held[len(held)/2], held[len(held)*95/100])
			if saturated := waiting > 0; saturated != tc.saturated && !tc.either {
				t.Errorf("%d shards: %d rows wait", tc.shards, waiting)
			}
			if p.stored[infoTable] != environments*perSecond*seconds || lost > 0 {
				t.Errorf("%d shards: %d rows stored of %d, %d losses",
					tc.shards, p.stored[infoTable], environments*perSecond*seconds, lost)
			}
		})
	}
}
