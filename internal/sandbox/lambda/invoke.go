package lambda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// run is one on-demand invocation: the only one there is, with a reset if it
// fails and the freeze after it.
type run struct {
	env    *Environment
	in     *instance
	inv    *invocation
	result Result
	billed time.Duration // init included, where it is part of the invocation
}

// invoke runs an invocation to its end, extensions included. A fault of the
// function or the extension is a result, not an error.
func (e *Environment) invoke(ctx context.Context, caller Caller, payload []byte) (Result, error) {
	r := &run{env: e, inv: e.newInvocation(caller, payload)}
	r.result.RequestID = r.inv.id
	limit, cancel := context.WithDeadline(ctx, r.inv.deadline)
	defer cancel()
	initErr, err := r.ensureInstance(limit)
	if err != nil {
		return r.result, err
	}
	r.in.restore()
	r.in.thaw()
	r.begin(initErr == nil)
	fail := initErr
	if fail == nil {
		fail = r.awaitRuntime(limit)
	}
	r.in.drain()
	r.emitRuntimeDone(fail)
	if fail == nil {
		fail = r.awaitExtensions(limit)
	}
	return r.conclude(ctx, fail)
}

// newInvocation makes an invocation, with a request ID of its own unless one
// is given.
func (e *Environment) newInvocation(caller Caller, payload []byte) *invocation {
	now := time.Now()
	inv := &invocation{
		id: caller.RequestID, tenant: caller.Tenant, payload: payload, startedAt: now, deadline: now.Add(e.cfg.Timeout),
	}
	if inv.id == "" {
		inv.id = newUUID()
	}
	if !caller.Untraced {
		inv.tracing = newTracing(now, caller.Trace)
	}
	return inv
}

// newTracing makes a trace header as X-Ray has it: of the caller's trace, if it
// names one.
func newTracing(now time.Time, caller string) *tracing {
	id := newUUID()
	hex := id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	root := fmt.Sprintf("Root=1-%08x-%s", now.Unix(), hex[:24])
	for part := range strings.SplitSeq(caller, ";") {
		if part = strings.TrimSpace(part); strings.HasPrefix(part, "Root=") {
			root = part
		}
	}
	return &tracing{SpanID: hex[:16], Type: "X-Amzn-Trace-Id", Value: root + ";Parent=" + hex[16:] + ";Sampled=1"}
}

// ensureInstance makes a new instance after a reset. An init that fails is
// the first result, anything that is not the clients' fault the second.
func (r *run) ensureInstance(ctx context.Context) (initErr, err error) {
	if r.in = r.env.currentInstance(); r.in != nil {
		r.result.Init = r.env.takeInit()
		return nil, nil
	}
	if r.in, initErr = r.env.initialize(ctx, "invoke"); r.in == nil {
		return nil, initErr
	}
	r.result.Init = r.env.takeInit()
	var f *fault
	if initErr != nil && !errors.As(initErr, &f) {
		r.in.kill()
		r.env.setInstance(nil)
		return nil, initErr
	}
	return initErr, nil
}

// begin emits platform.start and hands out the invocation.
func (r *run) begin(handOut bool) {
	cfg := r.env.cfg
	r.in.relay.invocation(r.inv.id)
	r.in.relay.emit(typeStart, startRecord{
		RequestID: r.inv.id, Version: cfg.FunctionVersion, FunctionARN: cfg.functionARN(), Tracing: r.inv.tracing,
		TenantID: r.inv.tenant,
	})
	if !handOut {
		return
	}
	event := invokeEvent{
		EventType: eventInvoke, DeadlineMs: r.in.deadlineMs(eventInvoke, r.inv.deadline),
		RequestID: r.inv.id, InvokedFunctionARN: cfg.functionARN(),
	}
	if t := r.inv.tracing; t != nil {
		event.Tracing = &tracing{Type: t.Type, Value: t.Value}
	}
	r.in.update(func() {
		r.in.current = r.inv
		for _, x := range r.in.extensions {
			if x.wants(eventInvoke) {
				x.pending = &nextAnswer{event, eventInvoke}
			}
		}
	})
}

func (r *run) awaitRuntime(ctx context.Context) error {
	return r.await(ctx, func() bool { return !r.inv.doneAt.IsZero() })
}

// awaitExtensions waits for everyone who was given the INVOKE event.
func (r *run) awaitExtensions(ctx context.Context) error {
	done := func() bool {
		for _, x := range r.in.extensions {
			if x.wants(eventInvoke) && !x.idle() {
				return false
			}
		}
		return true
	}
	err := r.await(ctx, done)
	var f *fault
	if errors.As(err, &f) && f.status == StatusTimeout {
		r.env.log.violation("%s: did not call event/next before the function's time-out: the invocation times out "+
			"because of the extension", r.env.cfg.extensionName())
	}
	return err
}

// await waits for cond, a fault, or the function's time-out.
func (r *run) await(ctx context.Context, cond func() bool) error {
	in := r.in
	err := in.await(ctx, func() bool { return in.fault != nil || in.killed || cond() })
	var result error
	in.look(func() {
		switch {
		case in.killed:
			result = errKilled
		case in.fault != nil:
			result = in.fault
		case errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(r.inv.deadline):
			result = &fault{
				status: StatusTimeout, errorType: "Sandbox.Timedout",
				message: fmt.Sprintf("Task timed out after %.2f seconds", r.env.cfg.Timeout.Seconds()),
			}
		default:
			result = err
		}
	})
	return result
}

