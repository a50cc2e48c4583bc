package lambda

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const maxBackoff = time.Second

// relay takes an instance's telemetry events and brings them to subscribers.
type relay struct {
	env    *Environment
	init   int
	ctx    context.Context // the instance's
	client *http.Client
	posts  sync.WaitGroup

	mu          sync.Mutex
	history     []Event // everything since init start, until subscriptions are closed
	keepHistory bool
	late        []Event // held back by Hooks.Late
	open        string  // the open invocation's request ID
	busy        int     // open invocations of a managed instance, whose lines are nobody's
	subscribers []*subscriber

	traffic board
	frozen  bool // under traffic: no post may begin
	closed  bool // under traffic: none ever again
	posting int  // under traffic
}

func newRelay(ctx context.Context, env *Environment, init int) *relay {
	return &relay{env: env, init: init, ctx: ctx, client: sandboxClient(), keepHistory: true}
}

// sandboxClient finds the hosts sandbox and sandbox.localdomain here, and
// never asks a proxy. It has no time-out: a listener that does not answer
// fills its own buffer.
func sandboxClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}}
}

// invocation says which invocation events belong to from now on.
func (r *relay) invocation(requestID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = requestID
}

// opened counts a managed instance's invocations.
func (r *relay) opened(by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy += by
}

// emit makes an event of record and buffers it for everyone it concerns.
func (r *relay) emit(kind string, record any) { r.emitOf("", kind, record) }

// emitOf is emit for an event of an invocation, by default of the open one.
func (r *relay) emitOf(requestID, kind string, record any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if requestID == "" {
		requestID = r.open
	}
	r.publish(Event{Time: time.Now(), Type: kind, Record: encode(record), RequestID: requestID})
	if kind == typeRuntimeDone || kind == typeReport && r.busy > 0 {
		r.releaseLate()
	}
}

// line makes an event of a line of output.
func (r *relay) line(kind string, line []byte, logFormat string) {
	now := time.Now()
	record := lineRecord(line, logFormat, now)
	r.mu.Lock()
	defer r.mu.Unlock()
	ev := Event{Time: now, Type: kind, Record: record, RequestID: r.open}
	hold := r.env.cfg.Hooks.Late
	if kind == typeFunctionLine && hold != nil && (r.open != "" || r.busy > 0) && hold(ev) {
		r.late = append(r.late, ev)
		return
	}
	r.publish(ev)
}

func (r *relay) releaseLate() {
	for _, ev := range r.late {
		r.publish(ev)
	}
	r.late = nil
}

func (r *relay) publish(ev Event) {
	if hook := r.env.cfg.Hooks.Emit; hook != nil && !hook(&ev) {
		return
	}
	if r.keepHistory {
		r.history = append(r.history, ev)
	}
	for _, s := range r.subscribers {
		s.offer(ev)
	}
}

// subscribe starts the delivery to s, beginning with everything since init
// start.
func (r *relay) subscribe(s *subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.limit = r.env.cfg.TelemetryBuffer
	s.wake = make(chan struct{}, 1)
	for _, ev := range r.history {
		s.offer(ev)
	}
	r.subscribers = append(r.subscribers, s)
	r.posts.Go(func() { r.serve(s) })
}

// closeSubscriptions drops what was kept for subscribers to come.
func (r *relay) closeSubscriptions() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history, r.keepHistory = nil, false
}

// flush has everything buffered delivered without waiting for the
// subscriptions' time-outs. It does not wait for the delivery.
func (r *relay) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.releaseLate()
	for _, s := range r.subscribers {
		s.flushNow()
	}
}

// freeze holds deliveries back until thaw. One under way ends after it.
func (r *relay) freeze(on bool) { r.traffic.update(func() { r.frozen = on }) }

// close lets posts under way end, so that an answer the extension gave before
// it exited counts, and allows no further ones. The listener is gone, so
// there is little to wait for.
func (r *relay) close() {
	const grace = time.Second
	ctx, cancel := context.WithTimeout(r.ctx, grace)
	defer cancel()
	r.traffic.update(func() { r.closed = true })
	r.traffic.await(ctx, func() bool { return r.posting == 0 })
}

// undelivered counts the events that no subscriber has acknowledged.
func (r *relay) undelivered() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.subscribers {
		n += s.undelivered()
	}
	return n
}

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

// serve delivers one batch after the other until the instance ends.
func (r *relay) serve(s *subscriber) {
	for {
		events, ok := s.next(r.ctx)
		if !ok {
			return
		}
		if !r.deliver(s, events) {
			return
		}
	}
}

// deliver posts a batch until it is acknowledged. It reports false when the
// instance ended before.
func (r *relay) deliver(s *subscriber, events []Event) bool {
	b := &Batch{Extension: s.name, Init: r.init, Time: time.Now(), Events: events, Body: s.body(events)}
	backoff := r.env.cfg.TelemetryBackoff
	for attempt := 1; ; attempt++ {
		ok, alive := r.attempt(s, b, attempt)
		if ok {
			s.delivered()
			r.traffic.update(func() {}) // wakes settled
			return alive && r.redeliver(s, b)
		}
		if !alive {
			return false
		}
		if !sleep(r.ctx, backoff) {
			return false
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

func (r *relay) attempt(s *subscriber, b *Batch, attempt int) (ok, alive bool) {
	if hook := r.env.cfg.Hooks.Deliver; hook != nil {
		hook(r.ctx, attempt, *b)
	}
	if !r.admit() {
		return false, false
	}
	defer r.traffic.update(func() { r.posting-- })
	r.env.log.update(func() {
		if attempt == 1 {
			b.Time = time.Now()
			r.env.log.batches = append(r.env.log.batches, b)
		}
		b.Attempts++
	})
	status, err := post(r.ctx, r.client, http.MethodPost, s.url, b.Body)
	ok = err == nil && status/100 == 2
	if ok {
		r.env.log.update(func() { b.Acknowledged = true })
	}
	return ok, r.ctx.Err() == nil
}

// admit waits until a post may begin. It reports false if none may any more.
func (r *relay) admit() bool {
	admitted := false
	err := r.traffic.await(r.ctx, func() bool {
		if r.closed {
			return true
		}
		if r.frozen {
			return false
		}
		r.posting++
		admitted = true
		return true
	})
	return err == nil && admitted
}

func (r *relay) redeliver(s *subscriber, b *Batch) bool {
	hook := r.env.cfg.Hooks.Redeliver
	if hook == nil {
		return true
	}
	for n := hook(*b); n > 0; n-- {
		if _, alive := r.attempt(s, b, b.Attempts+1); !alive {
			return false
		}
	}
	return true
}

func post(ctx context.Context, client *http.Client, method, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("cannot post to the telemetry listener: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("cannot post to the telemetry listener: %w", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, nil
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
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
	record := logsDroppedRecord{s.droppedBytes, s.droppedRecords, "the subscriber takes events more slowly than they come"}
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
