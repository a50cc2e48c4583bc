package table

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
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
	address  string
	http     *http.Server
	reserved io.Closer // keeps the port while the endpoint refuses connections

	closing context.Context // done when Close begins; ends what hangs
	close   context.CancelFunc

	// mu guards the tables and everything in them.
	mu         sync.Mutex
	tables     map[string]*tableData
	clock      func() time.Time
	writeLimit int // write units a second and partition key; 0: none
	authorizer Authorizer

	// netMu guards how the endpoint is reached.
	netMu    sync.Mutex
	listener net.Listener // nil while connections are refused
	conns    map[net.Conn]struct{}
	hanging  bool
	serving  sync.WaitGroup

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
		return nil, fmt.Errorf("cannot listen at %s (choose another address, or port 0 for any free one): %w", address, err)
	}
	s := &Server{
		address:  taken,
		reserved: reserved,
		tables:   map[string]*tableData{},
		clock:    time.Now,
		conns:    map[net.Conn]struct{}{},
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ConnState:         s.track,
		ReadHeaderTimeout: 10 * time.Second,
	}
	if err := s.listen(); err != nil {
		reserved.Close()
		return nil, err
	}
	return s, nil
}

// URL is what clients on this machine take as their base endpoint,
// "http://127.0.0.1:41234".
func (s *Server) URL() string {
	host, port, err := net.SplitHostPort(s.address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + s.address
}

// Close ends the requests under way, hanging ones included, and frees the
// port. Closing twice does no harm.
func (s *Server) Close() {
	s.close()
	s.http.Close()
	s.serving.Wait()
	s.reserved.Close()
}

// listen opens the listener and serves it.
func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("cannot listen at %s (choose another address, or port 0 for any free one): %w", s.address, err)
	}
	s.netMu.Lock()
	s.listener = l
	s.netMu.Unlock()
	s.serving.Go(func() {
		// It ends when the listener is closed, by Close or by an outage.
		_ = s.http.Serve(l)
	})
	return nil
}

// track keeps the set of open connections, which an outage cuts.
func (s *Server) track(conn net.Conn, state http.ConnState) {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[conn] = struct{}{}
		if s.listener == nil {
			reset(conn)
		}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, conn)
	}
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
// save up one second's worth. 0, the default, is no limit.
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
	if !s.waitOut(r.Context(), fault) {
		record.Fault = "hang"
		panic(http.ErrAbortHandler)
	}
	if fault.ResetBefore {
		record.Fault = "reset before storing"
		cut(w)
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
		cut(w)
		return
	}
	record.Status = http.StatusOK
	var out []byte
	if refused != nil {
		record.Status, record.Code = refused.status(), refused.Code
		out = refused.body()
	} else {
		encoded, err := json.Marshal(answer)
		if err != nil {
			// All of it was decoded from JSON, so this is a mistake of ours.
			panic(fmt.Sprintf("cannot encode the answer of %s: %v", op, err))
		}
		out = encoded
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("X-Amzn-Requestid", rand.Text())
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(out)), 10))
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(record.Status)
	_, _ = w.Write(out) // a client that is gone is not our concern
}

// targetPrefix begins the X-Amz-Target of every operation.
const targetPrefix = "DynamoDB_20120810."

var credentialScope = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/,]+/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request,\s*SignedHeaders=[^,]+,\s*Signature=[0-9a-f]{64}$`)

// admit checks the HTTP side of a request and returns its operation. The
// signature's value is not computed: any key pair is good here.
func admit(r *http.Request) (op string, refused *Error) {
	op, known := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	switch authorization := r.Header.Get("Authorization"); {
	case authorization == "":
		return op, &Error{Code: codeNoToken, Message: "Missing Authentication Token"}
	case !credentialScope.MatchString(authorization):
		return op, &Error{Code: codeIncomplete, Message: "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters."}
	case credentialScope.FindStringSubmatch(authorization)[1] != "dynamodb":
		return op, &Error{Code: codeBadSignature, Message: "Credential should be scoped to correct service: 'dynamodb'. "}
	case r.Header.Get("X-Amz-Date") == "":
		return op, &Error{Code: codeIncomplete, Message: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."}
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !known || operations[op] == nil || media != "application/x-amz-json-1.0" {
		return op, &Error{Code: codeUnknown}
	}
	return op, nil
}

// operations maps each operation that the endpoint implements to its code,
// which runs with the server's mutex held.
var operations = map[string]func(*Server, *call) (any, error){
	"CreateTable":        operation((*Server).createTable),
	"DescribeTable":      operation((*Server).describeTable),
	"ListTables":         operation((*Server).listTables),
	"DeleteTable":        operation((*Server).deleteTable),
	"UpdateTimeToLive":   operation((*Server).updateTimeToLive),
	"DescribeTimeToLive": operation((*Server).describeTimeToLive),
	"PutItem":            operation((*Server).putItem),
	"GetItem":            operation((*Server).getItem),
	"UpdateItem":         operation((*Server).updateItem),
	"DeleteItem":         operation((*Server).deleteItem),
	"BatchWriteItem":     operation((*Server).batchWriteItem),
	"BatchGetItem":       operation((*Server).batchGetItem),
	"Query":              operation((*Server).query),
	"Scan":               operation((*Server).scan),
}

// call is one request on its way through an operation.
type call struct {
	body   []byte
	fault  Fault
	record *Record
}

// operation makes an entry of operations: it decodes the request outside the
// lock, then runs it inside.
func operation[Request any](run func(*Server, *call, *Request) (any, error)) func(*Server, *call) (any, error) {
	return func(s *Server, c *call) (any, error) {
		var request Request
		if len(bytes.TrimSpace(c.body)) == 0 {
			return nil, &Error{Code: codeSerialization}
		}
		if err := decodeRequest(c.body, &request); err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return run(s, c, &request)
	}
}

func (s *Server) run(op string, body []byte, fault Fault, record *Record) (any, *Error) {
	answer, err := operations[op](s, &call{body: body, fault: fault, record: record})
	if err != nil {
		return nil, asError(err)
	}
	return answer, nil
}

// cut ends the request's connection with a TCP reset instead of an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	reset(conn)
}

// reset closes a connection so that the peer sees a reset, not an end.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Refuse begins an outage: open connections are reset and new ones refused
// until Restore is called.
func (s *Server) Refuse() {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	if s.listener == nil {
		return
	}
	_ = s.listener.Close()
	s.listener = nil
	for conn := range s.conns {
		reset(conn)
	}
}

// Hang begins an outage in which connections are accepted and requests read,
// but never answered, until Restore is called. Requests that arrived before
// Restore stay unanswered: they hang until their client gives up.
func (s *Server) Hang() {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	s.hanging = true
}

// Restore ends an outage. The endpoint has its tables and its address as
// before.
func (s *Server) Restore() error {
	s.netMu.Lock()
	s.hanging = false
	up := s.listener != nil
	s.netMu.Unlock()
	if up {
		return nil
	}
	return s.listen()
}

func (s *Server) isHanging() bool {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return s.hanging
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

// waitOut lets the fault's latency pass. It returns false if the request is
// not to be answered at all: the client gave up, or the server is closing.
func (s *Server) waitOut(ctx context.Context, fault Fault) bool {
	if !fault.Hang && fault.Delay <= 0 {
		return true
	}
	var passed <-chan time.Time // never, for a request that hangs
	if !fault.Hang {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
		return true
	case <-ctx.Done():
	case <-s.closing.Done():
	}
	return false
}