// conclude emits the report and freezes the environment, or resets it.
func (r *run) conclude(ctx context.Context, fail error) (Result, error) {
	var f *fault
	if fail != nil && !errors.As(fail, &f) {
		// The caller's context ended, or Kill was called: no state can be
		// relied on any more.
		r.in.kill()
		r.env.setInstance(nil)
		return r.result, fail
	}
	r.measure()
	r.describe(f)
	if f != nil {
		r.reset(ctx, f)
		return r.result, nil
	}
	r.emitReport(nil)
	r.in.relay.invocation("")
	r.in.update(func() { r.in.current = nil })
	if !r.env.cfg.Unordered {
		r.in.drainOutput()
	}
	if r.env.cfg.Freeze {
		r.in.freeze()
	}
	return r.result, nil
}

// measure fills in the times.
func (r *run) measure() {
	r.in.look(func() {
		inv := r.inv
		over := time.Now()
		if inv.answered {
			r.result.Responded = inv.lastByte.Sub(inv.startedAt)
		}
		if inv.doneAt.IsZero() {
			r.result.Duration = over.Sub(inv.startedAt)
			r.billed = r.result.Duration
			return
		}
		last := inv.doneAt
		for _, x := range r.in.extensions {
			if !x.wants(eventInvoke) {
				continue
			}
			next := x.nextAt
			if !x.idle() {
				next = over
			}
			if next.After(last) {
				last = next
			}
		}
		r.result.Duration = inv.doneAt.Sub(inv.startedAt)
		r.result.Held = last.Sub(inv.doneAt)
		r.billed = last.Sub(inv.startedAt)
	})
}

// describe fills in the outcome.
func (r *run) describe(f *fault) {
	r.in.look(func() {
		r.result.Payload = r.inv.response
		r.result.FunctionError = r.inv.errorType
	})
	r.result.Status = StatusSuccess
	if f == nil {
		if r.result.FunctionError != "" {
			r.result.Status = StatusError
		}
		return
	}
	r.result.Status, _ = describe(f)
	if r.result.FunctionError == "" {
		r.result.FunctionError = f.errorType
	}
	if r.result.Payload == nil {
		r.result.Payload = f.document
	}
	if r.result.Payload == nil {
		r.result.Payload = encode(map[string]string{
			"errorType":    f.errorType,
			"errorMessage": "RequestId: " + r.inv.id + " Error: " + f.message,
		})
	}
}

// reset ends all processes; the next invocation makes a new instance. The
// report comes when the runtime is gone and before SHUTDOWN.
func (r *run) reset(ctx context.Context, f *fault) {
	began := time.Now()
	reason := "failure"
	if f.status == StatusTimeout {
		reason = "timeout"
	}
	r.in.stopRuntime(false)
	r.emitReport(f)
	shutdown := r.in.stopExtensions(ctx, reason, began)
	r.result.Reset = &shutdown
	r.env.setInstance(nil)
}

func (r *run) emitRuntimeDone(fail error) {
	var f *fault
	if fail != nil && !errors.As(fail, &f) {
		return
	}
	record := runtimeDoneRecord{RequestID: r.inv.id, Tracing: r.inv.tracing, TenantID: r.inv.tenant}
	record.Status, record.ErrorType = describe(fail)
	r.in.look(func() {
		inv := r.inv
		produced := len(inv.response)
		record.Metrics.ProducedBytes = &produced
		end := inv.doneAt
		if end.IsZero() {
			end = time.Now()
		}
		record.Metrics.DurationMs = millis(end.Sub(inv.startedAt))
		if inv.answered {
			record.Spans = []span{
				newSpan("responseLatency", inv.startedAt, inv.firstByte),
				newSpan("responseDuration", inv.firstByte, inv.lastByte),
				newSpan("runtimeOverhead", inv.lastByte, end),
			}
		}
	})
	r.in.relay.emit(typeRuntimeDone, record)
}

func (r *run) emitReport(f *fault) {
	billed := int64(math.Ceil(millis(r.billed + r.result.Init)))
	memory := r.env.cfg.MemoryMB
	used := min(memory, 64) // not measured
	record := reportRecord{RequestID: r.inv.id, Status: StatusSuccess, Tracing: r.inv.tracing, TenantID: r.inv.tenant,
		Metrics: metrics{
			DurationMs: millis(r.billed), BilledDurationMs: &billed, MemorySizeMB: &memory, MaxMemoryUsedMB: &used,
		}}
	if f != nil {
		record.Status, record.ErrorType = describe(f)
	}
	if r.result.Init > 0 {
		ms := millis(r.result.Init)
		record.Metrics.InitDurationMs = &ms
	}
	if r.result.Held > 0 {
		done := r.inv.startedAt.Add(r.result.Duration)
		record.Spans = []span{newSpan("extensionOverhead", done, done.Add(r.result.Held))}
	}
	r.in.relay.emit(typeReport, record)
}
