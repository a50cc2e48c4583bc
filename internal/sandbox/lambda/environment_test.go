package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

func TestOneInvocation(t *testing.T) {
	e := start(t, Config{FunctionName: "orders", FunctionEnv: map[string]string{scriptfn.Init: "starting"}},
		"wait-for-done")
	r := invoke(t, e, `{"steps":[{"print":"one"},{"print":"two {request_id}"},{"respond":{"ok":true}}]}`)
	if string(r.Payload) != `{"ok":true}` || r.Status != StatusSuccess || r.FunctionError != "" || r.Reset != nil {
		t.Errorf("result %+v with payload %s", r, r.Payload)
	}
	if r.Held <= 0 {
		t.Error("an extension that waits for platform.runtimeDone holds the invocation, but Held is 0")
	}
	if r.Init <= 0 || e.Init().Status != StatusSuccess || e.Init().Extension <= 0 {
		t.Errorf("init %v, %+v", r.Init, e.Init())
	}
	if r2 := invoke(t, e, `[1,2]`); r2.Init != 0 || string(r2.Payload) != "[1,2]" {
		t.Errorf("second result: init %v, payload %s", r2.Init, r2.Payload)
	}
	awaitEvent(t, e, "platform.report")
	s := shutdown(t, e)
	if want := (ShutdownResult{Reason: "spindown", Delivered: true, ExitCode: 3}); s.Reason != want.Reason ||
		!s.Delivered || s.Killed || s.ExitCode != 3 {
		t.Errorf("shutdown %+v, want like %+v", s, want)
	}
	events := delivered(e)
	want := []string{
		"platform.initStart", "platform.telemetrySubscription", "function",
		"platform.initRuntimeDone", "platform.extension", "platform.initReport",
		"platform.start", "function", "function", "platform.runtimeDone", "platform.report",
		"platform.start", "platform.runtimeDone",
	}
	if diff := cmp.Diff(want, types(events)[:len(want)]); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"starting\n", "one\n", "two " + r.RequestID + "\n"}, lines(events)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	noViolations(t, e)
}

