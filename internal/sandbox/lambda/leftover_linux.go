package lambda

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// leftoverRounds bounds how often is looked for processes that were started
// while others were killed.
const leftoverRounds = 20

// killLeftovers ends the processes of an instance that have left their process
// group (setsid), as daemons do. In Lambda nothing outlives the environment. An
// instance's processes are known by the address of its APIs in their
// environment, the function's also by a variable that extensions do not have.
// At the start of an instance it ends those of one that had the address before,
// and whose program was killed: a Logtable that waits for ever would have the
// lock.
func killLeftovers(address string, onlyFunction bool) {
	for range leftoverRounds {
		found := false
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return
		}
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil || pid == os.Getpid() || !belongs(pid, address, onlyFunction) {
				continue
			}
			found = syscall.Kill(pid, syscall.SIGKILL) == nil || found
		}
		if !found {
			return
		}
	}
}

// belongs reports whether a process has an instance's address, and not in a
// network of its own, as containers have. A zombie has nothing.
func belongs(pid int, address string, onlyFunction bool) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	environ = append([]byte{0}, environ...)
	has := func(start string) bool { return bytes.Contains(environ, []byte("\x00"+start)) }
	return has("AWS_LAMBDA_RUNTIME_API="+address+"\x00") && (!onlyFunction || has("_HANDLER=")) &&
		network(strconv.Itoa(pid)) == network("self")
}

// network names a process's network namespace.
func network(pid string) string {
	name, _ := os.Readlink("/proc/" + pid + "/ns/net")
	return name
}
