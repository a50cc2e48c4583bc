package table

import (
	"maps"
	"slices"
	"sync"
)

// Stats are counts over the server's life, or since ResetStats.
type Stats struct {
	Requests map[string]int // by operation, refused ones included
	Errors   map[string]int // refusals by code, such as "ThrottlingException"

	ItemsWritten int // puts that were stored, overwriting ones included
	WriteUnits   int // spent by what was stored, updated or deleted
	Unprocessed  int // puts and deletes that came back as UnprocessedItems

	// Overwritten counts the puts onto a key that existed; of these,
	// OverwrittenEqual had the content that was already there. The difference
	// is data lost.
	Overwritten      int
	OverwrittenEqual int
}

// A Record is what the server notes of one request.
type Record struct {
	N      int    // the server's first request is 1
	Op     string // "BatchWriteItem"; "" if the request named none
	Bytes  int    // length of the body
	Status int    // of the answer; 0 if there was none
	Code   string // of the refusal, such as "ThrottlingException"; else ""
	Fault  string // how an injected fault ended the request; else ""

	Puts        int // stored
	Deletes     int // carried out, whether or not there was an item
	Unprocessed int // returned as UnprocessedItems
}

// maxRecords bounds what a long-running server remembers of its requests.
const maxRecords = 10_000

type recorder struct {
	mu      sync.Mutex
	hook    FaultFunc
	n       int
	stats   Stats
	records []Record
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	r := &s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	copied := r.stats
	copied.Requests = maps.Clone(r.stats.Requests)
	copied.Errors = maps.Clone(r.stats.Errors)
	return copied
}

// ResetStats sets the counts to zero and forgets the records; the numbers of
// requests go on.
func (s *Server) ResetStats() {
	r := &s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats = Stats{}
	r.records = nil
}

// Records returns what was noted of the last 10,000 requests, in the order in
// which they ended.
func (s *Server) Records() []Record {
	r := &s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

func (r *recorder) setHook(f FaultFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hook = f
}

func (r *recorder) begin(op string) (n int, hook FaultFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return r.n, r.hook
}

func (r *recorder) end(record Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	count(&r.stats.Requests, record.Op)
	if record.Code != "" {
		count(&r.stats.Errors, record.Code)
	}
	r.stats.Unprocessed += record.Unprocessed
	if len(r.records) == maxRecords {
		r.records = slices.Delete(r.records, 0, maxRecords/10)
	}
	r.records = append(r.records, record)
}

func count(counts *map[string]int, name string) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[name]++
}

// wrote notes one stored put; old is the item it replaced, or nil.
func (r *recorder) wrote(units int, old, now Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.ItemsWritten++
	r.stats.WriteUnits += units
	if old == nil {
		return
	}
	r.stats.Overwritten++
	if old.equal(now) {
		r.stats.OverwrittenEqual++
	}
}

func (r *recorder) spent(units int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.WriteUnits += units
}
