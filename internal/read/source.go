package read

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

// source is one partition of one table, read page by page.
type source struct {
	fetcher
	options *Options
	table   string
	errors  bool // table is the errors table
	order   int  // the source's place among equals

	items []map[string]types.AttributeValue // fetched, not yet taken apart
	rows  []Row                             // nothing can come before them
	ahead []Row                             // what is still to be taken may come before them

	// key is where the source stands in the merge: the sort key of rows[0], or
	// a bound that no row is ahead of. Thus no page is asked for before its
	// time has come.
	key string

	partition         // which may have shards nobody has named
	search    *search // that is still to look for them; nil for none
}

func newSource(api querier, o *Options, table string, p partition, shard int, key string, order int) *source {
	return &source{
		fetcher: fetcher{api: api, input: queryInput(o, table, row.ShardDate(p.date, shard)), more: true, end: key},
		options: o, table: table, errors: table == o.ErrorsTable, order: order, key: key, partition: p,
	}
}

// sources makes a source for each partition of each table that is known.
func (c *Client) sources(o *Options, searches ...*search) []*source {
	var all []*source
	for _, p := range partitions(o.From, o.To) {
		key := max(stampBound(p.from), stampBound(o.From))
		if o.NewestFirst {
			key = min(stampBound(p.to), stampBound(o.To))
		}
		for _, found := range searches {
			if found == nil {
				continue // the table is not read
			}
			known, complete := found.known(p.date)
			for shard := range known {
				s := newSource(c.api, o, found.table, p, shard, key, len(all))
				if shard == 0 && !complete {
					s.search = found
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// further makes a source for each further shard of the source's day.
func (s *source) further(ctx context.Context) (all []*source, err error) {
	search := s.search
	s.search = nil
	shards, err := search.further(ctx, s.date)
	for _, shard := range shards {
		all = append(all, newSource(s.api, s.options, s.table, s.partition, shard, s.key, s.order))
	}
	return all, err
}

// advance takes items apart until there is a row, or moves on to where the
// items end. The others stay as they came: a pack's item is a tenth of its
// lines.
func (s *source) advance() {
	for len(s.rows) == 0 && len(s.items) > 0 {
		item := s.items[0]
		s.items[0], s.items = nil, s.items[1:]
		s.take(item)
	}
	switch {
	case len(s.rows) > 0:
	case s.done():
		s.rows, s.ahead = s.ahead, nil
	default:
		s.settle(s.end)
	}
	if len(s.rows) > 0 {
		s.key = s.rows[0].StampMod
	} else if key := s.follows(s.end); s.compare(s.key, key) < 0 {
		s.key = key
	}
}

// follows is a bound that no row is ahead of which comes after an item's key.
// Rows of a pack may be earlier than it, or later.
func (s *source) follows(key string) string {
	at := parseKey("", key).Time
	switch {
	case at.IsZero() || !s.options.packs(s.table):
		return key
	case s.options.NewestFirst:
		return stampBound(at.Add(row.PackSpan))
	}
	return stampBound(at.Add(-packDisorder))
}

// take takes an item's rows.
func (s *source) take(item map[string]types.AttributeValue) {
	rows, units := rowsOf(item), writeUnits(item)
	for i := range rows {
		r := &rows[i]
		r.Table, r.Error = s.table, s.errors
		if s.options.keep(r) {
			r.WriteUnits, units = units, 0
			s.insert(*r)
		}
	}
	s.settle(attributes(item).text(row.AttrStampMod))
}

// settle finds out which rows are certain once an item of a key has been taken:
// those up to which nothing further can come. Oldest first that is the key.
// Newest first it is later, for the lines of a pack stand under the key of the
// first of them.
func (s *source) settle(key string) {
	if s.options.NewestFirst {
		key = s.follows(key)
	}
	certain, _ := slices.BinarySearchFunc(s.ahead, key, func(r Row, bound string) int {
		if before := s.compare(r.StampMod, bound); before != 0 {
			return before
		}
		return -1 // the item itself is certain
	})
	s.rows = append(s.rows, s.ahead[:certain]...)
	s.ahead = s.ahead[certain:]
}

// insert puts a row in its place among those that are not certain yet. A line
// that stands in a pack and by itself, or in two packs, is one row.
func (s *source) insert(r Row) {
	at, known := slices.BinarySearchFunc(s.ahead, r.StampMod, func(r Row, key string) int {
		return s.compare(r.StampMod, key)
	})
	if known {
		s.ahead[at].WriteUnits += r.WriteUnits // both were paid for
	} else {
		s.ahead = slices.Insert(s.ahead, at, r)
	}
}

// compare orders sort keys as the rows are wanted.
func (s *source) compare(a, b string) int {
	if s.options.NewestFirst {
		a, b = b, a
	}
	return strings.Compare(a, b)
}
