package extension

import (
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// functionMemory is the function's memory in MB.
const functionMemory = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"

// memoryBase is what the extension needs beside its buffer, in bytes, with
// room for the garbage collector: a limit close to the live heap would cost
// ten times the processor time (measured with the SDK).
const memoryBase = 12 << 20

// limitMemory tells the runtime how much memory the process should need with a
// buffer of so many bytes.
func limitMemory(buffer int) { debug.SetMemoryLimit(memoryBase + 2*int64(buffer)) }

// ownProcess makes the process its own. It shares its environment variables
// with the function, and some of them steer the Go runtime: GOGC and
// GOMEMLIMIT are replaced by what suits us, and tracing that GODEBUG asks for
// would fill the function's log from here as well.
//
// Signals that somebody could end the process with are ignored: only Lambda's
// SHUTDOWN does, and a broken standard error must not.
func ownProcess() {
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT)
	debug.SetGCPercent(gcPercent(os.Getenv(functionMemory)))
	if value, dropped := withoutTracing(os.Getenv("GODEBUG")); dropped {
		os.Setenv("GODEBUG", value)
		// The runtime has read GODEBUG already, so the program is started
		// once more in this process. If that fails, the tracing stays.
		_ = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
}

// processors is how many processors the process uses from the end of its start
// on, given the function's memory in MB and how many the environment shows,
// which is two at least. Lambda gives a whole one from 1,769 MB on, and less in
// proportion. With two, the Go scheduler wakes a second thread for every
// goroutine that becomes ready, and that costs a quarter of what an invocation
// takes. The start itself has more, as the function's initialization has.
func processors(functionMB string, shown int) int {
	if mb, err := strconv.Atoi(functionMB); err == nil && mb < 1769 {
		return 1
	}
	return shown
}

// gcPercent is by how much the heap may grow between two collections, given the
// function's memory in MB. Against Go's 100, 50 means 1.3 MB less at rest and
// 3.6 MB in a burst, for a tenth more processor time in it. A function of 1 GB
// would rather have the time: 200 saves a fifth of it.
func gcPercent(functionMB string) int {
	if mb, err := strconv.Atoi(functionMB); err == nil && mb >= 1024 {
		return 200
	}
	return 50
}

// withoutTracing removes the keys of a GODEBUG value that make a Go program
// write to standard error.
func withoutTracing(value string) (rest string, dropped bool) {
	var keep []string
	for pair := range strings.SplitSeq(value, ",") {
		key, _, _ := strings.Cut(pair, "=")
		traces := strings.HasSuffix(key, "trace") || strings.HasPrefix(key, "sched")
		if traces || key == "http2debug" || key == "netdns" {
			dropped = true
			continue
		}
		keep = append(keep, pair)
	}
	return strings.Join(keep, ","), dropped
}
