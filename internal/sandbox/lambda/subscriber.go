package lambda

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// subscriber of one name, or nil.
func (r *relay) subscriber(name string) *subscriber {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.subscribers {
		if s.name == name || name == "" {
			return s
		}
	}
	return nil
}

// subscriber is one subscription and its buffer.
type subscriber struct {
	name   string
	url    string
	schema string
	types  map[string]bool
	rules  buffering
	limit  int // bytes
	wake   chan struct{}

	mu             sync.Mutex
	queue          []queued
	bytes          int
	flushing       bool // until the queue is empty
	inFlight       int  // events of the batch being delivered
	droppedBytes   int
	droppedRecords int
}

type queued struct {
	Event
	size int
	at   time.Time
}

func (s *subscriber) concerns(kind string) bool {
	if kind == typeFunctionLine || kind == typeExtensionLine {
		return s.types[kind]
	}
	return s.types["platform"]
}

// offer buffers ev or, if there is no room, counts it as dropped.
func (s *subscriber) offer(ev Event) {
	if !s.concerns(ev.Type) {
		return
	}
	size := len(ev.body(s.schema))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+size > s.limit {
		s.droppedBytes += size
		s.droppedRecords++
		return
	}
	s.push(ev, size)
	s.poke()
}

func (s *subscriber) push(ev Event, size int) {
	s.queue = append(s.queue, queued{ev, size, time.Now()})
	s.bytes += size
}

func (s *subscriber) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *subscriber) flushNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing = true
	s.poke()
}

// next waits for a batch by the subscription's rules: enough items, enough
// bytes, or an event that has waited long enough.
func (s *subscriber) next(ctx context.Context) ([]Event, bool) {
	for {
		events, wait := s.take()
		if events != nil {
			return events, true
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, false
		}
		timer.Stop()
	}
}

// take returns a batch that is due, or how long to wait at most.
func (s *subscriber) take() ([]Event, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.flushing = false
		return nil, time.Hour
	}
	wait := time.Until(s.queue[0].at.Add(time.Duration(s.rules.timeoutMs) * time.Millisecond))
	full := len(s.queue) >= s.rules.maxItems || s.bytes >= s.rules.maxBytes
	if wait > 0 && !full && !s.flushing {
		return nil, wait
	}
	return s.cut(), 0
}

func (s *subscriber) cut() []Event {
	n, size := 0, 0
	for n < len(s.queue) && n < s.rules.maxItems && size < s.rules.maxBytes {
		size += s.queue[n].size
		n++
	}
	events := make([]Event, n)
	for i, q := range s.queue[:n] {
		events[i] = q.Event
	}
	s.queue = s.queue[n:]
	s.bytes -= size
	s.inFlight = n
	s.reportDropped()
	return events
}

// reportDropped tells of dropped events as soon as there is room again, in
// their place in the stream.
func (s *subscriber) reportDropped() {
	if s.droppedRecords == 0 {
		return
	}
	record := logsDroppedRecord{s.droppedBytes, s.droppedRecords,
		"the subscriber takes events more slowly than they come"}
	s.droppedBytes, s.droppedRecords = 0, 0
	if !s.concerns(typeLogsDropped) {
		return
	}
	ev := Event{Time: time.Now(), Type: typeLogsDropped, Record: encode(record)}
	s.push(ev, len(ev.body(s.schema)))
}

func (s *subscriber) delivered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight = 0
}

func (s *subscriber) undelivered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) + s.inFlight
}

func (s *subscriber) body(events []Event) []byte {
	parts := make([][]byte, len(events))
	for i, ev := range events {
		parts[i] = ev.body(s.schema)
	}
	return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
}
