package store

import (
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/spill"
)

// What a Record may be, the spill takes: this does not compile otherwise.
const _ uint = spill.MaxPayload - row.MaxRecord

// Links say what a row belongs to beside its invocation: see row.Links.
type Links = row.Links

// An Entry is what somebody wants stored: a row without its keys. Its strings
// are read during Add only.
type Entry struct {
	Time        time.Time // of the event; decides stamp and day
	Error       bool      // errors table; otherwise informational
	Level       string    // upper case
	Locator     string
	Module      string // made fit for the key by Add
	RequestID   string // "" if not known
	Links       *Links // nil for none
	Message     string // "LEVEL: (locator) text exception"
	ExceptionAt int    // byte offset in Message; negative if there is none
	Fields      string // JSON object of the remaining members; "" if none
	Issues      string // what was wrong with a line, or odd; "" if nothing
	// Kept, if it is set, is called once with the row's key when the row is
	// safe: confirmed by DynamoDB, in the spill, or given up and counted as
	// lost. Rows that end as last-resort lines are never kept.
	//
	// It is called with the Store's lock held, so it must not call the Store,
	// nor wait. That is on purpose: whoever sees by Flush, Persist or Waiting
	// that a row is safe can rely on Kept having been called for it. Keys that
	// were queued and handed out after the lock would reach the alerts some
	// time behind a Flush that has returned, and a freeze may come between.
	Kept func(date, stampMod string)
}

// A record is a row.Record on its way: what waits in the queue, is in a
// writer's hand or on the wire.
type record struct {
	row.Record

	reduced bool // this is the short form of a row that DynamoDB refused
	spilled bool // on the wire, and copied into the spill meanwhile

	refusedAt uint32  // count of the table's accepted records, and one, at the first refusal; 0 for none
	age       uint32  // of the Store when the record came: see Store.Age
	replay    *replay // the record came from this segment of the spill

	kept func(date, stampMod string) // see Entry.Kept; nil once it was called
}

// safe tells whoever waits for it that nothing more will be done to keep the
// record.
func (r *record) safe() {
	if r.kept != nil {
		kept := r.kept
		r.kept = nil
		date, stampMod := r.Key()
		kept(string(date), string(stampMod))
	}
}

// mayComeLate has a line stay a row of its own that is on the wire, or was
// there without an answer: DynamoDB may still write that row, over a pack with
// its key.
func (r *record) mayComeLate() {
	if !r.IsError() && r.Lines() == 1 {
		r.StandAlone()
	}
}

// onlyInMemory reports whether the record is in memory and nowhere else.
func (r *record) onlyInMemory() bool { return r.replay == nil && !r.spilled }

// overhead is what a queued record costs beside its item, in bytes: itself, its
// place in the queue, and what the arena leaves unused.
const overhead = 120

// cost is what the record counts against the queue's bound.
func (r *record) cost() int { return overhead + len(r.Item()) }

// reduce turns the record into the short form that takes the place of a row
// which DynamoDB refused. One that cannot be read is refused again, and
// counted.
func (r *record) reduce(why string) {
	r.reduced = true
	r.Reduce(why)
}
