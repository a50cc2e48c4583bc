package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/logtable/logtable/internal/row"
)

const (
	// firstAttempt is the time that a request gets at first, and perMiB what a
	// large one gets on top. Doubled with every time-out up to maxAttempt, so
	// that a dead socket costs little and a slow table is still waited for in
	// the end.
	firstAttempt = 1500 * time.Millisecond
	maxAttempt   = 8 * time.Second
	perMiB       = 2 * time.Second
	// lastAttempt is the time limit of a request after the last flush has
	// begun: two tries must fit into what SHUTDOWN leaves. lastPatience is how
	// long a request may have been on the wire by then without being given up.
	lastAttempt  = 700 * time.Millisecond
	lastPatience = 300 * time.Millisecond
	// backoffBase and backoffDoublings bound the pause after a failure: full
	// jitter, 0.8 s at most.
	backoffBase      = 25 * time.Millisecond
	backoffDoublings = 5
	// restBase and restMost bound how long a dead DynamoDB, or a table that
	// refuses us, is left alone before the next probe.
	restBase = 250 * time.Millisecond
	restMost = 10 * time.Second
	// openAfter is how many failed requests in a row, none confirmed in
	// between, mean that DynamoDB is down.
	openAfter = 5
)

// health is what the Store knows of DynamoDB as a whole: a circuit breaker.
// While it is open nothing is held for writing; one writer probes now and
// then, beside the function.
type health struct {
	failures int           // in a row
	attempt  time.Duration // time limit of the next request
	open     bool
	until    time.Time // of the next probe, while open
	rested   int       // times opened since the last success
	cut      bool      // a freeze cut a request since the last success
	skewed   time.Time // of the first refusal since then that is about the clock
	squeeze  int       // how often less was taken than was given: see answered
}

// frozenFor is by how much a time limit must be overrun before the process is
// taken to have been frozen meanwhile.
const frozenFor = time.Second

// cutByFreeze reports whether a request's time limit, which ended so long ago,
// has only run out because the environment was frozen with the request on the
// wire. That says nothing of DynamoDB: the request is sent again, and nobody is
// told. A second one before any success is a failure as any other.
func (h *health) cutByFreeze(ago time.Duration) bool {
	if h.cut || ago < frozenFor {
		return false
	}
	h.cut = true
	return true
}

// signedTooEarly reports whether a request, refused because of the time it was
// signed for, is one of the first since the last success: it was signed before a
// freeze, or with a clock that the SDK corrects from the answer. It is signed
// afresh and sent again, and nobody is told. One that was sent after such a
// refusal is a failure as any other.
func (h *health) signedTooEarly(began, now time.Time) bool {
	if h.skewed.IsZero() {
		h.skewed = now
	}
	return !began.After(h.skewed)
}

func (h *health) rest(now time.Time) {
	h.open = true
	h.until = now.Add(min(restBase<<min(h.rested, 10), restMost))
	h.rested++
}

func (h *health) success(took time.Duration) {
	h.failures, h.open, h.rested, h.cut, h.skewed = 0, false, 0, false, time.Time{}
	h.attempt = min(max(4*took, firstAttempt), maxAttempt)
}

func (h *health) failure(now time.Time, timedOut bool) {
	h.failures++
	if timedOut {
		h.attempt = min(2*h.attempt, maxAttempt)
	}
	if h.open || h.failures >= openAfter {
		h.rest(now)
	}
}

// table is what the Store knows of one table.
type table struct {
	name         string
	quoted       []byte                          // the name in JSON
	only         map[string][]types.WriteRequest // the name, and no items
	accepted     uint32                          // records taken
	failures     int                             // refusals in a row that are the table's fault
	refusedAlone int                             // records refused alone before any was accepted
	blockedUntil time.Time                       // of the next try
}

func newTable(name string) table {
	return table{name: name, quoted: quotedName(name), only: map[string][]types.WriteRequest{name: nil}}
}

