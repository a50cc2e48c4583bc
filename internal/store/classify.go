package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/dynamo"
)

// An adviser says what to do, given the table's name or ARN and its region, ""
// if that is not known.
type adviser func(table, region string) string

func advise(text string) adviser { return func(string, string) string { return text } }

const checkRoute = "if this persists, check the route to DynamoDB (a VPC needs a gateway endpoint or NAT), " +
	"AWS_ENDPOINT_URL and HTTPS_PROXY"

// A finding is what an error means.
type finding struct {
	result  outcome
	why     string // in words without anybody's data
	advice  adviser
	refused bool // nothing of the request is written, nor will be
	expired bool // other credentials must be asked for
	clock   bool // it is about the time for which the request was signed
}

// classify says what an error means, and what to do about it.
func classify(err error) finding {
	var unsigned *awsenv.CredentialsError
	if errors.As(err, &unsigned) { // before all else: its cause is not DynamoDB's
		return finding{result: again, why: unsigned.Error(), advice: advise(unsigned.Advice), refused: true}
	}
	answer := awsenv.FailureOf(err)
	if answer.Code != "" {
		return classifyAnswer(answer)
	}
	status := answer.Status
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return finding{result: itemFault, why: "HTTP 413", advice: advise("")}
	case errors.Is(err, dynamo.ErrForeignAnswer):
		return finding{result: again, why: "the answer is not from DynamoDB",
			advice: advise("another server answers in its place: check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB " +
				"and HTTPS_PROXY")}
	case status != 0:
		return finding{result: again, why: fmt.Sprintf("HTTP %d", status), advice: advise("")}
	}
	return classifyNetwork(err)
}

// classifyNetwork is classify for what is not an answer.
func classifyNetwork(err error) finding {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, awsenv.ErrNoCredentials):
		return finding{result: tableFault, why: "no credentials",
			advice: advise("give the function an execution role, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and " +
				"AWS_SESSION_TOKEN")}
	case errors.As(err, &untrusted):
		why, advice := explainTLS(untrusted.Err)
		return finding{result: again, why: why, advice: advise(advice)}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return finding{result: again, why: "no answer in time", advice: advise(checkRoute)}
	case errors.Is(err, dynamo.ErrNotRegion):
		return finding{result: again, why: "AWS_REGION is not a valid region", advice: advise("set AWS_REGION to a " +
			"region " +
			"such as eu-central-1")}
	}
	return finding{result: again, why: "no connection: " + awsenv.NetworkError(err), advice: advise(checkRoute)}
}

// explainTLS says why a server's certificate is not accepted.
func explainTLS(err error) (why, advice string) {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet",
			"check the clock of the function's environment, and whether another server answers in DynamoDB's place " +
				"(AWS_ENDPOINT_URL, HTTPS_PROXY)"
	case errors.As(err, &name):
		return "the server's certificate is for another host",
			"another server answers in DynamoDB's place: check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB and " +
				"HTTPS_PROXY"
	}
	return "the server's certificate cannot be verified", trusted()
}

// trusted says where the certificates come from that are trusted, and which
// setting to look at. Go reads SSL_CERT_FILE and SSL_CERT_DIR where it looks
// for the system's, so these are read here where Go reads them.
func trusted() string {
	if os.Getenv("AWS_CA_BUNDLE") != "" {
		return "only the certificates in AWS_CA_BUNDLE are trusted: it must contain those of AWS, and of any proxy " +
			"in between, as PEM"
	}
	var set []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		return strings.Join(set, " and ") + " replaces the system's CA certificates, for Logtable too: correct it, " +
			"or set AWS_CA_BUNDLE to a PEM file to use instead"
	}
	return "the image may lack CA certificates: install the ca-certificates package, or set AWS_CA_BUNDLE to a PEM file"
}

// policyLine is the statement that the function's role needs.
func policyLine(table, region string) string {
	if !strings.HasPrefix(table, "arn:") {
		table = "arn:" + awsenv.Partition(region) + ":dynamodb:*:*:table/" + table
	}
	return "add to the policy of the function's role: " +
		"" + awsenv.Denial{Action: "dynamodb:BatchWriteItem", Resource: table}.Statement()
}

// classifyAnswer is classify for an answer of DynamoDB's that has an error
// code.
func classifyAnswer(a awsenv.Failure) finding {
	f := finding{result: again, why: a.Code, advice: advise(""), refused: a.Status >= 400 && a.Status < 500}
	if a.Class == awsenv.Invalid || a.Status == http.StatusRequestEntityTooLarge {
		f.result = itemFault
		return f
	}
	switch a.Class {
	case awsenv.Missing:
		f.result, f.advice = tableFault, createTable
	case awsenv.Throttled:
		f.advice = advise("raise the table's throughput, or log less")
	case awsenv.Broken:
	case awsenv.ClockOff:
		f.clock, f.advice = true, advise(awsenv.ClockAdvice)
		f.why += ", because of the signature's time"
	case awsenv.Expired:
		f.expired = true
		f.advice = advise("if this persists, check the source of the credentials, which returns expired ones: " +
			awsenv.CredentialsURI + " or AWS_SESSION_TOKEN")
	case awsenv.Denied:
		f.result = tableFault
		f.denied(a.Code, a.Message)
	case awsenv.BadSignature:
		f.result = tableFault
		f.advice = advise("check the credentials in the function's environment: AWS_ACCESS_KEY_ID and the others " +
			"must be those of its role")
	case awsenv.BadKey:
		f.result = tableFault
		f.advice = advise("check the KMS key of the table: it must exist and be enabled, and the function's role " +
			"must be allowed to use it")
	case awsenv.NotEnabled:
		f.result = tableFault
		f.advice = advise("the account cannot use DynamoDB in this region yet: complete the account's sign-up and " +
			"enable the region")
	default:
		if a.Status != 0 {
			f.why = fmt.Sprintf("%s, HTTP %d", a.Code, a.Status) // nothing more is known of it
		}
	}
	return f
}

func createTable(table, _ string) string {
	return "create the table " + table + " with partition key date (String) and sort key stamp_mod (String), or " +
		"set LOGTABLE_INFO_TABLE and LOGTABLE_ERRORS_TABLE"
}

// denied says of a denial what is denied, by which kind of policy, and what to
// do.
func (f *finding) denied(code, message string) {
	d, ok := awsenv.ParseDenial(message)
	switch {
	case ok:
		f.why = code + ": " + d.String()
		if d.OfRole() && strings.EqualFold(d.Action, "dynamodb:BatchWriteItem") {
			f.advice = policyLine
		} else {
			f.advice = advise(d.Advice())
		}
	case awsenv.OfKey(code):
		f.advice = advise("allow the function's role to use the table's KMS key, in the role's policy and in the key's")
	default:
		f.advice = policyLine
	}
}
