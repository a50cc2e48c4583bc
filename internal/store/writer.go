package store

import (
	"fmt"
	"slices"
	"time"
)

// A writer sends batches until nothing is left that it may send. It takes the
// Store's lock where it needs it, and never while it sends or pauses.
//
// A panic of it ends all writing. Wherever mu is held its release is deferred,
// so that nothing here waits for a lock that the panic has left behind; what
// the writer had in hand stays there, for Persist and LastResort.
type writer struct{ *Store }

func (w writer) run() {
	defer func() {
		v := recover()
		w.ended(v != nil)
		if v != nil && w.cfg.Panicked != nil {
			w.cfg.Panicked(v)
		}
	}()
	for w.writeOne() {
	}
}

// ended takes the writer off the account.
func (w writer) ended(panicked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &w.delivery
	d.writers--
	d.panicked = d.panicked || panicked
	d.changes.Notify()
}

// writeOne sends a batch and pauses as long as DynamoDB needs it. It reports
// whether the writer has more to do.
func (w writer) writeOne() bool {
	c, probing := w.next()
	if c == nil {
		return false
	}
	if c.groups != nil && !w.pack(c) {
		return true
	}
	pause := w.deliver(c)
	if w.superfluous(probing) {
		return false
	}
	if pause > 0 {
		w.pause(pause)
	}
	return true
}

// next takes a batch, and reports whether it is to find out if DynamoDB works
// again; nil if there is nothing to send now.
func (w writer) next() (c *call, probing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &w.delivery
	resting := d.health.open && !d.last
	if d.panicked || resting && w.cfg.Now().Before(d.health.until) {
		return nil, false
	}
	return w.takeBatch(), resting
}

// superfluous reports whether a writer that has sent a batch is one too many:
// it was to probe and DynamoDB is still down, or the tables take less than one
// writer sends.
func (w writer) superfluous(probing bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &w.delivery
	if d.last {
		return false
	}
	return probing && d.health.open || d.health.squeeze > 0 && d.writers > 1
}

// pause is a backoff, cut short when the last flush begins.
func (w writer) pause(d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		changed, last := w.changed()
		if last {
			time.Sleep(min(d, backoffBase))
			return
		}
		select {
		case <-over.C:
			return
		case <-changed:
		}
	}
}

// changed returns what tells of the next change, and whether the end has come.
func (w writer) changed() (changed <-chan struct{}, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.delivery.changes.Changed(), w.delivery.last
}

// deliver sends one batch, in pieces where DynamoDB refuses it as a whole,
// and says how long to pause before the next.
func (w writer) deliver(c *call) (pause time.Duration) {
	if w.requeuedAsBlocked(c) {
		return 0
	}
	result, why := w.request(c)
	switch result {
	case stored, again:
		return w.backoff()
	}
	if n := ofOneTable(c.batch); n < len(c.batch) {
		return w.deliverHalves(c, n)
	}
	switch {
	case result == tableFault:
		w.block(c)
	case len(c.batch) > 1:
		return w.deliverHalves(c, len(c.batch)/2)
	default:
		w.refused(c, why)
	}
	return 0
}

// deliverHalves is deliver for the first n records of a batch, and for the
// others.
func (w writer) deliverHalves(c *call, n int) (pause time.Duration) {
	a, b := w.splitBatch(c, n)
	return max(w.deliver(a), w.deliver(b))
}

// splitBatch makes two of a batch in hand, the first with n records.
func (w writer) splitBatch(c *call, n int) (a, b *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.delivery.calls, c)
	return w.delivery.take(c.batch[:n]), w.delivery.take(c.batch[n:])
}

// requeuedAsBlocked returns a batch of one table to the queue if an earlier
// piece has shown that the table is at fault, and reports whether that is so.
func (w writer) requeuedAsBlocked(c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	blocked := w.delivery.tables[tableOf(c.batch[0])].blocked(w.cfg.Now())
	if !blocked || ofOneTable(c.batch) < len(c.batch) {
		return false
	}
	w.requeueCall(c)
	return true
}

// block returns a batch to the queue of its table, which is at fault.
func (w writer) block(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requeueCall(c)
	w.delivery.tables[tableOf(c.batch[0])].block(w.cfg.Now())
	w.delivery.changes.Notify()
}

func (w writer) backoff() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.delivery.backoff(w.queues.len()+w.spill.waiting() == 0)
}

// ofOneTable is how many records at the batch's beginning are of one table.
func ofOneTable(batch []*record) int {
	for i, r := range batch {
		if tableOf(r) != tableOf(batch[0]) {
			return i
		}
	}
	return len(batch)
}

