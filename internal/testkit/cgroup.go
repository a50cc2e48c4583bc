package testkit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// LimitMemory puts a process into a memory cgroup of its own (version 2, else
// version 1), where what it and its page cache take is bounded as in a small
// machine: beyond the bound the kernel reclaims, then kills. It fails where the
// system has no such cgroup or the user may not make one; a test then says so
// and measures without.
func LimitMemory(t testing.TB, pid int, bytes int64) error {
	t.Helper()
	for _, v := range []struct{ root, limit string }{
		{"/sys/fs/cgroup", "memory.max"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		dir := filepath.Join(v.root, fmt.Sprintf("logtable-test-%d", pid))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		// A cgroup is removed as a directory, when its last process is gone.
		t.Cleanup(func() { os.Remove(dir) })
		if write(dir, v.limit, bytes) == nil && write(dir, "cgroup.procs", int64(pid)) == nil {
			return nil
		}
	}
	return fmt.Errorf("cannot limit the memory of process %d: no memory cgroup can be made here", pid)
}

// LimitThreads lets a process have no thread and no child beyond those that it
// has now, by a pids cgroup of its own (version 2, else version 1): so it is in
// an environment whose threads others have used up. It fails where the system
// has no such cgroup or the user may not make one.
func LimitThreads(t testing.TB, pid int) error {
	t.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return fmt.Errorf("cannot limit the threads of process %d: %w", pid, err)
	}
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/pids"} {
		dir := filepath.Join(root, fmt.Sprintf("logtable-threads-%d", pid))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(dir) })
		// A limit below what is there costs nobody his life.
		if write(dir, "pids.max", int64(len(threads))) == nil && write(dir, "cgroup.procs", int64(pid)) == nil {
			return nil
		}
	}
	return fmt.Errorf("cannot limit the threads of process %d: no pids cgroup can be made here", pid)
}

// write sets a file of a cgroup that must be there already.
func write(dir, name string, value int64) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatInt(value, 10))
	return errors.Join(err, f.Close())
}
