package main_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// A route is the network between the extension and DynamoDB: a relay whose
// connections can die as they do while an environment is frozen.
type route struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	conns []*net.TCPConn // from the extension
	total int            // connections so far
	dead  map[*net.TCPConn]bool
}

func newRoute(t *testing.T, endpoint string) *route {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &route{ln: ln, to: u.Host, dead: map[*net.TCPConn]bool{}}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go r.carry(c.(*net.TCPConn))
		}
	}()
	return r
}

func (r *route) url() string { return "http://" + r.ln.Addr().String() }

func (r *route) carry(from *net.TCPConn) {
	to, err := net.Dial("tcp", r.to)
	if err != nil {
		from.Close()
		return
	}
	r.mu.Lock()
	r.conns = append(r.conns, from)
	r.total++
	r.mu.Unlock()
	go func() {
		defer to.Close()
		r.copy(to, from, from)
	}()
	r.copy(from, to, from)
}

// copy carries bytes until an end closes, and swallows them once the
// connection is dead.
func (r *route) copy(to, from net.Conn, conn *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		dead := r.dead[conn]
		r.mu.Unlock()
		if dead && err == nil {
			continue
		}
		if err != nil {
			if err == io.EOF && !dead && to == net.Conn(conn) {
				conn.Close()
			}
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// lose ends all connections: "silently", as where a NAT gateway has forgotten
// them, by a "reset", or "closed" by the server as idle.
func (r *route) lose(how string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		switch how {
		case "silently":
			r.dead[c] = true
		case "reset":
			c.SetLinger(0)
			c.Close()
		default:
			c.Close()
		}
	}
	n := len(r.conns)
	r.conns = nil
	return n
}

// TestTheConnectionIsWarm: the connection to DynamoDB is made beside the
// function's init, and the first invocation writes on it.
func TestTheConnectionIsWarm(t *testing.T) {
	var way *route
	env, server := start(t, func(c *lambda.Config) {
		way = newRoute(t, c.Env["AWS_ENDPOINT_URL_DYNAMODB"])
		c.Env["AWS_ENDPOINT_URL_DYNAMODB"] = way.url()
		c.FunctionEnv[scriptfn.Init] = `[{"sleep_ms":500}]`
	})
	connections := func() int {
		way.mu.Lock()
		defer way.mu.Unlock()
		return way.total
	}
	if n := connections(); n != 1 {
		t.Errorf("%d connections after init", n)
	}
	for _, r := range server.Records() {
		if r.Op == "BatchWriteItem" {
			t.Error("something was written in init")
		}
	}
	invoke(t, env, print(line, 1))
	if n := connections(); n != 1 || len(server.Items("logtable-info")) != 1 {
		t.Errorf("%d connections after the first invocation, rows: %v", n, server.Items("logtable-info"))
	}
}

// TestTheFirstWriteAfterAFreeze: connections die while the environment is
// frozen for longer than we trust an idle one. The first write afterwards costs
// no time-out, and nothing is said, because nothing was wrong.
func TestTheFirstWriteAfterAFreeze(t *testing.T) {
	for _, how := range []string{"silently", "reset", "closed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var way *route
			env, server := start(t, func(c *lambda.Config) {
				c.Freeze = true
				way = newRoute(t, c.Env["AWS_ENDPOINT_URL_DYNAMODB"])
				c.Env["AWS_ENDPOINT_URL_DYNAMODB"] = way.url()
			})
			invoke(t, env, print(line, 1))
			if way.lose(how) == 0 {
				t.Fatal("the first invocation's row took another route")
			}
			time.Sleep(5500 * time.Millisecond) // the freeze itself
			r := invoke(t, env, scriptfn.Step{SleepMs: 20}, print(line, 1))
			if n := len(server.Items("logtable-info")); n != 2 {
				t.Errorf("%d of 2 rows are stored at next", n)
			}
			if r.Held >= time.Second {
				t.Errorf("held for %v: a request ran into its time limit", r.Held)
			}
			shutDown(t, env)
			if log := withoutFirstLines(env.ExtensionOutput()); log != "" {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// TestARequestCutByAFreeze: a request is on the wire when the environment
// freezes, and its answer never comes. Afterwards the row is written again
// under its key, within the next invocation's hold.
func TestARequestCutByAFreeze(t *testing.T) {
	t.Parallel()
	var way *route
	env, server := start(t, func(c *lambda.Config) {
		c.Freeze = true
		c.Env["LOGTABLE_FLUSH_TIMEOUT"] = "200ms"
		way = newRoute(t, c.Env["AWS_ENDPOINT_URL_DYNAMODB"])
		c.Env["AWS_ENDPOINT_URL_DYNAMODB"] = way.url()
	})
	server.Hang()
	invoke(t, env, print(line, 1))
	if way.lose("silently") == 0 {
		t.Fatal("no request was on the wire")
	}
	if err := server.Restore(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // the freeze itself
	r := invoke(t, env, scriptfn.Step{SleepMs: 200}, print(line, 1))
	if n := len(server.Items("logtable-info")); n != 2 {
		t.Errorf("%d of 2 rows are stored at next", n)
	}
	if r.Held >= time.Second {
		t.Errorf("held for %v", r.Held)
	}
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}
