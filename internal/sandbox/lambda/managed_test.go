package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// together runs an invocation per payload, all at once.
func together(t *testing.T, e *Environment, payloads ...string) []Result {
	t.Helper()
	results := make([]Result, len(payloads))
	errs := make([]error, len(payloads))
	var all sync.WaitGroup
	for i, p := range payloads {
		all.Go(func() { results[i], errs[i] = e.Invoke(testContext(t), []byte(p)) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return results
}

func TestManagedRunsInvocationsSideBySide(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Concurrency: 3}}, "shutdown-only")
	steps := `{"steps":[{"print":"from {request_id}"},{"sleep_ms":1000},{"respond":%d}]}`
	rs := together(t, e, fmt.Sprintf(steps, 1), fmt.Sprintf(steps, 2), fmt.Sprintf(steps, 3))
	for i, r := range rs {
		if r.Status != StatusSuccess || string(r.Payload) != fmt.Sprint(i+1) || r.Held != 0 {
			t.Errorf("result %d: %+v %s", i, r, r.Payload)
		}
	}
	came(t, e, "platform.report", 3)
	if s := shutdown(t, e); s.Reason != "spindown" || !s.Delivered || s.Killed {
		t.Errorf("shutdown %+v", s)
	}
	events := delivered(e)
	kinds := types(events)
	if slices.Contains(kinds, "platform.runtimeDone") {
		t.Error("platform.runtimeDone on a managed instance")
	}
	starts, firstReport := 0, slices.Index(kinds, "platform.report")
	for _, k := range kinds[:firstReport] {
		if k == "platform.start" {
			starts++
		}
	}
	if starts != 3 {
		t.Errorf("%d invocations had begun when the first ended; want 3 side by side", starts)
	}
	noViolations(t, e)
}

// came waits until n events of a kind have been delivered: the fake extension
// is gone as soon as it is told of SHUTDOWN, whatever telemetry is still on its
// way.
func came(t *testing.T, e *Environment, kind string, n int) {
	t.Helper()
	err := e.Await(testContext(t), func() bool {
		seen := 0
		for _, k := range types(delivered(e)) {
			if k == kind {
				seen++
			}
		}
		return seen >= n
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestManagedRecords(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Concurrency: 1}}, "shutdown-only")
	r := together(t, e, `{"steps":[{"print":"{\"a\":1}"},{"print":"text"}]}`)[0]
	came(t, e, "platform.report", 1)
	shutdown(t, e)
	events := delivered(e)
	if got := record(t, events, "platform.initStart", 0)["initializationType"]; got != "lambda-managed-instances" {
		t.Errorf("initializationType %v", got)
	}
	report := record(t, events, "platform.report", 0)
	metrics, _ := report["metrics"].(map[string]any)
	if report["requestId"] != r.RequestID || report["status"] != "success" || len(metrics) != 1 ||
		metrics["durationMs"] == nil {
		t.Errorf("report %v", report)
	}
	var records []string
	for _, ev := range events {
		if ev.Type == "function" {
			if ev.RequestID != "" {
				t.Errorf("the platform knows whose line %s is", ev.Record)
			}
			records = append(records, string(ev.Record))
		}
	}
	if len(records) != 2 || records[0] != `{"a":1}` || !strings.Contains(records[1], `"message":"text"`) {
		t.Errorf("records %q: the log format is JSON", records)
	}
}

func TestManagedRefusesINVOKE(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Concurrency: 1}})
	var statuses []int
	for _, r := range e.Requests() {
		if strings.HasSuffix(r.Path, "/register") {
			statuses = append(statuses, r.Status)
		}
	}
	if diff := cmp.Diff([]int{403, 200}, statuses); diff != "" {
		t.Error(diff)
	}
	if v := e.Violations(); len(v) != 1 ||
		!strings.Contains(v[0], "Extension.InvalidEventType: INVOKE: ErrorInvalidEventType") {
		t.Errorf("violations %q", v)
	}
}

func TestManagedTakesOneSchemaOnly(t *testing.T) {
	in := referee(t)
	in.env.cfg.Concurrency = 1
	_, _, h := request(t, in, "POST "+pathRegister, "Lambda-Extension-Name: ext", `{"events":["SHUTDOWN"]}`)
	id := "Lambda-Extension-Identifier: " + h.Get("Lambda-Extension-Identifier")
	for schema, want := range map[string]int{"2022-12-13": 400, "2025-01-29": 200} {
		body, err := json.Marshal(map[string]any{"schemaVersion": schema, "types": []string{"function"},
			"destination": map[string]string{"protocol": "HTTP", "URI": "http://sandbox.localdomain:1"}})
		if err != nil {
			t.Fatal(err)
		}
		status, answer, _ := request(t, in, "PUT "+pathTelemetry, id, "Content-Type: application/json", string(body))
		if status != want {
			t.Errorf("schema %s: %d %s", schema, status, answer)
		}
	}
}

func TestManagedLateLinesComeAfterTheReport(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Concurrency: 1}, Hooks: Hooks{Late: func(Event) bool { return true }}},
		"shutdown-only")
	together(t, e, `{"steps":[{"print":"late"}]}`)
	came(t, e, "function", 1)
	shutdown(t, e)
	kinds := types(delivered(e))
	report, line := slices.Index(kinds, "platform.report"), slices.Index(kinds, "function")
	if report < 0 || line < report {
		t.Errorf("events %q", kinds)
	}
}

