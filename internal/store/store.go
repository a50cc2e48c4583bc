// Package store keeps records until DynamoDB has taken them: it makes their
// keys, holds them in a bounded queue and writes them in batches, errors
// first, again and again under the same keys until they are confirmed.
package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/spill"
)

const (
	// maxBatch is how many items BatchWriteItem takes.
	maxBatch = 25
	// maxBatchWire bounds the items of one request in bytes on the wire,
	// unless one item alone is larger. DynamoDB takes 16 MB; staying small
	// keeps memory flat and lets errors go ahead.
	maxBatchWire = 1 << 20
	// maxWriters is how many requests are on the wire at once.
	maxWriters = 4
	// replayHold is how much longer a flush may take for what earlier
	// invocations left in the spill. What this one had no room for in memory
	// is waited for like all else.
	replayHold = 250 * time.Millisecond
	// sayEvery is how often losses become a record, at most.
	sayEvery = 10 * time.Second
	// fullPack is how many lines are worth a pack while more may come.
	fullPack = 100
	// perWriter is how many waiting records justify one more writer.
	perWriter = 2 * maxBatch
)

// A Client is what the Store needs of *dynamodb.Client.
type Client interface {
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
}

// A Reporter is told of failures, each of which it says once, and of their
// end.
type Reporter interface {
	Fail(key, message, advice string, args ...any) bool
	Recover(key, message string)
}

// A Config says where and how a Store writes.
type Config struct {
	Client      Client
	InfoTable   string
	ErrorsTable string
	Region      string         // of the tables, for advice only; "" if it is not known
	TTL         time.Duration  // of informational rows; at least a second
	Zone        *time.Location // decides the day of a row
	MaxBytes    int            // bound of what waits, in bytes of memory
	Report      Reporter
	// Owner says whose records these are. What another owner left in the spill
	// is not written: on a developer's machine several functions share /tmp.
	// At most 64 letters and digits.
	Owner string
	// Refresh is called when DynamoDB says that the credentials have expired;
	// nil for nothing.
	Refresh func()
	// Losses makes the record that tells of losses, when writing works again.
	// It must not call the Store. nil: no such record.
	Losses func(map[Loss]int) Entry
	// Panicked is called with the value of a panic in a writer, which then
	// ends. It must not panic.
	Panicked func(v any)
	// Attempt is the least time limit of one request; 0 (1.5 s, growing with
	// time-outs) except in tests that must not depend on a machine's speed.
	Attempt time.Duration
	// Packed has several informational lines in one item: see pack.go.
	Packed bool
	// Shards is over how many partitions a day the informational rows are
	// spread; 0 and 1 are none. See keys.
	Shards int
	// CountUnits asks DynamoDB what each request cost: see Units.
	CountUnits bool
	// Now is time.Now except in tests.
	Now func() time.Time
}

// A Store is the queue of records and its writers. All methods may be called
// from any goroutine.
type Store struct {
	cfg      Config
	inMemory atomic.Int64 // see InMemory

	mu           sync.Mutex // guards what follows; held during I/O on /tmp, never on the network
	keys         *row.Keys
	row          row.Row // what add is encoding; here, because on the stack it would not stay
	buf          []byte  // for one item
	module       module  // of the last record
	arenas       [2]arena
	queues       [2]fifo // by table
	tables       [2]table
	bytes        int           // cost of all records that wait or are on the wire
	age          uint32        // see Age
	writtenByAge int           // written, when it was called last
	onWire       int           // records
	writers      int           // goroutines
	changed      chan struct{} // closed and replaced when the above changes
	health       health
	congestion   congestion
	dead         bool           // a writer has panicked: no other one is started
	force        bool           // SHUTDOWN: no more resting
	partial      bool           // batches leave that are not full
	calls        map[*call]bool // what writers have in hand
	packer       row.Packer     // has a lock of its own
	bodies       [][]byte       // of earlier requests, to be used again
	seam         sync.Once      // before the first request: sets plain
	plain        atomic.Bool    // the client does not take encoded rows
	lost         map[Loss]int   // in all
	unsaid       map[Loss]int   // not stored as a record yet
	written      int
	units        float64
	spill        *spill.Patient // nil if there is none
	noRoom       fullness       // of the spill
	unread       time.Time      // when a spill that gave nothing is asked again
	spillBuf     []byte         // of what was spilled last, to be used again
	replays      int            // records in memory that came from the spill
	backlog      bool           // some in the spill are older than this flush's invocation
	taken        int            // records of the spill whose segments are being replayed
	saidAt       time.Time      // when losses were last made a record
	key          *signing.Key   // of the last-resort lines; nil if there is none
}