func (t *table) block(now time.Time) {
	t.blockedUntil = now.Add(min(restBase<<min(t.failures, 10), restMost))
	t.failures++
	t.refusedAlone = 0
}

// outcome is what an error means for the records of a request.
type outcome int

const (
	stored     outcome = iota
	again              // retry after a pause
	tableFault         // nothing will be taken before somebody mends something
	itemFault          // one of the items is refused
)

// writer sends batches until nothing is left that it may send.
//
// A panic of it ends all writing. Wherever mu is held its release is deferred,
// so that nothing here waits for a lock that the panic has left behind; what
// the writer had in hand stays there, for Persist and LastResort.
func (s *Store) writer() {
	defer func() {
		v := recover()
		s.writerEnds(v != nil)
		if v != nil && s.cfg.Panicked != nil {
			s.cfg.Panicked(v)
		}
	}()
	for s.writeOne() {
	}
}

// writerEnds takes a writer off the account.
func (s *Store) writerEnds(panicked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers--
	s.dead = s.dead || panicked
	s.notify()
}

// writeOne sends a batch and pauses as long as DynamoDB needs it. It reports
// whether the writer has more to do.
func (s *Store) writeOne() bool {
	c, probing := s.next()
	if c == nil {
		return false
	}
	if c.groups != nil && !s.pack(c) {
		return true
	}
	pause := s.deliver(c)
	if s.superfluous(probing) {
		return false
	}
	if pause > 0 {
		s.sleep(pause)
	}
	return true
}

// next takes a batch, and reports whether it is to find out if DynamoDB works
// again; nil if there is nothing to send now.
func (s *Store) next() (c *call, probing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resting := s.health.open && !s.force
	if s.dead || resting && s.cfg.Now().Before(s.health.until) {
		return nil, false
	}
	return s.take(), resting
}

// superfluous reports whether a writer that has sent a batch is one too many:
// it was to probe and DynamoDB is still down, or the tables take less than one
// writer sends.
func (s *Store) superfluous(probing bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.force {
		return false
	}
	return probing && s.health.open || s.health.squeeze > 0 && s.writers > 1
}

// sleep is a backoff, cut short when the last flush begins.
func (s *Store) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		changed, force := s.signals()
		if force {
			d = min(d, backoffBase)
			<-time.After(d)
			return
		}
		select {
		case <-t.C:
			return
		case <-changed:
		}
	}
}

// signals returns what tells of the next change, and whether the end has come.
func (s *Store) signals() (changed <-chan struct{}, force bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, s.force
}

// deliver sends one batch, in pieces where DynamoDB refuses it as a whole,
// and says how long to pause before the next.
func (s *Store) deliver(c *call) (pause time.Duration) {
	if s.resting(c) {
		return 0
	}
	result, why := s.request(c)
	switch result {
	case stored, again:
		return s.backoff()
	}
	if n := ofOneTable(c.batch); n < len(c.batch) {
		a, b := s.split(c, n)
		return max(s.deliver(a), s.deliver(b))
	}
	if result == itemFault && len(c.batch) > 1 {
		a, b := s.split(c, len(c.batch)/2)
		return max(s.deliver(a), s.deliver(b))
	}
	if result == itemFault {
		return s.refused(c, why)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp(c)
	s.tables[tableOf(c.batch[0])].block(s.cfg.Now())
	s.notify()
	return 0
}

// resting puts a batch of one table back if an earlier piece has shown that the
// table is at fault.
func (s *Store) resting(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := tableOf(c.batch[0])
	if tableOf(c.batch[len(c.batch)-1]) != t || !s.cfg.Now().Before(s.tables[t].blockedUntil) {
		return false
	}
	s.giveUp(c)
	return true
}

// giveUp puts a batch in hand back. mu must be held.
func (s *Store) giveUp(c *call) {
	delete(s.calls, c)
	s.putBack(c.batch)
}

// split makes two of a batch in hand, the first with n records.
func (s *Store) split(c *call, n int) (a, b *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c)
	return s.inHand(c.batch[:n]), s.inHand(c.batch[n:])
}

