package extapi

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// A line is an http.RoundTripper to one host, for one request at a time. It
// writes a request and reads its answer in the caller's goroutine. net/http's
// own has others do it, and wakes a thread for each where there is more than
// one processor: half a millisecond from the process's start to its first next.
type line struct {
	// sent, if it is set, is called once, in a goroutine of its own, when the
	// next request has been written.
	sent func()

	conn net.Conn         // nil for none
	in   io.LimitedReader // bounds an answer, its header included
	read *bufio.Reader
	out  *bufio.Writer
}

// RoundTrip implements http.RoundTripper. The answer's body is in memory. A
// connection that has been used before may have been closed meanwhile: then a
// request without a body is sent once more, on another one.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	reused := l.conn != nil
	resp, err := l.try(req)
	if err != nil && reused && req.Body == nil && req.Context().Err() == nil {
		resp, err = l.try(req)
	}
	return resp, err
}

// try sends a request. The connection stays open only if all has gone well.
func (l *line) try(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if l.conn == nil {
		if err := l.dial(ctx, req.URL.Hostname(), req.URL.Port()); err != nil {
			return nil, err
		}
	}
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	resp, err := l.exchange(req)
	// Where the context has ended, the answer may just be there, and the
	// deadline come later.
	if !stop() || err != nil || resp.Close || l.read.Buffered() > 0 {
		conn.Close()
		l.conn = nil
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return resp, err
}

func (l *line) dial(ctx context.Context, host, port string) error {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, cmp.Or(port, "80")))
	if err != nil {
		return err
	}
	l.conn, l.in.R = conn, conn
	l.read, l.out = bufio.NewReaderSize(&l.in, 2<<10), bufio.NewWriterSize(conn, 1<<10)
	return nil
}

func (l *line) exchange(req *http.Request) (*http.Response, error) {
	err := req.Write(l.out)
	if err == nil {
		err = l.out.Flush()
	}
	if sent := l.sent; err == nil && sent != nil {
		l.sent = nil
		go sent()
	}
	l.in.N = maxAnswer
	for err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(l.read, req); err != nil || resp.StatusCode/100 == 1 {
			continue // such as 103: the answer is yet to come
		}
		var body []byte
		if body, err = io.ReadAll(resp.Body); err == nil {
			resp.Body = io.NopCloser(bytes.NewReader(body))
			return resp, nil
		}
	}
	return nil, err
}
