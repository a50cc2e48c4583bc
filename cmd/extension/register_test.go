package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/testkit"
)

// TestARegistrationThatIsLate: another layer's proxy before Lambda's API opens
// within init, later than in the 3 s that were once waited for.
func TestARegistrationThatIsLate(t *testing.T) {
	for name, a := range map[string]lambda.Answer{
		"not reachable": {Reset: true},
		"refused":       {Status: 403, ErrorType: "Extension.InvalidExtensionName", Message: "not yet"},
		"failing":       {Status: 502, ErrorType: "", Message: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, server := start(t, func(c *lambda.Config) { c.Hooks.Register = lambda.Answers(10, a) })
			if init := env.Init(); init.Status != lambda.StatusSuccess {
				t.Errorf("init: %+v", init) // the first invocation then makes up for it
			}
			invoke(t, env, print(line, 3))
			shutDown(t, env)
			if n := len(server.Items("logtable-info")); n != 3 {
				t.Errorf("%d of 3 lines are stored", n)
			}
		})
	}
}

// TestASecondLogtableRegistersAtOnce: the runtime does not start before every
// extension is registered, so the second one finds out afterwards that it is
// the second.
func TestASecondLogtableRegistersAtOnce(t *testing.T) {
	testkit.Slow(t)
	second := filepath.Join(t.TempDir(), "logtable-again")
	if err := os.Link(extension, second); err != nil {
		t.Fatal(err)
	}
	const patience = 400 * time.Millisecond // less than it takes to know
	apart := time.Hour
	for range 5 { // a busy machine starts processes slowly
		env, _ := start(t, func(c *lambda.Config) { c.Others = []string{second} })
		var at []time.Time
		subscribed := 0
		for _, r := range env.Requests() {
			switch r.Path {
			case "/2020-01-01/extension/register":
				at = append(at, r.Time)
			case "/2022-07-01/telemetry":
				subscribed++
			}
		}
		if len(at) != 2 || subscribed != 1 {
			t.Fatalf("%d registrations, %d subscriptions", len(at), subscribed)
		}
		if apart = min(apart, at[1].Sub(at[0])); apart < patience {
			break
		}
	}
	t.Logf("the second one registers %v after the first", apart)
	if apart >= patience {
		t.Error("that is not at once")
	}
}

// TestSignals: nobody but Lambda ends the process.
func TestSignals(t *testing.T) {
	env, server := start(t)
	pid := env.ExtensionPID()
	for _, s := range []syscall.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGALRM,
		syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE,
	} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Errorf("%v: %v", s, err)
		}
		invoke(t, env, print(line, 1))
		if now := env.ExtensionPID(); now != pid {
			t.Fatalf("%v ended the process", s)
		}
	}
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n != 9 {
		t.Errorf("%d of 9 lines are stored", n)
	}
}

// TestAStandardErrorThatNobodyReads: the process exits though its standard
// error is a full pipe.
func TestAStandardErrorThatNobodyReads(t *testing.T) {
	testkit.Slow(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for deadline := time.Now().Add(100 * time.Millisecond); ; {
		w.SetWriteDeadline(deadline)
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			break // it is full
		}
	}
	var asked atomic.Int64
	lambda := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/register"):
			w.Header().Set("Lambda-Extension-Identifier", "id")
			io.WriteString(w, `{"functionName":"f"}`)
		case strings.HasSuffix(r.URL.Path, "/next"):
			asked.Add(1)
			io.WriteString(w, `{"eventType":"SHUTDOWN","deadlineMs":1,"shutdownReason":"spindown"}`)
		}
	}))
	defer lambda.Close()
	cmd := exec.Command(extension)
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(lambda.URL, "http://"), "LOGTABLE_LEVEL=nonsense",
		"LOGTABLE_SPILL_BYTES=0",
	}
	for name, value := range raceEnv {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil || asked.Load() != 1 {
		t.Errorf("the process ended with %v after %d calls of next", err, asked.Load())
	}
}
