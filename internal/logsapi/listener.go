package logsapi

import (
	"bytes"
	"context"
	"crypto/rand"
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
	// maxBody is the most that is read of one post, in bytes. Lambda sends up
	// to 2 × maxBytes plus metadata, and one long line of its own.
	maxBody = 4 << 20
	// maxReading is how many posts are read at once; Lambda sends one after
	// another, so more are somebody else's and wait.
	maxReading = 4
	// readTimeout bounds the reading of one post.
	readTimeout = 5 * time.Second
	// maxSpares and maxSpare (in bytes: what Lambda sends at once, by the
	// subscription) bound the memory that waits for the next bodies.
	maxSpares, maxSpare = 2, 300 << 10
	// remembered is how many bodies are remembered to recognise a repeat.
	remembered = 64
)

// runtimeDone is how the end of an invocation looks in a body. Inside a
// string of somebody's text its quotes would be escaped.
var runtimeDone = []byte(`"platform.runtimeDone"`)

// A Listener is the HTTP server that Lambda posts telemetry to. It answers
// 200 as soon as a body has been read, whatever is in it, and hands the
// bodies on one at a time, in order, without the repeats.
type Listener struct {
	// Handle is called with each body, from one goroutine. The body may not
	// be kept. Must be set before Serve.
	Handle func(body []byte)
	// Arrived is called when a body that seems to hold a platform.runtimeDone
	// has arrived behind others, and when it has been handled; may be nil.
	Arrived func()
	// Panicked is called with the value of a panic in Handle, after which
	// bodies are still answered but no longer handled; may be nil.
	Panicked func(v any)
	// MaxPending bounds the bodies that wait to be handled, in bytes. Beyond
	// it a post is answered only when there is room again: Lambda buffers
	// better than we do.
	MaxPending int

	ln      net.Listener
	srv     *http.Server
	token   string
	locked  atomic.Bool  // a post has carried the token
	refused atomic.Int64 // posts with another path after that
	repeats atomic.Int64 // bodies dropped as repeats
	cutOff  atomic.Int64 // bodies longer than maxBody
	reading chan struct{}
	dead    atomic.Bool // Handle has panicked

	mu      sync.Mutex // guards what follows
	cond    *sync.Cond // signalled when it changes
	queue   []post
	pending int // bytes in queue and in hand
	busy    bool
	current post      // while busy
	last    time.Time // when the last post was read
	closed  bool
	seed    maphash.Seed
	digests [remembered]digest
	next    int      // in digests
	spares  [][]byte // of bodies that have been handled, to be used again
}

type post struct {
	body []byte
	at   time.Time
	done bool // seems to hold a platform.runtimeDone
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
	l := &Listener{
		MaxPending: 2 << 20,
		ln:         ln, token: rand.Text(), reading: make(chan struct{}, maxReading), seed: maphash.MakeSeed(),
	}
	l.cond = sync.NewCond(&l.mu)
	l.srv = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: readTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	return l, nil
}

// URI is the destination for the subscription. Its path holds a random token.
func (l *Listener) URI() string {
	return fmt.Sprintf("http://sandbox.localdomain:%d/%s", l.ln.Addr().(*net.TCPAddr).Port, l.token)
}

// Serve answers posts and calls Handle, until Close.
func (l *Listener) Serve() {
	go l.work()
	if err := l.srv.Serve(l.ln); err != nil && !errors.Is(err, http.ErrServerClosed) && l.Panicked != nil {
		l.Panicked(err)
	}
}

// Close stops listening; what was answered is still handled.
func (l *Listener) Close() {
	l.srv.Close()
	l.ln.Close() // where Serve was never called
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
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		w.Header().Set("Allow", "POST, PUT")
		http.Error(w, "telemetry is posted here", http.StatusMethodNotAllowed)
		return
	}
	if !l.admit(r.URL.Path) {
		http.Error(w, "this is not the path that Lambda was told", http.StatusForbidden)
		return
	}
	l.reading <- struct{}{}
	defer func() { <-l.reading }()
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(readTimeout))
	body, err := readBody(r, l.spare(r.ContentLength))
	if err != nil {
		// The platform posts again what broke off.
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	_ = rc.SetReadDeadline(time.Time{})
	if len(body) > maxBody {
		body = body[:maxBody]
		l.cutOff.Add(1)
	}
	l.enqueue(body)
	w.WriteHeader(http.StatusOK)
}

// admit decides by the path. AWS's emulator posts to / whatever the path of
// the subscription, so any path is taken until the token has been seen once.
func (l *Listener) admit(path string) bool {
	if path == "/"+l.token {
		l.locked.Store(true)
		return true
	}
	if l.locked.Load() {
		l.refused.Add(1)
		return false
	}
	return true
}

