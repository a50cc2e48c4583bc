package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

// start starts the real extension beside the scripted function, with tables of
// its own. The environment is shut down, and the referee asked, at the end.
func start(t *testing.T, change ...func(*lambda.Config)) (*lambda.Environment, *table.Server) {
	t.Helper()
	testkit.Slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := table.Start(t)
	if err := server.CreateLogTables(context.Background(), "logtable-info", "logtable-errors"); err != nil {
		t.Fatal(err)
	}
	cfg := lambda.Config{
		Extension: extension, Function: []string{self}, FunctionName: "orders", Timeout: 5 * time.Minute,
		Identity:    lambda.Identity{MemoryMB: 256},
		FunctionEnv: map[string]string{scriptfn.Switch: "1"}, ExtensionEnv: raceEnv,
		Env: map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": server.URL(),
			"LOGTABLE_SPILL_DIR": filepath.Join(t.TempDir(), "spill")},
	}
	for _, f := range change {
		f(&cfg)
	}
	if err := enforce(server, cfg.FunctionName); err != nil {
		t.Fatal(err)
	}
	env, err := lambda.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		env.Kill()
		killed := false
		for _, v := range env.Violations() {
			switch {
			case strings.Contains(v, "exited (signal: killed)"):
				killed = true // the tests' own doing
			case killed && strings.Contains(v, "UnknownExtensionIdentifier"):
				// What the killed process had sent arrives after its end.
			default:
				t.Errorf("the referee saw: %s", v)
			}
		}
		if t.Failed() {
			t.Logf("the extension's log:\n%s", env.ExtensionOutput())
		}
	})
	return env, server
}

func invoke(t *testing.T, env *lambda.Environment, steps ...scriptfn.Step) lambda.Result {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		t.Fatal(err)
	}
	r, err := env.Invoke(context.Background(), payload)
	if err != nil || r.Status != lambda.StatusSuccess {
		t.Fatalf("invocation: %+v, %v", r, err)
	}
	return r
}

// shutDown ends the environment, which must go well, and returns how many
// telemetry events Lambda had not delivered by then.
func shutDown(t *testing.T, env *lambda.Environment) (undelivered int) {
	t.Helper()
	r, err := env.Shutdown(context.Background())
	if err != nil || r.Killed || r.ExitCode != 0 {
		t.Fatalf("shutdown: %+v, %v", r, err)
	}
	return r.Undelivered
}

func print(text string, times int) scriptfn.Step {
	return scriptfn.Step{Print: &text, Times: times, Number: true}
}

// inOrder checks that the informational table holds lines 1 to n of every
// request, in the order of its keys, each once.
func inOrder(t *testing.T, server *table.Server, n int, requests ...string) {
	t.Helper()
	next := map[string]int{}
	for _, id := range requests {
		next[id] = 1
	}
	for _, item := range server.Items("logtable-info") {
		var i int
		if _, err := fmt.Sscanf(item.Str("message"), "INFO: (1) line %d", &i); err != nil {
			t.Fatalf("row %q", item.Str("message"))
		}
		id := item.Str("request_id")
		if i != next[id] {
			t.Fatalf("request %s: line %d where %d is next", id, i, next[id])
		}
		next[id]++
	}
	for id, i := range next {
		if i != n+1 {
			t.Errorf("request %s: %d of %d lines", id, i-1, n)
		}
	}
	if stats := server.Stats(); stats.Overwritten > stats.OverwrittenEqual {
		t.Errorf("%d rows were overwritten by others", stats.Overwritten-stats.OverwrittenEqual)
	}
}

const line = `{"locator":"1","level":"info","text":"line {n}","padding":"0123456789012345678901234567890123456789"}`

func TestManyInvocations(t *testing.T) {
	env, server := start(t)
	var ids []string
	for range 200 {
		ids = append(ids, invoke(t, env, print(line, 10)).RequestID)
	}
	// Before SHUTDOWN: everything has been written when the environment can
	// freeze.
	inOrder(t, server, 10, ids...)
	shutDown(t, env)
	inOrder(t, server, 10, ids...)
}

