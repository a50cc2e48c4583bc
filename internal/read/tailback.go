package read

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/row"
)

const (
	// lookPages is how many pages of a look back are read between two polls.
	lookPages = 8
	// maxSeen is how many rows are recognised when they are met again.
	maxSeen = 1_000_000
	// callTime ends a call whose connection has died unnoticed, as while the
	// machine slept.
	callTime = 10 * time.Second
)

// backward is a look back that is on its way: at all partitions that rows of
// its time can be in.
type backward struct {
	o      Options
	inputs []*dynamodb.QueryInput
}

func (t *Tail) newBackward(now time.Time) *backward {
	l := &backward{o: t.o}
	l.o.From, l.o.To, l.o.Now, l.o.Limit = now.Add(-lookBack), now.Add(aheadOfUs), now, 0
	if floor := t.seen.floorTime(); l.o.From.Before(floor) {
		l.o.From = floor
	}
	for _, table := range t.tables() {
		for _, p := range partitions(l.o.From, now.Add(ahead)) {
			for shard := range t.shards[table] {
				l.inputs = append(l.inputs, queryInput(&l.o, table, row.ShardDate(p.date, shard)))
			}
		}
	}
	return l
}

// lookBack reads some pages of the look back, and yields the rows of these that
// polls have missed. What the next poll asks for is left to it.
func (t *Tail) lookBack(ctx context.Context, yield func(TailedRow) bool) (stopped bool, err error) {
	l, polled := t.look, t.from()
	var rows []Row
	for range lookPages {
		if len(l.inputs) == 0 {
			break
		}
		in := l.inputs[0]
		out, ferr := t.client.api.Query(ctx, in)
		if ferr != nil {
			err = &TableError{Table: *in.TableName, Err: ferr}
			break
		}
		for _, item := range out.Items {
			for _, r := range rowsOf(item) {
				r.Table, r.Error = *in.TableName, *in.TableName == t.o.ErrorsTable
				if t.recognise(&r); r.Time.Before(polled) && l.o.keep(&r) && t.seen.add(&r, l.o.Now) {
					rows = append(rows, r)
				}
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			l.inputs = l.inputs[1:]
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return strings.Compare(a.StampMod, b.StampMod) })
	for _, r := range rows {
		if !yield(TailedRow{Row: r, Late: true}) {
			return true, nil
		}
	}
	if len(l.inputs) == 0 && err == nil {
		t.seen.forget(l.o.From)
		t.look = nil
	}
	return false, err
}

// seenRows are the rows of a Tail that it may meet again. What is before the
// floor it does not show, and so need not know.
type seenRows struct {
	seed  maphash.Seed
	times map[uint64]int64 // a row's time in Unix milliseconds, by its key's hash
	floor string           // a sort key: rows up to there are not shown
}

func newSeenRows() *seenRows {
	return &seenRows{seed: maphash.MakeSeed(), times: map[uint64]int64{}}
}

// add reports whether a row is one to show, which it is once. now stands for
// the time of a row that has none.
func (s *seenRows) add(r *Row, now time.Time) bool {
	if r.StampMod <= s.floor {
		return false
	}
	key := maphash.Comparable(s.seed, [3]string{r.Table, r.Date, r.StampMod})
	if _, known := s.times[key]; known {
		return false
	}
	at := r.Time
	if at.IsZero() {
		at = now
	}
	if s.times[key] = at.UnixMilli(); len(s.times) > maxSeen {
		s.forgetHalf()
	}
	return true
}

// floorTime is the time of the floor: of rows before it, none is shown.
func (s *seenRows) floorTime() time.Time {
	return parseKey("", s.floor).Time
}

// forget raises the floor.
func (s *seenRows) forget(before time.Time) {
	if floor := stampBound(before); floor > s.floor {
		s.floor = floor
	}
	least := s.floorTime().UnixMilli()
	for key, at := range s.times {
		if at < least {
			delete(s.times, key)
		}
	}
}

// forgetHalf raises the floor to the median: rather than shown twice, rows that
// come very late are not shown.
func (s *seenRows) forgetHalf() {
	times := make([]int64, 0, len(s.times))
	for _, at := range s.times {
		times = append(times, at)
	}
	slices.Sort(times)
	s.forget(time.UnixMilli(times[len(times)/2] + 1))
}

// A watcher passes queries on and sees what they find. It is safe for
// concurrent use.
type watcher struct {
	api querier
	now func() time.Time

	mu     sync.Mutex // guards what follows
	newest string     // the largest sort key
	packs  bool       // there are packs
	skew   time.Duration
}

// Query is the client's, with a time limit.
func (w *watcher) Query(
	ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, fmt.Errorf("no answer for %v", callTime))
	defer cancel()
	out, err := w.api.Query(ctx, in, options...)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if server, ok := middleware.GetServerTime(out.ResultMetadata); ok {
		w.skew = server.Sub(w.now())
	}
	for _, item := range out.Items {
		if a := attributes(item); a.text(row.AttrDate) != row.ShardsDate {
			w.newest = max(w.newest, a.text(row.AttrStampMod))
		}
		w.packs = w.packs || item[row.AttrPacked] != nil
	}
	return out, nil
}

// offset is how much DynamoDB's clock is ahead of this one. It has seconds
// only, so less than some is none.
func (w *watcher) offset() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.skew.Abs() < 5*time.Second {
		return 0
	}
	return w.skew
}

// newestRow is the time of the latest item that was read.
func (w *watcher) newestRow() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return parseKey("", w.newest).Time
}

// hasPacks reports whether an item was a pack.
func (w *watcher) hasPacks() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.packs
}
