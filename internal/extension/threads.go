package extension

import (
	"runtime"
	"sync"
)

// threads is how many threads the process may need at once, given GOMAXPROCS.
// An environment has 1,024, the function's and ours together, and the Go
// runtime ends the process when it cannot make one that it wants: so they are
// made before the function is there to take them. One costs 0.15 ms of
// processor time and 15 KB.
//
// A goroutine holds a thread while it runs, and while it is in a system call.
// At once there may be
//
//   - one a processor, running our code or the garbage collector's;
//   - one in the poller, where nothing runs;
//   - blocked on a disk or a pipe: the spill (which has one lock, the mark's,
//     too), standard error, and the files of the resolver or of TLS: three;
//   - in a call to the network that takes longer than the 20 µs after which
//     the runtime gives its processor to another thread: two. There are ten
//     goroutines that make such calls, and none of them waits in one: that is
//     the poller's part.
//
// The runtime's own two (its monitor, and the one that makes threads where a
// locked one must not) come on top. Without a limit 6 have been seen at the
// most, with two processors.
func threads(processors int) int { return processors + 1 + 3 + 2 }

// spareThreads makes n threads that the process may need and leaves them to
// the runtime, which keeps a thread that it has once made.
//
// A goroutine that is locked to its thread does not share it, not even while
// it waits: so many of them, waiting at the same time, need so many threads.
func spareThreads(n int) {
	var there sync.WaitGroup
	all := make(chan struct{})
	for range n {
		there.Add(1)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			there.Done()
			<-all
		}()
	}
	there.Wait()
	close(all)
}
