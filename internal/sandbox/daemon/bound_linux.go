package daemon

import (
	"os/exec"
	"runtime"
	"syscall"
)

// DiesWithParent says that the process ends when the test binary does.
const DiesWithParent = true

// startBound starts the command so that the kernel kills it when this process
// is gone, however that happens. exited is closed when the command ends.
func startBound(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	done := make(chan struct{})
	go func() {
		// The signal is sent when the starting thread ends, so the thread has
		// to stay for as long as the command runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // how it ended does not matter
		close(done)
	}()
	return done, <-started
}