func TestOneLoudInvocation(t *testing.T) {
	lines := 20_000
	if len(raceFlag) > 0 {
		lines = 5000 // 20,000 take the race detector longer than SHUTDOWN's 2 s
	}
	env, server := start(t)
	r := invoke(t, env, print(line, lines))
	shutDown(t, env)
	inOrder(t, server, lines, r.RequestID)
	t.Logf("held for %v after the function's end", r.Held)
}

func TestLoudInvocationInTextAndJSON(t *testing.T) {
	for _, format := range []string{"Text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			env, server := start(t, func(c *lambda.Config) { c.LogFormat = format })
			r := invoke(t, env, print(line, 2000))
			shutDown(t, env)
			inOrder(t, server, 2000, r.RequestID)
		})
	}
}

// TestSamples posts a sample of every form of telemetry that is known to the
// listener of the real binary.
func TestSamples(t *testing.T) {
	env, server := start(t, func(c *lambda.Config) { c.Env["LOGTABLE_PLAIN"] = "INFO" })
	samples, function := testkit.Telemetry(t), 0
	for _, s := range samples {
		var events []struct{ Type string }
		if err := json.Unmarshal(s.Batch, &events); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		for _, e := range events {
			if e.Type == "function" {
				function++
			}
		}
		if status, err := env.Post(context.Background(), "", "POST", s.Batch); err != nil || status != 200 {
			t.Errorf("%s: %d, %v", s.Name, status, err)
		}
	}
	shutDown(t, env)
	rows := len(server.Items("logtable-info")) + len(server.Items("logtable-errors"))
	if log := env.ExtensionOutput(); strings.Contains(log, "unreadable") || strings.Contains(log, "panic") {
		t.Errorf("log:\n%s", log)
	}
	// What the platform tells of deaths makes rows, too.
	if function < 80 || rows < function {
		t.Errorf("%d rows of %d function events in %d samples", rows, function, len(samples))
	}
}

// TestTheKeyIsMadeFromTheEventsTime posts an event of a known time, and the
// same instant from a second environment.
func TestTheKeyIsMadeFromTheEventsTime(t *testing.T) {
	env, server := start(t, func(c *lambda.Config) { c.Env["LOGTABLE_TIMEZONE"] = "Asia/Tokyo" })
	at := time.Now().UTC().Truncate(time.Millisecond)
	var body bytes.Buffer
	body.WriteByte('[')
	for i := range 100 {
		if i > 0 {
			body.WriteByte(',')
		}
		record := fmt.Sprintf(`{"locator":"1","level":"info","text":"line %d"}`, i+1)
		fmt.Fprintf(&body, `{"time":%q,"type":"function","record":%q}`, at.Format("2006-01-02T15:04:05.000Z"), record)
	}
	body.WriteByte(']')
	for range 3 { // byte-equal: a redelivery
		if status, err := env.Post(context.Background(), "", "POST", body.Bytes()); status != 200 {
			t.Fatal(status, err)
		}
	}
	shutDown(t, env)
	items := server.Items("logtable-info")
	if len(items) != 100 {
		t.Fatalf("%d rows of 100", len(items))
	}
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range items {
		want := fmt.Sprintf("%d.%03d%04d+orders+", at.Unix(), at.UnixMilli()%1000, i)
		if !strings.HasPrefix(item.Str("stamp_mod"), want) || item.Str("date") != at.In(tokyo).Format(time.DateOnly) {
			t.Errorf("keys %s, %s; want %s…, %s", item.Str("date"), item.Str("stamp_mod"), want,
				at.In(tokyo).Format(time.DateOnly))
		}
		if want := fmt.Sprintf("INFO: (1) line %d", i+1); item.Str("message") != want {
			t.Errorf("row %d is %q", i, item.Str("message"))
		}
	}
}

// TestShutdownIsTheFirstEvent: an environment that is never invoked.
func TestShutdownIsTheFirstEvent(t *testing.T) {
	env, server := start(t, func(c *lambda.Config) {
		c.FunctionEnv[scriptfn.Init] = `{"locator":"0","level":"info","text":"loaded"}`
	})
	shutDown(t, env)
	if items := server.Items("logtable-info"); len(items) != 1 || items[0].Str("request_id") != "init" {
		t.Errorf("rows: %v", items)
	}
}

