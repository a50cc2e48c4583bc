package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// trickle is a function that prints a line every few milliseconds, for long,
// and never a batch at once.
func trickle(lines int, pause time.Duration) (steps []scriptfn.Step) {
	ms := int(pause.Milliseconds())
	for i := range lines {
		text := fmt.Sprintf(`{"locator":"1","level":"info","text":"tick %d"}`, i)
		if i == 0 {
			text = `{"locator":"2","level":"error","text":"early"}`
		}
		steps = append(steps, scriptfn.Step{Print: &text}, scriptfn.Step{SleepMs: ms})
	}
	return steps
}

// async invokes and returns where the result comes; it has no status if the
// environment was killed meanwhile.
func async(t *testing.T, env *lambda.Environment, steps ...scriptfn.Step) <-chan lambda.Result {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan lambda.Result, 1)
	go func() {
		r, _ := env.Invoke(context.Background(), payload)
		results <- r
	}()
	return results
}

// until waits for something that is observed from outside, for a minute at
// most.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for began := time.Now(); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("after a minute: not %s", what)
		}
	}
}

func has(server *table.Server, name, message string) bool {
	for _, item := range server.Items(name) {
		if strings.Contains(item.Str("message"), message) {
			return true
		}
	}
	return false
}

// TestATricklingFunctionIsWrittenMeanwhile: what a long invocation prints is in
// the tables while it goes on, though it never stops printing.
func TestATricklingFunctionIsWrittenMeanwhile(t *testing.T) {
	env, server := start(t)
	result := async(t, env, trickle(60, 200*time.Millisecond)...)
	until(t, "stored", func() bool {
		return has(server, "logtable-errors", "early") &&
			has(server, "logtable-info", "tick 2")
	})
	select {
	case r := <-result:
		t.Errorf("the rows came when the function had ended: %+v", r)
	default:
		env.Kill()
		<-result
	}
}

// TestAKillInAnOutageCostsASecond kills the process in the middle of a long
// invocation, while DynamoDB does not answer: what the function printed more
// than a second before is on /tmp.
func TestAKillInAnOutageCostsASecond(t *testing.T) {
	for name, begin := range map[string]func(*table.Server){
		"refuses": (*table.Server).Refuse, "hangs": (*table.Server).Hang,
	} {
		t.Run(name, func(t *testing.T) {
			env, server := start(t)
			invoke(t, env) // the process is up
			begin(server)
			const pause = 100 * time.Millisecond
			result := async(t, env, trickle(100, pause)...)
			printed := func() int { return strings.Count(env.FunctionOutput(), `"locator"`) }
			until(t, "printed", func() bool { return printed() >= 40 })
			n := printed()
			if err := syscall.Kill(env.ExtensionPID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-result
			heal(t, server)
			invoke(t, env) // a new process finds what is on /tmp
			shutDown(t, env)
			// A second, Lambda's delay, and what a busy machine adds.
			safe := n - int(2*time.Second/pause)
			for i := 1; i < safe; i++ {
				if !has(server, "logtable-info", fmt.Sprintf("tick %d", i)) {
					t.Fatalf("line %d of %d was two seconds old, and is lost", i, n)
				}
			}
			if !has(server, "logtable-errors", "early") {
				t.Error("the error is lost")
			}
		})
	}
}

// TestAThawWithinAHold stops the process while an invocation is held for it:
// when it goes on, nothing was slow, and nothing is said.
func TestAThawWithinAHold(t *testing.T) {
	env, server := start(t)
	invoke(t, env)
	asked := make(chan struct{}, 1)
	server.OnRequest(func(string, int, []byte) table.Fault {
		select {
		case asked <- struct{}{}:
		default:
		}
		return table.Fault{Delay: 500 * time.Millisecond}
	})
	text := `{"locator":"1","level":"info","text":"x"}`
	result := async(t, env, scriptfn.Step{Print: &text})
	<-asked
	pid := env.ExtensionPID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second) // the freeze
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	<-result
	server.OnRequest(nil)
	shutDown(t, env)
	if log := env.ExtensionOutput(); strings.Contains(log, "takes too long") ||
		strings.Contains(log, "stopped answering") {
		t.Errorf("a thaw is taken for a slow disk:\n%s", log)
	}
	if n := len(server.Items("logtable-info")); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}
