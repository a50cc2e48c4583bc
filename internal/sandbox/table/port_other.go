//go:build !linux

package table

import (
	"io"
	"net"
)

// reservePort finds a free port. Unlike on Linux it cannot hold it, so that
// during an outage another process may take it.
func reservePort(address string) (string, io.Closer, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, err
	}
	taken := l.Addr().String()
	return taken, nothing{}, l.Close()
}

type nothing struct{}

func (nothing) Close() error { return nil }
