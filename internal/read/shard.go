package read

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/row"
)

const (
	// probeWave is how many shards are looked at in one go. Up to this many are
	// always found; further ones if one of the wave before them holds anything,
	// which among the hundred environments that need them is certain for all
	// practical purposes.
	probeWave = 16
	// maxShards is where looking ends: LOGTABLE_SHARDS takes no more.
	maxShards = 256 // config.MaxShards; a test compares
)

// A search finds the shards of one table for a Query: those that it was told
// of, those that writers say there are (row.ShardsNote), and those of writers
// that do not say so, which it looks for unless it was done lately. No writer
// of errors is such a one.
type search struct {
	client  *Client
	options *Options
	table   string
	errors  bool   // it is the errors table
	given   int    // by the caller, who knows; 0 if nobody does
	noted   int    // by the writers; 0 or 1 for none
	looked  Looked // before this Query
	found   map[string][]int
}

// newSearch asks once what writers say. Who may not read that reads rows only.
func (c *Client) newSearch(ctx context.Context, o *Options, table string, given int) (*search, error) {
	s := &search{client: c, options: o, table: table, given: given, found: map[string][]int{}}
	s.errors = table != o.InfoTable
	if given > 0 {
		return s, nil
	}
	var refused smithy.APIError
	err := s.readNotes(ctx)
	if err != nil && (!errors.As(err, &refused) || refused.ErrorCode() != "AccessDeniedException") {
		return nil, &TableError{Table: table, Err: err}
	}
	if c.Memory != nil && !s.errors {
		s.looked = c.Memory.Recall(table)
	}
	return s, nil
}

// searches are those of the two tables.
func (c *Client) searches(ctx context.Context, o *Options) (info, ofErrors *search, err error) {
	var infoErr, errorsErr error
	var both errgroup.Group
	for _, t := range []struct {
		table string
		given int
		to    **search
		err   *error
	}{{o.InfoTable, o.Shards, &info, &infoErr}, {o.ErrorsTable, o.ErrorShards, &ofErrors, &errorsErr}} {
		if t.table != "" {
			both.Go(func() error {
				*t.to, *t.err = c.newSearch(ctx, o, t.table, t.given)
				return nil
			})
		}
	}
	_ = both.Wait() // of the errors, the first table's is told
	if infoErr != nil {
		return nil, nil, infoErr
	}
	return info, ofErrors, errorsErr
}

// readNotes reads over how many partitions writers say that they spread a day:
// the largest number. A note that has expired and is still there is believed.
func (s *search) readNotes(ctx context.Context) error {
	e := newExpression()
	key := fmt.Sprintf("%s = %s", e.name(row.AttrDate), e.text(row.ShardsDate))
	in := &dynamodb.QueryInput{TableName: &s.table, KeyConditionExpression: &key,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values}
	for {
		out, err := s.client.api.Query(ctx, in)
		if err != nil {
			return err
		}
		for _, item := range out.Items {
			if n, isNumber := item[row.AttrShards].(*types.AttributeValueMemberN); isNumber {
				shards, _ := strconv.Atoi(n.Value)
				s.noted = max(s.noted, min(shards, maxShards))
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}

// known is the least number of partitions of a day; all is false if
// there may be more, which are to be looked for.
func (s *search) known(day string) (n int, all bool) {
	if s.given > 0 || s.errors {
		return max(s.given, s.noted, 1), true
	}
	n, all = s.looked.shards(day, s.options.Now)
	return max(n, s.noted), all
}

// further looks for shards of a day beyond those that are known, and returns
// their numbers. Today and its neighbours are looked at together, so that the
// answer can be kept for a while.
func (s *search) further(ctx context.Context, day string) ([]int, error) {
	if found, done := s.found[day]; done {
		return found, nil
	}
	days := []string{day}
	if current := present(s.options.Now); slices.Contains(current, day) {
		days = current
	}
	results := make([][]int, len(days))
	queries, ctx := errgroup.WithContext(ctx)
	for i, day := range days {
		queries.Go(func() (err error) {
			results[i], err = s.probe(ctx, day)
			return err
		})
	}
	if err := queries.Wait(); err != nil {
		return nil, &TableError{Table: s.table, Err: err}
	}
	for i, day := range days {
		s.found[day] = results[i]
	}
	return s.found[day], nil
}

// probe looks for the shards of a day upward, a wave at once, and returns those
// that hold anything. An empty one costs half a read unit.
func (s *search) probe(ctx context.Context, day string) (found []int, err error) {
	known, _ := s.known(day)
	for first := known / probeWave * probeWave; first < maxShards; first += probeWave {
		var wave [probeWave]bool
		queries, ctx := errgroup.WithContext(ctx)
		for i := range wave {
			if first+i >= known {
				queries.Go(func() (err error) {
					wave[i], err = s.holds(ctx, row.ShardDate(day, first+i))
					return err
				})
			}
		}
		if err := queries.Wait(); err != nil {
			return nil, err
		}
		before := len(found)
		for i, holds := range wave {
			if holds {
				found = append(found, first+i)
			}
		}
		if len(found) == before {
			break
		}
	}
	return found, nil
}

// holds asks whether a partition has any item, of whatever time: it is
// remembered for other spans as well.
func (s *search) holds(ctx context.Context, date string) (bool, error) {
	e := newExpression()
	key := fmt.Sprintf("%s = %s", e.name(row.AttrDate), e.text(date))
	one := int32(1)
	out, err := s.client.api.Query(ctx, &dynamodb.QueryInput{TableName: &s.table, KeyConditionExpression: &key,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		Limit: &one, Select: types.SelectCount})
	if err != nil {
		return false, err
	}
	return out.Count > 0, nil
}

// remember keeps what was found for the next Query.
func (s *search) remember() {
	if s == nil || s.client.Memory == nil || len(s.found) == 0 {
		return
	}
	now, l := s.options.Now, s.looked
	l.Days = maps.Clone(l.Days)
	if l.Days == nil {
		l.Days = map[string]int{}
	}
	newest := 0
	for day, found := range s.found {
		n, _ := s.known(day)
		if len(found) > 0 {
			n = found[len(found)-1] + 1
		}
		switch {
		case over(day, now):
			l.Days[day] = n
		case slices.Contains(present(now), day):
			newest = max(newest, n)
		}
	}
	if newest > 0 {
		l.At, l.Present = now, newest
	}
	s.client.Memory.Remember(s.table, l)
}