// A call is a batch that a writer has in hand, to be sent or on the wire.
type call struct {
	batch  []*record
	groups []int              // how many records each of batch's items will hold; nil when they are packed
	began  time.Time          // of the request; zero before
	until  time.Time          // when the request's time limit ends
	cancel context.CancelFunc // of the request; nil before
}

// A module is a name and what row.Module made of it.
type module struct{ name, clean string }

// The indexes of the two tables, in the order in which records leave.
const (
	errorsTable = iota
	infoTable
)

// A Loss says of which level records were lost and why. "Why" is short and
// fixed, so that counts stay few.
type Loss struct {
	Level  string
	Reason string
}

// New returns a Store. It sends nothing before Start or Flush.
func New(cfg Config) *Store {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{
		cfg:     cfg,
		keys:    row.NewKeys(cfg.Zone, cfg.Now, cfg.Shards),
		tables:  [2]table{newTable(cfg.ErrorsTable), newTable(cfg.InfoTable)},
		changed: make(chan struct{}),
		lost:    make(map[Loss]int),
		unsaid:  make(map[Loss]int),
		calls:   make(map[*call]bool),
		health:  health{attempt: firstAttempt},
	}
}

// Add gives e its key and queues it. It never blocks. Where the bound is
// reached, an error displaces informational records; what does not fit is
// counted as lost. Entries of one environment must be added in the order in
// which they were received.
func (s *Store) Add(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(e)
}

// add must be called with mu held.
func (s *Store) add(e Entry) {
	if e.Module != s.module.name {
		s.module = module{strings.Clone(e.Module), strings.Clone(row.Module(e.Module))}
	}
	r := &s.row
	*r = row.Row{
		Error: e.Error, Level: e.Level, Locator: e.Locator, RequestID: e.RequestID, Message: e.Message,
		ExceptionAt: max(int64(e.ExceptionAt), -1), Fields: e.Fields, Issues: e.Issues,
	}
	date, stampMod := s.keys.Next(e.Time, s.module.clean, e.Error)
	// Good until the next call of Next; by then the row is encoded.
	r.Date, r.StampMod = date, unsafe.String(unsafe.SliceData(stampMod), len(stampMod))
	if !r.Error {
		r.Expiry = s.expiry()
	}
	r.Fit()
	s.buf = r.Append(s.buf[:0])
	rec := s.arenas[tableIndex(e.Error)].record(s.buf, e.Error)
	rec.kept = e.Kept
	*r = row.Row{} // its strings are the caller's
	if cap(s.buf) > arenaBytes {
		s.buf = nil
	}
	s.enqueue(rec)
}

// Bound changes the bound of what waits in memory, in bytes. What waits already
// is not touched.
func (s *Store) Bound(maxBytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.MaxBytes = maxBytes
}

// enqueue must be called with mu held.
func (s *Store) enqueue(r *record) {
	r.age = s.age
	s.account(r)
	if s.bytes > s.cfg.MaxBytes && !s.room(r) {
		return
	}
	s.queues[tableOf(r)].push(r)
}

// expiry counts from the record's stamp; from now where a wrong clock would
// have the row deleted at once. mu must be held.
func (s *Store) expiry() int64 {
	ttl := int64(s.cfg.TTL / time.Second)
	at := s.keys.Seconds() + ttl
	if now := s.cfg.Now().Unix(); at <= now {
		return now + ttl
	}
	return at
}

