package logsapi

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
)

// lingers is how long a connection that ends without having been read to its
// end stays open behind the answer, which the other end would lose otherwise.
const lingers = 500 * time.Millisecond

// accepted is the answer to a post.
var accepted = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

// keep reports whether a connection is taken over from net/http: it has carried
// the token, and is to carry more.
func keep(r *http.Request, limit int) bool {
	return limit == maxBody && r.ProtoAtLeast(1, 1) && !r.Close
}

// keepServing answers a post that has been read, and then serves what follows
// on its connection, which is Lambda's for as long as the environment lives.
// For each post net/http would make contexts and headers and start a goroutine,
// which is a fifth of what an invocation costs that logs nothing. What is not a
// post of Lambda's ends the connection; the bounds are those of a first post.
func (l *Listener) keepServing(w http.ResponseWriter, first *http.Request) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // net/http answers 200
	}
	defer c.Close()
	in := &io.LimitedReader{R: rw.Reader}
	buffered := bufio.NewReader(in)
	for {
		if _, err := c.Write(accepted); err != nil {
			return
		}
		_ = c.SetReadDeadline(time.Time{})
		in.N = maxHeader
		if _, err := buffered.Peek(1); err != nil {
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(headerTimeout))
		r, err := http.ReadRequest(buffered)
		if err != nil {
			endWith(c, brokeOff.status)
			return
		}
		in.N = math.MaxInt64 // readBody has a bound of its own
		if status := l.takeLater(c, r.WithContext(first.Context())); status != 0 {
			endWith(c, status)
			return
		}
	}
}

// takeLater takes one post, and returns the status of the connection's last
// answer; 0 if it goes on.
func (l *Listener) takeLater(c net.Conn, r *http.Request) (last int) {
	slot, limit, refused := l.admission.admit(r)
	if refused != nil {
		return refused.status
	}
	defer func() { <-slot }()
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	_ = c.SetReadDeadline(time.Now().Add(readTimeout))
	body, cut, err := l.read(r, limit)
	if err != nil {
		return brokeOff.status
	}
	l.put(body)
	if cut || !keep(r, limit) {
		return http.StatusOK
	}
	return 0
}

// endWith answers, and has the other end learn it before the connection is
// closed.
func endWith(c net.Conn, status int) {
	fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
	if half, ok := c.(*conn); ok && half.CloseWrite() == nil {
		time.Sleep(lingers)
	}
}
