package lambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/testkit"
)

// fakeName is what this test binary is called when it is the extension.
const fakeName = "fake-extension"

func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == fakeName:
		fakeMain(strings.Fields(os.Getenv("FAKE_MODE")))
	case os.Getenv(scriptfn.Switch) == "1":
		scriptfn.Main()
	}
	os.Exit(m.Run())
}

// fake is a small extension. Its modes are the ways to behave badly. What it
// learns it prints, one word first, so that tests can read it.
type fake struct {
	modes map[string]bool
	id    string

	mu       sync.Mutex
	posts    int
	done     map[string]bool // request IDs whose platform.runtimeDone has come
	somebody *sync.Cond
}

func fakeMain(modes []string) {
	f := &fake{modes: map[string]bool{}, done: map[string]bool{}}
	f.somebody = sync.NewCond(&f.mu)
	for _, m := range modes {
		f.modes[m] = true
	}
	os.Exit(f.run())
}

func (f *fake) run() int {
	f.say("environ %s", strings.Join(environNames(), " "))
	if f.modes["exit-before-register"] {
		return 7
	}
	if f.modes["never-register"] {
		select {}
	}
	events := []string{"INVOKE", "SHUTDOWN"}
	if f.modes["invoke-only"] {
		events = []string{"INVOKE"}
	}
	if f.modes["shutdown-only"] {
		events = []string{"SHUTDOWN"}
	}
	body, _ := json.Marshal(map[string]any{"events": events})
	for status := 0; status != 200; {
		var resp *http.Response
		if status == 403 {
			body = []byte(`{"events":["SHUTDOWN"]}`)
		}
		resp, _ = f.call("POST", "/2020-01-01/extension/register", string(body), "Lambda-Extension-Name", fakeName)
		status = resp.StatusCode
		f.id = resp.Header.Get("Lambda-Extension-Identifier")
	}
	if f.modes["init-error"] {
		f.call("POST", "/2020-01-01/extension/init/error", "", "Lambda-Extension-Function-Error-Type", "Extension.Bad")
		return 1
	}
	if !f.modes["no-subscription"] {
		f.subscribe("2025-01-29")
	}
	for {
		if code, end := f.turn(); end {
			return code
		}
	}
}

func (f *fake) subscribe(schema string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, f)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	timeout := 25
	if f.modes["slow-buffer"] {
		timeout = 30000
	}
	resp, answer := f.call("PUT", "/2022-07-01/telemetry", fmt.Sprintf(
		`{"schemaVersion":%q,"types":["platform","function"],"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":%d},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s/t"}}`,
		schema, timeout, port), "Content-Type", "application/json")
	f.say("subscribed %d %s", resp.StatusCode, answer)
	if resp.StatusCode == 400 && schema != "2022-07-01" {
		f.subscribe("2022-07-01")
	}
}

// turn is one call of next and what follows from it.
func (f *fake) turn() (code int, end bool) {
	client := http.DefaultClient
	if f.modes["impatient"] {
		f.modes["impatient"] = false
		client = &http.Client{Timeout: 50 * time.Millisecond}
	}
	resp, body, err := f.try(client, "GET", "/2020-01-01/extension/event/next", "")
	if err != nil {
		f.say("next failed")
		return 0, false
	}
	if resp.StatusCode != 200 {
		f.say("next %d", resp.StatusCode)
		return 0, false
	}
	var ev struct {
		EventType, RequestID, ShutdownReason string
		DeadlineMs                           int64
	}
	json.Unmarshal(body, &ev)
	f.say("event %s", body)
	switch {
	case ev.EventType == "SHUTDOWN" && f.modes["ignore-shutdown"]:
		select {}
	case ev.EventType == "SHUTDOWN":
		if f.modes["linger"] {
			f.awaitDone("last")
		}
		return 3, true
	case f.modes["exit-on-invoke"]:
		return 9, true
	case f.modes["hang-on-invoke"]:
		select {}
	case f.modes["wait-for-done"]:
		f.awaitDone(ev.RequestID)
	}
	return 0, false
}

func (f *fake) awaitDone(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.done[id] {
		f.somebody.Wait()
	}
}

// ServeHTTP is the telemetry listener.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posts++
	f.say("post %d %s %s %x", f.posts, r.Method, r.URL.Path, sha256.Sum256(body))
	if f.modes["refuse-two-posts"] && f.posts <= 2 {
		w.WriteHeader(500)
		return
	}
	var events []struct {
		Type   string
		Record json.RawMessage
	}
	json.Unmarshal(body, &events)
	for _, ev := range events {
		var record struct{ RequestID string }
		json.Unmarshal(ev.Record, &record)
		if ev.Type == "platform.runtimeDone" {
			f.done[record.RequestID] = true
		}
		if ev.Type == "platform.report" {
			f.done["last"] = true
		}
	}
	w.WriteHeader(200)
	http.NewResponseController(w).Flush() // whoever waits may be about to exit
	f.somebody.Broadcast()
}