// takeBatch removes the next batch from the queues, errors first; nil if there
// is none.
func (s *Store) takeBatch() *call {
	d := &s.delivery
	if !d.sendPartial && s.queues.len() < s.full() {
		return nil
	}
	now := s.cfg.Now()
	if s.queues.len() == 0 && !d.anyBlocked(now) {
		s.reload()
	}
	b := batchBuilder{groups: make([]int, 0, maxBatch), packing: s.packing()}
	b.most = maxBatch - s.notes.reserve(s.queues.len(), d)
	for t := range s.queues.byTable {
		if !d.tables[t].blocked(now) {
			probing := d.tables[t].failures > 0 && !d.last
			s.fill(&b, &s.queues.byTable[t], probing)
		}
	}
	if len(b.records) == 0 {
		d.sendPartial = false
		return nil
	}
	c := d.take(b.records)
	if len(b.groups) < len(b.records) {
		c.groups = b.groups
	}
	return c
}

// A batchBuilder gathers what one request will hold.
type batchBuilder struct {
	records []*record
	groups  []int // how many of them each item will hold
	most    int   // items
	wire    int   // bytes of the items
	packing bool  // lines that did not come from the spill share items
}

// fill takes records from a queue until the batch is full. With probing it
// takes one item, which is enough to find out whether the table works.
func (s *Store) fill(b *batchBuilder, queue *fifo, probing bool) {
	for queue.len() > 0 && len(b.groups) < b.most {
		if b.wire+len(queue.first().Item()) > maxBatchWire && len(b.records) > 0 {
			return
		}
		if b.records == nil {
			b.records = make([]*record, 0, maxBatch)
		}
		n := len(b.records)
		b.records = s.takeGroup(queue, b.records, b.packing)
		b.groups = append(b.groups, len(b.records)-n)
		for _, r := range b.records[n:] {
			b.wire += len(r.Item())
		}
		if probing {
			return
		}
	}
}

// requeueCall returns a batch in hand to the queues.
func (s *Store) requeueCall(c *call) {
	delete(s.delivery.calls, c)
	s.requeue(c.batch)
}

// requeue returns records that were in hand to the front of their queues,
// except what was copied to the spill meanwhile.
func (s *Store) requeue(records []*record) {
	if len(records) > 0 {
		s.delivery.sendPartial = true // what was worth a request is worth another try
	}
	for _, r := range slices.Backward(records) {
		if !s.forgetSpilled(r) {
			s.queues.pushFirst(r)
		}
	}
}

// refused deals with a record that DynamoDB refused when it came alone. Whose
// fault that is shows when others have been tried: the record goes to the end
// of the queue. If it is refused once more and the table has taken another one
// in between, the record is at fault: a short form of it takes its place, and
// if that is refused too, it is counted as lost. If several different records
// are refused in a row, the table is at fault, and all of them are kept.
func (w writer) refused(c *call, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.delivery.changes.Notify()
	delete(w.delivery.calls, c)
	r := c.batch[0]
	t := &w.delivery.tables[tableOf(r)]
	guilty := r.refusedAt > 0 && t.accepted >= r.refusedAt
	switch {
	case r.reduced:
		w.drop(r, reasonRefused)
	case guilty && r.Lines() > 1:
		w.splitPack(r, why)
	case guilty:
		w.reduce(r, why)
	default:
		if r.refusedAt == 0 {
			r.refusedAt = t.accepted + 1
		}
		w.suspect(r, why)
	}
}

const reasonRefused = "refused by DynamoDB"

// suspect queues a refused record behind the others, and takes the table to be
// at fault if it refuses all that come.
func (s *Store) suspect(r *record, why string) {
	t := &s.delivery.tables[tableOf(r)]
	if !s.forgetSpilled(r) {
		s.queues.push(r)
	}
	if t.refusedAlone++; t.refusedAlone < min(3, s.queues.byTable[tableOf(r)].len()) {
		return
	}
	t.block(s.cfg.Now())
	s.cfg.Report.Fail("table "+t.name,
		fmt.Sprintf("table %s refuses every row (%s); rows are kept", t.name, why),
		"check that its partition key is date (String) and its sort key is stamp_mod (String)")
}

// reduce has a refused record's short form take its place.
func (s *Store) reduce(r *record, why string) {
	s.queues.bytes -= r.cost()
	r.reduce(why)
	s.queues.bytes += r.cost()
	s.queues.push(r)
	name := s.delivery.tables[tableOf(r)].name
	s.cfg.Report.Fail("row "+name,
		fmt.Sprintf("DynamoDB refused a row for table %s (%s); a short form is stored instead", name, why), "")
}

// splitPack has the lines of a refused pack, which is in no queue, take its
// place.
func (s *Store) splitPack(pack *record, why string) {
	lines, err := unpacked(pack)
	if err != nil {
		s.drop(pack, reasonRefused)
		return
	}
	s.replace([]*record{pack}, lines)
	for _, r := range lines {
		s.queues.push(r)
	}
	name := s.delivery.tables[infoTable].name
	s.cfg.Report.Fail("row "+name,
		fmt.Sprintf("DynamoDB refused a row for table %s (%s); its lines are written one by one", name, why), "")
}
