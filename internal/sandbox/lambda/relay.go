package lambda

import (
	"context"
	"net/http"
	"sync"
	"time"
)

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
	kept        int     // bytes in history; beyond a subscriber's buffer, lines are left out
	late        []Event // held back by Hooks.Late
	open        string  // the open invocation's request ID
	busy        int     // open invocations of a managed instance, whose lines are nobody's
	subscribers []*subscriber

	traffic traffic
}

// traffic says whether a relay may post, and whether it does.
type traffic struct {
	board        // guards the others
	frozen  bool // no post may begin
	closed  bool // none ever again
	posting int  // posts under way
}

func newRelay(ctx context.Context, env *Environment, init int) *relay {
	return &relay{env: env, init: init, ctx: ctx, client: sandboxClient(), keepHistory: true}
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
	if r.keepHistory && (ev.Type != typeFunctionLine || r.kept < r.env.cfg.Telemetry.Buffer) {
		r.history = append(r.history, ev)
		r.kept += len(ev.Record)
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
	s.limit = r.env.cfg.Telemetry.Buffer
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
func (r *relay) freeze(on bool) { r.traffic.update(func() { r.traffic.frozen = on }) }

// close lets posts under way end, so that an answer the extension gave before
// it exited counts, and allows no further ones. The listener is gone, so
// there is little to wait for.
func (r *relay) close() {
	const grace = time.Second
	ctx, cancel := context.WithTimeout(r.ctx, grace)
	defer cancel()
	r.traffic.update(func() { r.traffic.closed = true })
	r.traffic.await(ctx, func() bool { return r.traffic.posting == 0 })
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
