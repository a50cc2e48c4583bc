package lambda

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHookRegister(t *testing.T) {
	e := start(t, Config{Hooks: Hooks{Register: Answers(3, Answer{Status: 500, ErrorType: "Container.Error"})}})
	var statuses []int
	for _, r := range e.Requests() {
		if r.Path == pathRegister {
			statuses = append(statuses, r.Status)
		}
	}
	if diff := cmp.Diff([]int{500, 500, 500, 200}, statuses); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	noViolations(t, e)
}

func TestHookNext(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer Answer
		says   string
	}{
		{"status", Answer{Status: 503}, "next 503"},
		{"reset", Answer{Reset: true}, "next failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := start(t, Config{Hooks: Hooks{Next: func(call Call) *Answer {
				if call.Number == 2 || call.Number == 3 {
					return &c.answer
				}
				return nil
			}}})
			invoke(t, e, `{}`)
			invoke(t, e, `{}`)
			shutdown(t, e)
			// net/http itself repeats a GET after a reset.
			if n := said(e, c.says); n != 2 && (n != 1 || !c.answer.Reset) {
				t.Errorf("the extension said %q %d times, want 2", c.says, n)
			}
			if n := said(e, "event {\"eventType\":\"INVOKE\""); n != 2 {
				t.Errorf("%d INVOKE events, want 2: a refused next must not cost one", n)
			}
			noViolations(t, e)
		})
	}
}

func TestTightLoop(t *testing.T) {
	e := start(t, Config{Hooks: Hooks{Next: Answers(3*loopRefusals, Answer{Status: 503})}})
	invoke(t, e, `{}`)
	violated(t, e, "tight loop")
	if n := len(e.Violations()); n != 1 {
		t.Errorf("%d violations, want one", n)
	}
}

func TestImpatientNext(t *testing.T) {
	e := start(t, Config{}, "impatient")
	if err := e.Await(testContext(t), func() bool { return len(e.Violations()) > 0 }); err != nil {
		t.Fatal(err)
	}
	violated(t, e, "gave up waiting in event/next")
	if r := invoke(t, e, `{}`); r.Status != StatusSuccess {
		t.Errorf("the event after it: %+v", r)
	}
}

func TestHookSubscribe(t *testing.T) {
	t.Run("old schema", func(t *testing.T) {
		e := start(t, Config{Logging: Logging{LogFormat: "JSON"}, Hooks: Hooks{Subscribe: RefuseSchema("2025-01-29")}},
			"wait-for-done")
		invoke(t, e, `{"steps":[{"print":"{\"a\":1}"}]}`)
		if n := said(e, "subscribed 200"); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		for _, b := range e.Telemetry() {
			if strings.Contains(string(b.Body), `"type":"function"`) &&
				!strings.Contains(string(b.Body), `"record":"{\"a\":1}"`) {
				t.Errorf("schema 2022-07-01 has strings only: %s", b.Body)
			}
		}
		noViolations(t, e)
	})
	t.Run("refused", func(t *testing.T) {
		e := start(t, Config{Hooks: Hooks{Subscribe: Answers(9, Answer{Status: 500})}})
		invoke(t, e, `{}`)
		if n := said(e, "subscribed 500"); n != 1 {
			t.Errorf("%d refusals", n)
		}
		if n := len(e.Telemetry()); n != 0 {
			t.Errorf("%d batches without a subscription", n)
		}
	})
	t.Run("unsupported", func(t *testing.T) {
		e := start(t, Config{Telemetry: Telemetry{Unsupported: true}})
		invoke(t, e, `{}`)
		if n := said(e, `subscribed 202 {"errorMessage":"Telemetry API is not supported"`); n != 1 {
			t.Errorf("%d answers of 202:\n%s", n, e.ExtensionOutput())
		}
		if _, err := e.Post(testContext(t), "", "", nil); err == nil {
			t.Error("Post without a subscription succeeded")
		}
	})
}

