package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logtable/logtable/internal/dynamo"
	"github.com/logtable/logtable/internal/jsonscan"
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
	unprocessed, err := w.send(c)
	if len(c.notes) > 0 && err != nil && classify(err).result != again {
		unprocessed, err = w.sendWithoutNotes(c, classify(err))
	}
	if err == nil {
		w.confirm(c, unprocessed, w.cfg.Now().Sub(c.began))
		return stored, ""
	}
	f := classify(err)
	name := w.delivery.tables[tableOf(c.batch[0])].name
	switch f.result {
	case again:
		if f.expired && w.cfg.Refresh != nil {
			w.cfg.Refresh()
		}
		if w.failed(c, f, errors.Is(err, context.DeadlineExceeded)) {
			w.cfg.Report.Fail("dynamodb", "cannot write to DynamoDB ("+f.why+"); rows are kept and retried",
				f.advice(name, w.cfg.Region))
		}
	case tableFault:
		if ofOneTable(c.batch) == len(c.batch) {
			w.cfg.Report.Fail("table "+name,
				fmt.Sprintf("cannot write to table %s (%s); rows are kept", name, f.why),
				f.advice(name, w.cfg.Region))
		}
	}
	return f.result, f.why
}

// send sends a batch as one request.
func (w writer) send(c *call) (unprocessed itemKeys, err error) {
	ctx := w.begin(c)
	defer c.cancel()
	return w.sender.send(ctx, c.items())
}

// begin opens a request's time limit.
func (w writer) begin(c *call) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.delivery.timeLimit(c.batch)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	c.began, c.cancel = w.cfg.Now(), cancel
	c.until = c.began.Add(limit)
	w.notes.join(c, &w.delivery)
	return ctx
}

// failed returns a batch to the queue that DynamoDB has not answered, or
// refused for the time being. It reports whether people should be told: not of
// what a freeze has cut.
func (w writer) failed(c *call, f finding, timedOut bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !f.refused {
		for _, r := range c.batch {
			r.mayComeLate()
		}
	}
	w.requeueCall(c)
	w.notes.put(c, time.Time{})
	d := &w.delivery
	defer d.changes.Notify()
	now := w.cfg.Now()
	if timedOut && d.health.cutByFreeze(now.Sub(c.until)) || f.clock && d.health.signedTooEarly(c.began, now) {
		return false
	}
	d.health.failure(now, timedOut)
	d.answered(now.Sub(c.began), false, false)
	return true
}

// confirm settles a request that DynamoDB answered with 200: everything is
// stored except the unprocessed items, which go back to the queue.
func (w writer) confirm(c *call, unprocessed itemKeys, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var back []*record
	for _, r := range c.batch {
		if unprocessed.has(r) {
			back = append(back, r)
		} else {
			w.confirmed(r)
		}
	}
	w.confirmNotes(c, unprocessed)
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

// itemKeys are keys of items, date and stamp_mod. The zero value has none.
type itemKeys map[[2]string]bool

func (k itemKeys) has(r *record) bool {
	if len(k) == 0 {
		return false
	}
	date, stampMod := r.Key()
	return k[[2]string{string(date), string(stampMod)}]
}

// readUnprocessed reads the answer to BatchWriteItem, a JSON object. DynamoDB
// always names the unprocessed items, if only to say that there are none: a
// captive portal or a proxy may answer {} to everybody. An item without its
// keys counts as written, since it is not one of ours.
func readUnprocessed(answer []byte) (itemKeys, error) {
	tables := jsonscan.Object(answer).Find(`"UnprocessedItems"`)
	if len(tables) == 0 || tables[0] != '{' {
		return nil, fmt.Errorf("%w: it names no unprocessed items", dynamo.ErrForeignAnswer)
	}
	return keysIn(tables), nil
}

// keysIn returns the keys of the items in lists of requests, by table.
func keysIn(tables []byte) itemKeys {
	var keys itemKeys
	for _, requests := range jsonscan.Object(tables).Members {
		for request := range jsonscan.Array(requests).Elements {
			put := jsonscan.Object(jsonscan.Object(request).Find(`"PutRequest"`))
			item := jsonscan.Object(put.Find(`"Item"`))
			date, stampMod := textOf(item, row.AttrDate), textOf(item, row.AttrStampMod)
			if date == "" || stampMod == "" {
				continue
			}
			if keys == nil {
				keys = make(itemKeys)
			}
			keys[[2]string{date, stampMod}] = true
		}
	}
	return keys
}

// textOf is the text of an item's attribute; "" if it is not a text.
func textOf(item jsonscan.Object, attribute string) string {
	return jsonscan.Text(jsonscan.Object(item.Find(`"` + attribute + `"`)).Find(`"S"`))
}
