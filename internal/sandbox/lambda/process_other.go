//go:build !unix

package lambda

import "os/exec"

type signal int

const (
	sigTerm signal = iota
	sigKill
	sigStop
	sigCont
)

// supported is false where there are no process groups and no SIGSTOP; Start
// says so. The package compiles nevertheless, for the command-line tool.
const supported = false

func ownProcessGroup(*exec.Cmd) {}

func signalGroup(int, signal) {}
