package read

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

const (
	// AtOnce is how many requests of a Client are on the wire at most.
	AtOnce = 16
	// maxItems bounds the items that a Query has fetched and not taken apart,
	// about: 1.3 KB each, if they are lines of 200 bytes.
	maxItems = 40_000
	// datesAtOnce is how many partitions of a table have rows of one instant.
	datesAtOnce = 3
	// wholePage is more items than DynamoDB's pages of 1 MB have.
	wholePage = 8_000
)

// bounded passes on so many queries at once.
type bounded struct {
	querier
	slots chan struct{}
}

func (b bounded) Query(
	ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
		return b.querier.Query(ctx, in, options...)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// page is DynamoDB's answer.
type page struct {
	out *dynamodb.QueryOutput
	err error
}

// fetcher fetches the pages of a partition, one after the other.
type fetcher struct {
	api     querier
	input   *dynamodb.QueryInput // for the next page
	pending chan page            // of a page that was asked for; nil for none
	more    bool                 // there may be another page
	end     string               // the sort key that the next page is behind

	first   string  // the first item's sort key that was seen
	units   float64 // that its pages have consumed
	scanned int32   // of the last page
	found   int32
}

// done reports whether all pages have been fetched.
func (f *fetcher) done() bool { return !f.more && f.pending == nil }

// idle reports whether the next page can be asked for.
func (f *fetcher) idle() bool { return f.more && f.pending == nil }

// ask has the next page fetched by a goroutine that ends when it is there or
// ctx is over.
func (f *fetcher) ask(ctx context.Context, run func(func() error)) {
	in, pending := *f.input, make(chan page, 1)
	f.pending = pending
	run(func() error {
		out, err := f.api.Query(ctx, &in)
		pending <- page{out, err}
		return nil // whoever wants the page is told
	})
}

// wait waits for the page that was asked for.
func (f *fetcher) wait() ([]map[string]types.AttributeValue, error) {
	p := <-f.pending
	f.pending = nil
	if p.err != nil {
		return nil, p.err
	}
	out := p.out
	f.input.ExclusiveStartKey = out.LastEvaluatedKey
	f.more = len(out.LastEvaluatedKey) > 0
	f.scanned, f.found = out.ScannedCount, out.Count
	if f.more {
		f.end = attributes(out.LastEvaluatedKey).text(row.AttrStampMod)
	}
	if f.first == "" && len(out.Items) > 0 {
		f.first = attributes(out.Items[0]).text(row.AttrStampMod)
	}
	if c := out.ConsumedCapacity; c != nil && c.CapacityUnits != nil {
		f.units += *c.CapacityUnits
	}
	return out.Items, nil
}

// resize makes the next page such that about size of its items are found. It
// grows by steps: a page may have held nothing that is certain to come first,
// and what a caller wants at most says nothing of how many more it takes.
func (f *fetcher) resize(size int) {
	const step = 8
	if f.input.Limit == nil {
		return
	}
	next := min(int64(*f.input.Limit)*step, int64(size)*int64(f.scanned)/int64(max(f.found, 1)))
	if next >= wholePage {
		f.input.Limit = nil // as much as DynamoDB gives: 1 MB
		return
	}
	limit := int32(max(next, 1))
	f.input.Limit = &limit
}

// setSizes shares maxItems out among the sources that can have rows of one
// instant, and the pages that are fetched ahead of them.
func (m *merge) setSizes() {
	dates, most := map[string]int{}, 0
	for _, s := range m.all {
		dates[s.date]++
		most = max(most, dates[s.date])
	}
	live := datesAtOnce * most
	m.most = min(2*live, AtOnce)
	m.size = maxItems / max(live+m.most, 1)
	for _, s := range m.sources {
		if s.input.Limit == nil && s.scanned == 0 && s.idle() {
			limit := int32(min(m.size, wholePage))
			s.input.Limit = &limit
		}
	}
}

// fetch waits for the next page of the first source. If nobody has asked for it
// yet, all sources are asked that stand at the same key: not one of them can be
// left out.
func (m *merge) fetch(ctx context.Context, s *source) error {
	if s.idle() {
		if err := m.allow(); err != nil {
			return err
		}
		for _, other := range m.sources {
			if other.key == s.key && other.idle() && len(other.rows)+len(other.items) == 0 {
				other.ask(ctx, m.fetches.Go)
			}
		}
	}
	if s.scanned > 0 {
		m.passed++
	}
	items, err := s.wait()
	if err != nil {
		return &TableError{Table: s.table, Err: err}
	}
	s.items = items
	s.resize(m.size)
	s.advance()
	m.fetchAhead(ctx)
	return nil
}

// fetchAhead asks for the pages that will be needed first. Whoever reads may
// leave at any time: at the beginning there is one, later a quarter of what has
// been read. It asks for none that somebody has yet to agree to.
func (m *merge) fetchAhead(ctx context.Context) {
	var next []*source
	room := min(1+m.passed/4, m.most)
	for _, s := range m.sources {
		if s.pending != nil {
			room--
		} else if s.more {
			next = append(next, s)
		}
	}
	if room <= 0 || m.wanted > 0 && m.wanted <= m.buffered() || !m.clear() {
		return
	}
	slices.SortFunc(next, func(a, b *source) int { return a.compare(a.end, b.end) })
	for _, s := range next[:min(room, len(next))] {
		s.ask(ctx, m.fetches.Go)
	}
}

// buffered is how many items and rows have been fetched and not handed out.
func (m *merge) buffered() (n int) {
	for _, s := range m.sources {
		n += len(s.rows) + len(s.ahead) + len(s.items)
	}
	return n
}
