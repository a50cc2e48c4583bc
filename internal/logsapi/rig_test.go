package logsapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A wire is a network of net.Pipes, on one machine.
type wire struct {
	calls chan net.Conn
	once  sync.Once
	over  chan struct{}
}

// An end is one end of a connection that seems to be TCP's.
type end struct {
	net.Conn
	from net.IP
}

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

func (end) LocalAddr() net.Addr    { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }
func (e end) RemoteAddr() net.Addr { return &net.TCPAddr{IP: e.from, Port: 1} }

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.calls:
		return c, nil
	case <-w.over:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.once.Do(func() { close(w.over) }); return nil }
func (w *wire) Addr() net.Addr { return loopback }

// A peer is the other end of a connection to a Listener.
type peer struct {
	net.Conn
	t *testing.T
}

// A rig is a Listener on a wire.
type rig struct {
	*Listener
	t      *testing.T
	wire   *wire
	bodies chan string
}

func newRig(t *testing.T, change ...func(*Listener)) *rig {
	w := &wire{calls: make(chan net.Conn, 1000), over: make(chan struct{})}
	r := &rig{t: t, wire: w, bodies: make(chan string, 1000)}
	r.Listener = newListener(r.wire)
	r.Handle = func(b []byte) { r.bodies <- string(b) }
	for _, f := range change {
		f(r.Listener)
	}
	go r.Serve()
	t.Cleanup(func() {
		r.Close()
		time.Sleep(time.Second) // net/http lingers
	})
	return r
}

// dial connects; the Listener may accept it later.
func (r *rig) dial() *peer { return r.dialFrom(loopback.IP) }

func (r *rig) dialFrom(ip net.IP) *peer {
	ours, theirs := net.Pipe()
	r.wire.calls <- end{theirs, ip}
	r.t.Cleanup(func() { ours.Close() })
	return &peer{ours, r.t}
}

// send writes without waiting for the Listener to read.
func (p *peer) send(text string) *peer {
	go io.WriteString(p, text)
	return p
}

// post sends a request's header and what there is of its body so far.
func (r *rig) post(token bool, header, body string) *peer {
	path := "/"
	if token {
		path += r.admission.token
	}
	return r.dial().send("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n" + body)
}

// status waits for an answer, at most that long; 0 is none, -1 that the
// connection was closed without one.
func (p *peer) status(wait time.Duration) int {
	p.SetReadDeadline(time.Now().Add(wait))
	line, err := bufio.NewReader(p).ReadString('\n')
	var status int
	switch {
	case isTimeout(err):
		return 0
	case err != nil:
		return -1
	}
	if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &status); err != nil {
		p.t.Errorf("answer %q", line)
	}
	return status
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// closed reports whether the Listener has closed the connection.
func (p *peer) closed(wait time.Duration) bool {
	p.SetReadDeadline(time.Now().Add(wait))
	_, err := io.Copy(io.Discard, p)
	return !isTimeout(err)
}

func open(peers []*peer) (n int) {
	for _, p := range peers {
		if !p.closed(time.Microsecond) {
			n++
		}
	}
	return n
}
