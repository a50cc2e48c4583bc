package logsapi

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxBody is the most that is read of one post of Lambda's, in bytes. It
	// sends up to 2 × maxBytes plus metadata, and one long line of its own.
	maxBody = 4 << 20
	// maxUnproven is maxBody for a post without the token: an emulator's lines
	// are short.
	maxUnproven = 1 << 20
	// maxReading is how many posts with the token are read at once, and
	// maxStrangers how many without. Lambda sends one after another, so that
	// more are somebody else's: the former wait, the latter are refused.
	maxReading, maxStrangers = 2, 2
	// headerTimeout and readTimeout bound how long a request's header, and then
	// its body, may take. maxHeader bounds the header in bytes (net/http adds
	// 4 KiB).
	headerTimeout, readTimeout = 5 * time.Second, 5 * time.Second
	maxHeader                  = 8 << 10
	// maxSpares and maxSpare (in bytes: what Lambda sends at once, by the
	// subscription) bound the memory that waits for the next bodies.
	maxSpares, maxSpare = 2, 300 << 10
	// remembered is how many bodies are remembered to recognise a repeat.
	remembered = 64
	// maxPending is MaxPending unless it is set.
	maxPending = 2 << 20
)

// A Listener is the HTTP server that Lambda posts telemetry to. It answers
// 200 as soon as a body has been read, whatever is in it, and hands the
// bodies on one at a time, in order, without the repeats.
type Listener struct {
	// Handle is called with each body, from one goroutine. The body may not
	// be kept. Must be set before Serve.
	Handle func(body []byte)
	// Arrived is called when a body that holds a platform.runtimeDone
	// has arrived behind others, and when it has been handled; may be nil.
	Arrived func()
	// Panicked is called with the value of a panic in Handle, after which
	// bodies are still answered but no longer handled; may be nil.
	Panicked func(v any)
	// MaxPending bounds the bodies that wait to be handled, in bytes. Beyond
	// it a post is answered only when there is room again: Lambda buffers
	// better than we do.
	MaxPending int

	port      *port
	srv       *http.Server
	token     string
	locked    atomic.Bool   // a post has carried the token
	refused   atomic.Int64  // posts that are not Lambda's
	repeats   atomic.Int64  // bodies dropped as repeats
	cutOff    atomic.Int64  // bodies longer than they may be
	reading   chan struct{} // holds a token per post of Lambda's that is read
	strangers chan struct{} // the same for posts that may be anybody's
	dead      atomic.Bool   // Handle has panicked

	// Of the worker alone:
	seed    maphash.Seed
	digests [remembered]digest
	next    int // in digests

	mu      sync.Mutex // guards what follows
	cond    *sync.Cond // signalled when it changes
	queue   []post
	pending int // bytes in queue and in hand
	busy    bool
	current post      // while busy
	last    time.Time // when the last post was read
	closed  bool
	spares  [][]byte // of bodies that have been handled, to be used again
}

// A post is a body that waits to be handled.
type post struct {
	body []byte
	at   time.Time
	done bool // holds a platform.runtimeDone
}

type digest struct {
	hash uint64
	size int
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
		MaxPending: maxPending,
		port:       &port{Listener: ln}, token: rand.Text(), seed: maphash.MakeSeed(),
		reading: make(chan struct{}, maxReading), strangers: make(chan struct{}, maxStrangers),
	}
	l.cond = sync.NewCond(&l.mu)
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
	return fmt.Sprintf("http://sandbox.localdomain:%d/%s", l.port.Addr().(*net.TCPAddr).Port, l.token)
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
	l.mu.Lock()
	l.closed = true
	l.cond.Broadcast()
	l.mu.Unlock()
}

