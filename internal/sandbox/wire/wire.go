// Package wire breaks HTTP connections in the ways that networks do, for the
// local AWS services' faults, and keeps web pages from these services.
package wire

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Cut ends a request's connection with a TCP reset instead of an answer.
func Cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	Reset(conn)
}

// Reset closes a connection so that the peer sees a reset, not an end.
func Reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Delay holds a request back for d or, if it hangs, for ever. It reports
// whether the request may be answered: false if its client gave up or the
// server began to close before.
func Delay(client, closing context.Context, d time.Duration, hang bool) bool {
	if !hang && d <= 0 {
		return true
	}
	var passed <-chan time.Time // never, for a request that hangs
	if !hang {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
		return true
	case <-client.Done():
	case <-closing.Done():
	}
	return false
}
