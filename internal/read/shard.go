package read

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/store"
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

// shards looks for the shards of the source's day, upward, and returns a source
// for each that holds anything of the span that is read. An empty one costs half
// a read unit.
func (s *source) shards(ctx context.Context) ([]*source, error) {
	var all []*source
	for first := 0; first < maxShards; first += probeWave {
		var wave [probeWave]bool
		var errs [probeWave]error
		var asking sync.WaitGroup
		for i := range wave {
			if first+i > 0 { // shard 0 is the source itself
				asking.Go(func() { wave[i], errs[i] = s.holds(ctx, store.ShardDate(s.day, first+i)) })
			}
		}
		asking.Wait()
		found := false
		for i, holds := range wave {
			if errs[i] != nil {
				return nil, &TableError{Table: s.table, Err: errs[i]}
			}
			if holds {
				found = true
				all = append(all, &source{
					api: s.api, options: s.options, table: s.table, input: queryInput(s.options, s.table, store.ShardDate(s.day, first+i)),
					more: true, order: s.order, key: s.key,
				})
			}
		}
		if !found {
			break
		}
	}
	return all, nil
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
