package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// runtimeShare is the part of the shutdown budget the runtime may use.
const runtimeShare = 300 * time.Millisecond

// instance is what lives from an init to its reset: the processes, their
// registrations and subscriptions, and the listener of the APIs. A late call
// of a killed process cannot reach the next instance.
type instance struct {
	env     *Environment
	number  int
	phase   string // "init" or "invoke"
	started time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	server  *http.Server
	relay   *relay
	address string // of the APIs: host:port
	token   string // for credentials

	board
	// Under the board:
	extensions  map[string]*extension // by name
	byID        map[string]*extension
	runtime     runtime
	current     *invocation
	workers     managed
	snapshotted bool   // stopped after init, not restored yet
	initDone    bool   // registration and subscription are closed
	ending      bool   // a shutdown or reset has begun: the runtime may exit
	killed      bool   // by Environment.Kill
	fault       *fault // the first thing that went wrong
}

// fault is why an init or an invocation failed.
type fault struct {
	status    string // default StatusError
	errorType string
	message   string
	document  []byte // the error document, if the function gave one
}

func (f *fault) Error() string { return f.errorType + ": " + f.message }

// newInstance opens the APIs; nothing runs yet.
func newInstance(env *Environment, number int, phase string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen for the runtime API: %w", err)
	}
	in := &instance{
		env: env, number: number, phase: phase, started: time.Now(),
		address: l.Addr().String(), token: newUUID(),
		workers:    managed{open: map[string]*invocation{}},
		extensions: map[string]*extension{}, byID: map[string]*extension{},
	}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	in.relay = newRelay(in.ctx, env, number)
	in.server = &http.Server{Handler: in, BaseContext: func(net.Listener) context.Context { return in.ctx }}
	go in.server.Serve(l)
	return in, nil
}

// start runs the init phase within ctx: extensions, then the runtime, until
// all of them have called next.
func (in *instance) start(ctx context.Context) error {
	logStream := in.logStream()
	in.emitInitStart(logStream)
	err := in.startExtensions()
	if err == nil {
		err = in.awaitInit(ctx, in.allRegistered)
	}
	if err == nil {
		err = in.startRuntime(logStream)
	}
	if err == nil {
		err = in.awaitInit(ctx, func() bool { return !in.runtime.readyAt.IsZero() })
	}
	in.drain()
	in.emitInitRuntimeDone(err)
	if err == nil {
		err = in.awaitInit(ctx, in.allReady)
	}
	in.update(func() { in.initDone = true })
	in.emitReady()
	in.emitInitReport(err)
	in.relay.closeSubscriptions()
	if !in.env.cfg.Unordered {
		in.drainOutput()
	}
	return err
}

// awaitInit waits for cond, a fault, or the end of the time for init.
func (in *instance) awaitInit(ctx context.Context, cond func() bool) error {
	err := in.await(ctx, func() bool { return in.fault != nil || in.killed || cond() })
	var result error
	in.look(func() {
		switch {
		case in.killed:
			result = errKilled
		case in.fault != nil:
			result = in.fault
		case errors.Is(err, context.DeadlineExceeded):
			result = &fault{status: StatusTimeout, errorType: "Sandbox.Timedout", message: "init took too long"}
		default:
			result = err
		}
	})
	return result
}

func (in *instance) allRegistered() bool {
	for _, x := range in.extensions {
		if x.id == "" {
			return false
		}
	}
	return true
}

func (in *instance) allReady() bool {
	for _, x := range in.extensions {
		if x.readyAt.IsZero() {
			return false
		}
	}
	return true
}

func (in *instance) startExtensions() error {
	cfg := in.env.cfg
	if cfg.Extension == "" {
		return nil
	}
	for _, path := range append([]string{cfg.Extension}, cfg.Others...) {
		if err := in.startExtension(path); err != nil {
			return err
		}
	}
	return nil
}

func (in *instance) startExtension(path string) error {
	cfg := in.env.cfg
	x := &extension{name: filepath.Base(path)}
	onLine := func(line []byte) {
		in.env.extensionOut.line(line)
		in.env.log.update(func() {}) // wakes Await
		in.relay.line(typeExtensionLine, line, cfg.LogFormat)
	}
	var err error
	in.update(func() {
		// Started under the lock: the process may register before this returns.
		x.proc, err = startProcess([]string{path}, "/", in.extensionEnv(), cfg.MaxRecord, false, onLine)
		if err == nil {
			in.extensions[x.name] = x
		}
	})
	if err != nil {
		return &fault{errorType: "Extension.LaunchError", message: err.Error()}
	}
	go in.watchExtension(x)
	return nil
}

func (in *instance) startRuntime(logStream string) error {
	cfg := in.env.cfg
	onLine := func(line []byte) {
		in.env.functionOut.line(line)
		in.relay.line(typeFunctionLine, line, cfg.LogFormat)
	}
	p, err := startProcess(cfg.Function, cfg.Dir, in.functionEnv(logStream), cfg.MaxRecord, cfg.LogFrames, onLine)
	if err != nil {
		return &fault{errorType: "Runtime.InvalidEntrypoint", message: err.Error()}
	}
	in.update(func() { in.runtime.proc = p })
	go in.watchRuntime(p)
	return nil
}

