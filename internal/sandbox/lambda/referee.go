package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Request is one call of a client to one of the platform's APIs.
type Request struct {
	Time   time.Time
	Init   int    // which init of the environment, from 1
	Caller string // "runtime", or the extension's name if it could be told
	Method string
	Path   string
	Header http.Header
	Body   []byte
	// Status is what was answered; 0 while the call waits and after a
	// connection reset.
	Status int
}

// Event is one telemetry event.
type Event struct {
	Time   time.Time
	Type   string          // "platform.start", "function", …
	Record json.RawMessage // as schema 2022-12-13 and later has it
	// RequestID is the invocation the event belongs to. For a function's line
	// it is the one the platform had open, which the event itself does not
	// tell its reader; empty in init.
	RequestID string
}

// Batch is one body for the telemetry listener.
type Batch struct {
	Extension string // the subscriber
	Init      int    // which init of the environment, from 1
	Time      time.Time
	Body      []byte // a JSON array
	Events    []Event
	Attempts  int
	// Acknowledged is set when the listener has answered with a 2xx.
	Acknowledged bool
}

// refereeLog is the referee's notes: what clients did, in the order it
// happened.
type refereeLog struct {
	board
	requests   []*Request
	violations []string
	batches    []*Batch
	calls      map[string]int // per kind, for hooks
	forget     bool           // see Output.Forget; set once
}

func (l *refereeLog) request(r *Request) {
	l.update(func() {
		if !l.forget {
			l.requests = append(l.requests, r)
		}
	})
}

func (l *refereeLog) answered(r *Request, status int) {
	l.update(func() { r.Status = status })
}

func (l *refereeLog) violation(format string, args ...any) {
	l.update(func() { l.violations = append(l.violations, fmt.Sprintf(format, args...)) })
}

func (l *refereeLog) count(kind string) (n int) {
	l.update(func() {
		if l.calls == nil {
			l.calls = map[string]int{}
		}
		l.calls[kind]++
		n = l.calls[kind]
	})
	return n
}

// Violations lists what clients did that Lambda refuses or that harms the
// function, in order, one sentence each. A good client leaves it empty.
// Refusals that a hook provoked are not in it.
func (e *Environment) Violations() (v []string) {
	e.log.look(func() { v = slices.Clone(e.log.violations) })
	return v
}

// Requests lists all API calls in the order of their arrival.
func (e *Environment) Requests() (rs []Request) {
	e.log.look(func() {
		for _, r := range e.log.requests {
			rs = append(rs, *r)
		}
	})
	return rs
}

// Telemetry lists all batches whose delivery was tried, in the order of their
// first attempt.
func (e *Environment) Telemetry() (bs []Batch) {
	e.log.look(func() {
		for _, b := range e.log.batches {
			bs = append(bs, *b)
		}
	})
	return bs
}

// ExtensionOutput is all the extension wrote to stdout and stderr.
func (e *Environment) ExtensionOutput() string { return e.extensionOut.String() }

// FunctionOutput is all the function wrote to stdout and stderr, as written.
func (e *Environment) FunctionOutput() string { return e.functionOut.String() }

// Await returns when cond is true, or with the context's error. cond is asked
// again whenever a request has arrived or been answered, a batch has been
// tried or acknowledged, a violation has been noted, or the extension has
// written a line. It may call the methods that tell of these.
func (e *Environment) Await(ctx context.Context, cond func() bool) error {
	for {
		changed := e.log.watch()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
