package logsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// maxBody is the most that is read of one post of Lambda's, in bytes. It
	// sends up to 2 × maxBytes plus metadata, and one long line of its own.
	maxBody = 4 << 20
	// headerTimeout and readTimeout bound how long a request's header, and then
	// its body, may take. maxHeader bounds the header in bytes (net/http adds
	// 4 KiB).
	headerTimeout, readTimeout = 5 * time.Second, 5 * time.Second
	maxHeader                  = 8 << 10
)

// Handlers are what a Listener calls.
type Handlers struct {
	// Handle is called with each body, from one goroutine. The body may not
	// be kept. Must be set.
	Handle func(body []byte)
	// Arrived is called when a body that holds a platform.runtimeDone
	// has arrived behind others, and when it has been handled; may be nil.
	Arrived func()
	// Panicked is called with the value of a panic in Handle, after which
	// bodies are still answered but no longer handled; may be nil.
	Panicked func(v any)
}

// A Listener is the HTTP server that Lambda posts telemetry to. It answers
// 200 as soon as a body has been read, whatever is in it, and hands the
// bodies on one at a time, in order, without the repeats.
type Listener struct {
	Handlers // must be set before Serve

	port      *port
	srv       *http.Server
	admission admission
	cutOff    atomic.Int64 // bodies longer than they may be
	backlog   backlog
	repeats   repeats // of the worker alone
}

// Listen opens a port of the kernel's choice on all interfaces: the name that
// Lambda must be told, sandbox.localdomain, leads to one that is not
// loopback's in some emulators.
func Listen() (*Listener, error) {
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(false) // Lambda does not use it, and asking the kernel for it takes time
	ln, err := lc.Listen(context.Background(), "tcp", ":0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen for telemetry: %w", err)
	}
	return newListener(ln), nil
}

func newListener(ln net.Listener) *Listener {
	l := &Listener{
		port: &port{Listener: ln}, admission: newAdmission(), backlog: newBacklog(), repeats: newRepeats(),
	}
	l.srv = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withConn,
		ErrorLog:          log.New(io.Discard, "", 0),
		// Else net/http answers OPTIONS * in our place, and keeps the
		// connection.
		DisableGeneralOptionsHandler: true,
	}
	return l
}

// URI is the destination for the subscription. Its path holds a random token.
func (l *Listener) URI() string {
	return fmt.Sprintf("http://sandbox.localdomain:%d/%s", l.port.Addr().(*net.TCPAddr).Port, l.admission.token)
}

// Serve answers posts and calls Handle, until Close.
func (l *Listener) Serve() {
	go l.work()
	if err := l.srv.Serve(l.port); err != nil && !errors.Is(err, http.ErrServerClosed) && l.Panicked != nil {
		l.Panicked(err)
	}
}

// Close stops listening; what was answered is still handled.
func (l *Listener) Close() {
	l.srv.Close()
	l.port.Listener.Close() // where Serve was never called
	l.port.closeConns()     // those that net/http no longer knows
	l.backlog.close()
}

// ServeHTTP takes one post. It is exported because net/http wants it.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if v := recover(); v != nil && l.Panicked != nil {
			l.Panicked(v)
		}
	}()
	if l.takeFirst(w, r) {
		l.keepServing(w, r)
	}
}

// takeFirst takes a connection's first post, and reports whether it is to be
// answered, and the connection served, without net/http.
func (l *Listener) takeFirst(w http.ResponseWriter, r *http.Request) (goesOn bool) {
	rc := http.NewResponseController(w)
	slot, limit, refused := l.admission.admit(r)
	if refused != nil {
		refused.answer(w, rc)
		return false
	}
	defer func() { <-slot }()
	if limit == maxUnproven {
		// A connection is proven by the token, or closed: an idle one would
		// take another's place.
		w.Header().Set("Connection", "close")
	}
	_ = rc.SetReadDeadline(time.Now().Add(readTimeout))
	body, cut, err := l.read(r, limit)
	if err != nil {
		brokeOff.answer(w, rc) // the platform posts it again
		return false
	}
	if cut {
		abandon(w, rc)
	} else {
		_ = rc.SetReadDeadline(time.Time{})
	}
	l.put(body)
	if !cut && keep(r, limit) {
		return true
	}
	w.WriteHeader(http.StatusOK)
	return false
}

// read returns a post's body, and whether it was longer than it may be.
func (l *Listener) read(r *http.Request, limit int) (body []byte, cut bool, err error) {
	body, err = readBody(r.Body, l.backlog.spare(min(r.ContentLength, int64(limit))), limit)
	if err == nil && len(body) > limit {
		l.cutOff.Add(1)
		return body[:limit], true, nil
	}
	return body, false, err
}

// put queues a body.
func (l *Listener) put(body []byte) {
	if endWaits := l.backlog.put(body); endWaits && l.Arrived != nil {
		l.Arrived()
	}
}

// abandon has the connection closed after the answer, and what is left of the
// body not read: net/http would read 256 KiB of it, however slowly they come.
func abandon(w http.ResponseWriter, rc *http.ResponseController) {
	w.Header().Set("Connection", "close")
	_ = rc.SetReadDeadline(time.Now())
}

// readBody appends what r has to b, one byte more than limit at the most. b
// never grows beyond that, either.
func readBody(r io.Reader, b []byte, limit int) ([]byte, error) {
	for len(b) <= limit {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(max(2*cap(b), 16<<10), limit+1)), b...)
		}
		n, err := r.Read(b[len(b):min(cap(b), limit+1)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// work handles the bodies in order.
func (l *Listener) work() {
	defer func() {
		if v := recover(); v != nil {
			l.backlog.abandon()
			if l.Panicked != nil {
				l.Panicked(v)
			}
		}
	}()
	for p, ok := l.backlog.next(); ok; p, ok = l.backlog.next() {
		if !l.repeats.seen(p.body) {
			l.Handle(p.body)
		}
		l.backlog.handled(p)
		if p.done && l.Arrived != nil {
			l.Arrived()
		}
	}
}

// Idle reports whether nothing waits to be handled, and since when nothing has
// arrived. The time is zero if nothing ever has.
func (l *Listener) Idle() (idle bool, last time.Time) { return l.backlog.idle() }

// DoneWaiting returns when the first body arrived that holds a
// platform.runtimeDone and is not handled to its end yet.
func (l *Listener) DoneWaiting() (since time.Time, ok bool) { return l.backlog.doneWaiting() }

// Counts says what the Listener did not hand on.
type Counts struct {
	Refused int64 // posts to another path than the subscription's
	Repeats int64 // bodies that were a redelivery
	CutOff  int64 // bodies longer than 4 MiB (without the token: 1 MiB), of which the rest is gone
	Closed  int64 // connections of others that were closed to make room for new ones
}

// Counts returns the counts so far.
func (l *Listener) Counts() Counts {
	return Counts{l.admission.refused.Load(), l.repeats.count.Load(), l.cutOff.Load(), l.port.count()}
}
