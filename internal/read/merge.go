package read

import (
	"container/heap"
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// merge hands out the rows of many sources, each in order, in one order. It is
// a heap.Interface of the sources that may still have rows. Pages are fetched
// ahead in goroutines of their own; all else is done by the one that calls.
type merge struct {
	options *Options
	budget  *Budget
	sources []*source
	all     []*source // those that are done, too
	fetches errgroup.Group

	handing bool // rows are being handed out

	wanted int // how many rows are still to be handed out; 0 for all
	size   int // of a page of which nothing is filtered out, in items
	most   int // pages that are fetched ahead at once
	passed int // pages that have been gone through and were not the last
}

func newMerge(o *Options, budget *Budget, sources []*source) *merge {
	m := &merge{options: o, budget: budget, sources: sources, all: slices.Clone(sources), wanted: o.Limit}
	m.setSizes()
	heap.Init(m)
	return m
}

// next returns the next row, and false when there is none left.
func (m *merge) next(ctx context.Context) (Row, bool, error) {
	for len(m.sources) > 0 {
		s := m.sources[0]
		switch {
		case s.search != nil:
			shards, err := s.further(ctx)
			if err != nil {
				return Row{}, false, err
			}
			for _, shard := range shards {
				heap.Push(m, shard)
			}
			m.all = append(m.all, shards...)
			m.setSizes()
		case len(s.rows) > 0:
			if err := m.begin(); err != nil {
				return Row{}, false, err
			}
			return m.take(s), true, nil
		case len(s.items) > 0, s.done() && len(s.ahead) > 0:
			s.advance()
			heap.Fix(m, 0)
		case s.done():
			heap.Pop(m)
		default:
			if err := m.fetch(ctx, s); err != nil {
				return Row{}, false, err
			}
			heap.Fix(m, 0)
		}
	}
	return Row{}, false, nil
}

// begin asks before the first row whether to go on, if it is the time.
func (m *merge) begin() error {
	if !m.handing && m.asks() && m.budget.BeforeRows {
		if err := m.allow(); err != nil {
			return err
		}
	}
	m.handing = true
	return nil
}

// take takes a row from the first source.
func (m *merge) take(s *source) Row {
	r := s.rows[0]
	s.rows = s.rows[1:]
	if len(s.rows) > 0 {
		s.key = s.rows[0].StampMod
	} // else its next key is unknown: it keeps this one, so it is next
	heap.Fix(m, 0)
	if m.wanted > 0 {
		m.wanted--
	}
	return r
}

func (m *merge) Len() int { return len(m.sources) }

// Less orders by sort key; of equal ones the earlier partition goes first, and
// of one partition the informational table.
func (m *merge) Less(i, j int) bool {
	a, b := m.sources[i], m.sources[j]
	order := strings.Compare(a.key, b.key)
	if m.options.NewestFirst {
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
