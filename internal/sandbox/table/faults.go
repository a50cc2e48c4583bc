package table

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Fault says what goes wrong with one request. The zero Fault is none.
type Fault struct {
	// Delay passes before the request is looked at.
	Delay time.Duration
	// Hang leaves the request unanswered, and nothing stored, until its client
	// gives up or the server is closed.
	Hang bool
	// ResetBefore cuts the connection with nothing stored, ResetAfter with
	// everything stored: the answer is lost.
	ResetBefore bool
	ResetAfter  bool
	// Err is answered instead of carrying out the request.
	Err *Error
	// Unprocessed is asked for each put of a BatchWriteItem, in no set order;
	// those for which it returns true come back as UnprocessedItems.
	Unprocessed func(Item) bool
}

// A FaultFunc decides what goes wrong with a request, given its operation
// ("BatchWriteItem"), its number (the server's first is 1) and its JSON body,
// which must not be changed. Several requests may ask at the same time.
type FaultFunc func(op string, n int, body []byte) Fault

// OnRequest has f asked about every request from now on; nil ends all faults.
// An outage (Refuse, Hang) goes before.
func (s *Server) OnRequest(f FaultFunc) { s.recorder.setHook(f) }

// Throttle answers a share of the requests (0 to 1), drawn from the seed,
// with ThrottlingException.
func Throttle(share float64, seed uint64) FaultFunc {
	return Share(share, seed, Always(Fault{Err: throttled(codeThrottling)}))
}

// ServerError answers a share of the requests with status 500
// (InternalServerError) or 503 (ServiceUnavailable).
func ServerError(status int, share float64, seed uint64) FaultFunc {
	refusal := &Error{Status: status, Code: codeInternalServer, Message: "Internal server error"}
	if status == http.StatusServiceUnavailable {
		refusal = &Error{Status: status, Code: codeUnavailable,
			Message: "The service is currently unavailable or busy."}
	}
	return Share(share, seed, Always(Fault{Err: refusal}))
}

// ResetBefore cuts the connection of a share of the requests before anything
// is stored.
func ResetBefore(share float64, seed uint64) FaultFunc {
	return Share(share, seed, Always(Fault{ResetBefore: true}))
}

// ResetAfter carries a share of the requests out and cuts the connection
// instead of answering.
func ResetAfter(share float64, seed uint64) FaultFunc {
	return Share(share, seed, Always(Fault{ResetAfter: true}))
}

// Unprocessed returns a share of the puts of every BatchWriteItem as
// UnprocessedItems. If that would be all of a batch, the batch is refused by
// ThrottlingException, as DynamoDB does.
func Unprocessed(share float64, seed uint64) FaultFunc {
	draw := newDraw(share, seed)
	return Always(Fault{Unprocessed: func(Item) bool { return draw() }})
}

// Latency delays every request.
func Latency(d time.Duration) FaultFunc { return Always(Fault{Delay: d}) }

// AccessDenied refuses every request as IAM does when a policy lacks the
// action.
func AccessDenied() FaultFunc {
	return func(op string, _ int, _ []byte) Fault {
		return Fault{Err: denied(op, arnPrefix+"*")}
	}
}

// ExpiredToken refuses every request as when the credentials have run out.
func ExpiredToken() FaultFunc {
	return Always(Fault{Err: &Error{Code: codeExpiredToken,
		Message: "The security token included in the request is expired"}})
}

// SignatureExpired refuses every request as one that was signed long before it
// arrived, as after a freeze, or by a clock that is slow.
func SignatureExpired() FaultFunc {
	return Refused(codeBadSignature, "Signature expired: 20261122T101500Z is now earlier than 20261122T102000Z "+
		"(20261122T102500Z - 5 min.)")
}