func TestRefuseInvoke(t *testing.T) {
	hook := RefuseInvoke()
	if a := hook(Call{Body: `{"events":["INVOKE","SHUTDOWN"]}`}); a == nil || a.Status != 403 ||
		a.ErrorType != "Extension.InvalidEventType" {
		t.Errorf("answer %+v", a)
	}
	if a := hook(Call{Body: `{"events":["SHUTDOWN"]}`}); a != nil {
		t.Errorf("answer %+v", a)
	}
}

func TestHookDeadline(t *testing.T) {
	e := start(t, Config{Hooks: Hooks{Deadline: func(event string, ms int64) int64 {
		if event == "INVOKE" {
			return -1
		}
		return 42
	}}})
	invoke(t, e, `{}`)
	shutdown(t, e)
	for _, part := range []string{`"INVOKE","deadlineMs":-1`, `"SHUTDOWN","deadlineMs":42`} {
		if !strings.Contains(e.ExtensionOutput(), part) {
			t.Errorf("no %s in\n%s", part, e.ExtensionOutput())
		}
	}
}

func TestHookEmit(t *testing.T) {
	past := time.Date(2001, 2, 3, 4, 5, 6, 7e6, time.UTC)
	e := start(t, Config{Hooks: Hooks{Emit: func(ev *Event) bool {
		if ev.Type == "function" {
			ev.Time = past
		}
		return ev.Type != "platform.start"
	}}}, "wait-for-done")
	invoke(t, e, `{"steps":[{"print":"old"}]}`)
	events := delivered(e)
	if slices.Contains(types(events), "platform.start") {
		t.Error("platform.start came through")
	}
	var body []byte
	for _, b := range e.Telemetry() {
		body = append(body, b.Body...)
	}
	if !strings.Contains(string(body), `{"time":"2001-02-03T04:05:06.007Z","type":"function","record":"old\n"}`) {
		t.Errorf("the changed time is not in %s", body)
	}
}

