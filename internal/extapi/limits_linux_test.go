package extapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/extapi"
)

// TestLimits has a row for every limit of this package: its value, why it is
// there, and what fails without it.
func TestLimits(t *testing.T) {
	for _, limit := range []struct {
		name, value, why string
		holds            func(*testing.T)
	}{
		{"maxAnswer", "1 MiB", "what answers may be anything: memory, and a call that must end", endlessAnswer},
		{"dialTimeout", "2 s", "a host that swallows what is sent must not use init up with one attempt",
			swallowedDial},
	} {
		t.Run(limit.name, func(t *testing.T) {
			t.Logf("%s: %s", limit.value, limit.why)
			limit.holds(t)
		})
	}
}

func endlessAnswer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"eventType":"`)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if ev, err := c.Next(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("%.40v, %v", ev, err)
	}
}

// swallowedDial connects to a port whose queue is full: the kernel drops what
// comes next, as a host does that is not there.
func swallowedDial(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(os.NewSyscallError("listen", err))
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", sa.(*syscall.SockaddrInet4).Port)
	for range 4 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			break // full
		}
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := extapi.New(addr, "logtable").Register(ctx, extapi.Shutdown); err == nil || ctx.Err() != nil {
		t.Errorf("%v after 30 s", err)
	}
}
