package lambda

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func newSubscriber(rules buffering) *subscriber {
	return &subscriber{
		schema: schema2025, types: map[string]bool{"platform": true, "function": true},
		rules: rules, limit: 1 << 20, wake: make(chan struct{}, 1),
	}
}

func textEvent(text string) Event {
	return Event{Time: time.Now(), Type: "function", Record: encode(text)}
}

func TestBatchIsDueByItems(t *testing.T) {
	s := newSubscriber(buffering{3, 1 << 20, 30000})
	s.offer(textEvent("a"))
	s.offer(textEvent("b"))
	if events, wait := s.take(); events != nil || wait <= 0 {
		t.Errorf("%d events at once, wait %v", len(events), wait)
	}
	s.offer(textEvent("c"))
	s.offer(textEvent("d"))
	if events, _ := s.take(); len(events) != 3 {
		t.Errorf("%d events, want 3", len(events))
	}
	if events, _ := s.take(); events != nil {
		t.Errorf("the rest is due too early: %d", len(events))
	}
}

func TestBatchIsDueByBytes(t *testing.T) {
	s := newSubscriber(buffering{1000, 1000, 30000})
	s.offer(textEvent(strings.Repeat("x", 600)))
	if events, _ := s.take(); events != nil {
		t.Errorf("%d events too early", len(events))
	}
	for range 3 {
		s.offer(textEvent(strings.Repeat("y", 600)))
	}
	// The batch is closed by the event that reaches maxBytes.
	if events, _ := s.take(); len(events) != 2 {
		t.Errorf("%d events, want 2", len(events))
	}
}

func TestBatchIsDueByTime(t *testing.T) {
	s := newSubscriber(buffering{1000, 1 << 20, 25})
	s.offer(textEvent("a"))
	s.queue[0].at = time.Now().Add(-time.Second)
	if events, _ := s.take(); len(events) != 1 {
		t.Errorf("%d events, want 1", len(events))
	}
}

func TestBatchIsDueByFlush(t *testing.T) {
	s := newSubscriber(buffering{1000, 1 << 20, 30000})
	s.offer(textEvent("a"))
	s.flushNow()
	if events, _ := s.take(); len(events) != 1 {
		t.Errorf("%d events, want 1", len(events))
	}
}

func TestOnlySubscribedTypes(t *testing.T) {
	s := newSubscriber(buffering{1000, 1 << 20, 25})
	s.types = map[string]bool{"function": true}
	s.offer(Event{Type: "platform.start", Record: encode(1)})
	s.offer(Event{Type: "extension", Record: encode("x")})
	s.offer(textEvent("a"))
	if len(s.queue) != 1 || s.queue[0].Type != "function" {
		t.Errorf("queue %v", s.queue)
	}
}

func TestLogsDropped(t *testing.T) {
	s := newSubscriber(buffering{1, 1 << 20, 30000})
	s.limit = 250
	for range 5 {
		s.offer(textEvent(strings.Repeat("x", 50)))
	}
	kept := len(s.queue)
	if kept == 0 || kept == 5 {
		t.Fatalf("%d of 5 events kept", kept)
	}
	var last Event
	taken := 0
	for {
		events, _ := s.take()
		if events == nil {
			break
		}
		taken += len(events)
		last = events[len(events)-1]
	}
	var r logsDroppedRecord
	if err := json.Unmarshal(last.Record, &r); err != nil || last.Type != "platform.logsDropped" {
		t.Fatalf("last event %s %s", last.Type, last.Record)
	}
	if r.DroppedRecords != 5-kept || r.DroppedBytes < r.DroppedRecords*50 || r.Reason == "" || taken != kept+1 {
		t.Errorf("record %+v with %d kept, %d taken", r, kept, taken)
	}
}