func TestRecords(t *testing.T) {
	e := start(t, Config{FunctionName: "orders", Identity: Identity{MemoryMB: 256, Region: "us-west-2"}},
		"wait-for-done")
	r := invoke(t, e, `{"steps":[{"respond":"four"}]}`)
	awaitEvent(t, e, "platform.report")
	events := delivered(e)

	arn := "arn:aws:lambda:us-west-2:123456789012:function:orders"
	for _, c := range []struct {
		kind string
		want map[string]any
	}{
		{"platform.initStart", map[string]any{"initializationType": "on-demand", "phase": "init",
			"functionName": "orders", "functionVersion": "$LATEST", "instanceMaxMemory": 256.0 * 1024 * 1024}},
		{"platform.telemetrySubscription",
			map[string]any{"name": fakeName, "state": "Subscribed", "types": []any{"platform", "function"}}},
		{"platform.initRuntimeDone",
			map[string]any{"initializationType": "on-demand", "phase": "init", "status": "success"}},
		{"platform.extension", map[string]any{"name": fakeName, "state": "Ready",
			"events": []any{"INVOKE", "SHUTDOWN"}}},
		{"platform.initReport", map[string]any{"initializationType": "on-demand",
			"phase": "init", "status": "success"}},
		{"platform.start", map[string]any{"requestId": r.RequestID, "version": "$LATEST", "functionArn": arn}},
		{"platform.runtimeDone", map[string]any{"requestId": r.RequestID, "status": "success"}},
		{"platform.report", map[string]any{"requestId": r.RequestID, "status": "success"}},
	} {
		got := record(t, events, c.kind, 0)
		for name, value := range c.want {
			if diff := cmp.Diff(value, got[name]); diff != "" {
				t.Errorf("%s.%s (-want +got):\n%s", c.kind, name, diff)
			}
		}
	}
	done := record(t, events, "platform.runtimeDone", 0)
	if m := done["metrics"].(map[string]any); m["producedBytes"] != 6.0 || m["durationMs"].(float64) <= 0 {
		t.Errorf("runtimeDone metrics %v", m)
	}
	var spans []string
	for _, s := range done["spans"].([]any) {
		spans = append(spans, s.(map[string]any)["name"].(string))
	}
	if diff := cmp.Diff([]string{"responseLatency", "responseDuration", "runtimeOverhead"}, spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	m := record(t, events, "platform.report", 0)["metrics"].(map[string]any)
	if m["memorySizeMB"] != 256.0 || m["initDurationMs"].(float64) <= 0 ||
		m["billedDurationMs"].(float64) < m["initDurationMs"].(float64) {
		t.Errorf("report metrics %v", m)
	}
}

func TestExtensionEvents(t *testing.T) {
	e := start(t, Config{FunctionName: "orders"})
	before := time.Now()
	r := invoke(t, e, `{}`)
	shutdown(t, e)
	var got []map[string]any
	for line := range strings.Lines(e.ExtensionOutput()) {
		if body, found := strings.CutPrefix(line, "event "); found {
			var m map[string]any
			if err := json.Unmarshal([]byte(body), &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
	}
	if len(got) != 2 {
		t.Fatalf("events %v", got)
	}
	inv, end := got[0], got[1]
	if inv["eventType"] != "INVOKE" || inv["requestId"] != r.RequestID ||
		inv["invokedFunctionArn"] != "arn:aws:lambda:eu-central-1:123456789012:function:orders" {
		t.Errorf("INVOKE %v", inv)
	}
	if ms := int64(inv["deadlineMs"].(float64)); ms < before.Add(time.Minute).UnixMilli() {
		t.Errorf("deadline %d is before the time-out", ms)
	}
	if tr := inv["tracing"].(map[string]any); tr["type"] != "X-Amzn-Trace-Id" ||
		!strings.HasPrefix(tr["value"].(string), "Root=1-") {
		t.Errorf("tracing %v", tr)
	}
	if end["eventType"] != "SHUTDOWN" || end["shutdownReason"] != "spindown" || end["requestId"] != nil {
		t.Errorf("SHUTDOWN %v", end)
	}
}

// A function that calls another one passes its trace on, as an AWS SDK does.
func TestTheCallersTrace(t *testing.T) {
	e := start(t, Config{})
	const root = "Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c"
	steps := []byte(`{"steps":[{"print":"trace {trace}"}]}`)
	for _, caller := range []Caller{
		{Trace: root + ";Parent=53995c3f42cd8ad8;Sampled=1", Tenant: "acme"}, {Untraced: true}, {},
	} {
		if _, err := e.InvokeAs(testContext(t), caller, steps); err != nil {
			t.Fatal(err)
		}
	}
	shutdown(t, e)
	var starts, events []string
	for _, ev := range delivered(e) {
		if ev.Type == "platform.start" {
			starts = append(starts, string(ev.Record))
		}
	}
	for line := range strings.Lines(e.ExtensionOutput()) {
		if strings.Contains(line, "INVOKE") {
			events = append(events, line)
		}
	}
	printed := slices.Collect(strings.Lines(e.FunctionOutput()))
	if len(starts) != 3 || len(events) != 3 || len(printed) != 3 {
		t.Fatalf("%d starts, %d events, %d lines", len(starts), len(events), len(printed))
	}
	for i, want := range []string{root + ";Parent=", "", "Root=1-"} {
		for _, text := range []string{starts[i], events[i], printed[i]} {
			if !strings.Contains(text, want) || want == "" && strings.Contains(text, "Root=") {
				t.Errorf("invocation %d: %s", i, text)
			}
		}
		ours := strings.Contains(starts[i], root)
		if ours != (i == 0) || strings.Contains(starts[i], `"tenantId":"acme"`) != ours {
			t.Errorf("invocation %d: %s", i, starts[i])
		}
	}
}

func TestRuntimeWaitsForRegistration(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{InitTimeout: 200 * time.Millisecond},
		FunctionEnv: map[string]string{scriptfn.Init: "started"}}, "never-register")
	if got := e.Init().Status; got != StatusTimeout {
		t.Errorf("init status %s, want timeout", got)
	}
	if out := e.FunctionOutput(); out != "" {
		t.Errorf("the runtime ran before the extension registered: %q", out)
	}
}

func TestFailedInitIsTriedAgain(t *testing.T) {
	env := map[string]string{scriptfn.Init: `[{"print":"in vain"},{"error":"no database"}]`}
	e := start(t, Config{FunctionEnv: env}, "wait-for-done")
	if got := e.Init(); got.Status != StatusError || got.ErrorType != "Function.ScriptedError" {
		t.Errorf("first init %+v", got)
	}
	r := invoke(t, e, `{}`)
	if r.FunctionError != "Function.ScriptedError" || r.Status != StatusError ||
		!strings.Contains(string(r.Payload), "no database") {
		t.Errorf("result %+v with payload %s", r, r.Payload)
	}
	if got := strings.Count(e.FunctionOutput(), "in vain"); got != 2 {
		t.Errorf("%d inits, want 2", got)
	}
	noViolations(t, e)
}

func TestTimeoutResets(t *testing.T) {
	e := start(t, Config{Timeout: 300 * time.Millisecond}, "wait-for-done")
	first := e.ExtensionPID()
	r := invoke(t, e, `{"steps":[{"print":"last words"},{"print_raw":"cut off"},{"hang":true}]}`)
	if r.Status != StatusTimeout || r.FunctionError != "Sandbox.Timedout" ||
		!strings.Contains(string(r.Payload), "Task timed out after 0.30 seconds") {
		t.Errorf("result %+v with payload %s", r, r.Payload)
	}
	// The extension was still in its work for the invocation;
	// platform.runtimeDone let it go on to next, which gave it SHUTDOWN.
	if r.Reset == nil || r.Reset.Reason != "timeout" || !r.Reset.Delivered || r.Reset.Killed {
		t.Errorf("reset %+v", r.Reset)
	}
	events := delivered(e)
	if done := record(t, events, "platform.runtimeDone", 0); done["status"] != "timeout" ||
		done["errorType"] != nil || done["spans"] != nil {
		t.Errorf("runtimeDone %v", done)
	}
	if got := lines(events); !slices.Contains(got, "last words\n") {
		t.Errorf("lines %q", got)
	}
	if pid := e.ExtensionPID(); pid != 0 {
		t.Errorf("extension %d after a reset", pid)
	}
	e.cfg.Timeout = time.Minute
	r = invoke(t, e, `{"steps":[{"print":"again"}]}`)
	if r.Status != StatusSuccess || r.Init <= 0 || e.ExtensionPID() == first {
		t.Errorf("result after reset %+v", r)
	}
	var second []Event
	for _, b := range e.Telemetry() {
		if b.Init == 2 {
			second = append(second, b.Events...)
		}
	}
	if phase := record(t, second, "platform.initStart", 0)["phase"]; phase != "invoke" {
		t.Errorf("phase %v", phase)
	}
	kinds := types(second)
	if slices.Index(kinds, "platform.initStart") > slices.Index(kinds, "platform.start") {
		t.Errorf("start before initStart: %v", kinds)
	}
	if got := lines(second); !slices.Equal(got, []string{"again\n"}) {
		t.Errorf("lines of the second instance: %q", got)
	}
	noViolations(t, e)
}

func TestCrashResets(t *testing.T) {
	for _, c := range []struct{ name, step, state string }{
		{"exit", `{"exit":1}`, "exit status 1"},
		{"killed", `{"kill":true}`, "signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := start(t, Config{}, "wait-for-done", "linger")
			r := invoke(t, e, `{"steps":[{"print":"whole"},{"print_raw":"half"},`+c.step+`]}`)
			if r.Status != StatusError || r.FunctionError != "Runtime.ExitError" ||
				!strings.Contains(string(r.Payload), c.state) {
				t.Errorf("result %+v with payload %s", r, r.Payload)
			}
			if r.Reset == nil || r.Reset.Reason != "failure" || !r.Reset.Delivered {
				t.Errorf("reset %+v", r.Reset)
			}
			events := delivered(e)
			if done := record(t, events, "platform.runtimeDone", 0); done["status"] != "error" ||
				done["errorType"] != "Runtime.ExitError" {
				t.Errorf("runtimeDone %v", done)
			}
			if diff := cmp.Diff([]string{"whole\n", "half"}, lines(events)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if report := record(t, events, "platform.report", 0); report["status"] != "error" {
				t.Errorf("report %v", report)
			}
			noViolations(t, e)
		})
	}
}

func TestFunctionErrorIsNoReset(t *testing.T) {
	e := start(t, Config{}, "wait-for-done")
	pid := e.FunctionPID()
	r := invoke(t, e, `{"steps":[{"error":{"errorType":"Shop.Closed","errorMessage":"come back"}}]}`)
	if r.Status != StatusError || r.FunctionError != "Shop.Closed" ||
		!strings.Contains(string(r.Payload), "come back") || r.Reset != nil {
		t.Errorf("result %+v with payload %s", r, r.Payload)
	}
	if r = invoke(t, e, `{}`); r.Status != StatusSuccess || e.FunctionPID() != pid {
		t.Errorf("result after an error %+v", r)
	}
	noViolations(t, e)
}

// A function that answers and exits has answered: the caller gets the answer.
func TestExitAfterResponse(t *testing.T) {
	e := start(t, Config{}, "wait-for-done")
	r := invoke(t, e, `{"steps":[{"respond":"done"},{"exit":0}]}`)
	if string(r.Payload) != `"done"` || r.FunctionError != "Runtime.ExitError" || r.Reset == nil {
		t.Errorf("result %+v with payload %s", r, r.Payload)
	}
}

func TestExtensionCrash(t *testing.T) {
	e := start(t, Config{}, "exit-on-invoke")
	r := invoke(t, e, `{"steps":[{"hang":true}]}`)
	if r.Status != StatusError || r.FunctionError != "Extension.Crash" || r.Reset == nil {
		t.Errorf("result %+v", r)
	}
	violated(t, e, "Extension.Crash")
}

func TestExtensionCrashInInit(t *testing.T) {
	e := start(t, Config{}, "exit-before-register")
	if got := e.Init(); got.ErrorType != "Extension.Crash" {
		t.Errorf("init %+v", got)
	}
	violated(t, e, "exited (exit status 7)")
}

func TestExtensionCrashWhileIdle(t *testing.T) {
	e := start(t, Config{})
	invoke(t, e, `{}`)
	syscall.Kill(e.ExtensionPID(), syscall.SIGKILL)
	if err := e.Await(testContext(t), func() bool { return len(e.Violations()) > 0 }); err != nil {
		t.Fatal(err)
	}
	if r := invoke(t, e, `{}`); r.FunctionError != "Extension.Crash" {
		t.Errorf("result %+v", r)
	}
	if r := invoke(t, e, `{}`); r.Status != StatusSuccess {
		t.Errorf("result after the reset %+v", r)
	}
}

func TestExtensionReportsErrors(t *testing.T) {
	e := start(t, Config{}, "init-error")
	if got := e.Init(); got.Status != StatusError || got.ErrorType != "Extension.Bad" {
		t.Errorf("init %+v", got)
	}
	violated(t, e, "reported Extension.Bad to init/error")
}

func TestExtensionTooSlow(t *testing.T) {
	e := start(t, Config{Timeout: 300 * time.Millisecond, Lifecycle: Lifecycle{ShutdownBudget: 100 * time.Millisecond}},
		"hang-on-invoke")
	r := invoke(t, e, `{"steps":[{"respond":"quick"}]}`)
	if r.Status != StatusTimeout || string(r.Payload) != `"quick"` {
		t.Errorf("result %+v with payload %s", r, r.Payload)
	}
	if r.Reset == nil || !r.Reset.Killed || r.Reset.Delivered {
		t.Errorf("reset %+v", r.Reset)
	}
	if done := record(t, delivered(e), "platform.runtimeDone", 0); done["status"] != "success" {
		t.Errorf("the runtime was done in time: %v", done)
	}
	violated(t, e, "times out because of the extension")
	violated(t, e, "did not call event/next before the deadline of SHUTDOWN")
}

func TestShutdownKillsAtTheDeadline(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{ShutdownBudget: 200 * time.Millisecond}}, "ignore-shutdown")
	pid := e.ExtensionPID()
	s := shutdown(t, e)
	if !s.Killed || !s.Delivered || s.ExitCode != -1 || s.Took < 200*time.Millisecond {
		t.Errorf("shutdown %+v", s)
	}
	if left := group(t, pid); len(left) > 0 {
		t.Errorf("the extension's group is still there: %v", left)
	}
	violated(t, e, "still running at the deadline of SHUTDOWN")
	if _, err := e.Invoke(testContext(t), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke after Shutdown: %v", err)
	}
}

