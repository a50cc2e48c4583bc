package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

// TestNoThreadIsLeft: an environment has 1,024 threads, the function's and ours
// together, and the function has used them up: from the end of init on no new
// one can be made, for which the Go runtime would end the process. It lives to
// SHUTDOWN, and every line is stored, in the log, or counted.
func TestNoThreadIsLeft(t *testing.T) {
	rounds := many(t, "LOGTABLE_TEST_THREADS", 2)
	for _, tc := range []struct {
		name    string
		lines   int
		before  func(*table.Server) // the burst
		between func(*table.Server) // burst and SHUTDOWN
		config  func(*lambda.Config)
	}{
		{name: "a healthy table", lines: 2000},
		{name: "a table that resets", lines: 2000,
			before: func(s *table.Server) { s.OnRequest(table.ResetBefore(0.5, 1)) }},
		{name: "a table that hangs at SHUTDOWN", lines: 200, between: func(s *table.Server) { s.Hang() }},
		{name: "a table that hangs, and the spill in use", lines: 10_000, before: func(s *table.Server) { s.Hang() },
			between: func(s *table.Server) { heal(t, s) },
			config:  func(c *lambda.Config) { c.Env["LOGTABLE_BUFFER_BYTES"] = "256KB" }},
	} {
		for round := range rounds {
			t.Run(fmt.Sprintf("%s/%d", tc.name, round), func(t *testing.T) {
				env, server := start(t, func(c *lambda.Config) {
					c.Env["LOGTABLE_FLUSH_TIMEOUT"] = flushTimeout.String()
					if tc.config != nil {
						tc.config(c)
					}
				})
				pid := env.ExtensionPID()
				testkit.Component(t, "pids cgroup", testkit.LimitThreads(t, pid))
				if tc.before != nil {
					tc.before(server)
				}
				var printed []string
				for burst := range 3 {
					text := fmt.Sprintf(`{"locator":"1","level":"info","text":"line {n} of %d"}`, burst)
					for n := range tc.lines {
						printed = append(printed, fmt.Sprintf("INFO: (1) line %d of %d", n+1, burst))
					}
					invoke(t, env, scriptfn.Step{Print: &text, Times: tc.lines, Number: true})
				}
				if tc.between != nil {
					tc.between(server)
				}
				// What waits on /tmp leaves beside the following invocations.
				waits := func() bool { return tc.config != nil && len(server.Items("logtable-info")) < len(printed) }
				for idle := 0; idle < 2000 && waits(); idle++ {
					invoke(t, env, scriptfn.Step{SleepMs: 10})
				}
				last := `{"locator":"1","level":"info","text":"last"}`
				printed = append(printed, "INFO: (1) last")
				invoke(t, env, scriptfn.Step{Print: &last})
				t.Logf("%d threads", threadsOf(pid))
				audit(t, env, server, printed, shutDown(t, env))
			})
		}
	}
}

// threadsOf counts a process's threads.
func threadsOf(pid int) int {
	tasks, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), "task"))
	if err != nil {
		return 0
	}
	return len(tasks)
}
