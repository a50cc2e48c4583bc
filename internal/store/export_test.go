package store

import (
	"fmt"
	"maps"
	"strings"

	"github.com/logtable/logtable/internal/row"
)

// Congested reports that DynamoDB takes less than is written, or answers so
// slowly that nobody should wait for it.
func (s *Store) Congested() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivery.congestion.on && !s.delivery.last
}

// Lost returns the losses so far.
func (s *Store) Lost() map[Loss]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.tally.lost)
}

// AddRecord queues a record that has its key already.
func (s *Store) AddRecord(r *row.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(&record{Record: *r})
}

// Unstorable is a record that DynamoDB refuses: a key must not be empty.
func Unstorable(date string) *row.Record {
	const item = `{"date":{"S":"%s"},"stamp_mod":{"S":""},"level":{"S":"INFO"},"message":{"S":"INFO: (1) no key"}}`
	r := row.Encoded(fmt.Appendf(nil, item, date), false)
	return &r
}

// Oversized is a record whose item has so many bytes, more than any row's.
func Oversized(bytes int) *row.Record {
	const item = `{"date":{"S":"2026-11-22"},"stamp_mod":{"S":"1795300002.0050007+m+2p4thtomb9"},` +
		`"level":{"S":"INFO"},"message":{"S":"%s"}}`
	r := row.Encoded(fmt.Appendf(nil, item, strings.Repeat("x", bytes)), false)
	return &r
}
