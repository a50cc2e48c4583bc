package logsapi

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxConns is how many connections are open at once, Lambda's included,
	// which has one or two. A process has 1,024 descriptors, and DynamoDB and
	// /tmp need theirs; a connection costs 20 KB at the most.
	maxConns = 64
	// chance is how long a connection stays open at least, so that what its
	// client sent when it connected is read, however many others connect.
	chance = 10 * time.Millisecond
)

// A port is a net.Listener with a bound on its open connections: a new one
// takes the place of the oldest that has not carried the token, so Lambda's
// stays and Lambda always gets in. While there are none but young connections,
// those to come wait in the kernel.
type port struct {
	net.Listener

	mu     sync.Mutex // guards what follows, and conn.proven
	conns  []*conn    // that are open, the oldest first
	closed int64      // connections that had to make room
}

// A conn is a connection of a port.
type conn struct {
	net.Conn
	port   *port
	since  time.Time
	proven bool // a post on it has carried the token
}

// Accept waits for the next connection, and makes room for it.
func (p *port) Accept() (net.Conn, error) {
	nc, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for !p.room() {
		time.Sleep(chance)
	}
	c := &conn{Conn: nc, port: p, since: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	return c, nil
}

// room reports whether there is room for one more connection, for which it
// closes one where that is what it takes. It closes none that is young.
func (p *port) room() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) < maxConns {
		return true
	}
	i := max(slices.IndexFunc(p.conns, func(c *conn) bool { return !c.proven }), 0)
	oldest := p.conns[i]
	if time.Since(oldest.since) < chance {
		return false
	}
	p.conns = slices.Delete(p.conns, i, i+1)
	p.closed++
	oldest.Conn.Close() // does not wait: net/http sets no linger
	return true
}

// closeConns closes all connections.
func (p *port) closeConns() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Conn.Close()
	}
}

// count returns how many connections had to make room for others.
func (p *port) count() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// prove notes that a post on c has carried the token.
func (c *conn) prove() {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	c.proven = true
}

func (c *conn) Close() error {
	c.port.mu.Lock()
	if i := slices.Index(c.port.conns, c); i >= 0 {
		c.port.conns = slices.Delete(c.port.conns, i, i+1)
	}
	c.port.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite is what net/http asks for so that an answer arrives though the
// request was not read to its end.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// local reports whether the other end is on this machine.
func (c *conn) local() bool {
	other, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	own, ok := c.LocalAddr().(*net.TCPAddr)
	return other.IP.IsLoopback() || other.IP.IsLinkLocalUnicast() || ok && other.IP.Equal(own.IP)
}

// connKey is where a request's context has its conn.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}