func TestShutdownIsTheFirstEvent(t *testing.T) {
	e := start(t, Config{})
	if s := shutdown(t, e); !s.Delivered || s.ExitCode != 3 {
		t.Errorf("shutdown %+v", s)
	}
	noViolations(t, e)
}

func TestNotRegisteredForShutdown(t *testing.T) {
	e := start(t, Config{}, "invoke-only")
	if s := shutdown(t, e); s.Delivered || s.ExitCode != -1 {
		t.Errorf("shutdown %+v", s)
	}
	noViolations(t, e)
}

// Telemetry that is buffered when the end comes is delivered beside SHUTDOWN,
// whatever the subscription's time-out.
func TestShutdownFlushesTelemetry(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{ShutdownBudget: 10 * time.Second}}, "slow-buffer", "linger")
	invoke(t, e, `{"steps":[{"print":"held back"}]}`)
	if n := len(e.Telemetry()); n != 0 {
		t.Fatalf("%d batches before the time-out", n)
	}
	shutdown(t, e)
	if got := lines(delivered(e)); !slices.Equal(got, []string{"held back\n"}) {
		t.Errorf("lines %q", got)
	}
}

func TestRuntimeGetsSIGTERM(t *testing.T) {
	// The function says that it caught the signal and then ignores it, so it
	// is killed when its share of the time is used up, and its children, who
	// take no notice of the end of the APIs, with it.
	self, _ := os.Executable()
	sh := fmt.Sprintf(`trap 'echo terminated' TERM; sleep 60 & %s & wait; while :; do sleep 1; done`, self)
	e := start(t, Config{Function: []string{"/bin/sh", "-c", sh}, FunctionEnv: map[string]string{scriptfn.Switch: "1"}})
	pid := e.FunctionPID()
	s := shutdown(t, e)
	if s.Took < runtimeShare {
		t.Errorf("the runtime was given %v only", s.Took)
	}
	if got := e.FunctionOutput(); !strings.Contains(got, "terminated\n") {
		t.Errorf("function said %q", got)
	}
	if left := group(t, pid); len(left) > 0 {
		t.Errorf("the function's group is still there: %v", left)
	}
}

