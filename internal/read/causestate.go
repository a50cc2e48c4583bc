package read

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/row"
)

// maxModules bounds how many modules are asked for what was said of their
// causes, a read unit each: a module is what a function prints, too. The causes
// of others are open.
const maxModules = 1000

// A said is what was said of the causes of the modules that were asked, by one
// Query for each.
//
// BatchGetItem for each cause would need another permission than readers have,
// and cost a unit for each cause of which nobody has ever said anything, which
// are most. A module's items are read together, and they are small.
type said struct {
	client *Client
	table  string
	only   cause.ID            // the one cause that is wanted, with its history; zero for all
	keep   func(cause.ID) bool // which are kept; nil for all
	asked  map[string]bool     // modules; of the goroutine that asks

	mu     sync.Mutex // guards what follows; queries of several modules run at once
	states map[cause.ID]cause.State
	unsaid bool // that may not be read
}

func (c *Client) newSaid(table string) *said {
	return &said{client: c, table: table, states: map[cause.ID]cause.State{}, asked: map[string]bool{}}
}

// judge reads what was said of the causes of a grouping, and judges them.
func (c *Client) judge(ctx context.Context, g *grouping) error {
	s := c.newSaid(g.options.ErrorsTable)
	s.only = g.options.Only
	s.keep = func(id cause.ID) bool { return g.known[id] != nil }
	queries, inGroup := errgroup.WithContext(ctx)
	queries.SetLimit(AtOnce)
	var refused error
	for id := range g.known {
		if s.asked[id.Module] || len(s.asked) >= maxModules {
			continue
		}
		if refused = c.Budget.allowMore(); refused != nil {
			break
		}
		s.asked[id.Module] = true
		queries.Go(func() error { return s.read(inGroup, id.Module) })
	}
	if err := queries.Wait(); err != nil || refused != nil {
		return cmp.Or(refused, err)
	}
	for id, found := range g.known {
		g.judge(found, s.states[id])
	}
	g.causes.Unsaid = s.unsaid
	return nil
}

// open yields the rows of causes that are open or came back.
func (c *Client) open(ctx context.Context, o *Options, rows iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s := c.newSaid(o.ErrorsTable)
		for r, err := range rows {
			if err == nil {
				var state cause.State
				state, err = s.of(ctx, cause.Of(r.Module, r.Locator, r.Exception, r.Text))
				if err == nil && !state.Judge(o.Now, r.Time, r.Version).NeedsAttention() {
					continue
				}
			}
			if err != nil {
				r = Row{}
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// of returns what was said of a cause, and reads it if its module has not been
// asked.
func (s *said) of(ctx context.Context, id cause.ID) (cause.State, error) {
	if !s.asked[id.Module] && len(s.asked) < maxModules {
		if err := s.client.Budget.allowMore(); err != nil {
			return cause.State{}, err
		}
		s.asked[id.Module] = true
		if err := s.read(ctx, id.Module); err != nil {
			return cause.State{}, err
		}
	}
	return s.states[id], nil
}

// read reads what was said of the causes of a module, as of now: whoever has
// just resolved one looks at it. Who may not read it takes all for open.
func (s *said) read(ctx context.Context, module string) error {
	e := newExpression()
	key := fmt.Sprintf("%s = %s", e.name(row.AttrDate), e.text(cause.ID{Module: module}.Date()))
	if s.only != (cause.ID{}) {
		key += fmt.Sprintf(" AND %s = %s", e.name(row.AttrStampMod), e.text(s.only.StampMod()))
	}
	in := &dynamodb.QueryInput{TableName: &s.table, KeyConditionExpression: &key, ConsistentRead: aws.Bool(true),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values}
	for {
		out, err := s.client.api.Query(ctx, in)
		if err != nil {
			return s.failed(err)
		}
		for _, item := range out.Items {
			s.add(item)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}

// failed is the error of a query, nil if it is that nobody may ask.
func (s *said) failed(err error) error {
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "AccessDeniedException" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unsaid = true
		return nil
	}
	return &TableError{Table: s.table, Err: err}
}

// add keeps an item, if it is of a cause that is wanted.
func (s *said) add(item causeitem.Item) {
	state, ok := causeitem.Decode(item)
	if !ok || s.keep != nil && !s.keep(state.ID) {
		return
	}
	if s.only == (cause.ID{}) {
		state.History = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[state.ID] = state
}
