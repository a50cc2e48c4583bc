package awsenv

import (
	"errors"
	"strconv"
	"strings"
)

// A Class is what an error code of AWS's means for whoever made the request.
type Class int

const (
	// Unknown is the class of a code that is not known, and of no code: the
	// HTTP status is all there is to go by.
	Unknown Class = iota
	// Throttled says that AWS has too much to do just now.
	Throttled
	// Broken says that something within AWS failed that may work the next time.
	Broken
	// ClockOff says that the request was refused because of the time for which
	// it was signed: the environment was frozen in between, or its clock is
	// wrong. See ClockAdvice.
	ClockOff
	// Expired says that the credentials have expired, so that others must be
	// asked for.
	Expired
	// Denied says that a policy refuses the request: see ParseDenial.
	Denied
	// BadSignature says that AWS does not accept how the request was signed:
	// the credentials are wrong.
	BadSignature
	// BadKey says that the KMS key that a table or a topic is encrypted with
	// cannot be used.
	BadKey
	// NotEnabled says that the account may not use the service, or not in this
	// region.
	NotEnabled
	// Missing says that there is no such table or topic.
	Missing
	// Invalid says that the request itself is wrong: it is refused again
	// however often it is made.
	Invalid
)

// Passing reports whether the same request may be accepted a little later, with
// nobody having done anything about it.
func (c Class) Passing() bool {
	return c == Throttled || c == Broken || c == ClockOff || c == Expired
}

// Classify says what an error code means. The message that came with it decides
// where AWS has one code for two things.
func Classify(code, message string) Class {
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "Throttled",
		"RequestLimitExceeded", "TooManyRequestsException", "LimitExceededException",
		"KMSThrottlingException", "KMSThrottling":
		return Throttled
	case "InternalServerError", "InternalFailure", "InternalError", "ServiceUnavailable", "ConcurrentAccess",
		"TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException",
		"KMSInternalException":
		return Broken
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return ClockOff
	case "InvalidSignatureException", "InvalidSignature", "SignatureDoesNotMatch":
		if strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current") {
			return ClockOff
		}
		return BadSignature
	case "UnrecognizedClientException", "InvalidClientTokenId", "IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException":
		return BadSignature
	case "ExpiredTokenException", "ExpiredToken":
		return Expired
	case "AccessDeniedException", "AccessDenied", "AuthorizationError", "AuthorizationErrorException", "NotAuthorized",
		"UnauthorizedOperation", "KMSAccessDeniedException", "KMSAccessDenied":
		return Denied
	case "SubscriptionRequiredException", "SubscriptionRequired", "OptInRequired", "OptInRequiredException":
		return NotEnabled
	case "ResourceNotFoundException", "ResourceNotFound", "NotFound":
		return Missing
	case "ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException":
		return Invalid
	}
	if OfKey(code) {
		return BadKey
	}
	return Unknown
}

// OfKey reports whether a code is about the KMS key that a table or a topic is
// encrypted with, whatever its class.
func OfKey(code string) bool { return strings.HasPrefix(code, "KMS") }

// A Failure is an answer of AWS's that is an error.
type Failure struct {
	Answer  []byte // its body, for what a code says beside the message; may be nil
	Class   Class
	Code    string // as it may be quoted, at most 64 bytes; "" for an answer without one
	Message string // as AWS wrote it: only ParseDenial makes it fit to be quoted
	Status  int    // of HTTP; 0 if not known
}

// Error implements error. It quotes nothing but the code.
func (f *Failure) Error() string {
	if f.Code == "" {
		return "HTTP " + strconv.Itoa(f.Status)
	}
	return f.Code + ", HTTP " + strconv.Itoa(f.Status)
}

// NewFailure returns what an answer says that is an error.
func NewFailure(status int, code, message string) Failure {
	code = cleanCode(code)
	return Failure{Class: Classify(code, message), Code: code, Message: message, Status: status}
}

// FailureOf returns what an error says that wraps a *Failure; the zero Failure
// for one that is not an answer.
func FailureOf(err error) Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return *failure
	}
	return Failure{}
}

// maxCode bounds an error code that is quoted, in bytes. AWS's longest have
// about 45.
const maxCode = 64

// cleanCode returns an error code as it may be quoted: what no code of AWS's
// holds becomes a question mark, and it has 64 bytes at most. It is "" for what
// the SDK calls an answer without a code.
func cleanCode(code string) string {
	if code == "UnknownError" {
		return ""
	}
	clean := []byte(code[:min(len(code), maxCode)])
	for i, c := range clean {
		if !isLetter(c) && !isDigit(c) && c != '.' && c != '_' && c != '-' {
			clean[i] = '?'
		}
	}
	return string(clean)
}

// ClockAdvice says what to do about ClockOff, if it stays.
const ClockAdvice = "check the clock of the function's environment: AWS refuses requests signed more than 5 minutes " +
	"off; the credentials are not the cause"