// TestHungTableAtShutdown: the process ends by itself before Lambda kills it.
func TestHungTableAtShutdown(t *testing.T) {
	env, server := start(t)
	invoke(t, env, print(line, 1))
	server.Hang()
	invoke(t, env, print(line, 1))
	r, err := env.Shutdown(context.Background())
	if err != nil || r.Killed || r.ExitCode != 0 || r.Took > 2*time.Second {
		t.Errorf("shutdown: %+v, %v", r, err)
	}
}

// TestTelemetryBesideSHUTDOWN: lines that arrive while SHUTDOWN is being
// handled are stored as well.
func TestTelemetryBesideSHUTDOWN(t *testing.T) {
	var listener string
	env, server := start(t, func(c *lambda.Config) {
		c.Hooks.Subscribe = func(call lambda.Call) *lambda.Answer {
			var body struct{ Destination struct{ URI string } }
			if err := json.Unmarshal([]byte(call.Body), &body); err != nil {
				t.Error(err)
			}
			listener = strings.Replace(body.Destination.URI, "sandbox.localdomain", "127.0.0.1", 1)
			return nil
		}
	})
	post := func(text string) {
		record := fmt.Sprintf(`{"locator":"1","level":"info","text":%q}`, text)
		resp, err := http.Post(listener, "application/json",
			strings.NewReader(fmt.Sprintf(`[{"time":%q,"type":"function","record":%q}]`,
				time.Now().UTC().Format(time.RFC3339Nano), record)))
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Error(resp.Status)
		}
	}
	invoke(t, env)
	post("before")
	var beside sync.Once
	server.OnRequest(func(string, int, []byte) table.Fault {
		beside.Do(func() { post("beside") }) // the first write after the last invocation is SHUTDOWN's
		return table.Fault{}
	})
	shutDown(t, env)
	items := server.Items("logtable-info")
	if len(items) != 2 || items[0].Str("message") != "INFO: (1) before" ||
		items[1].Str("message") != "INFO: (1) beside" {
		t.Errorf("rows: %v", items)
	}
}

// TestALineOfAMegabyte arrives in pieces, as Lambda cuts it. What of it can be
// known is stored, with what is wrong, and its neighbours are unharmed.
func TestALineOfAMegabyte(t *testing.T) {
	env, server := start(t)
	long := `{"locator":"1","level":"info","text":"` + strings.Repeat("x", 1<<20) + `"}`
	after := `{"locator":"2","level":"info","text":"after"}`
	invoke(t, env, scriptfn.Step{Print: &long}, scriptfn.Step{Print: &after})
	items := server.Items("logtable-info")
	if len(items) != 2 {
		t.Fatalf("%d rows, want the line's head and its neighbour", len(items))
	}
	if m := items[0].Str("message"); len(m) < 200<<10 || !strings.HasPrefix(m, "INFO: (1) xxx") ||
		!strings.Contains(items[0].Str("issues"), "the JSON object is cut off") {
		t.Errorf("the long line became %d bytes, %.60q, issues %q", len(m), m, items[0].Str("issues"))
	}
	if m := items[1].Str("message"); m != "INFO: (2) after" {
		t.Errorf("its neighbour became %q", m)
	}
}

// TestASecondLogtable: two layers bring one each. One does the work, the other
// says so once and is a silent guest.
func TestASecondLogtable(t *testing.T) {
	testkit.Slow(t)
	second := filepath.Join(t.TempDir(), "logtable-again")
	if err := os.Link(extension, second); err != nil {
		t.Fatal(err)
	}
	env, server := start(t, func(c *lambda.Config) { c.Others = []string{second} })
	for range 3 {
		invoke(t, env, print(line, 2))
	}
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n != 6 {
		t.Errorf("%d rows of 6 lines", n)
	}
	log := withoutFirstLines(env.ExtensionOutput())
	if strings.Count(log, "another Logtable is running in this environment") != 1 || strings.Count(log, "\n") != 1 {
		t.Errorf("log:\n%s", log)
	}
}
