package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/dynamo"
)

// answered returns the SDK's error for an answer of DynamoDB's, or of something
// in its place.
func answered(t *testing.T, status int, contentType, body string) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	return failed(t, server.URL)
}

// clientOf returns the client for an environment.
func clientOf(t *testing.T, settings map[string]string) *dynamo.Client {
	t.Helper()
	env, err := awsenv.Load(
		func(name string) string { return settings[name] },
		func(message, advice string) { t.Error(message, advice) },
	)
	if err != nil {
		t.Fatal(err)
	}
	return dynamo.New(env)
}

func failed(t *testing.T, endpoint string) error {
	t.Helper()
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "K", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_ENDPOINT_URL_DYNAMODB": endpoint}
	client := clientOf(t, env)
	answer, err := client.Call(t.Context(), "BatchWriteItem", []byte(`{"RequestItems":{"logtable-info":[]}}`))
	if err == nil {
		_, err = readUnprocessed(answer)
	}
	if err == nil {
		t.Fatal("no error")
	}
	return err
}

const notAuthorized = "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: "

// What AWS answers, and what becomes of the records and of the people who read
// about it.
func TestCodesAndWhatTheyMean(t *testing.T) {
	for _, c := range []struct {
		code, message string
		status        int
		want          outcome
		says, advises string
	}{
		{"ValidationException", "x", 400, itemFault, "ValidationException", ""},
		{"ResourceNotFoundException", "x", 400, tableFault, "ResourceNotFoundException",
			"create the table logtable-info"},
		{"ThrottlingException", "x", 400, again, "ThrottlingException", "throughput"},
		{"KMSThrottlingException", "x", 400, again, "KMSThrottlingException", "throughput"},
		{"InternalServerError", "x", 500, again, "InternalServerError", ""},
		{"ReplicatedWriteConflictException", "x", 400, again, "ReplicatedWriteConflictException", ""},
		{"ExpiredTokenException", "x", 400, again, "ExpiredTokenException", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		{"InvalidSignatureException", "Signature expired: 1 is now earlier than 2", 400, again, "because of " +
			"the signature's time", "clock"},
		{"RequestTimeTooSkewed", "x", 403, again, "RequestTimeTooSkewed, because", "clock"},
		{"InvalidSignatureException", "The request signature we calculated does not match", 400, tableFault,
			"InvalidSignatureException", "those of its role"},
		{"AccessDeniedException", notAuthorized + "dynamodb:BatchWriteItem on resource: " +
			"arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/logtable-info because no identity-based policy " +
			"allows the dynamodb:BatchWriteItem action", 400,
			tableFault, "which no identity-based policy allows",
			`"Resource":"arn:aws-us-gov:dynamodb:*:*:table/logtable-info"`},
		{"AccessDeniedException", "no", 400, tableFault, "AccessDeniedException", `"Action":"dynamodb:BatchWriteItem"`},
		{"AccessDeniedException", notAuthorized + "kms:Decrypt on resource: arn:aws:kms:eu-central-1:1:key/k because " +
			"no identity-based policy allows the kms:Decrypt action", 400,
			tableFault, "kms:Decrypt on arn:aws:kms:eu-central-1:1:key/k", `"Action":"kms:Decrypt"`},
		{"AccessDeniedException", notAuthorized + "dynamodb:BatchWriteItem on resource: * with an explicit deny in a " +
			"VPC endpoint policy", 400,
			tableFault, "explicitly denied by a VPC endpoint policy", "change the VPC endpoint policy"},
		{"KMSAccessDeniedException", "no", 400, tableFault, "KMSAccessDeniedException", "KMS key"},
		{"KMSDisabledException", "x", 400, tableFault, "KMSDisabledException", "KMS key"},
		{"SubscriptionRequiredException", "x", 400, tableFault, "SubscriptionRequiredException", "sign-up"},
		{"OptInRequired", "x", 403, tableFault, "OptInRequired", "enable the region"},
		{"NobodyKnowsException", "x", 400, again, "NobodyKnowsException, HTTP 400", ""},
		{"NobodyKnowsException", "x", 503, again, "NobodyKnowsException, HTTP 503", ""},
		{"Strange <b>code</b>", "x", 400, again, "Strange??b?code??b?, HTTP 400", ""},
		{"RequestTooLarge", "x", 413, itemFault, "RequestTooLarge", ""},
	} {
		f := classify(answered(t, c.status, "application/x-amz-json-1.0", fmt.Sprintf(`{"__type":%q,"message":%q}`,
			c.code, c.message)))
		advice := f.advice("logtable-info", "us-gov-west-1")
		if f.result != c.want || !strings.Contains(f.why, c.says) || !strings.Contains(advice,
			c.advises) || c.advises == "" && advice != "" {
			t.Errorf("%s, %q: %d, %q, do %q", c.code, c.message, f.result, f.why, advice)
		}
		if strings.Contains(f.why+advice, "assumed-role") {
			t.Errorf("%s: more is quoted than action, resource and kind of policy: %q, %q", c.code, f.why, advice)
		}
	}
}

// An error of the credentials is nothing that DynamoDB has to do with, whatever
// its cause.
func TestCredentialsThatCannotBeHad(t *testing.T) {
	for _, cause := range []error{nil, context.DeadlineExceeded, answered(t, 403, "application/x-amz-json-1.0",
		`{"__type":"AccessDeniedException","message":"no"}`)} {
		f := classify(fmt.Errorf("operation error DynamoDB: BatchWriteItem, get identity: %w",
			&awsenv.CredentialsError{Why: "the endpoint answered HTTP 403", Advice: "ask it nicely", Err: cause}))
		advice := f.advice("logtable-info", "eu-central-1")
		if f.result != again || f.why != "cannot get credentials: the endpoint answered HTTP 403" ||
			advice != "ask it nicely" {
			t.Errorf("for %v: %d, %q, do %q", cause, f.result, f.why, advice)
		}
	}
}

func TestAnswersWithoutACode(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   outcome
		says   string
	}{
		{413, "too large", itemFault, "HTTP 413"}, {502, "<html>", again, "HTTP 502"}, {403, "{}", again, "HTTP 403"},
		{200, "<html>", again, "is not from DynamoDB"},
	} {
		f := classify(answered(t, c.status, "text/html", c.body))
		if f.result != c.want || !strings.Contains(f.why, c.says) {
			t.Errorf("HTTP %d: %d, %q", c.status, f.result, f.why)
		}
	}
}