// spare returns memory for a body of n bytes: that of an earlier one where it
// is large enough.
func (l *Listener) spare(n int64) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, b := range l.spares {
		if n > 0 && int64(cap(b)) >= n+bytes.MinRead {
			l.spares = append(l.spares[:i], l.spares[i+1:]...)
			return b[:0]
		}
	}
	return nil
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

// readBody reads at most maxBody and one byte, into spare if it is not nil.
func readBody(r *http.Request, spare []byte) ([]byte, error) {
	b := bytes.NewBuffer(spare)
	if n := r.ContentLength; n > 0 && n <= maxBody {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	return b.Bytes(), err
}

// enqueue hands the body to the worker. It waits only where MaxPending bytes
// already do.
func (l *Listener) enqueue(body []byte) {
	if l.dead.Load() {
		return
	}
	p := post{body: body, at: time.Now(), done: bytes.Contains(body, runtimeDone)}
	l.mu.Lock()
	for l.pending > 0 && l.pending+len(body) > l.MaxPending && !l.closed && !l.dead.Load() {
		l.cond.Wait()
	}
	behind := l.busy || len(l.queue) > 0
	l.queue = append(l.queue, p)
	l.pending += len(body)
	l.last = p.at
	l.cond.Broadcast()
	l.mu.Unlock()
	if p.done && behind && l.Arrived != nil {
		l.Arrived()
	}
}

// work handles the bodies in order.
func (l *Listener) work() {
	defer func() {
		if v := recover(); v != nil {
			l.dead.Store(true)
			l.mu.Lock()
			l.queue, l.pending, l.busy, l.current = nil, 0, false, post{}
			l.cond.Broadcast()
			l.mu.Unlock()
			if l.Panicked != nil {
				l.Panicked(v)
			}
		}
	}()
	l.mu.Lock()
	for {
		for len(l.queue) == 0 {
			if l.closed {
				l.mu.Unlock()
				return
			}
			l.cond.Wait()
		}
		p := l.queue[0]
		l.queue[0] = post{}
		l.queue = l.queue[1:]
		if len(l.queue) == 0 {
			l.queue = nil
		}
		l.busy, l.current = true, p
		repeat := l.repeat(p.body)
		l.mu.Unlock()
		if !repeat {
			l.Handle(p.body)
		}
		l.mu.Lock()
		l.busy, l.current = false, post{}
		l.pending -= len(p.body)
		l.handled(p.body)
		l.cond.Broadcast()
		if p.done && l.Arrived != nil {
			l.mu.Unlock()
			l.Arrived()
			l.mu.Lock()
		}
	}
}

// repeat reports whether body is one of the last bodies once more, and
// remembers it. mu must be held.
func (l *Listener) repeat(body []byte) bool {
	if len(body) >= Smallest.MaxBytes/2 && oneInstant(body) {
		// A tight loop that prints one line can fill two bodies within one
		// millisecond, and they are equal. Better twice than never.
		return false
	}
	d := digest{maphash.Bytes(l.seed, body), len(body)}
	for _, known := range l.digests {
		if known == d {
			l.repeats.Add(1)
			return true
		}
	}
	l.digests[l.next] = d
	l.next = (l.next + 1) % remembered
	return false
}

// oneInstant reports whether the first and the last event of body carry the
// same time.
func oneInstant(body []byte) bool {
	key := []byte(`"time":"`)
	first, last := bytes.Index(body, key), bytes.LastIndex(body, key)
	if first < 0 {
		return true
	}
	return bytes.Equal(quotedAt(body, first+len(key)), quotedAt(body, last+len(key)))
}

func quotedAt(body []byte, i int) []byte {
	end := bytes.IndexByte(body[i:], '"')
	if end < 0 {
		return nil
	}
	return body[i : i+end]
}

// Idle reports that nothing waits to be handled, and since when nothing has
// arrived. The time is zero if nothing ever has.
func (l *Listener) Idle() (idle bool, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.busy && len(l.queue) == 0, l.last
}

// DoneWaiting returns when the first body arrived that seems to hold a
// platform.runtimeDone and is not handled to its end yet.
func (l *Listener) DoneWaiting() (since time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current.done {
		return l.current.at, true
	}
	for _, p := range l.queue {
		if p.done {
			return p.at, true
		}
	}
	return time.Time{}, false
}

// Counts says what the Listener did not hand on.
type Counts struct {
	Refused int64 // posts to another path than the subscription's
	Repeats int64 // bodies that were a redelivery
	CutOff  int64 // bodies longer than 4 MiB, of which the rest is gone
}

// Counts returns the counts so far.
func (l *Listener) Counts() Counts {
	return Counts{l.refused.Load(), l.repeats.Load(), l.cutOff.Load()}
}
