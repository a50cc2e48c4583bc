package store

import (
	"testing"
	"time"
)

// A request that is sent again without its notes takes no other one along that
// has become due meanwhile.
func TestARequestThatWasRefusedTakesNoOtherNotes(t *testing.T) {
	s := New(Config{InfoTable: "logtable-info", ErrorsTable: "logtable-errors", TTL: time.Hour, Zone: time.UTC,
		Layout: Layout{Shards: 2, ErrorShards: 2}, Report: noReport{t}})
	join := func(c *call) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.notes.join(c, &s.delivery)
		return len(c.notes)
	}
	if n := join(&call{bare: true}); n != 0 {
		t.Errorf("%d notes", n)
	}
	if n := join(&call{}); n != 2 {
		t.Errorf("%d notes of 2", n)
	}
	if n := join(&call{}); n != 0 {
		t.Errorf("%d notes that are on the wire already", n)
	}
}
