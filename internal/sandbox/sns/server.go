// Package sns is an Amazon SNS endpoint inside the process: it speaks the Query
// protocol to the unmodified AWS SDK and to whoever else does, and keeps what
// was published in memory. It serves the tests and the examples; nothing of it
// is linked into the layer.
//
// It implements Publish, CreateTopic and GetTopicAttributes as far as alerts
// need them, and refuses what SNS refuses: unsigned requests, topics that do
// not exist or are of another region, subjects, sizes, message structure,
// attributes and the parameters of FIFO topics. It is stricter than SNS in that
// a parameter that it does not know is refused.
//
// Where it is kinder: a signature must be there and well formed, but is
// computed only if VerifySecret was called. OnRequest injects faults.
package sns

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/sandbox/wire"
)

// A Message is what a subscriber of a topic would have got.
type Message struct {
	ID         string
	TopicARN   string
	Subject    string
	Body       string            // as published: with MessageStructure json, a JSON object
	ByProtocol map[string]string // with MessageStructure json, its members
	Attributes map[string]string
	Group      string // MessageGroupId
	Once       string // MessageDeduplicationId
}

// A Fault says what goes wrong with one request. The zero Fault is none.
type Fault struct {
	Delay       time.Duration // before the request is looked at
	Hang        bool          // no answer, and nothing published, until the client gives up
	ResetBefore bool          // the connection is cut with nothing published
	ResetAfter  bool          // the connection is cut with the message published
	Err         *Error        // answered instead
}

// A FaultFunc decides what goes wrong with a request, given its Action, its
// number (the first is 1) and its parameters, which must not be changed.
type FaultFunc func(action string, n int, form url.Values) Fault

// An Error is a refusal as SNS sends it.
type Error struct {
	Status  int // of the HTTP answer; 0 stands for 400
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func (e *Error) status() int { return cmp.Or(e.Status, http.StatusBadRequest) }

// xml is the answer's body.
func (e *Error) xml() string {
	kind := "Sender"
	if e.status() >= 500 {
		kind = "Receiver"
	}
	return `<ErrorResponse xmlns="` + namespace + `"><Error><Type>` + kind + "</Type><Code>" + escape(e.Code) +
		"</Code><Message>" + escape(e.Message) + "</Message></Error><RequestId>" + rand.Text() +
		"</RequestId></ErrorResponse>"
}

// namespace is that of all answers.
const namespace = "http://sns.amazonaws.com/doc/2010-03-31/"

// Faults that happen.
var (
	AccessDenied = Fault{Err: &Error{Status: 403, Code: "AuthorizationError",
		Message: "User: arn:aws:sts::000000000000:assumed-role/function/function is not authorized to perform: " +
			"SNS:Publish on the resource because no identity-based policy allows the SNS:Publish action"}}
	Throttled   = Fault{Err: &Error{Status: 429, Code: "Throttled", Message: "Rate exceeded"}}
	Unavailable = Fault{Err: &Error{Status: 503, Code: "ServiceUnavailable",
		Message: "The service is currently unavailable"}}
	Internal     = Fault{Err: &Error{Status: 500, Code: "InternalError", Message: "We encountered an internal error"}}
	ExpiredToken = Fault{Err: &Error{Status: 403, Code: "ExpiredToken",
		Message: "The security token included in the request is expired"}}
	NoTopic = Fault{Err: &Error{Status: 404, Code: "NotFound", Message: "Topic does not exist"}}
)

// Always gives every request the same fault.
func Always(f Fault) FaultFunc { return func(string, int, url.Values) Fault { return f } }

// First gives the first count requests that it is asked about the same fault.
func First(count int, f Fault) FaultFunc {
	var mu sync.Mutex
	return func(string, int, url.Values) Fault {
		mu.Lock()
		defer mu.Unlock()
		if count--; count < 0 {
			return Fault{}
		}
		return f
	}
}

// A Server is the endpoint. Its methods may be called from any goroutine.
type Server struct {
	listener net.Listener
	http     *http.Server
	closing  context.Context
	close    context.CancelFunc
	serving  sync.WaitGroup

	mu       sync.Mutex
	clock    func() time.Time
	topics   map[string]*topic
	messages []Message
	requests int
	hook     FaultFunc
	secret   string
}

type topic struct {
	confirmed, pending int
	seen               map[string]seen // by deduplication ID
	sequence           int
}

type seen struct {
	id string
	at time.Time
}

// deduplication is SNS's interval for FIFO topics.
const deduplication = 5 * time.Minute

// Listen serves an endpoint at a TCP address of this machine; port 0 means any
// free one. The caller closes it.
func Listen(address string) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s (choose another address, or port 0 for any free one): %w",
			address, err)
	}
	s := &Server{listener: l, clock: time.Now, topics: map[string]*topic{}}
	s.closing, s.close = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler: wire.OwnMachine(http.HandlerFunc(s.serve)), ReadHeaderTimeout: 10 * time.Second,
	}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // ends with Close
	return s, nil
}

// URL is what clients on this machine take as their base endpoint.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close ends the requests under way and frees the port.
func (s *Server) Close() {
	s.close()
	s.http.Close()
	s.serving.Wait()
}

// AddTopic makes a topic exist, with so many subscriptions that are confirmed,
// and that wait for confirmation.
func (s *Server) AddTopic(arn string, confirmed, pending int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[arn] = &topic{confirmed: confirmed, pending: pending, seen: map[string]seen{}}
}

// OnRequest has f asked about every request from now on; nil ends all faults.
func (s *Server) OnRequest(f FaultFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = f
}

// SetClock replaces the clock that deduplication goes by.
func (s *Server) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = now
}

// VerifySecret has every signature computed with the secret key and compared.
func (s *Server) VerifySecret(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = secret
}

// Messages returns what was delivered, in order: what was published less what a
// FIFO topic took for duplicates.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Requests is the number of requests so far, refused ones included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// maxForm bounds a request's body, in bytes: a message of 256 KB in which every
// byte is escaped, with room to spare.
const maxForm = 4 << 20

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return // the client is gone
	}
	form, formErr := url.ParseQuery(string(body))
	s.mu.Lock()
	s.requests++
	n, hook, secret := s.requests, s.hook, s.secret
	s.mu.Unlock()
	var fault Fault
	if hook != nil {
		fault = hook(form.Get("Action"), n, form)
	}
	if !wire.Delay(r.Context(), s.closing, fault.Delay, fault.Hang) {
		panic(http.ErrAbortHandler)
	}
	if fault.ResetBefore {
		wire.Cut(w)
		return
	}
	region, refused := admit(r, body, secret)
	var answer string
	switch {
	case len(body) > maxForm:
		refused = &Error{Status: 413, Code: "RequestEntityTooLarge", Message: "the request is too large"}
	case refused != nil:
	case formErr != nil:
		refused = &Error{Code: "MalformedQueryString", Message: "The query string contains a syntax error"}
	case fault.Err != nil:
		refused = fault.Err
	default:
		answer, refused = s.run(form, region)
	}
	if fault.ResetAfter {
		wire.Cut(w)
		return
	}
	if refused != nil {
		send(w, refused.status(), refused.xml())
		return
	}
	send(w, http.StatusOK, answer)
}

func send(w http.ResponseWriter, status int, answer string) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer) // a client that is gone is not our concern
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
