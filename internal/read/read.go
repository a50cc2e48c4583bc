// Package read reads the two tables back: the rows of a span of time, both
// tables merged in time order.
package read

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// querier is the part of *dynamodb.Client that reading needs.
type querier interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Client reads tables. It keeps no state of its own and is safe for
// concurrent use if what it was made from is.
type Client struct {
	api querier
	// Memory saves looking for shards again; nil for none.
	Memory Memory
	// Budget bounds what is read; nil for no bound.
	Budget *Budget
}

// New makes a Client, usually from a *dynamodb.Client. All it calls is Query,
// so dynamodb:Query on the tables is the only permission it needs.
func New(api querier) *Client {
	return &Client{api: bounded{api, make(chan struct{}, AtOnce)}}
}

// Options says what to read.
type Options struct {
	// From and To bound the rows' time: From <= time < To, to the millisecond.
	// Rows are found whatever time zone their writer was configured with.
	From, To time.Time

	// InfoTable and ErrorsTable are the tables' names or ARNs. An empty one is
	// not read; at least one is needed.
	InfoTable, ErrorsTable string

	Filter

	// Limit is the most rows to yield; 0 means all of them.
	Limit int

	// Open leaves out the errors of causes that are resolved or ignored, and
	// all of the informational table.
	Open bool

	// NewestFirst turns the order round, and with it which rows Limit keeps.
	NewestFirst bool

	// Shards and ErrorShards are over how many partitions the writers spread a
	// day of the informational and of the errors table (LOGTABLE_SHARDS,
	// LOGTABLE_ERROR_SHARDS). 0 finds out: by one query for what writers say of
	// it and, for informational rows, unless Client.Memory knows, by some that
	// cost half a read unit for each partition that is empty.
	Shards, ErrorShards int

	// Now is the instant at which rows count as expired; zero means the clock.
	Now time.Time
}

// normal returns the options with defaults filled in and Levels in upper case.
func (o Options) normal() (Options, error) {
	if o.Open {
		o.InfoTable = ""
	}
	if o.InfoTable == "" && o.ErrorsTable == "" {
		return o, errors.New("cannot read: no table named")
	}
	if o.From.IsZero() || !o.From.Before(o.To) {
		return o, fmt.Errorf("cannot read from %v to %v: the end must be after the start", o.From, o.To)
	}
	if n := max(len(o.RequestIDs), len(o.TraceIDs)); n > MaxIDs {
		return o, fmt.Errorf("cannot look for %d IDs at once: the most is %d", n, MaxIDs)
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Levels = slices.Clone(o.Levels)
	for i, level := range o.Levels {
		o.Levels[i] = strings.ToUpper(level)
	}
	return o, nil
}

// TableError is a table that could not be read. Err is the SDK's.
type TableError struct {
	Table string
	Err   error
}

func (e *TableError) Error() string { return "cannot read table " + e.Table + ": " + e.Err.Error() }
func (e *TableError) Unwrap() error { return e.Err }

// Query yields the rows that o asks for, ordered by their sort key (time, then
// sequence), both tables merged. Pages are fetched as the caller gets to them,
// and some ahead, by goroutines that end with the iteration.
//
// An error is yielded once, as the last thing: a *TableError, a *PriceError, or
// one about o.
// Rows past their expiry that DynamoDB has not removed yet are left out.
func (c *Client) Query(ctx context.Context, o Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		o, err := o.normal()
		if err != nil {
			yield(Row{}, err)
			return
		}
		info, ofErrors, err := c.searches(ctx, &o)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer info.remember()
		n, limit := 0, o.Limit
		if o.Open {
			o.Limit = 0 // of the rows that are read, some are not wanted
		}
		rows := c.merged(ctx, &o, c.sources(&o, info, ofErrors))
		if o.Open {
			rows = c.open(ctx, &o, rows)
		}
		for row, err := range rows {
			if !yield(row, err) || err != nil {
				return
			}
			if n++; n == limit {
				return
			}
		}
	}
}

// merged yields the rows of sources in their order, without a limit. An error
// is the last thing.
func (c *Client) merged(ctx context.Context, o *Options, sources []*source) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		m := newMerge(o, c.Budget, sources)
		ctx, cancel := context.WithCancel(ctx)
		defer func() {
			cancel()
			_ = m.fetches.Wait() // of what nobody waits for any more
		}()
		for {
			row, ok, err := m.next(ctx)
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !ok || !yield(row, nil) {
				return
			}
		}
	}
}
