package store

import "github.com/logtable/logtable/internal/row"

const (
	// arenaBytes is how many bytes of items share an allocation: about a
	// hundred lines. Less than a quarter is left unused at its end, because
	// what is larger than that has an allocation of its own.
	arenaBytes = 16 << 10
	// arenaRecords is how many Records share an allocation.
	arenaRecords = 32
)

// An arena gives records their memory in pieces that many share: one allocation
// for dozens of lines. Nothing in it is used twice: a piece is freed, by the
// garbage collector, when its last record has gone, which is why those that
// leave at different times (errors and informational records) have arenas of
// their own.
type arena struct {
	bytes   []byte // of the current piece, used up to its length
	records []record
}

// record returns a new record that holds a copy of item.
func (a *arena) record(item []byte, isError bool) *record {
	if len(a.records) == cap(a.records) {
		a.records = make([]record, 0, arenaRecords)
	}
	a.records = append(a.records, record{Record: row.Encoded(a.copy(item), isError)})
	return &a.records[len(a.records)-1]
}

func (a *arena) copy(b []byte) []byte {
	if len(b) > arenaBytes/4 {
		return append(make([]byte, 0, len(b)), b...)
	}
	if len(a.bytes)+len(b) > cap(a.bytes) {
		a.bytes = make([]byte, 0, arenaBytes)
	}
	begin := len(a.bytes)
	a.bytes = append(a.bytes, b...)
	return a.bytes[begin:len(a.bytes):len(a.bytes)]
}
