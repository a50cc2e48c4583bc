package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// TestSoakOfAManagedInstance: many invocations side by side, in one environment
// as managed instances have it for days. Every line is stored once with its
// request, and memory does not grow with the number of invocations.
// LOGTABLE_TEST_SOAK=N sets how many there are.
func TestSoakOfAManagedInstance(t *testing.T) {
	invocations, concurrency := 2000, 8
	if n, err := strconv.Atoi(os.Getenv("LOGTABLE_TEST_SOAK")); err == nil {
		invocations = n
	}
	env, server := start(t, func(c *lambda.Config) { c.Concurrency = concurrency })
	text := `{"locator":"1","level":"info","text":"line {n} of {request_id}","request_id":"{request_id}"}`
	payload, err := json.Marshal(map[string]any{"steps": []scriptfn.Step{{Print: &text, Times: 5, Number: true}}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	want := map[string]bool{}
	work := func(n int) {
		var workers sync.WaitGroup
		for range concurrency {
			workers.Go(func() {
				for range n / concurrency {
					r, err := env.Invoke(context.Background(), payload)
					if err != nil || r.Status != lambda.StatusSuccess {
						t.Errorf("invocation: %+v, %v", r, err)
						return
					}
					mu.Lock()
					for i := range 5 {
						want[fmt.Sprintf("INFO: (1) line %d of %s", i+1, r.RequestID)] = true
					}
					mu.Unlock()
				}
			})
		}
		workers.Wait()
	}
	// In slices, each stored before the next begins: what waits in memory is
	// not what this test is about.
	const slice = 400
	warm := 0
	for done := 0; done < invocations; done += slice {
		work(slice)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // what is missing then is told below
		for server.Stats().ItemsWritten < len(want) && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		if warm == 0 && done >= invocations/4 {
			warm = peakMemory(env.ExtensionPID())
		}
	}
	peak := peakMemory(env.ExtensionPID())
	shutDown(t, env)
	for _, item := range server.Items("logtable-info") {
		message, id := item.Str("message"), item.Str("request_id")
		if !want[message] {
			t.Errorf("stored twice, or never printed: %s", message)
		}
		delete(want, message)
		var n int
		var of string
		if fmt.Sscanf(message, "INFO: (1) line %d of %s", &n, &of); of != id {
			t.Errorf("%s is taken for request %q's", message, id)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d lines are not stored", len(want))
	}
	t.Logf("peak memory %d MiB after a quarter, %d MiB in all", warm, peak)
	if len(raceFlag) == 0 && peak > warm+6 {
		t.Errorf("peak memory grew from %d to %d MiB", warm, peak)
	}
}
