package read

import (
	"container/heap"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

// source is one partition of one table, read page by page.
type source struct {
	api     querier
	options *Options
	table   string
	errors  bool // table is the errors table
	order   int  // the source's place among equals
	input   *dynamodb.QueryInput
	rows    []Row // fetched, not yet taken, and nothing can come before them
	ahead   []Row // fetched; what is still to be fetched may come before them
	more    bool  // there may be another page

	// key is where the source stands in the merge: the sort key of rows[0], or
	// before the first page has been fetched a bound that no row is ahead of.
	// Thus a partition is not asked before its time has come.
	key string

	day    string  // of a source that may have shards nobody has named
	search *search // that is still to look for them; nil for none
}

func newSource(api querier, o *Options, table, date, key string, order int) *source {
	return &source{
		api: api, options: o, table: table, errors: table == o.ErrorsTable, order: order,
		input: queryInput(o, table, date), more: true, key: key,
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
				s := newSource(c.api, o, found.table, row.ShardDate(p.date, shard), key, len(all))
				if shard == 0 && !complete {
					s.day, s.search = p.date, found
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
	shards, err := search.further(ctx, s.day)
	for _, shard := range shards {
		all = append(all, newSource(s.api, s.options, s.table, row.ShardDate(s.day, shard), s.key, s.order))
	}
	return all, err
}

// fill fetches pages until there is a row or no page is left; a page may be
// empty of wanted rows and still not be the last.
func (s *source) fill(ctx context.Context) error {
	for len(s.rows) == 0 && s.more {
		out, err := s.api.Query(ctx, s.input)
		if err != nil {
			return &TableError{Table: s.table, Err: err}
		}
		for _, item := range out.Items {
			s.take(item)
		}
		s.input.ExclusiveStartKey = out.LastEvaluatedKey
		grow(s.input)
		if s.more = len(out.LastEvaluatedKey) > 0; !s.more {
			s.rows, s.ahead = append(s.rows, s.ahead...), nil
		}
	}
	if len(s.rows) > 0 {
		s.key = s.rows[0].StampMod
	}
	return nil
}

// take takes an item's rows, and finds out which rows are certain by now.
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
	certain, _ := slices.BinarySearchFunc(s.ahead, s.bound(item), func(r Row, bound string) int {
		if before := s.compare(r.StampMod, bound); before != 0 {
			return before
		}
		return -1 // the item itself is certain
	})
	s.rows = append(s.rows, s.ahead[:certain]...)
	s.ahead = s.ahead[certain:]
}

// bound is the sort key up to which nothing further can come after an item has
// been fetched. Oldest first that is its own. Newest first it is later, for the
// lines of a pack stand under the key of the first of them.
func (s *source) bound(item map[string]types.AttributeValue) string {
	key := attributes(item).text(row.AttrStampMod)
	if !s.options.NewestFirst || !s.options.packs(s.table) {
		return key
	}
	at := parseKey("", key).Time
	if at.IsZero() {
		return key
	}
	return stampBound(at.Add(row.PackSpan))
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

// merge hands out the rows of many sources, each in order, in one order. It is
// a heap.Interface of the sources that may still have rows.
type merge struct {
	newestFirst bool
	sources     []*source
}

func newMerge(newestFirst bool, sources []*source) *merge {
	m := &merge{newestFirst: newestFirst, sources: sources}
	heap.Init(m)
	return m
}

// next returns the next row, and false when there is none left.
func (m *merge) next(ctx context.Context) (Row, bool, error) {
	for len(m.sources) > 0 {
		s := m.sources[0]
		if s.search != nil {
			shards, err := s.further(ctx)
			if err != nil {
				return Row{}, false, err
			}
			for _, shard := range shards {
				heap.Push(m, shard)
			}
			continue
		}
		if len(s.rows) == 0 {
			if err := s.fill(ctx); err != nil {
				return Row{}, false, err
			}
			if len(s.rows) == 0 {
				heap.Pop(m)
			} else {
				heap.Fix(m, 0)
			}
			continue
		}
		r := s.rows[0]
		s.rows = s.rows[1:]
		if len(s.rows) > 0 {
			s.key = s.rows[0].StampMod
		} // else its next key is unknown: it keeps this one, so it is filled next
		heap.Fix(m, 0)
		return r, true, nil
	}
	return Row{}, false, nil
}

func (m *merge) Len() int { return len(m.sources) }

// Less orders by sort key; of equal ones the earlier partition goes first, and
// of one partition the informational table.
func (m *merge) Less(i, j int) bool {
	a, b := m.sources[i], m.sources[j]
	order := strings.Compare(a.key, b.key)
	if m.newestFirst {
		order = -order
	}
	if order != 0 {
		return order < 0
	}
	return a.order < b.order
}

func (m *merge) Swap(i, j int) { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }
func (m *merge) Push(x any)    { m.sources = append(m.sources, x.(*source)) }
func (m *merge) Pop() any {
	last := m.sources[len(m.sources)-1]
	m.sources = m.sources[:len(m.sources)-1]
	return last
}
