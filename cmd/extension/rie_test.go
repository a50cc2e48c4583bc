package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/rie"
	"github.com/logtable/logtable/internal/testkit"
)

// emulated is a scenario with the real extension and the scripted function.
func emulated(t *testing.T, concurrency int) rie.Scenario {
	t.Helper()
	testkit.Slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := rie.Scenario{Concurrency: concurrency, Extension: extension, Function: self, Env: map[string]string{
		scriptfn.Switch: "1", scriptfn.Init: `{"locator":"0","level":"info","text":"loaded"}`,
	}}
	for name, value := range raceEnv {
		s.Env[name] = value
	}
	return s
}

func script(t *testing.T, steps ...scriptfn.Step) json.RawMessage {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// cleanEnd checks that the emulator ended by itself when told to, before it
// would have killed the extension (2 s).
func cleanEnd(t *testing.T, r rie.Result) {
	t.Helper()
	if r.Exit != 0 || r.Ending >= 2*time.Second {
		t.Errorf("the emulator ended with %d after %v", r.Exit, r.Ending)
	}
}

// TestManagedInstancesInAWSsEmulator: every line is a row, and one that says
// whose it is has that request, however the emulator mixes the lines of
// invocations that run side by side, and though many come after their report.
func TestManagedInstancesInAWSsEmulator(t *testing.T) {
	const rounds, lines = 20, 4
	for _, concurrency := range []int{1, 4} {
		t.Run(fmt.Sprint("concurrency ", concurrency), func(t *testing.T) {
			own := print(`{"locator":"1","level":"info","text":"own {request_id} {n}","request_id":"{request_id}"}`,
				lines)
			bare := print(`{"locator":"2","level":"error","text":"bare {request_id} {n}"}`, 1)
			own.SleepMs, bare.SleepMs = 3, 3
			steps := []scriptfn.Step{own, bare}
			if concurrency == 1 {
				// Late lines of the one before are in, and the end is not near.
				own.SleepMs, bare.SleepMs = 100, 150
				steps = []scriptfn.Step{bare, own}
			}
			s := emulated(t, concurrency)
			s.Rounds = make([][]rie.Invocation, rounds)
			for r := range s.Rounds {
				for i := range concurrency {
					s.Rounds[r] = append(s.Rounds[r],
						rie.Invocation{ID: fmt.Sprintf("r%d-%d", r, i), Payload: script(t, steps...)})
				}
			}
			result := rie.Run(t, s)
			cleanEnd(t, result)
			for _, answers := range result.Answers {
				for _, a := range answers {
					if a.Status != 200 || a.Body != "null" {
						t.Errorf("an invocation was answered %d %s", a.Status, a.Body)
					}
				}
			}
			if want := rounds*concurrency*lines + 1; len(result.Info) != want ||
				len(result.Errors) != rounds*concurrency {
				t.Errorf("%d informational rows of %d, %d errors of %d", len(result.Info), want, len(result.Errors),
					rounds*concurrency)
			}
			seen := map[string]bool{}
			for _, row := range result.Info {
				id, message := row["request_id"], row["message"]
				switch {
				case seen[message]:
					t.Errorf("twice: %s", message)
				case message == "INFO: (0) loaded" && (id == "init" || id == ""):
				case !strings.HasPrefix(message, "INFO: (1) own "+id+" "):
					t.Errorf("%s is taken for request %q's", message, id)
				}
				seen[message] = true
			}
			right, none, wrong := whose(result.Errors)
			t.Logf("of the lines without an ID %d have their request, %d none, %d another's", right, none, wrong)
			if wrong > 0 {
				t.Errorf("%d lines are taken for another request's", wrong)
			}
			if concurrency == 1 && right < rounds/2 {
				t.Errorf("%d lines of %d have their request, though only one invocation was open", right, rounds)
			}
		})
	}
}

// TestTheRefusalInAWSsEmulatorTellsThatItIsManaged: where the variable does
// not, a 403 to INVOKE does.
func TestTheRefusalInAWSsEmulatorTellsThatItIsManaged(t *testing.T) {
	s := emulated(t, 1)
	s.Hide = "AWS_LAMBDA_INITIALIZATION_TYPE"
	s.Rounds = [][]rie.Invocation{{{ID: "a", Payload: script(t, print(line, 3))}}}
	result := rie.Run(t, s)
	cleanEnd(t, result)
	if len(result.Info) != 4 {
		t.Errorf("%d rows of 4", len(result.Info))
	}
	if n := strings.Count(result.Output, "err=ErrorInvalidEventType"); n != 1 {
		t.Errorf("INVOKE was refused %d times", n)
	}
}

// whose counts the rows whose text names the request that printed them.
func whose(rows []map[string]string) (right, none, wrong int) {
	for _, row := range rows {
		switch id := row["request_id"]; {
		case id == "":
			none++
		case strings.Contains(row["message"], "bare "+id+" "):
			right++
		default:
			wrong++
		}
	}
	return right, none, wrong
}

// TestOnDemandInAWSsEmulator: it answers the subscription with 202 and has no
// telemetry. Logtable says so, and is not noticed otherwise.
func TestOnDemandInAWSsEmulator(t *testing.T) {
	s := emulated(t, 0)
	payload := script(t, print(line, 3), scriptfn.Step{Respond: json.RawMessage(`"done"`)})
	for range 5 {
		s.Rounds = append(s.Rounds, []rie.Invocation{{Payload: payload}})
	}
	result := rie.Run(t, s)
	cleanEnd(t, result)
	for i, answers := range result.Answers {
		// One that waited for its end would do so to its deadline, 300 s.
		if a := answers[0]; a.Status != 200 || a.Body != `"done"` || a.Took > 30*time.Second {
			t.Errorf("invocation %d was answered %d %s in %v", i, a.Status, a.Body, a.Took)
		}
	}
	for _, want := range []string{
		"registered, subscribed to [INVOKE SHUTDOWN]", "this platform has no telemetry (HTTP 202",
	} {
		if strings.Count(result.Output, want) != 1 {
			t.Errorf("the emulator's output has %q %d times", want, strings.Count(result.Output, want))
		}
	}
	if n := len(result.Info) + len(result.Errors); n > 0 {
		t.Errorf("%d rows where nothing is delivered", n)
	}
}