func TestHookLate(t *testing.T) {
	e := start(t, Config{Hooks: Hooks{Late: func(ev Event) bool {
		return strings.Contains(string(ev.Record), "late")
	}}}, "linger")
	r := invoke(t, e, `{"steps":[{"print":"late"},{"print":"in time"}]}`)
	shutdown(t, e)
	events := delivered(e)
	if diff := cmp.Diff([]string{"in time\n", "late\n"}, lines(events)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	kinds := types(events)
	done := slices.Index(kinds, "platform.runtimeDone")
	if kinds[done+1] != "function" || events[done+1].RequestID != r.RequestID {
		t.Errorf("no late line of the invocation after its runtimeDone: %v", kinds)
	}
}

// Without platform.runtimeDone an extension that waits for it holds the
// invocation until the function's time-out.
func TestHookDropsRuntimeDone(t *testing.T) {
	e := start(t, Config{
		Timeout: 300 * time.Millisecond, Lifecycle: Lifecycle{ShutdownBudget: 100 * time.Millisecond},
		Hooks: Hooks{Emit: func(ev *Event) bool { return ev.Type != "platform.runtimeDone" }},
	}, "wait-for-done")
	if r := invoke(t, e, `{}`); r.Status != StatusTimeout {
		t.Errorf("result %+v", r)
	}
}

func TestHookDeliver(t *testing.T) {
	release := make(chan struct{})
	var held atomic.Int32
	e := start(t, Config{Hooks: Hooks{Deliver: func(ctx context.Context, _ int, b Batch) {
		if strings.Contains(string(b.Body), "hold me") {
			held.Add(1)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
	}}})
	invoke(t, e, `{"steps":[{"print":"hold me"}]}`)
	invoke(t, e, `{}`)
	if got := lines(delivered(e)); len(got) > 0 {
		t.Errorf("delivered all the same: %q", got)
	}
	close(release)
	awaitEvent(t, e, "function")
	if held.Load() != 1 {
		t.Errorf("hook called %d times", held.Load())
	}
}

func TestRetry(t *testing.T) {
	e := start(t, Config{Telemetry: Telemetry{Backoff: time.Millisecond}}, "refuse-two-posts", "wait-for-done")
	invoke(t, e, `{}`)
	sameBodies(t, e, 3)
	if first := e.Telemetry()[0]; first.Attempts != 3 || !first.Acknowledged {
		t.Errorf("first batch: %d attempts, acknowledged %v", first.Attempts, first.Acknowledged)
	}
}

func TestHookRedeliver(t *testing.T) {
	e := start(t, Config{Hooks: Hooks{Redeliver: func(Batch) int { return 2 }}}, "wait-for-done")
	invoke(t, e, `{}`)
	sameBodies(t, e, 3)
}

// sameBodies checks that the extension's first n posts were byte by byte the
// same, and the next one was not.
func sameBodies(t *testing.T, e *Environment, n int) {
	t.Helper()
	err := e.Await(testContext(t), func() bool { return said(e, "post ") > n })
	if err != nil {
		t.Fatal(err)
	}
	var sums []string
	for line := range strings.Lines(e.ExtensionOutput()) {
		if strings.HasPrefix(line, "post ") {
			sums = append(sums, strings.Fields(line)[4])
		}
	}
	for _, s := range sums[:n] {
		if s != sums[0] {
			t.Fatalf("a retried body differs: %v", sums[:n])
		}
	}
	if sums[n] == sums[0] {
		t.Errorf("the batch came more than %d times", n)
	}
}

func TestPost(t *testing.T) {
	e := start(t, Config{})
	for _, c := range []struct{ path, method, want string }{
		{"", "", "POST /t "},
		{"/elsewhere", "PUT", "PUT /elsewhere "},
	} {
		status, err := e.Post(testContext(t), c.path, c.method, []byte(`not json`))
		if err != nil || status != 200 {
			t.Errorf("%+v: %d %v", c, status, err)
		}
		said := func() bool { return strings.Contains(e.ExtensionOutput(), c.want) }
		if err := e.Await(testContext(t), said); err != nil {
			t.Errorf("no %q in\n%s", c.want, e.ExtensionOutput())
		}
	}
}

func TestTelemetryDropsPath(t *testing.T) {
	e := start(t, Config{Telemetry: Telemetry{DropsPath: true}}, "wait-for-done")
	invoke(t, e, `{}`)
	if !strings.Contains(e.ExtensionOutput(), " POST / ") {
		t.Errorf("no post to / in\n%s", e.ExtensionOutput())
	}
}

func TestJSONFormat(t *testing.T) {
	e := start(t, Config{Logging: Logging{LogFormat: "JSON"}}, "wait-for-done")
	invoke(t, e, `{"steps":[{"print":"{\"n\":12345678901234567890,\"s\":\"<&>\"}"},{"print":"plain"},{"print":"[1]"}]}`)
	var objects []string
	for _, ev := range delivered(e) {
		if ev.Type != "function" {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal(ev.Record, &m); err != nil {
			t.Fatalf("record %s: %v", ev.Record, err)
		}
		if m["message"] == nil {
			objects = append(objects, string(ev.Record))
			continue
		}
		if m["level"] != "INFO" || m["timestamp"] == nil {
			t.Errorf("envelope %s", ev.Record)
		}
		objects = append(objects, m["message"].(string))
	}
	want := []string{`{"n":12345678901234567890,"s":"<&>"}`, "plain", "[1]"}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestManyLines(t *testing.T) {
	e := start(t, Config{}, "wait-for-done")
	invoke(t, e, `{"steps":[{"print":"line {n} of many","times":20000,"number":true}]}`)
	got := lines(delivered(e))
	if len(got) != 20000 || got[0] != "line 1 of many\n" || got[19999] != "line 20000 of many\n" {
		t.Errorf("%d lines", len(got))
	}
	for _, b := range e.Telemetry() {
		if len(b.Body) > 2*262144 || len(b.Events) > 1000 {
			t.Errorf("batch of %d events, %d bytes", len(b.Events), len(b.Body))
		}
	}
}
