package local

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(scriptfn.Switch) == "1" {
		scriptfn.Main()
	}
	os.Exit(m.Run())
}

// out is what a function prints.
type out struct{ lines chan string }

func (o *out) Write(line []byte) (int, error) {
	o.lines <- strings.TrimSpace(string(line))
	return len(line), nil
}

type ended struct {
	result lambda.Result
	err    error
}

// rig starts this test's binary as the function, which prints "started".
func rig(t *testing.T) (r *Rig, cfg lambda.Config, o *out, ends chan ended) {
	t.Helper()
	testkit.Slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o, ends = &out{make(chan string, 100)}, make(chan ended, 100)
	r = New(func(*lambda.Environment) {}, func(result lambda.Result, err error) { ends <- ended{result, err} })
	cfg = lambda.Config{
		Function:    []string{self},
		FunctionEnv: map[string]string{scriptfn.Switch: "1", scriptfn.Init: "started"},
		Timeout:     time.Minute, Output: lambda.Output{FunctionOutput: o},
	}
	if err := r.Start(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(); r.kill() })
	return r, cfg, o, ends
}

func (o *out) await(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-o.lines:
		if got != want {
			t.Fatalf("the function printed %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("the function has not printed %q", want)
	}
}

// One after the other, the function is invoked by HTTP, started anew while an
// invocation waits, and closed while one runs and another one waits.
func TestRig(t *testing.T) {
	r, cfg, o, ends := rig(t)
	o.await(t, "started")
	ln, err := Listen(0, "--port")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, ln, "orders") }()
	for path, want := range map[string]string{
		"/": `200 {"a":1}`,
		"/2015-03-31/functions/orders/invocations":   `200 {"a":1}`,
		"/2015-03-31/functions/function/invocations": `200 {"a":1}`,
		"/2015-03-31/functions/stock/invocations":    `404 {"Message":"Function not found: stock"}`,
		"/orders": `404 {"Message":"only Invoke is known here"}`,
	} {
		if got := post(t, ln.Addr(), path, `{"a":1}`); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for range 3 {
		<-ends
	}

	answers := make(chan string, 2)
	go func() {
		answers <- post(t, ln.Addr(), "/", `{"steps":[{"print":"long"},{"sleep_ms":300},{"respond":1}]}`)
	}()
	o.await(t, "long")
	if err := r.Start(cfg); err != nil { // waits for it
		t.Fatal(err)
	}
	if got := <-answers; got != "200 1" {
		t.Errorf("the invocation that ran while the function was to start anew: %s", got)
	}
	o.await(t, "started")
	<-ends

	go func() { answers <- post(t, ln.Addr(), "/", `{"steps":[{"print":"hangs"},{"hang":true}]}`) }()
	o.await(t, "hangs")
	go func() { answers <- post(t, ln.Addr(), "/", `{}`) }()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	both := <-answers + <-answers
	if !strings.Contains(both, "200 ") || !strings.Contains(both, "Sandbox.Aborted") ||
		!strings.Contains(both, "500 ") || !strings.Contains(both, ErrClosed.Error()) {
		t.Errorf("the one that ran and the one that waited: %s", both)
	}
	if end := <-ends; end.err != nil || end.result.FunctionError != "Sandbox.Aborted" {
		t.Errorf("%+v", end)
	}
	if err := r.Start(cfg); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed rig starts: %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// What cannot start is an error, and the next change is another chance.
func TestRigThatCannotStart(t *testing.T) {
	r, cfg, o, _ := rig(t)
	o.await(t, "started")
	wrong := cfg
	wrong.Env = map[string]string{"AWS_REGION": "x"}
	if err := r.Start(wrong); err == nil || !strings.Contains(err.Error(), "Lambda reserves it") {
		t.Fatal(err)
	}
	if _, err := r.InvokeAs(t.Context(), lambda.Caller{}, []byte(`{}`)); err == nil ||
		!strings.Contains(err.Error(), "correct it and save it") {
		t.Error(err)
	}
	if err := r.Start(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := r.InvokeAs(t.Context(), lambda.Caller{}, []byte(`{}`)); err != nil {
		t.Error(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	ln, err := Listen(0, "--port")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().(*net.TCPAddr)
	if !addr.IP.IsLoopback() {
		t.Errorf("listening on %v", addr)
	}
	_, err = Listen(addr.Port, "--port")
	if err == nil || !strings.Contains(err.Error(), "is in use, perhaps by another `logtable local`") {
		t.Error(err)
	}
	if _, err = Listen(70000, "--port"); err == nil || !strings.Contains(err.Error(), "choose another with --port") {
		t.Error(err)
	}
}

func post(t *testing.T, addr net.Addr, path, body string) string {
	resp, err := http.Post("http://"+addr.String()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.Status[:4] + string(text)
}