// room makes room for r, which is counted in bytes already but in no queue. It
// reports false if that was not possible; then r is in the spill or counted as
// lost. mu must be held.
func (s *Store) room(r *record) bool {
	for s.bytes > s.cfg.MaxBytes {
		if s.evict() {
			continue
		}
		if s.spill != nil && r.cost() < s.noRoomFor() && len(s.toSpill([]*record{r})) == 0 {
			return false
		}
		if !r.IsError() || s.queues[infoTable].len() == 0 {
			s.drop(r, reasonFull)
			return false
		}
		s.drop(s.queues[infoTable].popLast(), reasonFull)
	}
	return true
}

// account takes a record into the account. Every record comes here once. mu
// must be held.
func (s *Store) account(r *record) {
	s.bytes += r.cost()
	s.inMemory.Add(int64(r.Lines()))
}

// forget takes a record out of the account: it is stored, spilled or lost, and
// leaves memory. Every record comes here once. mu must be held.
func (s *Store) forget(r *record) {
	s.bytes -= r.cost()
	s.inMemory.Add(-int64(r.Lines()))
}

// InMemory is how many lines wait in memory or are on the wire. It takes no
// lock: it is for the last word of a process in which something is stuck.
func (s *Store) InMemory() int { return int(s.inMemory.Load()) }

// drop forgets a record that is in no queue and counts it as lost. mu must be
// held.
func (s *Store) drop(r *record, reason string) {
	s.forget(r)
	s.settle(r)
	s.lose(r, reason)
}

func tableOf(r *record) int { return tableIndex(r.IsError()) }

func tableIndex(error bool) int {
	if error {
		return errorsTable
	}
	return infoTable
}

// lose counts a record that will not be stored. mu must be held.
func (s *Store) lose(r *record, reason string) {
	if r.Lines() > 1 {
		if lines, err := r.Unpack(); err == nil {
			for _, line := range lines {
				s.loseLevel(line.Level(), reason)
			}
			return
		}
	}
	s.loseLevel(r.Level(), reason)
}

// loseLevel counts a loss of which only the level is known. mu must be held.
func (s *Store) loseLevel(level, reason string) {
	s.lost[Loss{level, reason}]++
	s.unsaid[Loss{level, reason}]++
	s.cfg.Report.Fail("lost "+reason, "messages are lost: "+reason,
		"a row logtable.lost and the end of this environment's log say how many", "level", level)
}

// sayLosses stores what was lost as a record of its own. mu must be held.
func (s *Store) sayLosses() {
	now := s.cfg.Now()
	if len(s.unsaid) == 0 || s.cfg.Losses == nil || !s.force && now.Sub(s.saidAt) < sayEvery {
		return
	}
	s.saidAt = now
	unsaid := s.unsaid
	s.unsaid = make(map[Loss]int)
	s.add(s.cfg.Losses(unsaid))
}

// Waiting is the number of records that are not confirmed yet.
func (s *Store) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting()
}

func (s *Store) waiting() int {
	return s.queued() + s.onWire + s.spilled()
}

// Resting reports that DynamoDB has been failing and is left alone at present,
// or that it is not waited for (Congested).
func (s *Store) Resting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.health.open || s.congestion.on) && !s.force
}

// Bytes is what waits in memory, as counted against the bound.
func (s *Store) Bytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Written is the number of records that DynamoDB confirmed.
func (s *Store) Written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// Units is what DynamoDB said that the writes cost, in write units, if
// Config.CountUnits asked for it.
func (s *Store) Units() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.units
}

// Lost returns the losses so far.
func (s *Store) Lost() map[Loss]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.lost)
}

// ErrResting is returned by Flush while a table or DynamoDB as a whole does
// not take records; they are kept.
var ErrResting = errors.New("DynamoDB does not take records at present; they are kept")

// Start lets writers work on what waits, in the background. It returns at
// once. Where DynamoDB has been failing it only probes, and rarely.
func (s *Store) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
}

// StartFull is Start for as long as full batches wait: what remains is cheaper
// to write with what comes next.
func (s *Store) StartFull() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued() >= s.full() {
		s.startWriters()
	}
}

// full is how many records are worth a request while more may come: as many as
// it holds. A pack holds more, and is the cheaper the more there are in it.
func (s *Store) full() int {
	if s.cfg.Packed {
		return fullPack
	}
	return maxBatch
}