func TestKill(t *testing.T) {
	e := start(t, Config{})
	ext, fn := e.ExtensionPID(), e.FunctionPID()
	result := make(chan error)
	go func() {
		_, err := e.Invoke(context.Background(), []byte(`{"steps":[{"print":"working"},{"hang":true}]}`))
		result <- err
	}()
	awaitEvent(t, e, "function")
	e.Kill()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke: %v", err)
	}
	for _, pid := range []int{ext, fn} {
		if left := group(t, pid); len(left) > 0 {
			t.Errorf("group %d is still there: %v", pid, left)
		}
	}
	if strings.Contains(e.ExtensionOutput(), "SHUTDOWN") {
		t.Error("the extension was warned")
	}
	noViolations(t, e)
}

func TestContextEndsInvoke(t *testing.T) {
	e := start(t, Config{})
	ctx, cancel := context.WithCancel(testContext(t))
	result := make(chan error)
	go func() {
		_, err := e.Invoke(ctx, []byte(`{"steps":[{"print":"working"},{"hang":true}]}`))
		result <- err
	}()
	awaitEvent(t, e, "function")
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke: %v", err)
	}
	if r := invoke(t, e, `{}`); r.Status != StatusSuccess || r.Init == 0 {
		t.Errorf("result of the next %+v", r)
	}
}

