package table

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// An Error is a refusal as DynamoDB sends it.
type Error struct {
	Status  int    // of the HTTP answer; 0 stands for 400
	Code    string // such as "ValidationException"
	Message string

	item    Item     // of ConditionalCheckFailedException, if asked for
	reasons []reason // of a throttling error
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// reason is one of the ThrottlingReasons that DynamoDB gives since 2025.
type reason struct {
	Reason   string `json:"reason"`
	Resource string `json:"resource"`
}

// The codes that are answered in more than one place.
const (
	codeValidation     = "ValidationException"
	codeNotFound       = "ResourceNotFoundException"
	codeInUse          = "ResourceInUseException"
	codeCondition      = "ConditionalCheckFailedException"
	codeSerialization  = "SerializationException"
	codeUnknown        = "UnknownOperationException"
	codeNoToken        = "MissingAuthenticationTokenException"
	codeIncomplete     = "IncompleteSignatureException"
	codeBadSignature   = "InvalidSignatureException"
	codeThrottling     = "ThrottlingException"
	codeProvisioned    = "ProvisionedThroughputExceededException"
	codeAccessDenied   = "AccessDeniedException"
	codeExpiredToken   = "ExpiredTokenException"
	codeInternalServer = "InternalServerError"
	codeUnavailable    = "ServiceUnavailable"
)

func invalid(format string, args ...any) *Error {
	return &Error{Code: codeValidation, Message: fmt.Sprintf(format, args...)}
}

// namespaces are the prefixes of __type: DynamoDB's own errors have one,
// those of the framework below it others.
var namespaces = map[string]string{
	codeValidation:    "com.amazon.coral.validate#",
	codeSerialization: "com.amazon.coral.service#",
	codeUnknown:       "com.amazon.coral.service#",
	codeNoToken:       "com.amazon.coral.service#",
	codeIncomplete:    "com.amazon.coral.service#",
	codeBadSignature:  "com.amazon.coral.service#",
	codeAccessDenied:  "com.amazon.coral.service#",
	codeExpiredToken:  "com.amazon.coral.service#",
	codeThrottling:    "com.amazon.coral.availability#",
}

func (e *Error) body() []byte {
	namespace, ok := namespaces[e.Code]
	if !ok {
		namespace = "com.amazonaws.dynamodb.v20120810#"
	}
	// The two throttling errors spell the member differently.
	answer := struct {
		Type        string   `json:"__type"`
		Message     string   `json:"message"`
		Item        Item     `json:"Item,omitempty"`
		OnDemand    []reason `json:"throttlingReasons,omitempty"`
		Provisioned []reason `json:"ThrottlingReasons,omitempty"`
	}{Type: namespace + e.Code, Message: e.Message, Item: e.item}
	if e.Code == codeProvisioned {
		answer.Provisioned = e.reasons
	} else {
		answer.OnDemand = e.reasons
	}
	body, err := json.Marshal(answer)
	if err != nil {
		// The parts were all decoded from JSON or are ours.
		panic(fmt.Sprintf("cannot encode the error %s: %v", e.Code, err))
	}
	return body
}

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// asError turns whatever an operation returned into a refusal.
func asError(err error) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	return &Error{Status: http.StatusInternalServerError, Code: codeInternalServer, Message: err.Error()}
}

// decodeRequest reads a request's parameters. One that this endpoint does not
// implement is refused rather than ignored, so that no test passes on it.
func decodeRequest(body []byte, request any) error {
	err := json.Unmarshal(body, request, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var value errValue
	if errors.As(err, &value) {
		return invalid("%s", value)
	}
	if errors.Is(err, json.ErrUnknownName) {
		return invalid("the embedded endpoint does not implement a parameter of this request: %v", err)
	}
	return &Error{Code: codeSerialization, Message: err.Error()}
}
