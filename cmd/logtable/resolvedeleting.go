package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/row"
)

// itsRow is the part of a deletion's condition that is the same for all rows.
// The layer packs no errors, and a pack of somebody's may have other lines.
const itsRow = "attribute_exists(#stamp) AND attribute_not_exists(#packed) AND "

// deleters is how many deletions are on the wire at once.
const deleters = 8

// A deleting counts what became of the rows that are being deleted.
type deleting struct {
	mu                     sync.Mutex // guards what follows
	deleted, gone, changed int
}

// String says what became of them.
func (t *deleting) String() string {
	text := countedRows(t.deleted) + " deleted"
	if t.gone > 0 {
		text += ", " + thousands(t.gone) + " had gone before"
	}
	return text
}

func (t *deleting) count(n *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
}

func (t *deleting) done() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deleted + t.gone + t.changed
}

// run deletes the rows.
func (d *deletion) run(ctx context.Context) error {
	t := &deleting{}
	pace := pace{rate: float64(d.flags.rate), next: time.Now()} // no burst at the beginning
	work, inGroup := errgroup.WithContext(ctx)
	work.SetLimit(deleters)
	for i := range d.rows {
		if pace.take(inGroup, float64(d.rows[i].units)) != nil {
			break
		}
		work.Go(func() error { return d.remove(inGroup, t, &d.rows[i]) })
		d.progress.report(func() string {
			return fmt.Sprintf("deleting  %s of %s  %s", thousands(t.done()), thousands(len(d.rows)),
				percent(float64(t.done()), float64(len(d.rows))))
		})
	}
	err := work.Wait()
	d.progress.clear()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		fmt.Fprintf(d.sh.stderr, "%s of %s: run the same command again to go on\n", t, thousands(len(d.rows)))
		return err
	}
	fmt.Fprintln(d.sh.stdout, t)
	return d.left(t.changed)
}

// left says which rows stay though they are of the cause.
func (d *deletion) left(changed int) error {
	if changed > 0 {
		fmt.Fprintf(d.sh.stderr, "not deleted: %s changed since they were read\n", thousands(changed))
	}
	if d.stay > 0 {
		fmt.Fprintf(d.sh.stderr, "not deleted: %s that %s does not have: run it again with another file\n",
			thousands(d.stay), visible(d.flags.export))
	}
	if changed > 0 || d.stay > 0 {
		return errSeen
	}
	return nil
}

// remove deletes one row, if it still is what was read. Where DynamoDB
// throttles, it stops: functions write to the same table.
func (d *deletion) remove(ctx context.Context, t *deleting, r *doomed) error {
	in := &dynamodb.DeleteItemInput{
		TableName: &d.options.ErrorsTable,
		Key: attributes{
			row.AttrDate:     &types.AttributeValueMemberS{Value: r.date},
			row.AttrStampMod: &types.AttributeValueMemberS{Value: r.stampMod},
		},
		ConditionExpression: aws.String(itsRow + "attribute_not_exists(#message)"),
		ExpressionAttributeNames: map[string]string{
			"#stamp": row.AttrStampMod, "#message": row.AttrMessage, "#packed": row.AttrPacked,
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if r.head != nil {
		in.ConditionExpression = aws.String(itsRow + "begins_with(#message, :head)")
		in.ExpressionAttributeValues = attributes{":head": &types.AttributeValueMemberS{Value: *r.head}}
	}
	_, err := d.account.client.DeleteItem(ctx, in)
	var other *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		t.count(&t.deleted)
	case errors.As(err, &other) && len(other.Item) == 0:
		t.count(&t.gone)
	case other != nil:
		t.count(&t.changed)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		explained := d.account.explainTable("delete rows of", "dynamodb:DeleteItem", d.options.ErrorsTable, err)
		if isThrottled(err) {
			return fmt.Errorf("%w; functions that write to it may be throttled, too: wait, or use a lower --rate",
				explained)
		}
		return explained
	}
	return nil
}
