package table

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
)

// targetPrefix begins the X-Amz-Target of every operation.
const targetPrefix = "DynamoDB_20120810."

var credentialScope = regexp.MustCompile(`^AWS4-HMAC-SHA256 ` +
	`Credential=[^/,]+/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request,\s*SignedHeaders=[^,]+,\s*Signature=[0-9a-f]{64}$`)

// admit checks the HTTP side of a request and returns its operation. The
// signature's value is not computed: any key pair is good here.
func admit(r *http.Request) (op string, refused *Error) {
	op, known := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	switch authorization := r.Header.Get("Authorization"); {
	case authorization == "":
		return op, &Error{Code: codeNoToken, Message: "Missing Authentication Token"}
	case !credentialScope.MatchString(authorization):
		return op, &Error{Code: codeIncomplete,
			Message: "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters."}
	case credentialScope.FindStringSubmatch(authorization)[1] != "dynamodb":
		return op, &Error{Code: codeBadSignature,
			Message: "Credential should be scoped to correct service: 'dynamodb'. "}
	case r.Header.Get("X-Amz-Date") == "":
		return op, &Error{Code: codeIncomplete,
			Message: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."}
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
	"CreateTable":      operation((*Server).createTable),
	"DescribeTable":    operation((*Server).describeTable),
	"ListTables":       operation((*Server).listTables),
	"UpdateTimeToLive": operation((*Server).updateTimeToLive),
	"PutItem":          operation((*Server).putItem),
	"GetItem":          operation((*Server).getItem),
	"UpdateItem":       operation((*Server).updateItem),
	"DeleteItem":       operation((*Server).deleteItem),
	"BatchWriteItem":   operation((*Server).batchWriteItem),
	"Query":            operation((*Server).query),
	"Scan":             operation((*Server).scan),
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