// ServeHTTP takes one post. It is exported because net/http wants it.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if v := recover(); v != nil && l.Panicked != nil {
			l.Panicked(v)
		}
	}()
	rc := http.NewResponseController(w)
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		w.Header().Set("Allow", "POST, PUT")
		refuse(w, rc, http.StatusMethodNotAllowed, "telemetry is posted here")
		return
	}
	limit := maxBody
	switch l.origin(r) {
	case lambdas:
		l.reading <- struct{}{}
		defer func() { <-l.reading }()
	case anybodys:
		limit = maxUnproven
		// A connection is proven by the token, or closed: an idle one would
		// take another's place.
		w.Header().Set("Connection", "close")
		select {
		case l.strangers <- struct{}{}:
			defer func() { <-l.strangers }()
		default:
			l.refused.Add(1)
			refuse(w, rc, http.StatusServiceUnavailable, "others are posting here")
			return
		}
	default:
		l.refused.Add(1)
		refuse(w, rc, http.StatusForbidden, "this is not the path that Lambda was told")
		return
	}
	_ = rc.SetReadDeadline(time.Now().Add(readTimeout))
	body, err := readBody(r.Body, l.spare(min(r.ContentLength, int64(limit))), limit)
	if err != nil {
		// The platform posts again what broke off.
		refuse(w, rc, http.StatusBadRequest, "the body broke off")
		return
	}
	if len(body) > limit {
		body = body[:limit]
		l.cutOff.Add(1)
		abandon(w, rc)
	} else {
		_ = rc.SetReadDeadline(time.Time{})
	}
	l.enqueue(body)
	w.WriteHeader(http.StatusOK)
}

// refuse answers without reading the body, and ends the connection.
func refuse(w http.ResponseWriter, rc *http.ResponseController, status int, why string) {
	abandon(w, rc)
	http.Error(w, why, status)
}

// abandon has the connection closed after the answer, and what is left of the
// body not read: net/http would read 256 KiB of it, however slowly they come.
func abandon(w http.ResponseWriter, rc *http.ResponseController) {
	w.Header().Set("Connection", "close")
	_ = rc.SetReadDeadline(time.Now())
}

// An origin is whose post a post is.
type origin int

const (
	strangers origin = iota
	anybodys         // may be Lambda's, or not
	lambdas
)

// origin decides by the path. AWS's emulator posts to / whatever the path of the
// subscription, from the same machine: so until the token has been seen once,
// what comes so may be Lambda's. Lambda itself posts as soon as the subscription
// is made, long before the function has its first invocation.
func (l *Listener) origin(r *http.Request) origin {
	c, _ := r.Context().Value(connKey{}).(*conn)
	switch {
	case c == nil:
		return strangers
	case subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte("/"+l.token)) == 1:
		l.locked.Store(true)
		c.prove()
		return lambdas
	case !l.locked.Load() && r.URL.Path == "/" && c.local():
		return anybodys
	}
	return strangers
}

// spare returns memory for a body that says to have n bytes: that of an earlier
// one where it is large enough.
func (l *Listener) spare(n int64) []byte {
	if n <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, b := range l.spares {
		if int64(cap(b)) > n {
			l.spares = append(l.spares[:i], l.spares[i+1:]...)
			return b[:0]
		}
	}
	return make([]byte, 0, n+1) // with room to see the end
}

// handled takes a body's memory back. Of more than there is room for the
// largest stay. mu must be held.
func (l *Listener) handled(body []byte) {
	if cap(body) > maxSpare {
		return
	}
	if len(l.spares) < maxSpares {
		l.spares = append(l.spares, body)
		return
	}
	for i, b := range l.spares {
		if cap(b) < cap(body) {
			l.spares[i] = body
			return
		}
	}
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

// Counts says what the Listener did not hand on.
type Counts struct {
	Refused int64 // posts to another path than the subscription's
	Repeats int64 // bodies that were a redelivery
	CutOff  int64 // bodies longer than 4 MiB (without the token: 1 MiB), of which the rest is gone
	Closed  int64 // connections of others that were closed to make room for new ones
}

// Counts returns the counts so far.
func (l *Listener) Counts() Counts {
	return Counts{l.refused.Load(), l.repeats.Load(), l.cutOff.Load(), l.port.count()}
}
