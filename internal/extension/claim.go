package extension

import (
	"errors"
	"runtime"
	"syscall"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/signing"
)

// A holding is what a process has that is the only Logtable of its environment.
type holding struct {
	listener *logsapi.Listener // nil where nothing is to be received
	release  func()            // of the instance lock
}

// claim takes the instance lock, and opens the listener where the settings are
// usable, beside the registration. That must not wait for it: the runtime does
// not start before every extension is registered.
//
// The key of the last-resort lines is nil if the lock is not free at once: what
// is committed to after the registration is not believed.
func claim(addr string, usable bool, log *diag.Logger, stderr *diag.Async) (<-chan holding, *signing.Key) {
	made := make(chan holding, 1)
	release, alone := tryInstanceLock(addr)
	var key *signing.Key
	if usable && alone {
		key = firstLine(stderr)
	}
	go func() {
		h := holding{release: func() {}}
		defer func() { made <- h }()
		defer log.Guard("claim", nil)
		if !alone {
			release, alone = acquireInstanceLock(addr)
		}
		h.release = release
		switch {
		case !alone:
			log.Say(diag.Warn, "another Logtable is running in this environment; this one is disabled",
				"attach it only once, as a layer or in the image")
		case usable:
			h.listener = listen(log)
		}
	}()
	return made, key
}

func listen(log *diag.Logger) *logsapi.Listener {
	l, err := logsapi.Listen()
	if err != nil {
		log.Say(diag.Error, "cannot receive telemetry: Logtable is disabled; the function is not affected", "",
			"error", err.Error())
		return nil
	}
	return l
}

// acquireInstanceLock is tryInstanceLock for half a second: the lock may be
// that of a process that is just ending, in an environment whose address was
// reused.
func acquireInstanceLock(addr string) (release func(), ok bool) {
	for range 10 {
		time.Sleep(50 * time.Millisecond)
		if release, ok = tryInstanceLock(addr); ok {
			break
		}
	}
	return release, ok
}

// tryInstanceLock takes the lock that one Logtable of an environment has at a
// time, and reports whether it was free. It is the name of an abstract socket
// (Linux), which disappears with the process however that ends; addr, the
// address of the environment's API, makes it unique. Where there are no such
// sockets everybody gets it.
func tryInstanceLock(addr string) (release func(), ok bool) {
	if runtime.GOOS != "linux" {
		return func() {}, true
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return func() {}, true
	}
	syscall.CloseOnExec(fd)
	// The name is all that is wanted: nobody connects, so nobody listens.
	if err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: "@logtable-" + addr}); err == nil {
		return func() { syscall.Close(fd) }, true
	}
	syscall.Close(fd)
	return func() {}, !errors.Is(err, syscall.EADDRINUSE)
}
