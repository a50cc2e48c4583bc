package read

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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

// shards looks for the shards of the source's day, upward, and returns a
// source for each that holds anything of the span that is read. An empty one
// costs half a read unit.
func (s *source) shards(ctx context.Context) ([]*source, error) {
	var all []*source
	for first := 0; first < maxShards; first += probeWave {
		found, err := s.probe(ctx, first)
		if err != nil {
			return nil, &TableError{Table: s.table, Err: err}
		}
		if len(found) == 0 {
			break
		}
		all = append(all, found...)
	}
	return all, nil
}

// probe looks at a wave of shards at once. Shard 0 is the source itself, and
// not looked at. The first error ends the other queries.
func (s *source) probe(ctx context.Context, first int) (found []*source, err error) {
	var wave [probeWave]bool
	queries, ctx := errgroup.WithContext(ctx)
	for i := range wave {
		if first+i > 0 {
			queries.Go(func() (err error) {
				wave[i], err = s.holds(ctx, row.ShardDate(s.day, first+i))
				return err
			})
		}
	}
	if err := queries.Wait(); err != nil {
		return nil, err
	}
	for i, holds := range wave {
		if holds {
			found = append(found, s.shard(first+i))
		}
	}
	return found, nil
}

// shard makes a source for another shard of the same day.
func (s *source) shard(number int) *source {
	return newSource(s.api, s.options, s.table, row.ShardDate(s.day, number), s.key, s.order)
}

// holds asks whether a partition has an item of the span, whatever the filter
// makes of it.
func (s *source) holds(ctx context.Context, date string) (bool, error) {
	in := queryInput(s.options, s.table, date)
	one := int32(1)
	in.Limit, in.Select = &one, types.SelectCount
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return false, err
	}
	return out.ScannedCount > 0, nil
}
