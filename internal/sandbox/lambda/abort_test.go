package lambda

import (
	"strings"
	"testing"
	"time"
)

// An aborted invocation fails, its extension has a SHUTDOWN phase, and the
// environment forgets what it was told to.
func TestAbort(t *testing.T) {
	out := &heard{all: make(chan string, 100)}
	cfg := Config{Timeout: time.Minute, Output: Output{FunctionOutput: out, Forget: true}}
	env := start(t, cfg)
	done := make(chan Result, 1)
	go func() {
		r, err := env.Invoke(t.Context(), []byte(`{"steps":[{"print":"begun"},{"hang":true}]}`))
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	<-out.all
	env.Abort()
	r := <-done
	if r.FunctionError != "Sandbox.Aborted" || r.Reset == nil || !r.Reset.Delivered || r.Reset.Killed {
		t.Errorf("%+v, reset %+v", r, r.Reset)
	}
	if n := len(env.Requests()) + len(env.Telemetry()) + len(env.FunctionOutput()) + len(env.ExtensionOutput()); n > 0 {
		t.Errorf("%d requests, batches and bytes are kept", n)
	}
}

type heard struct{ all chan string }

func (l *heard) Write(line []byte) (int, error) {
	l.all <- string(line)
	return len(line), nil
}

// What a function prints in its init is kept for subscribers to come, but not
// without a bound. What the platform says is.
func TestHistoryIsBounded(t *testing.T) {
	cfg, err := Config{Function: []string{"true"}, Telemetry: Telemetry{Buffer: 1 << 10}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t.Context(), &Environment{cfg: cfg}, 1)
	for range 1000 {
		r.line(typeFunctionLine, []byte(strings.Repeat("x", 100)), "Text")
	}
	r.emit(typeInitRuntimeDone, initRuntimeDoneRecord{})
	if n := len(r.history); n < 10 || n > 12 || r.history[n-1].Type != typeInitRuntimeDone {
		t.Errorf("%d events are kept, the last is %s", n, r.history[n-1].Type)
	}
}
