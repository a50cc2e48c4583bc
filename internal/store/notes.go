package store

import (
	"time"

	"github.com/logtable/logtable/internal/row"
)

// renewNote is the least time after which a note that expires is written
// again, and after which one is that may have been refused.
const renewNote = time.Minute

// notes are the items by which an environment says that it spreads a table's
// days over shards (row.ShardsNote), so that readers need not look for them.
// Informational rows are spread from the first one on, because readers do look
// for those of older layers, if only once a day. Errors are spread from when
// their note is written: a reader that finds none misses no error.
//
// A note is not a record: it waits for nothing, and nothing waits for it. It
// goes along with requests that rows need anyway and that have room for it,
// until it is written. Where more rows wait than one request holds there is
// room, too (reserve): else a table at its limit, which keeps all requests
// full, would never be spread. Where it is refused, the same request is sent
// again without it, at once: policies from before there were notes allow rows
// only, and DynamoDB refuses a batch as a whole. Store.mu guards them.
type notes struct {
	cfg     *Config
	byTable [2]note
}

type note struct {
	shards int       // 0: there is none, or it is written, or was refused
	onWire bool      // a request has it
	next   time.Time // not before then
}

func newNotes(cfg *Config) notes {
	n := notes{cfg: cfg}
	info, errors := cfg.Layout.Shards, cfg.Layout.ErrorShards
	if cfg.InfoTable == cfg.ErrorsTable { // of one table, the larger number says it all
		info, errors = 0, max(info, errors)
	}
	for t, shards := range [2]int{errorsTable: errors, infoTable: info} {
		if shards > 1 {
			n.byTable[t].shards = shards
		}
	}
	return n
}

// join gives a request the notes that are due, if it has room.
func (n *notes) join(c *call, d *delivery) {
	c.notes = nil
	if c.bare || d.last {
		return
	}
	for t := range n.byTable {
		if !n.due(t, d) || len(c.batch)+len(c.notes) == maxBatch {
			continue
		}
		expiry := int64(0)
		if t == infoTable {
			expiry = n.cfg.Now().Add(n.cfg.TTL).Unix()
		}
		item := row.ShardsNote(n.cfg.Layout.Function, n.byTable[t].shards, expiry)
		c.notes = append(c.notes, &record{Record: row.Encoded(item, t == errorsTable)})
		n.byTable[t].onWire = true
	}
}

// due reports whether a table's note is to be written.
func (n *notes) due(t int, d *delivery) bool {
	at := &n.byTable[t]
	return at.shards != 0 && !at.onWire && d.tables[t].failures == 0 && !n.cfg.Now().Before(at.next)
}

// reserve is how many items of a request are kept for notes while so many
// records wait.
func (n *notes) reserve(waiting int, d *delivery) (items int) {
	if waiting <= maxBatch || d.last {
		return 0
	}
	for t := range n.byTable {
		if n.due(t, d) {
			items++
		}
	}
	return items
}

// items are what a request holds: a batch and its notes, errors first.
func (c *call) items() []*record {
	if len(c.notes) == 0 {
		return c.batch
	}
	all := make([]*record, 0, maxBatch)
	for t := range 2 {
		for _, part := range [][]*record{c.batch, c.notes} {
			for _, r := range part {
				if tableOf(r) == t {
					all = append(all, r)
				}
			}
		}
	}
	return all
}

// put takes the notes of a request back that has not written them, to be tried
// again from some instant on.
func (n *notes) put(c *call, next time.Time) {
	for _, r := range c.notes {
		at := &n.byTable[tableOf(r)]
		at.onWire, at.next = false, next
	}
	c.notes = nil
}

// confirmNotes settles the notes of a request that DynamoDB has answered. One
// that expires is written again in time.
func (s *Store) confirmNotes(c *call, unprocessed itemKeys) {
	for _, r := range c.notes {
		at := &s.notes.byTable[tableOf(r)]
		at.onWire = false
		switch {
		case unprocessed.has(r):
		case r.IsError():
			at.shards = 0
			s.encoder.keys.Spread(row.Shards{Info: s.cfg.Layout.Shards, Errors: s.cfg.Layout.ErrorShards})
		default:
			at.next = s.cfg.Now().Add(max(s.cfg.TTL/2, renewNote))
		}
	}
	c.notes = nil
}

// sendWithoutNotes sends a request again that was refused with notes in it. If
// it is accepted now, they are what was refused.
func (w writer) sendWithoutNotes(c *call, f finding) (unprocessed itemKeys, err error) {
	refused := c.notes
	w.strip(c)
	unprocessed, err = w.send(c)
	if err == nil {
		w.notesRefused(refused, f)
	}
	return unprocessed, err
}

func (w writer) strip(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.bare = true
	w.notes.put(c, w.cfg.Now().Add(renewNote))
}

// notesRefused gives notes up.
func (w writer) notesRefused(refused []*record, f finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range refused {
		t := tableOf(r)
		w.notes.byTable[t].shards = 0
		consequence := "readers have to look for its shards"
		if t == errorsTable {
			consequence = "errors are not spread over shards"
		}
		name := w.delivery.tables[t].name
		w.cfg.Report.Fail("shards "+name,
			"cannot write the item \"shards\" to table "+name+" ("+f.why+"); "+consequence,
			"allow the partition key \"shards\" in the policy of the function's role, as the template's "+
				"WritePolicy does")
	}
}
