package table

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/logtable/logtable/internal/sandbox/wire"
)

// DynamoDB's limits on a request.
const (
	// maxRequest is how many bytes of JSON a request may have (API reference,
	// BatchWriteItem: 16 MB).
	maxRequest = 16 << 20
	// maxDrained is how much of a larger request is read before it is refused:
	// a client that is still sending would not see the refusal.
	maxDrained = 64 << 20
)

// A Server is a DynamoDB endpoint in this process. Its tables live in memory
// and are gone when it is closed. All methods may be called at any time from
// any goroutine.
type Server struct {
	endpoint

	closing context.Context // done when Close begins; ends what hangs
	close   context.CancelFunc

	// mu guards the tables and everything in them.
	mu         sync.Mutex
	tables     map[string]*tableData
	clock      func() time.Time
	writeLimit int // write units a second and partition key; 0: none
	authorizer Authorizer

	recorder recorder
}

// TB is the part of testing.TB that Start uses; it spares the programs that
// link this package the testing package.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start serves an endpoint on a free loopback port until the test ends.
func Start(t TB) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Listen serves an endpoint at the TCP address; port 0 means any free one. The
// caller closes it.
func Listen(address string) (*Server, error) {
	taken, reserved, err := reservePort(address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s (choose another address, or port 0 for any free one): %w",
			address, err)
	}
	s := &Server{
		endpoint: endpoint{address: taken, reserved: reserved, conns: map[net.Conn]struct{}{}},
		tables:   map[string]*tableData{},
		clock:    time.Now,
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           wire.OwnMachine(http.HandlerFunc(s.serve)),
		ConnState:         s.track,
		ReadHeaderTimeout: 10 * time.Second,
	}
	if err := s.listen(); err != nil {
		reserved.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the requests under way, hanging ones included, and frees the
// port. Closing twice does no harm.
func (s *Server) Close() {
	s.close()
	s.http.Close()
	s.serving.Wait()
	s.reserved.Close()
}

// SetClock replaces the clock that throttling, TTL settings and table
// descriptions go by; nil stands for time.Now.
func (s *Server) SetClock(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = now
}

// LimitWrites makes the endpoint throttle like one DynamoDB partition: each
// partition key has so many write units a second (1,000 in reality) and can
// save up one second's worth. 0, the default, means no limit.
func (s *Server) LimitWrites(unitsPerSecond int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeLimit = unitsPerSecond
}

// serve answers one HTTP request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		// What DynamoDB answers to anyone, signed or not; it serves to warm up
		// a connection.
		fmt.Fprintf(w, "healthy: %s ", r.Host)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return // the client is gone
	}
	if len(body) > maxRequest {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrained))
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	s.answer(w, r, body)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	op, refused := admit(r)
	n, hook := s.recorder.begin(op)
	record := Record{N: n, Op: op, Bytes: len(body)}
	defer func() { s.recorder.end(record) }()

	fault := s.faultFor(hook, op, n, body)
	if !wire.Delay(r.Context(), s.closing, fault.Delay, fault.Hang) {
		record.Fault = "hang"
		panic(http.ErrAbortHandler)
	}
	if fault.ResetBefore {
		record.Fault = "reset before storing"
		wire.Cut(w)
		return
	}
	var answer any
	switch {
	case refused != nil:
	case fault.Err != nil:
		record.Fault = "error"
		refused = fault.Err
	default:
		if refused = s.authorize(op, body); refused == nil {
			answer, refused = s.run(op, body, fault, &record)
		}
	}
	if fault.ResetAfter {
		record.Fault = "reset after storing"
		wire.Cut(w)
		return
	}
	if refused != nil {
		record.Status, record.Code = refused.status(), refused.Code
		send(w, record.Status, refused.body())
		return
	}
	record.Status = http.StatusOK
	out, err := json.Marshal(answer)
	if err != nil {
		// All of it was decoded from JSON, so this is a mistake of ours.
		panic(fmt.Sprintf("cannot encode the answer of %s: %v", op, err))
	}
	send(w, record.Status, out)
}

// send writes an answer with the headers that the SDK looks at.
func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("X-Amzn-Requestid", rand.Text())
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone is not our concern
}

// faultFor asks the hook, unless an outage decides.
func (s *Server) faultFor(hook FaultFunc, op string, n int, body []byte) Fault {
	if s.isHanging() {
		return Fault{Hang: true}
	}
	if hook == nil {
		return Fault{}
	}
	return hook(op, n, body)
}