// watchExtension notes an extension that exits when it should not.
func (in *instance) watchExtension(x *extension) {
	<-x.proc.exited
	var told, allowed bool
	in.look(func() {
		allowed = x.sentenced || !x.shutdownAt.IsZero()
		told = x.mayExit
	})
	if allowed {
		return
	}
	if !told {
		in.env.log.violation("%s: exited (%v) without having been told to: Extension.Crash", x.name, x.proc.state())
	}
	in.fail(&fault{errorType: "Extension.Crash", message: fmt.Sprintf("%s exited: %v", x.name, x.proc.state())})
}

func (in *instance) watchRuntime(p *process) {
	<-p.exited
	in.fail(&fault{errorType: "Runtime.ExitError", message: fmt.Sprintf("Runtime exited with error: %v", p.state())})
}

// fail keeps the first fault, unless the end has begun anyway.
func (in *instance) fail(f *fault) {
	if f.status == "" {
		f.status = StatusError
	}
	in.update(func() {
		if in.fault == nil && !in.ending {
			in.fault = f
		}
	})
}

// drain has everything the function has written so far become events.
func (in *instance) drain() {
	var p *process
	in.look(func() { p = in.runtime.proc })
	if p != nil && !in.env.cfg.Unordered {
		p.drain()
	}
}

// drainOutput has everything all processes have written so far become events
// and output, so that who asks for it after an invocation finds it.
func (in *instance) drainOutput() {
	for _, p := range in.processes() {
		p.drain()
	}
}

// processes lists what is running or has been.
func (in *instance) processes() (ps []*process) {
	in.look(func() {
		if in.runtime.proc != nil {
			ps = append(ps, in.runtime.proc)
		}
		for _, x := range in.extensions {
			if x.proc != nil {
				ps = append(ps, x.proc)
			}
		}
	})
	return ps
}

func (in *instance) freeze() {
	in.relay.freeze(true)
	for _, p := range in.processes() {
		p.signal(sigStop)
	}
}

func (in *instance) thaw() {
	for _, p := range in.processes() {
		p.signal(sigCont)
	}
	in.relay.freeze(false)
}

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
			in.env.log.violation("%s: killed: did not call event/next before the deadline of SHUTDOWN (%s)", x.name, result.Reason)
		}
		x.proc.kill()
	} else {
		x.proc.signal(sigKill) // what is left of its group
	}
	result.ExitCode = x.proc.state().ExitCode()
	in.look(func() {
		if !x.shutdownAt.IsZero() {
			result.Delivered = true
		}
	})
}

// close ends what is left: connections, deliveries, streams.
func (in *instance) close() {
	in.cancel()
	in.server.Close()
	for _, p := range in.processes() {
		p.closeStreams()
	}
	in.relay.posts.Wait()
	in.relay.client.CloseIdleConnections()
}

// kill ends everything at once, as when the machine is gone.
func (in *instance) kill() {
	in.update(func() {
		in.killed, in.ending = true, true
		for _, x := range in.extensions {
			x.sentenced = true
		}
	})
	for _, p := range in.processes() {
		p.kill()
	}
	in.close()
}

func (in *instance) deadlineMs(eventType string, deadline time.Time) int64 {
	ms := deadline.UnixMilli()
	if hook := in.env.cfg.Hooks.Deadline; hook != nil {
		return hook(eventType, ms)
	}
	return ms
}

// logStream is the name of the instance's log stream, as the platform forms
// it.
func (in *instance) logStream() string {
	var b [16]byte
	rand.Read(b[:])
	cfg := in.env.cfg
	return in.started.UTC().Format("2006/01/02/") + cfg.FunctionName + "[" + cfg.FunctionVersion + "]" + hex.EncodeToString(b[:])
}

func (in *instance) emitInitStart(logStream string) {
	cfg := in.env.cfg
	in.relay.emit(typeInitStart, initStartRecord{
		InitializationType: cfg.InitializationType, Phase: in.phase,
		FunctionName: cfg.FunctionName, FunctionVersion: cfg.FunctionVersion,
		RuntimeVersion:    "sandbox.v1",
		RuntimeVersionARN: "arn:aws:lambda:" + cfg.Region + "::runtime:sandbox",
		InstanceID:        logStream, InstanceMaxMemory: cfg.MemoryMB << 20,
	})
}

func (in *instance) emitInitRuntimeDone(err error) {
	status, errorType := describe(err)
	in.relay.emit(typeInitRuntimeDone, initRuntimeDoneRecord{in.env.cfg.InitializationType, in.phase, status, errorType})
}

func (in *instance) emitReady() {
	var records []extensionRecord
	in.look(func() {
		for _, x := range in.extensions {
			if !x.readyAt.IsZero() {
				records = append(records, extensionRecord{Name: x.name, State: "Ready", Events: x.events})
			}
		}
	})
	for _, r := range records {
		in.relay.emit(typeExtension, r)
	}
}

func (in *instance) emitInitReport(err error) {
	status, errorType := describe(err)
	in.relay.emit(typeInitReport, initReportRecord{
		InitializationType: in.env.cfg.InitializationType, Phase: in.phase, Status: status, ErrorType: errorType,
		Metrics: metrics{DurationMs: millis(time.Since(in.started))},
	})
}

// describe is err as the telemetry schema has it. A time-out has no error
// type there.
func describe(err error) (status, errorType string) {
	var f *fault
	switch {
	case err == nil:
		return StatusSuccess, ""
	case !errors.As(err, &f):
		return StatusFailure, "Sandbox.Failure"
	case f.status == StatusTimeout:
		return StatusTimeout, ""
	case f.status == "":
		return StatusError, f.errorType
	}
	return f.status, f.errorType
}