func (f *fake) call(method, path, body string, header ...string) (*http.Response, []byte) {
	resp, answer, err := f.try(http.DefaultClient, method, path, body, header...)
	if err != nil {
		f.say("%s failed: %v", path, err)
		os.Exit(8)
	}
	return resp, answer
}

func (f *fake) try(client *http.Client, method, path, body string, header ...string) (*http.Response, []byte, error) {
	req, _ := http.NewRequest(method, "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+path, strings.NewReader(body))
	if f.id != "" {
		req.Header.Set("Lambda-Extension-Identifier", f.id)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, answer, err
}

func (f *fake) say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func environNames() (names []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// start starts an environment with the fake extension in the given modes and
// the scripted function, and kills it after the test.
func start(t *testing.T, cfg Config, modes ...string) *Environment {
	t.Helper()
	e, err := Start(testContext(t), withFake(t, cfg, modes...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Kill()
		if t.Failed() {
			t.Logf("extension said:\n%s", e.ExtensionOutput())
			t.Logf("function said:\n%.2000s", e.FunctionOutput())
			t.Logf("violations: %q", e.Violations())
		}
	})
	return e
}

func withFake(t *testing.T, cfg Config, modes ...string) Config {
	t.Helper()
	testkit.Slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), fakeName)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cfg.Extension = link
	cfg.ExtensionEnv = map[string]string{"FAKE_MODE": strings.Join(modes, " ")}
	if cfg.Function == nil {
		cfg.Function = []string{self}
		if cfg.FunctionEnv == nil {
			cfg.FunctionEnv = map[string]string{}
		}
		cfg.FunctionEnv[scriptfn.Switch] = "1"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute // the machine may be slow; a story that times out says so itself
	}
	if cfg.InitTimeout == 0 {
		cfg.InitTimeout = time.Minute
	}
	if cfg.ShutdownBudget == 0 {
		cfg.ShutdownBudget = time.Minute
	}
	return cfg
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func invoke(t *testing.T, e *Environment, payload string) Result {
	t.Helper()
	r, err := e.Invoke(testContext(t), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shutdown(t *testing.T, e *Environment) ShutdownResult {
	t.Helper()
	r, err := e.Shutdown(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// delivered lists the events that were posted to the extension. What a fake
// has seen is in it, while the answer may still be on its way.
func delivered(e *Environment) (events []Event) {
	for _, b := range e.Telemetry() {
		events = append(events, b.Events...)
	}
	return events
}

func types(events []Event) (ts []string) {
	for _, ev := range events {
		ts = append(ts, ev.Type)
	}
	return ts
}

// lines are the records of function events that are strings.
func lines(events []Event) (ls []string) {
	for _, ev := range events {
		var s string
		if ev.Type == "function" && json.Unmarshal(ev.Record, &s) == nil {
			ls = append(ls, s)
		}
	}
	return ls
}

// record decodes the record of the n-th event of a type.
func record(t *testing.T, events []Event, kind string, n int) map[string]any {
	t.Helper()
	for _, ev := range events {
		if ev.Type != kind {
			continue
		}
		if n--; n < 0 {
			var m map[string]any
			if err := json.Unmarshal(ev.Record, &m); err != nil {
				t.Fatalf("%s record %s: %v", kind, ev.Record, err)
			}
			return m
		}
	}
	t.Fatalf("no %s event in %v", kind, types(events))
	return nil
}

// awaitEvent waits until an event of a type has been posted to the extension.
func awaitEvent(t *testing.T, e *Environment, kind string) {
	t.Helper()
	err := e.Await(testContext(t), func() bool {
		for _, ev := range delivered(e) {
			if ev.Type == kind {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("no %s came: %v; got %v", kind, err, types(delivered(e)))
	}
}

func noViolations(t *testing.T, e *Environment) {
	t.Helper()
	if v := e.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

func violated(t *testing.T, e *Environment, part string) {
	t.Helper()
	for _, v := range e.Violations() {
		if strings.Contains(v, part) {
			return
		}
	}
	t.Errorf("no violation tells of %q: %q", part, e.Violations())
}

func said(e *Environment, prefix string) (n int) {
	for line := range bytes.Lines([]byte(e.ExtensionOutput())) {
		if bytes.HasPrefix(line, []byte(prefix)) {
			n++
		}
	}
	return n
}