// WrongKey refuses every request as one that was signed with another secret.
func WrongKey() FaultFunc {
	return Refused(codeBadSignature, "The request signature we calculated does not match the signature you "+
		"provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// KeyDenied refuses every request as when the role may use the table but not
// the KMS key that it is encrypted with.
func KeyDenied() FaultFunc {
	return Refused(codeAccessDenied, notAuthorized+"kms:Decrypt on resource: "+
		"arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555 because no identity-based policy "+
		"allows the kms:Decrypt action")
}

// EndpointDenied refuses every request as when the policy of the VPC's endpoint
// denies what the role's allows.
func EndpointDenied() FaultFunc {
	return func(op string, _ int, _ []byte) Fault {
		return Fault{Err: &Error{Code: codeAccessDenied, Message: notAuthorized + "dynamodb:" + op + " on resource: " +
			arnPrefix + "logtable-info with an explicit deny in a VPC endpoint policy"}}
	}
}

const notAuthorized = "User: arn:aws:sts::000000000000:assumed-role/function/function is not authorized to perform: "

// Refused refuses every request with a code and a message of AWS's.
func Refused(code, message string) FaultFunc {
	return Always(Fault{Err: &Error{Code: code, Message: message}})
}

// MissingTable refuses every request as when its table does not exist.
func MissingTable() FaultFunc {
	return Always(Fault{Err: &Error{Code: codeNotFound, Message: "Requested resource not found"}})
}

// Poison refuses, by ValidationException, every request whose JSON body holds
// the text: an item that takes its whole batch down.
func Poison(text string) FaultFunc {
	return func(_ string, _ int, body []byte) Fault {
		if !bytes.Contains(body, []byte(text)) {
			return Fault{}
		}
		return Fault{Err: invalid("One or more parameter values were invalid: poisoned item")}
	}
}

// Always gives every request the same fault.
func Always(f Fault) FaultFunc {
	return func(string, int, []byte) Fault { return f }
}

// Share lets f decide about a share of the requests (0 to 1), drawn from the
// seed in the order in which they arrive.
func Share(share float64, seed uint64, f FaultFunc) FaultFunc {
	draw := newDraw(share, seed)
	return func(op string, n int, body []byte) Fault {
		if !draw() {
			return Fault{}
		}
		return f(op, n, body)
	}
}

// First lets f decide about the first count requests that it is asked about.
func First(count int, f FaultFunc) FaultFunc {
	var mu sync.Mutex
	return func(op string, n int, body []byte) Fault {
		mu.Lock()
		left := count > 0
		count--
		mu.Unlock()
		if !left {
			return Fault{}
		}
		return f(op, n, body)
	}
}

// Only lets f decide about the operations named.
func Only(f FaultFunc, ops ...string) FaultFunc {
	return func(op string, n int, body []byte) Fault {
		if !slices.Contains(ops, op) {
			return Fault{}
		}
		return f(op, n, body)
	}
}

// Any asks one after the other and takes the first fault there is.
func Any(fs ...FaultFunc) FaultFunc {
	return func(op string, n int, body []byte) Fault {
		for _, f := range fs {
			if fault := f(op, n, body); !fault.none() {
				return fault
			}
		}
		return Fault{}
	}
}

func (f Fault) none() bool {
	return f.Delay <= 0 && !f.Hang && !f.ResetBefore && !f.ResetAfter && f.Err == nil && f.Unprocessed == nil
}

// newDraw returns a seeded lottery that several goroutines may play.
func newDraw(share float64, seed uint64) func() bool {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return random.Float64() < share
	}
}

// throttled is DynamoDB's refusal of a request that a hot partition cannot
// take: code ThrottlingException on demand, else
// ProvisionedThroughputExceededException.
func throttled(code string) *Error {
	refusal := &Error{
		Code: code,
		Message: "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling " +
			"your table or index so please try again shortly. If exceptions persist, check if you have a hot key: " +
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html",
		reasons: []reason{{"TableWriteKeyRangeThroughputExceeded", arnPrefix + "*"}},
	}
	if code == codeProvisioned {
		refusal.Message = "The level of configured provisioned throughput for the table was exceeded. Consider " +
			"increasing your provisioning level with the UpdateTable API."
	}
	return refusal
}
