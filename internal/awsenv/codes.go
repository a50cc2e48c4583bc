package awsenv

import "strings"

// maxCode bounds an error code that is quoted, in bytes. AWS's longest have
// about 45.
const maxCode = 64

// Code returns an error code as it may be quoted: what no code of AWS's holds
// becomes a question mark, and it has 64 bytes at most. It is "" for what the
// SDK calls an answer without a code.
func Code(code string) string {
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

// Throttled reports whether a code means that AWS has too much to do just now.
func Throttled(code string) bool {
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "Throttled",
		"RequestLimitExceeded",
		"TooManyRequestsException", "LimitExceededException", "KMSThrottlingException", "KMSThrottling":
		return true
	}
	return false
}

// Broken reports whether a code means that something within AWS failed that
// may work the next time.
func Broken(code string) bool {
	switch code {
	case "InternalServerError", "InternalFailure", "InternalError", "ServiceUnavailable", "ConcurrentAccess",
		"TransactionInProgressException", "ReplicatedWriteConflictException", "KMSInternalException":
		return true
	}
	return false
}

// Expired reports whether a code means that the credentials have expired, so
// that others must be asked for.
func Expired(code string) bool {
	return code == "ExpiredTokenException" || code == "ExpiredToken"
}

// Denied reports whether a code means that a policy refuses the request: see
// ParseDenial.
func Denied(code string) bool {
	switch code {
	case "AccessDeniedException", "AccessDenied", "AuthorizationError", "AuthorizationErrorException", "NotAuthorized",
		"UnauthorizedOperation", "KMSAccessDeniedException", "KMSAccessDenied":
		return true
	}
	return false
}

// OfKey reports whether a code is about the KMS key that a table or a topic is
// encrypted with.
func OfKey(code string) bool { return strings.HasPrefix(code, "KMS") }

// NotEnabled reports whether a code means that the account may not use the
// service, or not in this region.
func NotEnabled(code string) bool {
	switch code {
	case "SubscriptionRequiredException", "SubscriptionRequired", "OptInRequired", "OptInRequiredException":
		return true
	}
	return false
}

// BadSignature reports whether a code means that AWS does not accept how the
// request was signed: the wrong credentials, unless ClockOff says otherwise.
func BadSignature(code string) bool {
	switch code {
	case "UnrecognizedClientException", "InvalidSignatureException", "InvalidSignature", "SignatureDoesNotMatch",
		"InvalidClientTokenId",
		"IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException":
		return true
	}
	return false
}

// ClockOff reports whether AWS refused a request because of the time for which
// it was signed: the environment was frozen in between, or its clock is wrong.
// AWS has the same codes for that and for a wrong key; only the message tells
// them apart.
func ClockOff(code, message string) bool {
	switch code {
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return true
	case "InvalidSignatureException", "InvalidSignature", "SignatureDoesNotMatch":
		return strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current")
	}
	return false
}

// ClockAdvice says what to do about what ClockOff finds, if it stays.
const ClockAdvice = "compare the clock of the function's environment with AWS's: requests signed more than 5 " +
	"minutes off are refused; the credentials are not the cause"
