package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/testkit"
)

// limitDescriptors gives a process the 1,024 descriptors that it has in Lambda.
func limitDescriptors(pid int) error {
	limit := syscall.Rlimit{Cur: 1024, Max: 1024}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_NOFILE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("cannot limit the descriptors of process %d: %w", pid, errno)
	}
	return nil
}

// stranger connects to the extension's port and writes text; the connection
// stays until the end of the test.
func stranger(t *testing.T, port, text string) net.Conn {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, text) // it may be closed already
	return c
}

const halfPost = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n["

// TestManyStrangers: a stranger without the token opens more connections to our
// port than the process has descriptors. While it lasts, all lines are stored
// and no invocation is held.
func TestManyStrangers(t *testing.T) {
	for name, text := range map[string]string{
		"silent": "", "in a header": "POST / HTTP/1.1\r\nX", "in a body": halfPost,
	} {
		t.Run(name, func(t *testing.T) {
			env, server := start(t)
			testkit.Component(t, "limits of another process", limitDescriptors(env.ExtensionPID()))
			invoke(t, env, print(line, 1))
			port := portOf(t, env)
			for range 1100 {
				stranger(t, port, text)
			}
			// Files must be opened now, and then connections.
			server.Refuse()
			invoke(t, env, print(line, 5))
			heal(t, server)
			for range 3 {
				if r := invoke(t, env, print(line, 5)); r.Held > slack {
					t.Errorf("held for %v", r.Held)
				}
			}
			for idle := 0; idle < 200 && len(server.Items("logtable-info")) < 21; idle++ {
				invoke(t, env, scriptfn.Step{SleepMs: 10}) // what is on /tmp leaves beside these
			}
			if n := len(server.Items("logtable-info")); n != 21 {
				t.Errorf("%d of 21 lines are stored while the connections are open", n)
			}
			shutDown(t, env)
			if n := len(server.Items("logtable-info")); n != 21 {
				t.Errorf("%d of 21 lines are stored", n)
			}
		})
	}
}

// TestStrangersBeforeLambda: Lambda has not posted yet, so that others cannot
// be told from it. Their slow bodies do not delay its first post, and their
// long ones do not cost memory.
func TestStrangersBeforeLambda(t *testing.T) {
	var begun atomic.Int64
	env, server := start(t, func(c *lambda.Config) {
		c.Hooks.Subscribe = func(call lambda.Call) *lambda.Answer {
			port := listenerPort(t, []byte(call.Body))
			for range 50 {
				c := stranger(t, port, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4000000\r\n")
				go func() {
					piece := bytes.Repeat([]byte(" "), 1<<20)
					for range 64 {
						if _, err := c.Write(piece); err != nil {
							return
						}
					}
				}()
			}
			for range 20 {
				stranger(t, port, halfPost)
			}
			begun.Store(time.Now().UnixNano())
			return nil
		}
	})
	if r := invoke(t, env, print(line, 5)); r.Held > slack {
		t.Errorf("held for %v", r.Held)
	}
	// With nothing in its way it takes 25 ms; the strangers' bodies time out
	// after 5 s.
	if took := time.Since(time.Unix(0, begun.Load())); took > 3*time.Second {
		t.Errorf("the first invocation was over after %v", took)
	}
	if peak := peakMemory(env.ExtensionPID()); len(raceFlag) == 0 && peak > 28 {
		t.Errorf("peak resident memory of %d MiB, more than the stated 28", peak)
	}
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n != 5 {
		t.Errorf("%d of 5 lines are stored", n)
	}
}