// backoff is the pause that the state of health asks for.
func (s *Store) backoff() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := max(s.health.failures, s.health.squeeze)
	if n == 0 || s.health.failures == 0 && s.queued()+s.spilled() == 0 {
		return 0
	}
	most := backoffBase << min(n, backoffDoublings)
	return rand.N(most) + 1
}

// refused deals with a record that DynamoDB refused when it came alone. Whose
// fault that is shows when others have been tried: the record goes to the end of
// the queue. If it is refused once more and the table has taken another one in
// between, the record is at fault: a short form of it takes its place, and if
// that is refused too, it is counted as lost. If several different records are
// refused in a row, the table is at fault, and all of them are kept.
func (s *Store) refused(c *call, why string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c)
	r := c.batch[0]
	t := &s.tables[tableOf(r)]
	guilty := r.refusedAt > 0 && t.accepted >= r.refusedAt
	s.onWire--
	switch {
	case r.reduced:
		s.drop(r, "refused by DynamoDB")
	case guilty && r.Lines() > 1:
		s.breakUp(r, why)
	case guilty:
		before := r.cost()
		r.reduce(why)
		s.bytes += r.cost() - before
		s.queues[tableOf(r)].push(r)
		s.cfg.Report.Fail("row "+t.name, fmt.Sprintf("DynamoDB refused a row for table %s (%s); a short form takes its place", t.name, why), "")
	default:
		if r.refusedAt == 0 {
			r.refusedAt = t.accepted + 1
		}
		if !s.inSpill(r) {
			s.queues[tableOf(r)].push(r)
		}
		if t.refusedAlone++; t.refusedAlone >= min(3, s.queues[tableOf(r)].len()) {
			t.block(s.cfg.Now())
			s.cfg.Report.Fail("table "+t.name,
				fmt.Sprintf("table %s refuses every row (%s); rows are kept", t.name, why),
				"check that its partition key is date (String) and its sort key is stamp_mod (String)")
		}
	}
	s.notify()
	return 0
}

// breakUp has the lines of a refused pack take its place. It is in no queue. mu
// must be held.
func (s *Store) breakUp(pack *record, why string) {
	lines, err := s.unpacked(pack)
	if err != nil {
		s.drop(pack, "refused by DynamoDB")
		return
	}
	s.onWire++ // replace counts what is in hand
	s.replace([]*record{pack}, lines)
	s.onWire -= len(lines)
	for _, r := range lines {
		s.queues[infoTable].push(r)
	}
	name := s.tables[infoTable].name
	s.cfg.Report.Fail("row "+name, fmt.Sprintf("DynamoDB refused a row for table %s (%s); its lines are written one by one", name, why), "")
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

// request sends one BatchWriteItem and settles what it can: confirmed records
// are done, unprocessed and failed ones are back in the queue. For tableFault
// and itemFault the records are still the caller's.
func (s *Store) request(c *call) (outcome, string) {
	ctx := s.begin(c)
	defer c.cancel()
	out, err := s.send(ctx, c.batch)
	if err == nil && out.UnprocessedItems == nil {
		err = errStrangersAnswer()
	}
	if err == nil {
		s.confirm(c, out, s.cfg.Now().Sub(c.began))
		return stored, ""
	}
	f := classify(err)
	result, why := f.result, f.why
	name := s.tables[tableOf(c.batch[0])].name
	switch result {
	case again:
		if f.expired && s.cfg.Refresh != nil {
			s.cfg.Refresh()
		}
		if s.failed(c, errors.Is(err, context.DeadlineExceeded), f.clock) {
			s.cfg.Report.Fail("dynamodb", "cannot write to DynamoDB ("+why+"); messages are kept and tried again",
				f.advice(name, s.cfg.Region))
		}
	case tableFault:
		if ofOneTable(c.batch) == len(c.batch) {
			s.cfg.Report.Fail("table "+name, fmt.Sprintf("cannot write to table %s (%s); messages are kept", name, why),
				f.advice(name, s.cfg.Region))
		}
	}
	return result, why
}

// failed puts a batch back that DynamoDB has not answered, or refused for the
// time being. It reports whether people should be told: not of what a freeze
// has cut.
func (s *Store) failed(c *call, timedOut, clock bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp(c)
	defer s.notify()
	now := s.cfg.Now()
	if timedOut && s.health.cutByFreeze(now.Sub(c.until)) || clock && s.health.signedTooEarly(c.began, now) {
		return false
	}
	s.health.failure(now, timedOut)
	s.answered(now.Sub(c.began), false)
	return true
}

// errStrangersAnswer is for an answer with 200 that is not DynamoDB's, which always
// names the unprocessed items, if only to say that there are none: a captive
// portal or a proxy may answer {} to everybody. It is told of as of a body that
// cannot be read.
func errStrangersAnswer() error {
	answer := &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusOK}}
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: answer, Err: errors.New("the answer names no unprocessed items"),
	}}
}