func TestThePolicyIsOfTheRegionsPartition(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "arn:aws:dynamodb:*", "cn-north-1": "arn:aws-cn:dynamodb:*",
		"us-gov-west-1": "arn:aws-us-gov:dynamodb:*",
		"us-iso-east-1": "arn:aws-iso:", "eusc-de-east-1": "arn:aws-eusc:", "": "arn:aws:dynamodb:*",
	} {
		if got := policyLine("logtable-info", region); !strings.Contains(got, `"Resource":"`+want) {
			t.Errorf("in %q: %s", region, got)
		}
	}
	const arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/logs"
	if got := policyLine(arn, "eu-west-1"); !strings.Contains(got, `"Resource":"`+arn+`"`) {
		t.Error(got)
	}
}

// A refusal for the time of the signature is nobody's business once, also when
// several requests were on the wire; then it is a failure.
func TestTheFirstRefusalsForTheirTimeAreQuiet(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1_795_300_000, 0).Add(time.Duration(s) * time.Second) }
	var h health
	for i, c := range []struct {
		began, now int
		quiet      bool
	}{{0, 10, true}, {1, 11, true}, {10, 12, true}, {11, 12, false}, {12, 13, false}} {
		if got := h.signedTooEarly(at(c.began), at(c.now)); got != c.quiet {
			t.Errorf("%d: quiet: %v", i, got)
		}
	}
	h.success(time.Millisecond)
	if !h.signedTooEarly(at(20), at(21)) {
		t.Error("after a success, the first is not quiet")
	}
}

func TestTLSThatFailsNamesWhatIsTrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that we break off
	server.StartTLS()
	defer server.Close()
	err := failed(t, server.URL)
	for _, c := range []struct {
		env   map[string]string
		names string
		not   string
	}{
		{nil, "ca-certificates", "SSL_CERT"},
		{map[string]string{"SSL_CERT_FILE": "/x"}, "SSL_CERT_FILE replaces", "ca-certificates"},
		{map[string]string{"SSL_CERT_DIR": "/x"}, "SSL_CERT_DIR replaces", "SSL_CERT_FILE"},
		{map[string]string{"SSL_CERT_FILE": "/x", "SSL_CERT_DIR": "/x"},
			"SSL_CERT_FILE and SSL_CERT_DIR", "ca-certificates"},
		{map[string]string{"SSL_CERT_FILE": "/x", "AWS_CA_BUNDLE": "/y"}, "certificates in AWS_CA_BUNDLE", "SSL_CERT"},
	} {
		for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE"} {
			t.Setenv(name, c.env[name])
		}
		f := classify(err)
		advice := f.advice("logtable-info", "eu-central-1")
		if f.result != again || f.why != "the server's certificate cannot be verified" || !strings.Contains(advice,
			c.names) || strings.Contains(advice, c.not) {
			t.Errorf("%v: %q, do %q", c.env, f.why, advice)
		}
	}
}

func TestWhyACertificateIsNotAccepted(t *testing.T) {
	for want, cause := range map[string]error{
		"cannot be verified":    x509.SystemRootsError{},
		"has expired or is not": x509.CertificateInvalidError{Reason: x509.Expired},
		"is for another host":   x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"},
	} {
		f := classify(fmt.Errorf("dial: %w", &tls.CertificateVerificationError{Err: cause}))
		if f.result != again || !strings.Contains(f.why, want) {
			t.Errorf("%v: %q", cause, f.why)
		}
	}
}
