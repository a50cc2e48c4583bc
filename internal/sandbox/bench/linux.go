package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What the kernel knows of a process. On other systems than Linux all of it is
// 0.

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

// A slowGroup is a cgroup with the share of a processor that Lambda gives a
// function of 128 MB, in periods of 20 ms.
type slowGroup string

// newSlowGroup makes one; remove removes it.
func newSlowGroup() (slowGroup, error) {
	const share = "1429" // µs: a 14th of the period
	var err error
	for _, v := range []struct {
		root  string
		files [][2]string
	}{
		{"/sys/fs/cgroup", [][2]string{{"cpu.max", share + " 20000"}}},
		{"/sys/fs/cgroup/cpu", [][2]string{{"cpu.cfs_period_us", "20000"}, {"cpu.cfs_quota_us", share}}},
	} {
		g := slowGroup(filepath.Join(v.root, fmt.Sprintf("logtable-bench-%d", os.Getpid())))
		if err = os.Mkdir(string(g), 0o755); err != nil {
			continue
		}
		for _, f := range v.files {
			if err = set(filepath.Join(string(g), f[0]), f[1]); err != nil {
				break
			}
		}
		if err == nil {
			return g, nil
		}
		g.remove()
	}
	return "", err
}

// set writes a file that must be there: where version 1 is mounted, the root of
// version 2 is a directory like any other.
func set(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func (g slowGroup) remove() { os.Remove(string(g)) }

// program writes a program that moves into the group and then becomes the
// binary, whose name it has.
func (g slowGroup) program(dir, binary string) (string, error) {
	path := filepath.Join(dir, filepath.Base(binary))
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%s/cgroup.procs\nexec %s\n", g, binary)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(script), 0o755)
}
