package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

var (
	// ErrClosed is returned after Shutdown.
	ErrClosed = errors.New("the environment is gone; start another one")

	errKilled = fmt.Errorf("killed: %w", ErrClosed)
)

// Environment is one Lambda execution environment. Its methods may be called
// from several goroutines; invocations run one after the other, on a managed
// instance up to Config.Concurrency at a time.
type Environment struct {
	cfg          Config
	log          refereeLog
	extensionOut collector
	functionOut  collector
	turn         chan struct{} // holds a token per invocation that may run; all are the right to shut down
	leaving      chan struct{} // holds one token: the right to collect those

	mu        sync.Mutex
	instance  *instance // nil after a reset
	inits     int
	init      InitResult
	initTaken bool // an invocation has reported it
	closed    bool
}

// InitResult is what became of an init phase.
type InitResult struct {
	Status    string // StatusSuccess, StatusError or StatusTimeout
	ErrorType string
	// Took is the time from the first process's start to the last first next.
	Took time.Duration
	// Registered and Extension are the times from the extension's start to its
	// registration and to its first next.
	Registered, Extension time.Duration
}

// Result is what became of an invocation.
type Result struct {
	RequestID string
	// Payload is the function's response, or the error document.
	Payload []byte
	// FunctionError is the error's type ("Sandbox.Timedout",
	// "Runtime.ExitError", "Extension.Crash", or what the function gave);
	// empty if there was none.
	FunctionError string
	// Status is StatusSuccess, StatusError (the function reported an error,
	// or a process exited) or StatusTimeout.
	Status string
	// Duration is the time until the runtime was done, i.e. called next.
	Duration time.Duration
	// Responded is the time until the response was complete; 0 without one.
	Responded time.Duration
	// Held is the time from the runtime's next to the extension's: billed
	// after the response, and spent in the way of the next invocation.
	Held time.Duration
	// Init is the time the init phase took, for the first invocation after
	// it; otherwise 0.
	Init time.Duration
	// Reset is the shutdown that the invocation's failure entailed, or nil.
	Reset *ShutdownResult
}

// ShutdownResult is how the extension took its end.
type ShutdownResult struct {
	Reason    string // "spindown", "timeout" or "failure"
	Delivered bool   // the extension got its SHUTDOWN event
	Killed    bool   // SIGKILL at the deadline
	ExitCode  int    // the extension's; -1 if a signal ended it
	Took      time.Duration
	// Processor is the processor time, user and system, that the extension
	// took in all its life.
	Processor time.Duration
	// Undelivered counts the telemetry events the extension had not
	// acknowledged when it exited.
	Undelivered int
}

// Start opens an environment and runs its init phase. It returns an error
// only if cfg is wrong or ctx ends; an init that fails is Lambda's matter:
// see Init, and the next Invoke tries again.
func Start(ctx context.Context, cfg Config) (*Environment, error) {
	if !supported {
		return nil, errors.New("cannot start: the sandbox needs Linux or macOS")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Environment{cfg: cfg, turn: make(chan struct{}, max(cfg.Concurrency, 1)), leaving: make(chan struct{}, 1)}
	e.extensionOut.onto, e.functionOut.onto = cfg.Stderr, cfg.FunctionOutput
	e.extensionOut.forget, e.functionOut.forget, e.log.forget = cfg.Forget, cfg.Forget, cfg.Forget
	limit, cancel := context.WithTimeout(ctx, cfg.InitTimeout)
	defer cancel()
	in, err := e.initialize(limit, "init")
	if in == nil {
		return nil, err
	}
	var f *fault
	switch {
	case err == nil:
		if cfg.InitializationType == typeSnapStart {
			in.snapshot(ctx)
		}
		return e, nil
	case ctx.Err() != nil || !errors.As(err, &f):
		in.kill()
		return nil, fmt.Errorf("cannot start: %w", err)
	}
	e.abandonInit(ctx, in, f)
	return e, nil
}

// abandonInit ends an instance whose init failed.
func (e *Environment) abandonInit(ctx context.Context, in *instance, f *fault) {
	began := time.Now()
	reason := "failure"
	if f.status == StatusTimeout {
		reason = "timeout"
	}
	in.stopRuntime(false)
	in.stopExtensions(ctx, reason, began)
	e.setInstance(nil)
}

// initialize makes the next instance and runs its init phase. The instance is
// nil only if it could not even be made.
func (e *Environment) initialize(ctx context.Context, phase string) (*instance, error) {
	e.mu.Lock()
	e.inits++
	in, err := newInstance(e, e.inits, phase)
	if err != nil || e.closed {
		if in != nil {
			in.close()
			err = ErrClosed
		}
		e.mu.Unlock()
		return nil, err
	}
	e.instance = in
	e.mu.Unlock()

	err = in.start(ctx)
	result := InitResult{Took: time.Since(in.started)}
	result.Status, result.ErrorType = describe(err)
	in.look(func() {
		for _, x := range in.extensions {
			if x.proc != nil && !x.readyAt.IsZero() {
				result.Registered = x.registeredAt.Sub(x.proc.started)
				result.Extension = x.readyAt.Sub(x.proc.started)
			}
		}
	})
	e.mu.Lock()
	e.init, e.initTaken = result, false
	e.mu.Unlock()
	return in, err
}

// Init is what became of the latest init phase.
func (e *Environment) Init() InitResult {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.init
}

func (e *Environment) takeInit() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initTaken {
		return 0
	}
	e.initTaken = true
	return e.init.Took
}

