package lambda

import "syscall"

// endWithParent has a process killed when this one was. The kernel goes by the
// thread that started it, and threads of a Go program do not end before it,
// but for those that a goroutine has locked and left.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
