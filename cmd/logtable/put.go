package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/row/items"
	"github.com/logtable/logtable/internal/wait"
)

const (
	// putters is how many rows are on the wire at once.
	putters = 8
	// patience is how long a row is tried where DynamoDB takes nothing.
	patience = 15 * time.Second
	// maxRefused bounds how many reasons are told why DynamoDB refuses rows.
	maxRefused = 10
)

// An attributes map is an item.
type attributes = map[string]types.AttributeValue

// A putter writes rows where there are none, and overwrites nothing.
type putter struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	api    *account
	tables map[bool]string // the errors table is true's
	work   chan func() error
	all    sync.WaitGroup

	// gentle is to stop at once where DynamoDB throttles: what is written has
	// time, and functions write to the same tables.
	gentle bool

	mu      sync.Mutex // guards what follows
	written int
	there   int
	refused int
	why     []string  // of the refused, each text once
	last    time.Time // of the last answer that DynamoDB gave for good
	shards  int       // over which the errors table says that a day is spread
	unsaid  string    // why it does not
}

func newPutter(ctx context.Context, a *account, infoTable, errorsTable string) *putter {
	p := &putter{
		api: a, tables: map[bool]string{false: infoTable, true: errorsTable},
		work: make(chan func() error, putters), last: time.Now(),
	}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	for range putters {
		p.all.Go(func() {
			for write := range p.work {
				if err := write(); err != nil {
					p.cancel(err)
				}
			}
		})
	}
	return p
}

// put has a row written. The error is that of an earlier one, after which
// nothing more is.
func (p *putter) put(r *row.Record) error {
	return p.do(func() error { return p.row(r) })
}

// do has something written, by one of several goroutines. The error is that of
// something earlier, after which nothing more is.
func (p *putter) do(write func() error) error {
	select {
	case p.work <- write:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// wait waits until all rows are written, and returns why some are not.
func (p *putter) wait() error {
	close(p.work)
	p.all.Wait()
	err := context.Cause(p.ctx)
	p.cancel(nil)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; %d rows were written: fix that and run it again to continue",
		err, p.written)
}

// row writes a record: its row, or if that place is taken and the record is a
// pack of several lines, those lines.
func (p *putter) row(r *row.Record) error {
	item, err := items.Of(r)
	if err != nil {
		return err // by us decoded
	}
	table := p.tables[r.IsError()]
	old, err := p.item(table, item)
	if err != nil || old == nil {
		return err
	}
	packed, ok := item[row.AttrPacked].(*types.AttributeValueMemberB)
	was, same := old[row.AttrPacked].(*types.AttributeValueMemberB)
	if !ok || same && bytes.Equal(was.Value, packed.Value) {
		p.count(&p.there)
		return nil
	}
	// What is there has the key of the pack's first line: it is that line
	// alone, or another pack that begins with it.
	lines, err := items.Unpack(packed.Value)
	if err != nil {
		return err // ParseRecord has looked at it
	}
	for _, line := range lines {
		if old, err := p.item(table, line); err != nil {
			return err
		} else if old != nil {
			p.count(&p.there)
		}
	}
	return nil
}

func (p *putter) count(n *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

// item writes an item if its key is free, and returns what is there if it is
// not. It tries again while there is hope.
func (p *putter) item(table string, item attributes) (old attributes, err error) {
	p.sayShards(table, item)
	for n := 1; ; n++ {
		_, err := p.api.client.PutItem(p.ctx, &dynamodb.PutItemInput{
			TableName: &table, Item: item,
			ConditionExpression:                 aws.String("attribute_not_exists(" + row.AttrStampMod + ")"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		var taken *types.ConditionalCheckFailedException
		switch {
		case err == nil:
			p.done(&p.written)
			return nil, nil
		case errors.As(err, &taken):
			p.done(nil)
			if taken.Item == nil {
				taken.Item = attributes{} // something is there
			}
			return taken.Item, nil
		case p.ctx.Err() != nil:
			return nil, context.Cause(p.ctx)
		case isValidation(err):
			p.refuse(err)
			return nil, nil
		case p.gentle && isThrottled(err):
			return nil, fmt.Errorf("%w; functions that write to it may be throttled, too: wait, or use a lower --rate",
				p.api.explainTable("write", "dynamodb:PutItem", table, err))
		case !isPassing(err), p.waited() > patience:
			return nil, p.api.explainTable("write", "dynamodb:PutItem", table, err)
		}
		pause := wait.Backoff(50*time.Millisecond, 2*time.Second, n)
		_ = wait.Sleep(p.ctx, pause/2+rand.N(pause)) // if the context ends, the next try says so
	}
}

// String says what was written. It is for a putter that is done.
func (p *putter) String() string {
	text := countedRows(p.written) + " written"
	if p.there > 0 {
		text += ", " + thousands(p.there) + " already existed"
	}
	return text
}

// done notes an answer, and counts it.
func (p *putter) done(n *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	if n != nil {
		*n++
	}
}

// refuse notes a row that DynamoDB does not take.
func (p *putter) refuse(err error) {
	why := oneLine(err.Error())
	var api smithy.APIError
	if errors.As(err, &api) { // without the request's ID
		why = oneLine(api.ErrorMessage())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	p.refused++
	if len(p.why) < maxRefused && !slices.Contains(p.why, why) {
		p.why = append(p.why, why)
	}
}

func (p *putter) waited() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.last)
}

// isValidation reports whether DynamoDB refuses the item itself.
func isValidation(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException"
}

func isThrottled(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && awsenv.Classify(api.ErrorCode(), api.ErrorMessage()) == awsenv.Throttled
}

// isPassing reports whether an error may be gone in a moment: all that are not
// answers, and of those the ones that ask for patience.
func isPassing(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return !isCredentials(err)
	}
	class := awsenv.Classify(api.ErrorCode(), api.ErrorMessage())
	return class == awsenv.Throttled || class == awsenv.Broken || api.ErrorFault() == smithy.FaultServer
}
