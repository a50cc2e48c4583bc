package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logtable/logtable/internal/wait"
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
	// fullPack is how many lines are worth a pack while more may come.
	fullPack = 100
	// calmLines is how many informational lines may wait before Layout.Auto
	// packs them: two rounds of the writers, so that little waits for long.
	calmLines = 2 * maxWriters * maxBatch
	// perWriter is how many waiting records justify one more writer.
	perWriter = 2 * maxBatch
	// backoffBase and backoffDoublings bound the pause after a failure: full
	// jitter, 0.8 s at most.
	backoffBase      = 25 * time.Millisecond
	backoffDoublings = 5
	// lastAttempt is the time limit of a request after the last flush has
	// begun: two tries must fit into what SHUTDOWN leaves. lastPatience is how
	// long a request may have been on the wire by then without being given up.
	lastAttempt  = 700 * time.Millisecond
	lastPatience = 300 * time.Millisecond
)

// delivery is what writers do, and what is known of DynamoDB. Store.mu guards
// it.
type delivery struct {
	cfg        *Config
	tables     [2]table
	health     health
	congestion congestion

	writers     int            // goroutines
	calls       map[*call]bool // what they have in hand
	panicked    bool           // one has: no other one is started
	sendPartial bool           // batches leave that are not full
	last        bool           // SHUTDOWN: nothing rests any more
	changes     wait.Broadcast // of what a flush or a pausing writer waits for
}

// A call is a batch that a writer has in hand, to be sent or on the wire.
type call struct {
	batch  []*record
	groups []int              // how many records each of batch's items will hold; nil when they are packed
	notes  []*record          // what goes along with the request: see notes
	bare   bool               // nothing may
	began  time.Time          // of the request; zero before
	until  time.Time          // when the request's time limit ends
	cancel context.CancelFunc // of the request; nil before
}

// take gives a writer a batch.
func (d *delivery) take(batch []*record) *call {
	c := &call{batch: batch}
	d.calls[c] = true
	return c
}

// inHand is how many records writers have in hand.
func (d *delivery) inHand() (n int) {
	for c := range d.calls {
		n += len(c.batch)
	}
	return n
}

// copied is how many of them are in the spill, too.
func (d *delivery) copied() (n int) {
	for c := range d.calls {
		for _, r := range c.batch {
			if r.spilled {
				n++
			}
		}
	}
	return n
}

// anyBlocked reports whether one of the tables is left alone. Then what is in
// the spill stays there.
func (d *delivery) anyBlocked(now time.Time) bool {
	return d.tables[infoTable].blocked(now) || d.tables[errorsTable].blocked(now)
}

// hangs reports whether a request has been on the wire for long whose records
// are nowhere else.
func (d *delivery) hangs(now time.Time) bool {
	for c := range d.calls {
		if c.onWireFor(now) >= hungFor && slices.ContainsFunc(c.batch, (*record).onlyInMemory) {
			return true
		}
	}
	return false
}

// overdue reports whether a request has been on the wire for longer than an
// answer should take.
func (d *delivery) overdue(now time.Time) bool {
	for c := range d.calls {
		if c.onWireFor(now) > slowAnswer {
			return true
		}
	}
	return false
}

// onWireFor is how long the request has been on the wire; 0 before.
func (c *call) onWireFor(now time.Time) time.Duration {
	if c.began.IsZero() {
		return 0
	}
	return now.Sub(c.began)
}

// timeLimit is how long a request with a batch may take that begins now.
func (d *delivery) timeLimit(batch []*record) time.Duration {
	limit := max(d.health.attempt, d.cfg.Attempt)
	if d.last {
		limit = min(limit, lastAttempt)
	}
	for _, r := range batch {
		limit += time.Duration(len(r.Item())) * perMiB >> 20
	}
	return limit
}

// backoff is the pause that the state of DynamoDB asks for before the next
// request. idle says that nothing waits for one.
func (d *delivery) backoff(idle bool) time.Duration {
	n := max(d.health.failures, d.health.squeeze)
	if n == 0 || d.health.failures == 0 && idle {
		return 0
	}
	return rand.N(wait.Backoff(backoffBase, backoffBase<<backoffDoublings, n+1)) + 1
}

// hurry begins the end: nothing rests any more. It reports false if it has
// begun already.
func (d *delivery) hurry() bool {
	if d.last {
		return false
	}
	d.last = true
	d.changes.Notify() // pauses end
	for t := range d.tables {
		d.tables[t].blockedUntil = time.Time{}
	}
	for c := range d.calls {
		d.limit(c)
	}
	return true
}

// limit gives up a request that has been on the wire for long when the end has
// come: its may be a dead socket, and there is no time to find out. Others get
// the time limit of the end. The records are sent once more.
func (d *delivery) limit(c *call) {
	if c.cancel == nil {
		return
	}
	if age := d.cfg.Now().Sub(c.began); age > lastPatience {
		c.cancel()
	} else {
		time.AfterFunc(d.timeLimit(c.batch)-age, c.cancel)
	}
}

// wantedWriters is how many writers the records that may be taken now are
// worth.
func (d *delivery) wantedWriters(takable int) int {
	want := (takable + perWriter - 1) / perWriter
	switch {
	case d.panicked:
		return 0
	case d.last:
		want += len(d.calls) // which may hang
	case want > 0 && d.health.open: // one probes
		if d.cfg.Now().Before(d.health.until) {
			return 0
		}
		return 1
	case d.health.squeeze > 0:
		want = min(want, 1) // more would only be refused more often
	}
	return min(want, maxWriters)
}