// A time-out is told of; the code runs on, and so does the environment.
func TestManagedTimeoutIsNotEnforced(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Concurrency: 2}, Timeout: 200 * time.Millisecond}, "shutdown-only")
	pid := e.FunctionPID()
	r := together(t, e, `{"steps":[{"sleep_ms":600},{"print":"still here"}]}`)[0]
	if r.Status != StatusTimeout || r.FunctionError != "Sandbox.Timedout" || r.Reset != nil {
		t.Errorf("result %+v", r)
	}
	e.cfg.Timeout = time.Minute
	if r := together(t, e, `{"steps":[{"sleep_ms":1000}]}`)[0]; r.Status != StatusSuccess || e.FunctionPID() != pid {
		t.Errorf("the next one: %+v", r)
	}
	if !strings.Contains(e.FunctionOutput(), "still here") {
		t.Error("the code was stopped")
	}
	shutdown(t, e)
	report := record(t, delivered(e), "platform.report", 0)
	if report["status"] != "timeout" || report["errorType"] != "Sandbox.Timedout" {
		t.Errorf("report %v", report)
	}
	noViolations(t, e)
}

// Of the two invocations one would hang for ever if the other did not run
// beside it.
func TestManagedCrashEndsTheEnvironment(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{Concurrency: 2}}, "shutdown-only")
	rs := together(t, e, `{"steps":[{"sleep_ms":200},{"exit":1}]}`, `{"steps":[{"hang":true}]}`)
	resets := 0
	for _, r := range rs {
		if r.Status != StatusError || r.FunctionError != "Runtime.ExitError" {
			t.Errorf("result %+v", r)
		}
		if r.Reset != nil {
			resets++
			if r.Reset.Reason != "failure" || !r.Reset.Delivered {
				t.Errorf("shutdown %+v", r.Reset)
			}
		}
	}
	if resets != 1 {
		t.Errorf("%d shutdowns", resets)
	}
	if _, err := e.Invoke(testContext(t), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("the next invocation: %v", err)
	}
	noViolations(t, e)
}

func TestModesThatDoNotExist(t *testing.T) {
	for _, cfg := range []Config{
		{Lifecycle: Lifecycle{Concurrency: -1}},
		{Lifecycle: Lifecycle{Concurrency: 1, InitializationType: "on-demand"}},
		{Lifecycle: Lifecycle{InitializationType: "lambda-managed-instances"}},
		{Lifecycle: Lifecycle{Concurrency: 1, Freeze: true}}, {Lifecycle: Lifecycle{InitializationType: "warm"}},
	} {
		cfg.Function = []string{"none"}
		if e, err := Start(t.Context(), cfg); err == nil {
			e.Kill()
			t.Errorf("%+v was started", cfg)
		}
	}
}

func TestSnapStart(t *testing.T) {
	e := start(t, Config{Lifecycle: Lifecycle{InitializationType: "snap-start"},
		FunctionEnv: map[string]string{"LOGTABLE_SCRIPT_INIT": "loaded"}})
	awaitStopped(t, e.ExtensionPID())
	if got := lines(delivered(e)); len(got) != 1 {
		t.Errorf("lines before the snapshot: %q", got)
	}
	invoke(t, e, `{"steps":[]}`)
	invoke(t, e, `{"steps":[]}`)
	shutdown(t, e)
	kinds := types(delivered(e))
	restore, first := slices.Index(kinds, "platform.restoreStart"), slices.Index(kinds, "platform.start")
	want := []string{"platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport"}
	if restore < 0 || restore > first || !slices.Equal(kinds[restore:restore+3], want) {
		t.Errorf("events %q", kinds)
	}
	if slices.Contains(kinds[restore+1:], "platform.restoreStart") {
		t.Error("restored twice")
	}
	_, environ, _ := strings.Cut(e.ExtensionOutput(), "environ ")
	environ, _, _ = strings.Cut(environ, "\n")
	if strings.Contains(environ, "AWS_ACCESS_KEY_ID") ||
		!strings.Contains(environ, "AWS_CONTAINER_CREDENTIALS_FULL_URI") {
		t.Errorf("the extension's variables: %s", environ)
	}
	noViolations(t, e)
}

func TestCredentials(t *testing.T) {
	in := referee(t)
	in.env.cfg.CredentialsLife = time.Hour
	var keys []string
	for range 2 {
		status, answer, _ := request(t, in, "GET "+pathCredentials, "Authorization: "+in.token)
		var c struct{ AccessKeyId, SecretAccessKey, Token, Expiration string }
		if err := json.Unmarshal([]byte(answer), &c); err != nil || status != 200 {
			t.Fatal(status, answer, err)
		}
		if at, err := time.Parse(time.RFC3339, c.Expiration); err != nil || time.Until(at) < 50*time.Minute ||
			c.SecretAccessKey == "" || c.Token == "" {
			t.Errorf("%s", answer)
		}
		keys = append(keys, c.AccessKeyId)
	}
	if keys[0] == keys[1] {
		t.Error("the credentials were not exchanged")
	}
	if status, answer, _ := request(t, in, "GET "+pathCredentials, "Authorization: guess"); status != 404 ||
		strings.Contains(answer, "Key") {
		t.Errorf("a wrong token: %d %s", status, answer)
	}
}