// queued is how many records wait in memory that no writer has in hand. mu must
// be held.
func (s *Store) queued() int { return s.queues[errorsTable].len() + s.queues[infoTable].len() }

// start must be called with mu held.
func (s *Store) start() {
	s.partial = s.partial || s.takable(s.cfg.Now()) > 0
	s.startWriters()
}

// startWriters must be called with mu held.
func (s *Store) startWriters() {
	now := s.cfg.Now()
	want := (s.takable(now) + perWriter - 1) / perWriter
	switch {
	case s.dead:
		return
	case want > 0 && !s.force && s.health.open:
		if s.writers > 0 || now.Before(s.health.until) {
			return
		}
		want = 1
	case s.health.squeeze > 0 && !s.force:
		want = min(want, 1) // more would only be refused more often
	case s.force:
		want += len(s.calls) // which may hang
	}
	for s.writers < min(want, maxWriters) {
		s.writers++
		go s.writer()
	}
}

// Flush writes everything that waits. It returns nil when all is confirmed,
// ErrResting when what is left must wait for DynamoDB (ErrCongested, which is
// one, where waiting for it is not worth its price), or ctx's error when the
// time is over; then requests that are on the wire stay there, and their
// answers still count.
//
// Because of tables that are slow, or take less than is written, at most one
// flush in any 60 s takes longer than 250 ms.
func (s *Store) Flush(ctx context.Context) error {
	return s.flush(ctx, false)
}

// FlushLast is Flush for the end of the process: nothing rests any more, and
// every wait is short.
func (s *Store) FlushLast(ctx context.Context) error {
	return s.flush(ctx, true)
}

func (s *Store) flush(ctx context.Context, last bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.leaveBacklog()
	h := hold{began: s.cfg.Now(), written: s.written, troubles: s.congestion.troubles, last: last}
	switch most := s.mayWait(h.began); {
	case last:
		s.hurry()
	case s.waiting() == 0:
		return nil
	case most == 0:
		s.startWithoutSpill()
		return ErrCongested
	default:
		h.chance = s.congestion.on
		defer s.judge(h)
		if most > 0 {
			t := time.NewTimer(most)
			defer t.Stop()
			h.over = t.C
		}
	}
	return s.writeOut(ctx, h)
}

// writeOut waits until everything is written, or waiting longer is useless. mu
// must be held.
func (s *Store) writeOut(ctx context.Context, h hold) error {
	var replayed <-chan time.Time // fires when the spill has had its share of the hold
	for s.waiting() > 0 {
		if !h.last && s.backlog && s.fresh() == 0 && replayed == nil {
			t := time.NewTimer(replayHold)
			defer t.Stop()
			replayed = t.C
		}
		s.start()
		if s.writers == 0 || (s.health.open && !s.force) {
			return ErrResting
		}
		switch s.await(ctx, replayed, h.over) {
		case spillsShare:
			if s.fresh() == 0 {
				return nil
			}
			replayed = nil
		case worthNoMore:
			s.unfruitful(h.began, h.written)
			return ErrCongested
		case timeIsOver:
			s.unfruitful(h.began, h.written)
			return ctx.Err()
		}
	}
	return nil
}

// What ends a flush's wait.
type wakeup int

const (
	progress    wakeup = iota
	spillsShare        // the spill has had its share of the hold
	worthNoMore        // so has the whole flush: see mayWait
	timeIsOver
)

// await gives the lock up until something has changed, or time is over in one
// of the ways. mu must be held.
func (s *Store) await(ctx context.Context, replayed, over <-chan time.Time) wakeup {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return progress
	case <-replayed:
		return spillsShare
	case <-over:
		return worthNoMore
	case <-ctx.Done():
		return timeIsOver
	}
}

// hurry begins the end: nothing rests any more. mu must be held.
func (s *Store) hurry() {
	if s.force {
		return
	}
	s.force = true
	if s.spill != nil {
		s.spill.Hurry()
	}
	for t := range s.tables {
		s.tables[t].blockedUntil = time.Time{}
	}
	s.restartCalls()
}

// startWithoutSpill is start where nothing but memory keeps records. Where the
// spill does, they are on their way there, and a request that begins now would
// be cut by the freeze, and be sent once more. mu must be held.
func (s *Store) startWithoutSpill() {
	if s.spill == nil {
		s.start()
	}
}

