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

// write sets a file of a cgroup that must be there already.
func write(dir, name string, value int64) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatInt(value, 10))
	return errors.Join(err, f.Close())
}
