//go:build !linux

package daemon

import "os/exec"

// DiesWithParent says that the process would outlive the test binary.
const DiesWithParent = false

// startBound starts the command. exited is closed when it ends.
func startBound(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter
		close(done)
	}()
	return done, nil
}