// leaveBacklog notes at the end of a flush whether the spill keeps something:
// the next invocation does not wait for it as for its own. mu must be held.
func (s *Store) leaveBacklog() {
	s.backlog = s.spilled()+s.replays > 0
}

// fresh is how many records wait that did not come from the spill. mu must be
// held.
func (s *Store) fresh() int { return s.waiting() - s.spilled() - s.replays }

// unfruitful is called at the end of a flush that did not finish. If it has
// not had one record confirmed, the next invocation shall not pay for the same
// experience. mu must be held.
func (s *Store) unfruitful(began time.Time, written int) {
	now := s.cfg.Now()
	tried := s.health.failures > 0 || now.Sub(began) >= firstAttempt
	if tried && s.written == written && s.waiting() > 0 {
		s.health.rest(now)
	}
}

// restartCalls gives up the requests that have been on the wire for long when
// the end has come: theirs may be a dead socket, and there is no time to find
// out. The others get the time limit of the end. Their records are sent once
// more. mu must be held.
func (s *Store) restartCalls() {
	for c := range s.calls {
		if c.cancel == nil {
			continue
		}
		if age := s.cfg.Now().Sub(c.began); age > lastPatience {
			c.cancel()
		} else {
			time.AfterFunc(s.timeLimit(c.batch)-age, c.cancel)
		}
	}
}

// notify wakes everybody who waits in flush. mu must be held.
func (s *Store) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// takable counts the records that a writer may take now. mu must be held.
func (s *Store) takable(now time.Time) int {
	n := 0
	for t := range s.queues {
		if !now.Before(s.tables[t].blockedUntil) {
			n += s.queues[t].len()
		}
	}
	if n == 0 && s.untroubled(now) && s.readable(now) {
		n = s.spilled()
	}
	return n
}

// untroubled reports that no table rests: then what is in the spill may be
// brought back. mu must be held.
func (s *Store) untroubled(now time.Time) bool {
	return !now.Before(s.tables[infoTable].blockedUntil) && !now.Before(s.tables[errorsTable].blockedUntil)
}

// take removes the next batch from the queues, errors first; nil if there is
// none. mu must be held.
func (s *Store) take() *call {
	var batch []*record
	groups, wire := make([]int, 0, maxBatch), 0
	now := s.cfg.Now()
	if !s.partial && s.queued() < s.full() {
		return nil
	}
	if s.queued() == 0 && s.untroubled(now) {
		s.reload()
	}
	for t := range s.queues {
		if now.Before(s.tables[t].blockedUntil) {
			continue
		}
		for s.queues[t].len() > 0 && len(groups) < maxBatch {
			if wire+len(s.queues[t].first().Item()) > maxBatchWire && len(batch) > 0 {
				break
			}
			if batch == nil {
				batch = make([]*record, 0, maxBatch)
			}
			n := len(batch)
			batch = s.takeGroup(&s.queues[t], batch)
			groups = append(groups, len(batch)-n)
			for _, r := range batch[n:] {
				wire += len(r.Item())
			}
			if s.tables[t].failures > 0 && !s.force {
				break // one record is enough to find out
			}
		}
	}
	if len(batch) == 0 {
		s.partial = false
		return nil
	}
	s.onWire += len(batch)
	c := s.inHand(batch)
	if len(groups) < len(batch) {
		c.groups = groups
	}
	return c
}

// inHand registers a batch as a writer's. mu must be held.
func (s *Store) inHand(batch []*record) *call {
	c := &call{batch: batch}
	s.calls[c] = true
	return c
}

// putBack returns records that were taken to the front of their queues. mu
// must be held.
func (s *Store) putBack(records []*record) {
	s.onWire -= len(records)
	s.partial = s.partial || len(records) > 0 // what was worth a request is worth another try
	for _, r := range slices.Backward(records) {
		if !s.inSpill(r) {
			s.queues[tableOf(r)].pushFirst(r)
		}
	}
}

// Renew starts a new environment ID for the records to come, for a process
// that was cloned.
func (s *Store) Renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.Renew()
}
