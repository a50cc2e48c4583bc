package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// BenchmarkStart measures what alerts cost a start: the least time of an init
// phase and the memory afterwards, without alerts and with them, by turns. With
// LOGTABLE_BENCH_BASE, the path of another build of the extension, that is
// measured in between, too, and compared with.
func BenchmarkStart(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	type variant struct {
		name, binary string
		env          map[string]string
		init         time.Duration
		kb           int
	}
	variants := []*variant{
		{name: "unset", binary: extension},
		{name: "set", binary: extension, env: map[string]string{"LOGTABLE_ALERT_TOPIC_ARNS": topicPrefix + "oncall"}},
	}
	if base := os.Getenv("LOGTABLE_BENCH_BASE"); base != "" {
		variants = append(variants, &variant{name: "base", binary: base})
	}
	for b.Loop() {
		for _, v := range variants {
			cfg := lambda.Config{
				Extension: v.binary, Function: []string{self}, FunctionName: "orders",
				FunctionEnv: map[string]string{scriptfn.Switch: "1"},
				Env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:9",
					"LOGTABLE_SPILL_DIR": filepath.Join(b.TempDir(), "spill")},
			}
			for name, value := range v.env {
				cfg.Env[name] = value
			}
			env, err := lambda.Start(context.Background(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			took, kb := env.Init().Took, residentKB(env.ExtensionPID())
			if v.init == 0 || took < v.init {
				v.init = took
			}
			if v.kb == 0 || kb < v.kb {
				v.kb = kb
			}
			env.Kill()
		}
	}
	for _, v := range variants {
		b.ReportMetric(float64(v.init.Microseconds())/1000, "ms-init-"+v.name)
		b.ReportMetric(float64(v.kb), "kB-"+v.name)
	}
}

// residentKB is what a process has resident, in KiB.
func residentKB(pid int) (kb int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb
		}
	}
	return 0
}