// begin opens a request's time limit.
func (s *Store) begin(c *call) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.timeLimit(c.batch)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	c.began, c.cancel = s.cfg.Now(), cancel
	c.until = c.began.Add(limit)
	return ctx
}

// timeLimit is how long a request with a batch may take that begins now. mu
// must be held.
func (s *Store) timeLimit(batch []*record) time.Duration {
	limit := max(s.health.attempt, s.cfg.Attempt)
	if s.force {
		limit = min(limit, lastAttempt)
	}
	for _, r := range batch {
		limit += time.Duration(len(r.Item())) * perMiB >> 20
	}
	return limit
}

// confirm settles a request that DynamoDB answered with 200: everything is
// stored except the unprocessed items, which go back to the queue.
func (s *Store) confirm(c *call, out *dynamodb.BatchWriteItemOutput, took time.Duration) {
	left := unprocessedKeys(out.UnprocessedItems)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, used := range out.ConsumedCapacity {
		s.units += aws.ToFloat64(used.CapacityUnits)
	}
	var back []*record
	for _, r := range c.batch {
		if left != nil && left.has(r) {
			back = append(back, r)
			continue
		}
		s.confirmed(r)
	}
	delete(s.calls, c) // only now: a panic in Kept leaves it in hand
	s.putBack(back)
	if len(back) == len(c.batch) {
		s.health.failure(s.cfg.Now(), false)
	} else {
		s.health.success(took)
	}
	s.answered(took, len(back) == 0)
	for t := range s.tables {
		if s.tables[t].failures == 0 && s.tables[t].accepted > 0 {
			s.cfg.Report.Recover("table "+s.tables[t].name, "writing to table "+s.tables[t].name+" works again")
		}
	}
	if len(back) == 0 && !s.congestion.on {
		s.cfg.Report.Recover("dynamodb", "writing to DynamoDB works again")
	}
	if len(back) < len(c.batch) {
		s.sayLosses()
	}
	s.notify()
}

// confirmed settles a record that DynamoDB has stored. mu must be held.
func (s *Store) confirmed(r *record) {
	s.onWire--
	s.forget(r)
	s.settle(r)
	s.written += r.Lines()
	t := &s.tables[tableOf(r)]
	t.accepted++
	t.failures, t.refusedAlone = 0, 0
	t.blockedUntil = time.Time{}
}

type itemKey struct{ date, stampMod string }

type itemKeys map[itemKey]bool

func (k itemKeys) has(r *record) bool {
	date, stampMod := r.Key()
	return k[itemKey{string(date), string(stampMod)}]
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
				keys[itemKey{date.Value, stamp.Value}] = true
			}
		}
	}
	return keys
}
