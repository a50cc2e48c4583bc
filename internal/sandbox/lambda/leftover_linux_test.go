package lambda

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// A function that starts a daemon, which leaves its process group, and holds
// its output, is gone with all of it.
func TestNothingOutlivesAnEnvironment(t *testing.T) {
	for _, program := range []string{"setsid", "curl"} {
		testkit.Program(t, program)
	}
	note := filepath.Join(t.TempDir(), "pid")
	env, err := Start(t.Context(), Config{
		Function: []string{"sh", "-c", `setsid sh -c 'echo $$ >$NOTE; trap "" TERM; while :; do sleep 60; done' &
			trap "" TERM
			while ! [ -s $NOTE ]; do sleep 0.01; done
			curl -s --noproxy "*" http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next`},
		Env: map[string]string{"NOTE": note},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer env.Kill()
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("the daemon is not running: this test shows nothing")
	}
	if _, err := env.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d has outlived its environment", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A process that has the address of an instance in its environment before there
// is one is a leftover of another one.
func TestLeftoversOfOthersAreEnded(t *testing.T) {
	const address = "127.0.0.1:1"
	for variable, left := range map[string]bool{"": false, "_HANDLER=x": false, "X=AWS_LAMBDA_RUNTIME_API=": true} {
		cmd := exec.CommandContext(t.Context(), "sleep", "60")
		if cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + address, variable}; left {
			cmd.Env = []string{variable + address, "AWS_LAMBDA_RUNTIME_API=" + address + "1"}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if killLeftovers(address, variable != ""); alive(cmd.Process.Pid) != left {
			t.Errorf("with %q: alive %v, want %v", cmd.Env, !left, left)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// alive reports whether a process is running. A zombie is not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
