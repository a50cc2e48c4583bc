//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

type signal = syscall.Signal

const (
	sigTerm = syscall.SIGTERM
	sigKill = syscall.SIGKILL
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)

const supported = true

// ownProcessGroup gives a program a process group of its own. Where the system
// can, the program ends with this process, however that ends.
func ownProcessGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
}

// signalGroup ignores errors: the only one possible is that nobody is left.
func signalGroup(pid int, sig signal) { syscall.Kill(-pid, sig) }
