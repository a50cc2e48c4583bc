package store

import (
	"strings"
	"time"
	"unsafe"

	"github.com/logtable/logtable/internal/row"
)

// An encoder makes records of entries, without an allocation for each.
type encoder struct {
	cfg  *Config
	keys *row.Keys

	module module  // of the last entry
	row    row.Row // what is being encoded; here, because on the stack it would not stay
	buf    []byte  // for one item
	arenas [2]arena
}

// A module is a name and what row.Module made of it.
type module struct{ name, clean string }

// encode gives an entry its key.
func (e *encoder) encode(entry Entry) *record {
	if entry.Module != e.module.name {
		e.module = module{strings.Clone(entry.Module), strings.Clone(row.Module(entry.Module))}
	}
	r := &e.row
	*r = row.Row{
		Error: entry.Error, Level: entry.Level, Locator: entry.Locator,
		RequestID: entry.RequestID, Message: entry.Message,
		ExceptionAt: max(int64(entry.ExceptionAt), -1),
		Fields:      entry.Fields, Issues: entry.Issues,
	}
	if entry.Links != nil {
		r.Links = *entry.Links
	}
	date, stampMod := e.keys.Next(entry.Time, e.module.clean, entry.Error)
	// Good until the next call of Next; by then the row is encoded.
	r.Date, r.StampMod = date, unsafe.String(unsafe.SliceData(stampMod), len(stampMod))
	if !entry.Error {
		r.Expiry = e.expiry()
	}
	r.Fit()
	e.buf = r.Append(e.buf[:0])
	rec := e.arenas[tableIndex(entry.Error)].record(e.buf, entry.Error)
	rec.kept = entry.Kept
	*r = row.Row{} // its strings are the caller's
	if cap(e.buf) > arenaBytes {
		e.buf = nil
	}
	return rec
}

// expiry counts from the last stamp; from now where a wrong clock would have
// the row deleted at once.
func (e *encoder) expiry() int64 {
	from, now := e.keys.Seconds(), e.cfg.Now().Unix()
	ttl := int64(e.cfg.TTL / time.Second)
	if from+ttl <= now {
		from = now
	}
	return from + ttl
}
