package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What the kernel knows of a process. On other systems than Linux all of it is 0.

// resident is VmRSS or VmHWM of a process, in bytes.
func resident(pid int, field string) int {
	kb, _ := statusField(fmt.Sprintf("/proc/%d/status", pid), field)
	return kb << 10
}

// switches is how often the threads of a process have gone to sleep.
func switches(pid int) (n int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, f := range files {
		k, _ := statusField(f, "voluntary_ctxt_switches")
		n += k
	}
	return n
}

func statusField(path, field string) (int, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		if name == field {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return n, err == nil
		}
	}
	return 0, false
}

// processorTime is what a process has used, in the kernel's ticks of 10 ms.
func processorTime(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field is the program's name, in parentheses.
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// slowGroup is a cgroup with a 14th of a processor.
var slowGroup string

// slowDown makes slowGroup; leave removes it.
func slowDown() (leave func(), err error) {
	for _, v := range []struct{ root, file, value string }{
		{"/sys/fs/cgroup", "cpu.max", "7143 100000"},
		{"/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "7143"},
	} {
		dir := filepath.Join(v.root, fmt.Sprintf("logtable-bench-%d", os.Getpid()))
		if err = os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		if err = os.WriteFile(filepath.Join(dir, v.file), []byte(v.value), 0); err == nil {
			slowGroup = dir
			return func() { os.Remove(dir) }, nil
		}
		os.Remove(dir)
	}
	return nil, fmt.Errorf("no cgroup can be made here: %w", err)
}

// slowly is a program that moves into slowGroup and then becomes the contender.
func slowly(dir string, c contender) (string, error) {
	path := filepath.Join(dir, "slow", filepath.Base(c.binary))
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%s/cgroup.procs\nexec %s\n", slowGroup, c.binary)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(script), 0o755)
}