func (e *Environment) currentInstance() *instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.instance
}

func (e *Environment) setInstance(in *instance) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.instance = in
}

// Invoke runs the function with payload (JSON, at most 6 MB in Lambda; not
// checked) and returns when the invocation is over: runtime and extension
// have called next, or the reset is done; on a managed instance, when the
// function has answered. What goes wrong in the function or
// the extension is in the Result. An error means that ctx ended, which costs
// the instance its life, or that the environment is gone.
//
// The first Invoke after a reset starts function and extension again, within
// the function's time-out. A managed instance is not reset but gone.
func (e *Environment) Invoke(ctx context.Context, payload []byte) (Result, error) {
	return e.InvokeAs(ctx, Caller{}, payload)
}

// A Caller is what an invocation comes with, besides its payload.
type Caller struct {
	// RequestID is that of an earlier invocation: Lambda repeats an
	// asynchronous invocation that failed, up to twice. With "" the ID is a new
	// one.
	RequestID string
	// Trace is the header X-Amzn-Trace-Id of the call, as a function finds it
	// in _X_AMZN_TRACE_ID and an AWS SDK passes it on: the invocation then
	// belongs to the same trace. With "" Lambda begins one.
	Trace string
	// Tenant is the header X-Amz-Tenant-Id: whose the environment is, with
	// tenant isolation.
	Tenant string
	// Untraced has Lambda say nothing of a trace, as it may.
	Untraced bool
}

// InvokeAs is Invoke for a certain caller.
func (e *Environment) InvokeAs(ctx context.Context, caller Caller, payload []byte) (Result, error) {
	if err := e.enter(ctx); err != nil {
		return Result{}, fmt.Errorf("cannot invoke: %w", err)
	}
	defer e.leave()
	invoke := e.invoke
	if e.cfg.managed() {
		invoke = e.invokeManaged
	}
	r, err := invoke(ctx, caller, payload)
	if err != nil {
		return r, fmt.Errorf("cannot invoke: %w", err)
	}
	return r, nil
}

func (e *Environment) enter(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		<-e.turn
		return ErrClosed
	}
	return nil
}

func (e *Environment) leave() { <-e.turn }

// Shutdown ends the environment as Lambda does when it is no longer needed:
// thaw, SIGTERM for the runtime, SHUTDOWN ("spindown") for the extension,
// SIGKILL at the deadline. It waits for a running invocation. After a reset
// there is nothing to end, and the result is zero. If ctx ends first,
// everything is killed at once.
func (e *Environment) Shutdown(ctx context.Context) (ShutdownResult, error) {
	if err := e.enterAlone(ctx); err != nil {
		return ShutdownResult{}, fmt.Errorf("cannot shut down: %w", err)
	}
	defer e.leaveAlone()
	e.mu.Lock()
	in := e.instance
	e.instance, e.closed = nil, true
	e.mu.Unlock()
	if in == nil {
		return ShutdownResult{}, nil
	}
	began := time.Now()
	in.update(func() { in.ending = true })
	in.thaw()
	in.stopRuntime(true)
	return in.stopExtensions(ctx, "spindown", began), nil
}

// Kill has the environment vanish without warning, in the middle of an
// invocation if there is one: SIGKILL for everything.
func (e *Environment) Kill() {
	e.mu.Lock()
	in := e.instance
	e.instance, e.closed = nil, true
	e.mu.Unlock()
	if in != nil {
		in.kill()
	}
}

// Abort ends the running invocation, if there is one, as the function's crash
// would: it fails with Sandbox.Aborted, and the extension has its SHUTDOWN.
func (e *Environment) Abort() {
	if in := e.currentInstance(); in != nil {
		in.fail(&fault{errorType: "Sandbox.Aborted", message: "the invocation was aborted"})
	}
}

// Post sends body to the extension's telemetry listener, past all buffering:
// an injected body. An empty path means the subscribed one. It fails if the
// current instance has no subscription.
func (e *Environment) Post(ctx context.Context, path, method string, body []byte) (status int, err error) {
	in := e.currentInstance()
	if in == nil {
		return 0, errors.New("cannot post to the telemetry listener: the environment has no instance; invoke first")
	}
	s := in.relay.subscriber("")
	if s == nil {
		return 0, errors.New("cannot post to the telemetry listener: the extension has not subscribed")
	}
	target, err := url.Parse(s.url)
	if err != nil {
		return 0, fmt.Errorf("cannot post to the telemetry listener: %w", err)
	}
	if path != "" {
		target = target.ResolveReference(&url.URL{Path: path})
	}
	if method == "" {
		method = http.MethodPost
	}
	return post(ctx, in.relay.client, method, target.String(), body)
}

// ExtensionPID (of the first extension) and FunctionPID are the process IDs of
// the current instance, 0 if there is none; each is its process group's ID,
// too.
func (e *Environment) ExtensionPID() int {
	in := e.currentInstance()
	if in == nil {
		return 0
	}
	if x := in.theExternal(); x != nil && x.proc != nil {
		return x.proc.cmd.Process.Pid
	}
	return 0
}

// FunctionPID: see ExtensionPID.
func (e *Environment) FunctionPID() (pid int) {
	in := e.currentInstance()
	if in == nil {
		return 0
	}
	in.look(func() {
		if in.runtime.proc != nil {
			pid = in.runtime.proc.cmd.Process.Pid
		}
	})
	return pid
}
