package extapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/extapi"
)

const shutdown = `{"eventType":"SHUTDOWN","shutdownReason":"spindown"}`

// answer is an HTTP answer as it is sent.
func answer(header, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: id-1\r\nContent-Length: %d\r\n%s\r\n%s",
		len(body), header, body)
}

// speak serves connections one after the other with what talk does to each, and
// counts the requests.
func speak(t *testing.T, talk func(n int, c net.Conn, next func() *http.Request)) (*extapi.Client, *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int32
	var over sync.WaitGroup
	over.Go(func() {
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { c.Close() })
			in := bufio.NewReader(c)
			talk(n, c, func() *http.Request {
				r, err := http.ReadRequest(in)
				if err != nil {
					return nil
				}
				io.Copy(io.Discard, r.Body)
				requests.Add(1)
				return r
			})
			c.Close()
			stop()
		}
	})
	t.Cleanup(func() {
		ln.Close()
		over.Wait()
	})
	return extapi.New(ln.Addr().String(), "logtable"), &requests
}

func TestOneConnectionForAll(t *testing.T) {
	c, requests := speak(t, func(n int, c net.Conn, next func() *http.Request) {
		for next() != nil {
			io.WriteString(c, answer("", shutdown))
		}
		if n > 0 {
			t.Error("a second connection")
		}
	})
	for range 10 {
		if _, err := c.Register(t.Context(), extapi.Shutdown); err != nil {
			t.Error(err)
		}
		if ev, err := c.Next(t.Context()); err != nil || ev.Type != extapi.Shutdown {
			t.Errorf("%+v, %v", ev, err)
		}
	}
	if n := requests.Load(); n != 20 {
		t.Errorf("%d requests", n)
	}
}

// A connection that has been closed, with or without a word, is not a failure
// of next. Only one that is new says something.
func TestAConnectionThatIsGone(t *testing.T) {
	for name, last := range map[string]string{"announced": "Connection: close\r\n", "not announced": ""} {
		t.Run(name, func(t *testing.T) {
			c, requests := speak(t, func(n int, c net.Conn, next func() *http.Request) {
				next()
				io.WriteString(c, answer(last, shutdown))
			})
			if _, err := c.Register(t.Context(), extapi.Shutdown); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if ev, err := c.Next(t.Context()); err != nil || ev.Type != extapi.Shutdown {
					t.Errorf("%+v, %v", ev, err)
				}
			}
			if last != "" { // known before it is tried
				if _, err := c.Register(t.Context(), extapi.Shutdown); err != nil {
					t.Error(err)
				}
				requests.Add(-1)
			}
			if n := requests.Load(); n != 4 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

// Lambda refuses a second registration.
func TestRegisterIsNotSentTwice(t *testing.T) {
	c, requests := speak(t, func(n int, c net.Conn, next func() *http.Request) {
		if n > 0 {
			t.Error("a second connection")
		}
		next()
		io.WriteString(c, answer("", shutdown))
		next() // and no answer
	})
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), extapi.Shutdown); err == nil {
		t.Error("registered")
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestAnswersAheadOfTheAnswer(t *testing.T) {
	c, _ := speak(t, func(n int, c net.Conn, next func() *http.Request) {
		next()
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"+
			answer("", shutdown))
	})
	if ev, err := c.Next(t.Context()); err != nil || ev.Type != extapi.Shutdown {
		t.Errorf("%+v, %v", ev, err)
	}
}

// What comes behind an answer is nobody's.
func TestMoreThanTheAnswer(t *testing.T) {
	c, _ := speak(t, func(n int, c net.Conn, next func() *http.Request) {
		next()
		io.WriteString(c, answer("", shutdown)+answer("", `{"eventType":"INVOKE"}`))
	})
	for range 2 {
		if ev, err := c.Next(t.Context()); err != nil || ev.Type != extapi.Shutdown {
			t.Errorf("%+v, %v", ev, err)
		}
	}
}

// A call ends with its context, wherever the answer stands, and the next one
// has a connection of its own.
func TestACallEndsWithItsContext(t *testing.T) {
	for name, part := range map[string]string{
		"no answer": "", "half a header": "HTTP/1.1 200 OK\r\nX", "half a body": answer("", shutdown)[:100],
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := speak(t, func(n int, c net.Conn, next func() *http.Request) {
				if next(); n == 0 {
					io.WriteString(c, part)
					next()
					return
				}
				io.WriteString(c, answer("", shutdown))
			})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if ev, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v, %v", ev, err)
			}
			if ev, err := c.Next(t.Context()); err != nil || ev.Type != extapi.Shutdown {
				t.Errorf("%+v, %v", ev, err)
			}
		})
	}
}

// TestAsked: it is called once, when the first next has been sent and is not
// answered yet.
func TestAsked(t *testing.T) {
	asked := make(chan struct{}, 10)
	c, _ := speak(t, func(n int, c net.Conn, next func() *http.Request) {
		for i := 0; next() != nil; i++ {
			switch {
			case i == 1:
				<-asked
			case len(asked) > 0:
				t.Errorf("called with request %d", i)
			}
			io.WriteString(c, answer("", shutdown))
		}
	})
	if _, err := c.Register(t.Context(), extapi.Shutdown); err != nil {
		t.Fatal(err)
	}
	c.Asked = func() { asked <- struct{}{} }
	for range 3 {
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
