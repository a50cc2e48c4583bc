package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

// A disk is a file system of its own that can be made to stall: whatever
// writes to it then waits.
type disk struct {
	t    *testing.T
	path string

	mu      sync.Mutex
	stalled bool
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{t: t, path: filepath.Join(dir, "mnt")}
	image := filepath.Join(dir, "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 256<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", "-m", "0", image}, {"mount", "-o", "loop", image, d.path}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			testkit.Component(t, "a disk that can be stalled (root, loop devices, mkfs.ext4, fsfreeze)",
				fmt.Errorf("%w: %s", err, out))
		}
	}
	t.Cleanup(func() {
		d.goOn()
		if out, err := exec.Command("umount", d.path).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return d
}

func (d *disk) stall() {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if out, err := exec.Command("fsfreeze", "-f", d.path).CombinedOutput(); err != nil {
		testkit.Component(d.t, "a disk that can be stalled (root, loop devices, mkfs.ext4, fsfreeze)",
			fmt.Errorf("%w: %s", err, out))
	}
	d.stalled = true
	// A test that is killed must not leave a disk behind that does not answer.
	guard := exec.Command("sh", "-c", "sleep 60; fsfreeze -u \"$1\"", "sh", d.path)
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := guard.Start(); err != nil {
		d.t.Error(err)
	}
	d.t.Cleanup(func() {
		_ = syscall.Kill(-guard.Process.Pid, syscall.SIGKILL)
		_ = guard.Wait()
	})
}

func (d *disk) goOn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stalled {
		d.stalled = false
		if out, err := exec.Command("fsfreeze", "-u", d.path).CombinedOutput(); err != nil {
			d.t.Errorf("fsfreeze -u: %v: %s", err, out)
		}
	}
}

// soakDisk is where a soak has its spill, and what makes that stall and go on;
// nil where that cannot be done.
func soakDisk(t *testing.T) (dir string, stall, goOn func()) {
	if os.Geteuid() != 0 {
		return t.TempDir(), nil, nil
	}
	d := newDisk(t)
	return d.path, d.stall, d.goOn
}

// startOn is start with the spill on d.
func startOn(t *testing.T, d *disk) (*lambda.Environment, *table.Server) {
	return start(t, func(c *lambda.Config) {
		c.Env["LOGTABLE_SPILL_DIR"] = filepath.Join(d.path, "spill")
		c.Env["LOGTABLE_FLUSH_TIMEOUT"] = flushTimeout.String()
	})
}

var three = scriptfn.Step{Print: ptr(`{"locator":"1","level":"error","text":"line {n} on a disk that stalls"}`),
	Times: 3, Number: true}

func ptr[T any](v T) *T { return &v }

// TestADiskThatStalls: /tmp does not answer any more, during an invocation and
// at SHUTDOWN. What was printed is written where DynamoDB is well, and goes to
// the log where it is not; nobody is held beyond the bound.
func TestADiskThatStalls(t *testing.T) {
	for _, outage := range []bool{false, true} {
		t.Run(fmt.Sprint("DynamoDB down: ", outage), func(t *testing.T) {
			d := newDisk(t)
			env, server := startOn(t, d)
			invoke(t, env, three)
			if outage {
				server.Refuse()
			}
			d.stall()
			for range 3 {
				if r := invoke(t, env, three); r.Held > flushTimeout+slack {
					t.Errorf("held for %v", r.Held)
				}
			}
			ended := make(chan lambda.ShutdownResult, 1)
			go func() {
				r, err := env.Shutdown(context.Background())
				if err != nil {
					t.Error(err)
				}
				ended <- r
			}()
			all := func() bool {
				return len(server.Items("logtable-errors"))+replayable(t, env) >= 12
			}
			// The process cannot end while the kernel has one of its threads.
			for began := time.Now(); !all() && time.Since(began) < 1800*time.Millisecond; {
				time.Sleep(5 * time.Millisecond)
			}
			if !all() {
				t.Errorf("%d rows and %d lines in the log, want 12 in all, while /tmp does not answer",
					len(server.Items("logtable-errors")), replayable(t, env))
			}
			d.goOn()
			if r := <-ended; r.ExitCode != 0 && !r.Killed {
				t.Errorf("shutdown: %+v", r)
			}
		})
	}
}

// replayable is how many records the log holds.
func replayable(t *testing.T, env *lambda.Environment) (n int) {
	t.Helper()
	for line := range strings.Lines(env.ExtensionOutput()) {
		if _, found, err := row.ReadLastResort([]byte(line)); found && err == nil {
			n++
		}
	}
	return n
}
