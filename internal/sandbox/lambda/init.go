package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path/filepath"
	"time"
)

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
	if err := in.startExtension(cfg.Extension, cfg.ExtensionArgs...); err != nil {
		return err
	}
	for _, path := range cfg.Others {
		if err := in.startExtension(path); err != nil {
			return err
		}
	}
	return nil
}

func (in *instance) startExtension(path string, args ...string) error {
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
		x.proc, err = startProcess(append([]string{path}, args...), "/", in.extensionEnv(), cfg.MaxRecord,
			false, onLine)
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

// logStream is the name of the instance's log stream, as the platform forms
// it.
func (in *instance) logStream() string {
	var b [16]byte
	rand.Read(b[:])
	cfg := in.env.cfg
	return in.started.UTC().Format("2006/01/02/") + cfg.FunctionName + "[" + cfg.FunctionVersion + "]" +
		hex.EncodeToString(b[:])
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
	in.relay.emit(typeInitRuntimeDone,
		initRuntimeDoneRecord{in.env.cfg.InitializationType, in.phase, status, errorType})
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
