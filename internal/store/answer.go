package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/logtable/logtable/internal/row"
)

// outcome is what an answer means for the records of a request.
type outcome int

const (
	stored     outcome = iota + 1
	again              // retry after a pause
	tableFault         // nothing will be taken before somebody mends something
	itemFault          // one of the items is refused
)

// request sends one BatchWriteItem and settles what it can: confirmed records
// are done, unprocessed and failed ones are back in the queue. For tableFault
// and itemFault the records are still the caller's.
func (w writer) request(c *call) (outcome, string) {
	ctx := w.begin(c)
	defer c.cancel()
	out, err := w.sender.send(ctx, c.batch)
	if err == nil && out.UnprocessedItems == nil {
		err = errStrangersAnswer()
	}
	if err == nil {
		w.confirm(c, out, w.cfg.Now().Sub(c.began))
		return stored, ""
	}
	f := classify(err)
	name := w.delivery.tables[tableOf(c.batch[0])].name
	switch f.result {
	case again:
		if f.expired && w.cfg.Refresh != nil {
			w.cfg.Refresh()
		}
		if w.failed(c, errors.Is(err, context.DeadlineExceeded), f.clock) {
			w.cfg.Report.Fail("dynamodb", "cannot write to DynamoDB ("+f.why+"); messages are kept and tried again",
				f.advice(name, w.cfg.Region))
		}
	case tableFault:
		if ofOneTable(c.batch) == len(c.batch) {
			w.cfg.Report.Fail("table "+name,
				fmt.Sprintf("cannot write to table %s (%s); messages are kept", name, f.why),
				f.advice(name, w.cfg.Region))
		}
	}
	return f.result, f.why
}

// errStrangersAnswer is for an answer with 200 that is not DynamoDB's, which
// always names the unprocessed items, if only to say that there are none: a
// captive portal or a proxy may answer {} to everybody. It is reported like a
// body that cannot be read.
func errStrangersAnswer() error {
	answer := &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusOK}}
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: answer, Err: errors.New("the answer names no unprocessed items"),
	}}
}

// begin opens a request's time limit.
func (w writer) begin(c *call) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.delivery.timeLimit(c.batch)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	c.began, c.cancel = w.cfg.Now(), cancel
	c.until = c.began.Add(limit)
	return ctx
}

// failed returns a batch to the queue that DynamoDB has not answered, or
// refused for the time being. It reports whether people should be told: not of
// what a freeze has cut.
func (w writer) failed(c *call, timedOut, clock bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requeueCall(c)
	d := &w.delivery
	defer d.changes.Notify()
	now := w.cfg.Now()
	if timedOut && d.health.cutByFreeze(now.Sub(c.until)) || clock && d.health.signedTooEarly(c.began, now) {
		return false
	}
	d.health.failure(now, timedOut)
	d.answered(now.Sub(c.began), false, false)
	return true
}

// confirm settles a request that DynamoDB answered with 200: everything is
// stored except the unprocessed items, which go back to the queue.
func (w writer) confirm(c *call, out *dynamodb.BatchWriteItemOutput, took time.Duration) {
	left := unprocessedKeys(out.UnprocessedItems)
	w.mu.Lock()
	defer w.mu.Unlock()
	var back []*record
	for _, r := range c.batch {
		if left != nil && left.has(r) {
			back = append(back, r)
		} else {
			w.confirmed(r)
		}
	}
	d := &w.delivery
	delete(d.calls, c) // only now: a panic in Kept leaves it in hand
	w.requeue(back)
	some, all := len(back) < len(c.batch), len(back) == 0
	if some {
		d.health.success(took)
	} else {
		d.health.failure(w.cfg.Now(), false)
	}
	d.answered(took, all, w.waiting() == 0)
	w.reportRecovery(all)
	if some {
		w.storeLosses()
	}
	d.changes.Notify()
}

// confirmed settles a record that DynamoDB has stored.
func (s *Store) confirmed(r *record) {
	s.queues.forget(r)
	s.settle(r)
	s.tally.written += r.Lines()
	s.delivery.tables[tableOf(r)].accept()
}

// reportRecovery reports what works again after an answer, of which DynamoDB
// may have taken all.
func (s *Store) reportRecovery(all bool) {
	for t := range s.delivery.tables {
		if t := &s.delivery.tables[t]; t.failures == 0 && t.accepted > 0 {
			s.cfg.Report.Recover("table "+t.name, "writing to table "+t.name+" works again")
		}
	}
	if all && !s.delivery.congestion.on {
		s.cfg.Report.Recover("dynamodb", "writing to DynamoDB works again")
	}
}

// itemKeys are keys of items: date and stamp_mod.
type itemKeys map[[2]string]bool

func (k itemKeys) has(r *record) bool {
	date, stampMod := r.Key()
	return k[[2]string{string(date), string(stampMod)}]
}

func unprocessedKeys(tables map[string][]types.WriteRequest) itemKeys {
	if len(tables) == 0 {
		return nil
	}
	keys := make(itemKeys)
	for _, requests := range tables {
		for _, w := range requests {
			if w.PutRequest == nil {
				continue
			}
			date, _ := w.PutRequest.Item[row.AttrDate].(*types.AttributeValueMemberS)
			stamp, _ := w.PutRequest.Item[row.AttrStampMod].(*types.AttributeValueMemberS)
			if date != nil && stamp != nil {
				keys[[2]string{date.Value, stamp.Value}] = true
			}
		}
	}
	return keys
}
