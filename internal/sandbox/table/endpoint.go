package table

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/logtable/logtable/internal/sandbox/wire"
)

// endpoint is how the server is reached, and the outages of that.
type endpoint struct {
	address  string
	http     *http.Server
	reserved io.Closer // keeps the port while connections are refused
	serving  sync.WaitGroup

	// netMu guards what is below.
	netMu    sync.Mutex
	listener net.Listener // nil while connections are refused
	conns    map[net.Conn]struct{}
	hanging  bool
}

// URL is what clients on this machine take as their base endpoint,
// "http://127.0.0.1:41234".
func (e *endpoint) URL() string {
	host, port, err := net.SplitHostPort(e.address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + e.address
}

// listen opens the listener and serves it.
func (e *endpoint) listen() error {
	l, err := net.Listen("tcp", e.address)
	if err != nil {
		return fmt.Errorf("cannot listen at %s (choose another address, or port 0 for any free one): %w",
			e.address, err)
	}
	e.netMu.Lock()
	e.listener = l
	e.netMu.Unlock()
	e.serving.Go(func() {
		// It ends when the listener is closed, by Close or by an outage.
		_ = e.http.Serve(l)
	})
	return nil
}

// track keeps the set of open connections, which an outage cuts.
func (e *endpoint) track(conn net.Conn, state http.ConnState) {
	e.netMu.Lock()
	defer e.netMu.Unlock()
	switch state {
	case http.StateNew:
		e.conns[conn] = struct{}{}
		if e.listener == nil {
			wire.Reset(conn)
		}
	case http.StateClosed, http.StateHijacked:
		delete(e.conns, conn)
	}
}

// Refuse begins an outage: open connections are reset and new ones refused
// until Restore is called.
func (e *endpoint) Refuse() {
	e.netMu.Lock()
	defer e.netMu.Unlock()
	if e.listener == nil {
		return
	}
	_ = e.listener.Close()
	e.listener = nil
	for conn := range e.conns {
		wire.Reset(conn)
	}
}

// Hang begins an outage in which connections are accepted and requests read,
// but never answered, until Restore is called. Requests that arrived before
// Restore stay unanswered: they hang until their client gives up.
func (e *endpoint) Hang() {
	e.netMu.Lock()
	defer e.netMu.Unlock()
	e.hanging = true
}

// Restore ends an outage. The endpoint has its tables and its address as
// before.
func (e *endpoint) Restore() error {
	e.netMu.Lock()
	e.hanging = false
	up := e.listener != nil
	e.netMu.Unlock()
	if up {
		return nil
	}
	return e.listen()
}

func (e *endpoint) isHanging() bool {
	e.netMu.Lock()
	defer e.netMu.Unlock()
	return e.hanging
}
