package lambda

import (
	"context"
	"time"
)

// runtimeShare is the part of the shutdown budget the runtime may use.
const runtimeShare = 300 * time.Millisecond

// stopRuntime ends the function. With grace it gets SIGTERM and a share of
// the shutdown budget first, which Lambda grants only where an extension is
// registered. What was left in its output, an unfinished line included, has
// become events when it returns.
func (in *instance) stopRuntime(grace bool) {
	var p *process
	in.update(func() {
		in.ending = true
		p = in.runtime.proc
	})
	if p == nil {
		return
	}
	if grace && len(in.shutdownListeners()) > 0 {
		p.signal(sigTerm)
		p.awaitExit(in.runtimeShare())
	}
	p.kill()
	killLeftovers(in.address, true)
	p.closeStreams()
}

func (in *instance) runtimeShare() time.Duration {
	if in.env.cfg.managed() {
		return managedRuntimeShare
	}
	return runtimeShare
}

// shutdownListeners are the external extensions that SHUTDOWN can reach.
func (in *instance) shutdownListeners() (xs []*extension) {
	in.look(func() {
		for _, x := range in.extensions {
			if x.proc != nil && x.wants(eventShutdown) {
				xs = append(xs, x)
			}
		}
	})
	return xs
}

// stopExtensions sends SHUTDOWN, with the buffered telemetry beside it, and
// kills at the deadline, or when ctx ends. Then the instance is gone.
func (in *instance) stopExtensions(ctx context.Context, reason string, began time.Time) ShutdownResult {
	deadline := began.Add(in.env.cfg.ShutdownBudget)
	in.sendShutdown(reason, deadline)
	in.relay.flush()
	result := ShutdownResult{Reason: reason}
	for _, x := range in.externals() {
		in.awaitExtension(ctx, x, deadline, &result)
	}
	result.Took = time.Since(began)
	in.relay.close()
	result.Undelivered = in.relay.undelivered()
	in.close()
	return result
}

func (in *instance) externals() (xs []*extension) {
	in.look(func() {
		for _, x := range in.extensions {
			if x.proc != nil {
				xs = append(xs, x)
			}
		}
	})
	return xs
}

// sendShutdown has SHUTDOWN wait for everyone who registered for it; the
// others are killed at once.
func (in *instance) sendShutdown(reason string, deadline time.Time) {
	ms := in.deadlineMs(eventShutdown, deadline)
	var condemned []*process
	in.update(func() {
		for _, x := range in.extensions {
			switch {
			case x.proc == nil: // internal: died with the runtime
			case x.wants(eventShutdown):
				x.pending = &nextAnswer{shutdownEvent{eventShutdown, ms, reason}, eventShutdown}
			default:
				x.sentenced = true
				condemned = append(condemned, x.proc)
			}
		}
	})
	for _, p := range condemned {
		p.kill()
	}
}

func (in *instance) awaitExtension(ctx context.Context, x *extension, deadline time.Time, result *ShutdownResult) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-x.proc.exited:
	case <-ctx.Done():
	case <-timer.C:
	}
	if !x.proc.hasExited() {
		var told bool
		in.update(func() { told, x.sentenced = !x.shutdownAt.IsZero(), true })
		result.Killed = true
		if told {
			in.env.log.violation("%s: killed: still running at the deadline of SHUTDOWN (%s)", x.name, result.Reason)
		} else {
			in.env.log.violation("%s: killed: did not call event/next before the deadline of SHUTDOWN (%s)",
				x.name, result.Reason)
		}
		x.proc.kill()
	} else {
		x.proc.signal(sigKill) // what is left of its group
	}
	result.ExitCode = x.proc.state().ExitCode()
	result.Processor = x.proc.state().UserTime() + x.proc.state().SystemTime()
	in.look(func() {
		if !x.shutdownAt.IsZero() {
			result.Delivered = true
		}
	})
}