func TestStartRefuses(t *testing.T) {
	ok := []string{"/bin/true"}
	plain := t.TempDir() + "/plain"
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "Config.Function is empty"},
		{Config{Function: ok, Extension: "/does/not/exist"}, "no such file"},
		{Config{Function: ok, Extension: plain}, "not an executable file"},
		{Config{Function: ok, Logging: Logging{LogFormat: "xml"}}, "Text or JSON"},
		{Config{Function: ok, Env: map[string]string{"AWS_REGION": "x"}}, "Lambda reserves it"},
		{Config{Function: ok, Env: map[string]string{"_X": "x"}}, "starts with a letter"},
		{Config{Function: ok, Env: map[string]string{"X": strings.Repeat("x", 4096)}}, "Lambda allows 4096"},
	} {
		e, err := Start(testContext(t), c.cfg)
		if err == nil {
			e.Kill()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one about %q", c.cfg, err, c.want)
		}
	}
}

func TestEnvironmentVariables(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "/host/only")
	e := start(t, Config{Env: map[string]string{"SHARED": "1"}})
	_, rest, _ := strings.Cut(e.ExtensionOutput(), "environ ")
	line, _, _ := strings.Cut(rest, "\n")
	want := []string{
		"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "FAKE_MODE", "LANG", "PATH", "SHARED", "TZ",
	}
	if diff := cmp.Diff(want, strings.Fields(line)); diff != "" {
		t.Errorf("the extension's variables (-want +got):\n%s", diff)
	}
	in := e.currentInstance()
	fn := in.functionEnv("stream")
	for _, v := range []string{
		"_HANDLER=index.handler", "AWS_LAMBDA_LOG_FORMAT=Text", "SHARED=1", "AWS_LAMBDA_RUNTIME_API=" + in.address,
	} {
		if !slices.Contains(fn, v) {
			t.Errorf("the function lacks %s: %q", v, fn)
		}
	}
}
