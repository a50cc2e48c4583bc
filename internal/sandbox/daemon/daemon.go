// Package daemon runs servers of other people's for tests: DynamoDB Local,
// moto. Each is bound to the life of the test binary, however that ends.
package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

const (
	// startTimeout is many times what a slow machine was seen to need (5 s).
	startTimeout = 60 * time.Second
	// attempts is how often another free port is tried: between choosing one
	// and the server's taking it, any program may.
	attempts = 3
)

// Start starts a server on a free port of this machine and returns when it
// speaks HTTP there. command makes the command that listens on a port.
func Start(name string, command func(port string) *exec.Cmd) (cmd *exec.Cmd, endpoint string, err error) {
	for range attempts {
		if cmd, endpoint, err = start(command); err == nil {
			return cmd, endpoint, nil
		}
	}
	return nil, "", fmt.Errorf("cannot start %s: %w", name, err)
}

func start(command func(port string) *exec.Cmd) (*exec.Cmd, string, error) {
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	var output Buffer
	cmd := command(port)
	cmd.Stdout, cmd.Stderr = &output, &output
	exited, err := startBound(cmd)
	if err != nil {
		return nil, "", err
	}
	endpoint := "http://127.0.0.1:" + port
	if err := await(endpoint, exited); err != nil {
		_ = cmd.Process.Kill()
		return nil, "", fmt.Errorf("%w\n%s", err, output.String())
	}
	return cmd, endpoint, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// await polls the endpoint until it speaks HTTP, whatever it says.
func await(endpoint string, exited <-chan struct{}) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.After(startTimeout)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-exited:
			return errors.New("the process ended")
		case <-deadline:
			return fmt.Errorf("no answer from %s within %s", endpoint, startTimeout)
		case <-poll.C:
			response, err := client.Get(endpoint)
			if err == nil {
				response.Body.Close()
				return nil
			}
		}
	}
}

// A Buffer takes what one or several streams write, while it may be read.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes all of p.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
