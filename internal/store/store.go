// Package store keeps records until DynamoDB has taken them: it makes their
// keys, holds them in a bounded queue and writes them in batches, errors
// first, again and again under the same keys until they are confirmed.
//
// A record's life:
//
//	Add: it gets its key, and is encoded
//	 │
//	 ▼        no room in memory, Persist
//	queued ─────────────────────────────▶ spilled ───────────┐
//	 │  ▲ ▲                                │  ▲              │ LastResort
//	 │  │ └─────────── reload ─────────────┘  │              ▼
//	 ▼  │ requeue                             │         a line of the log
//	in hand: packed, split ──────────────────▶│
//	 │  ▲                                     │ Persist: a copy. What comes
//	 ▼  │ requeue: no answer, unprocessed     │ back to be queued is
//	on the wire ─────────────────────────────▶┘ forgotten then.
//	 │  │
//	 │  └─▶ refused, alone: queued behind the others; the second time
//	 ▼      reduced to a short form (a pack: to its lines), and queued
//	stored
//
// It is lost, and counted, where neither memory nor the spill has room, where
// DynamoDB refuses even its short form, or where the end leaves neither time
// nor room for its line. From the spill it comes back under the same key: then
// it may be written twice, which does no harm.
package store

import (
	"context"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
)

// A Client is what the Store needs of *dynamo.Client. What Call returns without
// an error is a JSON object.
type Client interface {
	Call(ctx context.Context, operation string, body []byte) (answer []byte, err error)
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
	Layout      Layout         // of the informational table
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
	// Now is time.Now except in tests.
	Now func() time.Time
}

// A Layout says how informational lines become items.
type Layout struct {
	Packed bool // several lines in one item: see row.Packer
	Auto   bool // the same, while more than calmLines wait
	// Shards and ErrorShards are over how many partitions a day of each table
	// is spread, see row.Keys; 0 and 1 are one. A table that is spread says so,
	// in the name of Function: see notes. Errors are spread once theirs does.
	Shards, ErrorShards int
	Function            string
}

// A Store is the queue of records and its writers. All methods may be called
// from any goroutine.
//
// Exported methods, and those of a writer, take mu for themselves. All other
// methods, of the Store and of its parts, are called with it held.
type Store struct {
	cfg    Config
	sender *sender    // has a lock of its own
	packer row.Packer // and so has this

	// mu guards what follows. It is held during I/O on /tmp, never on the
	// network.
	mu       sync.Mutex
	encoder  encoder
	queues   queues
	delivery delivery
	notes    notes
	spill    spillSide
	tally    tally
	key      *signing.Key // of the last-resort lines; nil if there is none
}

// The indexes of the two tables, in the order in which records leave.
const (
	errorsTable = iota
	infoTable
)

func tableOf(r *record) int { return tableIndex(r.IsError()) }

func tableIndex(isError bool) int {
	if isError {
		return errorsTable
	}
	return infoTable
}

// New returns a Store. It sends nothing before Start or Flush.
func New(cfg Config) *Store {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{
		cfg: cfg, sender: newSender(cfg), queues: queues{max: cfg.MaxBytes},
		packer: row.Packer{Quick: cfg.Layout.Auto}, // whose packs are those of bursts
	}
	s.encoder = encoder{cfg: &s.cfg, keys: row.NewKeys(cfg.Zone, cfg.Now, row.Shards{Info: cfg.Layout.Shards})}
	s.delivery = delivery{
		cfg:        &s.cfg,
		tables:     [2]table{errorsTable: {name: cfg.ErrorsTable}, infoTable: {name: cfg.InfoTable}},
		health:     health{attempt: firstAttempt},
		congestion: congestion{report: cfg.Report},
		calls:      make(map[*call]bool),
	}
	s.notes = newNotes(&s.cfg)
	s.spill.cfg = &s.cfg
	s.tally = tally{report: cfg.Report, lost: make(map[Loss]int), unsaid: make(map[Loss]int)}
	return s
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

func (s *Store) add(e Entry) { s.enqueue(s.encoder.encode(e)) }

// enqueue takes a new record in, wherever there is room for it.
func (s *Store) enqueue(r *record) {
	r.age = s.queues.age
	s.queues.account(r)
	if s.queues.over() && !s.makeRoom(r) {
		return
	}
	s.queues.push(r)
}

// makeRoom makes room for r, which is accounted for already but in no queue. It
// reports false if that was not possible; then r is in the spill or counted as
// lost.
func (s *Store) makeRoom(r *record) bool {
	for s.queues.over() {
		if s.evict() {
			continue
		}
		if s.spill.there() && r.cost() < s.spill.noRoomFor() && len(s.moveToSpill([]*record{r})) == 0 {
			return false
		}
		others := &s.queues.byTable[infoTable]
		if !r.IsError() || others.len() == 0 {
			s.drop(r, reasonFull)
			return false
		}
		s.drop(others.popLast(), reasonFull)
	}
	return true
}

// drop forgets a record that is in no queue and counts it as lost.
func (s *Store) drop(r *record, reason string) {
	s.queues.forget(r)
	s.settle(r)
	s.tally.lose(r, reason)
}

// storeLosses stores what was lost as a record of its own.
func (s *Store) storeLosses() {
	if s.cfg.Losses == nil {
		return
	}
	if losses := s.tally.due(s.cfg.Now(), s.delivery.last); losses != nil {
		s.add(s.cfg.Losses(losses))
	}
}

// waiting is how many records are not confirmed yet, wherever they are.
func (s *Store) waiting() int {
	return s.queues.len() + s.delivery.inHand() + s.spill.waiting()
}

// waitingAnew is how many of them did not come from the spill.
func (s *Store) waitingAnew() int {
	return s.waiting() - s.spill.waiting() - s.spill.replays
}

// Bound changes the bound of what waits in memory, in bytes. What waits already
// is not touched.
func (s *Store) Bound(maxBytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues.max = maxBytes
}

// InMemory is how many lines wait in memory or are on the wire. It takes no
// lock: it is for the last word of a process in which something is stuck.
func (s *Store) InMemory() int {
	return int(s.queues.lines[errorsTable].Load() + s.queues.lines[infoTable].Load())
}

// Waiting is the number of records that are not confirmed yet. One that is on
// the wire and was copied into the spill meanwhile is one.
func (s *Store) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting() - s.delivery.copied()
}

// Resting reports that DynamoDB has been failing and is left alone at present,
// or that it works too slowly to be waited for.
func (s *Store) Resting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.delivery.health.open || s.delivery.congestion.on) && !s.delivery.last
}

// Bytes is what waits in memory, as counted against the bound.
func (s *Store) Bytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues.bytes
}

// Written is the number of lines that DynamoDB confirmed.
func (s *Store) Written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tally.written
}

// Renew starts a new environment ID for the records to come, for a process
// that was cloned.
func (s *Store) Renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.encoder.keys.Renew()
}
