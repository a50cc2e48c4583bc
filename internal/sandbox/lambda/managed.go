package lambda

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// The driver of Lambda Managed Instances: up to Config.Concurrency invocations
// at a time in one environment, which is never frozen. An extension cannot
// register for INVOKE, telemetry has no platform.runtimeDone and no order
// between a line and its invocation's platform.report, a time-out is reported
// but not enforced, and a process that exits is the end of the environment.
// (From the pages "Lambda Managed Instances" and "Telemetry schema reference";
// where they are silent, as AWS's emulator has it.)

// managedRuntimeShare is the part of the shutdown budget the runtime may use.
const managedRuntimeShare = 600 * time.Millisecond

// managed is an instance's part of it; guarded by the instance's board.
type managed struct {
	queue   []*invocation          // not handed out yet
	open    map[string]*invocation // handed out or in queue, by ID
	waiting int                    // workers in next
}

func (c Config) managed() bool { return c.Concurrency > 0 }

// workerNext is invocationNext for a worker: several may wait.
func (in *instance) workerNext(c *call) answer {
	limit := in.env.cfg.Concurrency
	refused := false
	in.update(func() {
		if refused = in.workers.waiting >= limit; refused {
			return
		}
		if in.runtime.readyAt.IsZero() {
			in.runtime.readyAt = time.Now()
		}
		in.workers.waiting++
	})
	if refused {
		return in.refuse(c, http.StatusForbidden, errInvalidStateTransition,
			"%d workers are waiting in next already", limit)
	}
	var inv *invocation
	err := in.await(c.Context(), func() bool {
		if len(in.workers.queue) == 0 || in.ending {
			return false
		}
		inv, in.workers.queue = in.workers.queue[0], in.workers.queue[1:]
		inv.delivered = true
		return true
	})
	in.update(func() { in.workers.waiting-- })
	if err != nil {
		return answer{gone: true}
	}
	return in.handOut(inv)
}

// invocation is the one that a runtime's answer is for, nil if there is none.
// The board must be held.
func (in *instance) invocation(id string) *invocation {
	if in.env.cfg.managed() {
		return in.workers.open[id]
	}
	if in.current != nil && in.current.id == id {
		return in.current
	}
	return nil
}

// invokeManaged runs one of several invocations to its report.
func (e *Environment) invokeManaged(ctx context.Context, caller Caller, payload []byte) (Result, error) {
	in := e.currentInstance()
	if in == nil {
		return Result{}, ErrClosed
	}
	inv := e.newInvocation(caller, payload)
	r := &run{env: e, in: in, inv: inv, result: Result{RequestID: inv.id}}
	r.result.Init = e.takeInit()
	in.relay.opened(1)
	in.relay.emitOf(inv.id, typeStart, startRecord{
		RequestID: inv.id, Version: e.cfg.FunctionVersion, FunctionARN: e.cfg.functionARN(), Tracing: inv.tracing,
		TenantID: inv.tenant,
	})
	in.update(func() {
		in.workers.open[inv.id] = inv
		in.workers.queue = append(in.workers.queue, inv)
	})
	limit, cancel := context.WithDeadline(ctx, inv.deadline)
	defer cancel()
	fail := r.await(limit, func() bool { return inv.answered })
	var f *fault
	if fail != nil && !errors.As(fail, &f) {
		in.relay.opened(-1)
		return r.result, fail
	}
	r.measure()
	r.describe(f)
	in.drain()
	r.reportManaged(f)
	in.relay.opened(-1)
	last := false
	in.update(func() {
		if f == nil || f.status != StatusTimeout {
			delete(in.workers.open, inv.id) // one that timed out runs on
		}
		inv.over = true
		last = in.fault != nil && in.workers.running() == 0
	})
	if last {
		r.terminate(ctx)
	}
	return r.result, nil
}

// running counts the invocations whose report has not been emitted. The board
// must be held.
func (m *managed) running() (n int) {
	for _, inv := range m.open {
		if !inv.over {
			n++
		}
	}
	return n
}

// terminate ends the environment after a fault: another one would replace it.
func (r *run) terminate(ctx context.Context) {
	began := time.Now()
	r.in.stopRuntime(false)
	shutdown := r.in.stopExtensions(ctx, "failure", began)
	r.result.Reset = &shutdown
	r.env.mu.Lock()
	r.env.instance, r.env.closed = nil, true
	r.env.mu.Unlock()
}

// reportManaged emits platform.report, which has fewer members here.
func (r *run) reportManaged(f *fault) {
	record := reportRecord{RequestID: r.inv.id, Metrics: metrics{DurationMs: millis(time.Since(r.inv.startedAt))}}
	record.Status, record.ErrorType = r.result.Status, r.result.FunctionError
	r.in.look(func() {
		if inv := r.inv; inv.answered {
			record.Spans = []span{
				newSpan("responseLatency", inv.startedAt, inv.firstByte),
				newSpan("responseDuration", inv.firstByte, inv.lastByte),
			}
		}
	})
	r.in.relay.emitOf(r.inv.id, typeReport, record)
}

// enterAlone waits for all running invocations and keeps further ones out.
func (e *Environment) enterAlone(ctx context.Context) error {
	select {
	case e.leaving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.leaving }()
	for n := range cap(e.turn) {
		if err := e.enter(ctx); err != nil {
			for range n {
				e.leave()
			}
			return err
		}
	}
	return nil
}

func (e *Environment) leaveAlone() {
	for range cap(e.turn) {
		e.leave()
	}
}
