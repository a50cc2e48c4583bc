package lambda

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/logtable/logtable/internal/sandbox/wire"
)

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

	board // guards clients and progress
	clients
	progress
}

// clients are an instance's processes as its APIs know them.
type clients struct {
	extensions map[string]*extension // by name
	byID       map[string]*extension
	runtime    runtime
	current    *invocation
	workers    managed
}

// progress is how far an instance has come in its life.
type progress struct {
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
		clients: clients{
			extensions: map[string]*extension{}, byID: map[string]*extension{},
			workers: managed{open: map[string]*invocation{}},
		},
	}
	killLeftovers(in.address, false)
	in.ctx, in.cancel = context.WithCancel(context.Background())
	in.relay = newRelay(in.ctx, env, number)
	base := func(net.Listener) context.Context { return in.ctx }
	in.server = &http.Server{Handler: wire.OwnMachine(in), BaseContext: base}
	go in.server.Serve(l)
	return in, nil
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

// close ends what is left: connections, deliveries, streams.
func (in *instance) close() {
	in.cancel()
	in.server.Close()
	killLeftovers(in.address, false)
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
