package dynamo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/awsenv"
)

// answering is a transport that keeps the last request and answers it.
type answering struct {
	status  int
	header  http.Header
	body    string
	err     error
	request *http.Request
	sent    string
	during  func() // while the request is on its way
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	a.request = req
	if req.Body != nil {
		b, _ := io.ReadAll(req.Body)
		a.sent = string(b)
	}
	if a.during != nil {
		a.during()
	}
	if a.err != nil {
		return nil, a.err
	}
	header := a.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: req,
	}, nil
}

func load(t testing.TB, variables map[string]string) *awsenv.Environment {
	t.Helper()
	env, err := awsenv.Load(func(name string) string { return variables[name] }, func(message, _ string) {
		t.Errorf("unexpected warning: %s", message)
	})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func client(t testing.TB, a *answering) *Client {
	env := load(t, map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "token",
	})
	env.HTTP = &awsenv.HTTPClient{Transport: a}
	return New(env)
}

// The endpoints are those that the endpoint rules of AWS's SDK have.
func TestEndpoints(t *testing.T) {
	regions := []string{
		"us-east-1", "eu-central-1", "ap-southeast-7", "mx-central-1", "il-central-1", "ca-west-1", "cn-north-1",
		"cn-northwest-1", "us-gov-west-1", "us-gov-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1",
		"us-isof-south-1", "eusc-de-east-1",
	}
	resolver := dynamodb.NewDefaultEndpointResolverV2()
	compared := 0
	for _, region := range regions {
		for _, fips := range []bool{false, true} {
			for _, dual := range []bool{false, true} {
				env := load(t, map[string]string{
					"AWS_REGION": region, "AWS_USE_FIPS_ENDPOINT": fmt.Sprint(fips),
					"AWS_USE_DUALSTACK_ENDPOINT": fmt.Sprint(dual),
				})
				theirs, err := resolver.ResolveEndpoint(t.Context(), dynamodb.EndpointParameters{
					Region: &region, UseFIPS: &fips, UseDualStack: &dual,
				})
				if err != nil {
					continue // the partition has no such endpoint
				}
				compared++
				if got, want := New(env).url, theirs.URI.String()+"/"; got != want {
					t.Errorf("%s, FIPS %v, dual stack %v: %s, the SDK has %s", region, fips, dual, got, want)
				}
			}
		}
	}
	if compared < 3*len(regions) {
		t.Errorf("only %d endpoints were compared", compared)
	}
	for set, want := range map[string]string{
		"http://127.0.0.1:8000": "http://127.0.0.1:8000/",
		"https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com/": "https://" +
			"vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com/", "http://proxy/dynamodb": "http://proxy/dynamodb/",
	} {
		if got := New(load(t, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": set})).url; got != want {
			t.Errorf("AWS_ENDPOINT_URL_DYNAMODB=%s leads to %s, want %s", set, got, want)
		}
	}
}

// sdk makes the same request through the SDK's client.
type sdk struct{ request *http.Request }

func (s *sdk) Do(req *http.Request) (*http.Response, error) {
	s.request = req
	return &http.Response{
		StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{}`)), Request: req,
	}, nil
}

// What DynamoDB goes by is the same as in the SDK's request.
func TestOurRequestIsTheSDKs(t *testing.T) {
	a := &answering{status: 200, body: `{"TableNames":[]}`}
	c := client(t, a)
	got, err := c.Call(t.Context(), "ListTables", []byte(`{}`))
	if err != nil || string(got) != a.body {
		t.Fatalf("got %s and %v, want the answer", got, err)
	}
	s := &sdk{}
	theirs := dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", HTTPClient: s, Credentials: c.env.Credentials, Retryer: aws.NopRetryer{},
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	})
	if _, err := theirs.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
		t.Fatal(err)
	}
	if a.sent != "{}" || a.request.Method != s.request.Method || a.request.URL.String() != s.request.URL.String() {
		t.Errorf("%s %s %q is not the SDK's %s %s", a.request.Method, a.request.URL, a.sent,
			s.request.Method, s.request.URL)
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target", "X-Amz-Security-Token", "Accept-Encoding"} {
		if diff := cmp.Diff(s.request.Header.Values(name), a.request.Header.Values(name)); diff != "" {
			t.Errorf("header %s (- the SDK's, + ours):\n%s", name, diff)
		}
	}
	if got := a.request.Header.Get("User-Agent"); got != "logtable/devel" {
		t.Errorf("the request is from %q", got)
	}
	scope := func(r *http.Request) string {
		scope, _, _ := strings.Cut(r.Header.Get("Authorization"), ", ")
		return scope
	}
	if scope(a.request) != scope(s.request) {
		t.Errorf("signed with %q, the SDK with %q", scope(a.request), scope(s.request))
	}
	signed := a.request.Header.Get("Authorization")
	for _, name := range []string{"content-length", "content-type", "host", "x-amz-date",
		"x-amz-security-token", "x-amz-target"} {
		if !strings.Contains(signed, name) {
			t.Errorf("%s is not signed: %s", name, signed)
		}
	}
	again, err := a.request.GetBody()
	if b, _ := io.ReadAll(again); err != nil || !bytes.Equal(b, []byte("{}")) || a.request.ContentLength != 2 {
		t.Errorf("net/http does not know that the body is in memory: %v, %q", err, b)
	}
}

// The path of an endpoint is signed as every service but S3 wants it: escaped
// once more.
func TestThePathIsSignedAsTheSDKDoes(t *testing.T) {
	a := &answering{status: 200, body: `{}`}
	c := client(t, a)
	c.url = "https://gateway/a%20b/"
	c.Now = func() time.Time { return time.Unix(1_795_300_000, 0) }
	if _, err := c.Call(t.Context(), "ListTables", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	theirs := a.request.Clone(t.Context())
	theirs.Header.Del("Authorization")
	credentials, _ := c.env.Credentials.Retrieve(t.Context())
	sum := sha256.Sum256([]byte(`{}`))
	err := v4.NewSigner().SignHTTP(t.Context(), credentials, theirs, hex.EncodeToString(sum[:]), "dynamodb",
		"eu-central-1", c.Now())
	got, want := a.request.Header.Get("Authorization"), theirs.Header.Get("Authorization")
	if err != nil || got != want {
		t.Errorf("signed %s, the SDK's signer %s, %v", got, want, err)
	}
}

func TestAnswersThatAreErrors(t *testing.T) {
	for name, test := range map[string]struct {
		status        int
		header        http.Header
		body          string
		code, message string
		class         awsenv.Class
	}{
		"a table that does not exist": {
			400, nil, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no ` +
				`\"t\u00e4ble\""}`,
			"ResourceNotFoundException", `no "täble"`, awsenv.Missing,
		},
		"a capital M": {
			400, nil, `{"Message":"no","__type":"com.amazon.coral.service#AccessDeniedException"}`,
			"AccessDeniedException", "no", awsenv.Denied,
		},
		"the code in the header": {
			400, http.Header{"X-Amzn-Errortype": {"ThrottlingException:http://internal.amazon.com/"}}, `{}`,
			"ThrottlingException", "", awsenv.Throttled,
		},
		"the code as a gateway calls it": {
			400, nil, `{"code":"ThrottlingException"}`, "ThrottlingException", "", awsenv.Throttled,
		},
		"two names of a code": {
			400, nil, `{"code":"x","__type":"ThrottlingException","code":"y"}`,
			"ThrottlingException", "", awsenv.Throttled,
		},
		"a name behind the code": {
			400, nil, `{"__type":"com.amazon.coral.service#ThrottlingException:http://internal.amazon.com/#coral"}`,
			"ThrottlingException", "", awsenv.Throttled,
		},
		"white space in front": {
			400, nil, "\n" + `{"__type":"ThrottlingException"}`, "ThrottlingException", "", awsenv.Throttled,
		},
		"a page":                {502, nil, "<html>Bad gateway</html>", "", "", awsenv.Unknown},
		"nothing":               {503, nil, "", "", "", awsenv.Unknown},
		"strange members":       {500, nil, `{"__type":5,"message":{}}`, "", "", awsenv.Unknown},
		"a redirect is refused": {302, http.Header{"Location": {"http://elsewhere/"}}, "", "", "", awsenv.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answering{status: test.status, header: test.header, body: test.body}
			_, err := client(t, a).Call(t.Context(), "PutItem", []byte(`{}`))
			var f *awsenv.Failure
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a Failure", err)
			}
			want := awsenv.Failure{
				Status: test.status, Code: test.code, Message: test.message, Class: test.class,
				Answer: []byte(strings.TrimLeft(test.body, "\n")),
			}
			if diff := cmp.Diff(want, *f); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
			got := awsenv.FailureOf(fmt.Errorf("wrapped: %w", err))
			if got.Code != test.code || got.Status != test.status {
				t.Errorf("FailureOf says %+v", got)
			}
		})
	}
}

func TestAnswersThatAreBroken(t *testing.T) {
	sum := func(s string) http.Header {
		return http.Header{"X-Amz-Crc32": {fmt.Sprint(crc32.ChecksumIEEE([]byte(s)))}}
	}
	a := &answering{status: 200, header: sum(`{"a":1}`), body: `{"a":1}`}
	if _, err := client(t, a).Call(t.Context(), "Query", nil); err != nil {
		t.Errorf("an answer with its checksum: %v", err)
	}
	a.body = `{"a":2}`
	if _, err := client(t, a).Call(t.Context(), "Query", nil); !errors.Is(err, ErrForeignAnswer) {
		t.Errorf("an answer without its checksum: got %v", err)
	}
	a.header = http.Header{"X-Amz-Crc32": {"x"}}
	if _, err := client(t, a).Call(t.Context(), "Query", nil); err == nil {
		t.Error("an answer with a checksum that is not a number is believed")
	}
	a.header, a.body = nil, strings.Repeat("x", maxAnswer+1)
	if _, err := client(t, a).Call(t.Context(), "Query", nil); !errors.Is(err, ErrForeignAnswer) {
		t.Errorf("an endless answer: got %v", err)
	}
	a.err = context.DeadlineExceeded
	if _, err := client(t, a).Call(t.Context(), "Query", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestWithoutCredentials(t *testing.T) {
	env := load(t, map[string]string{"AWS_REGION": "eu-central-1"})
	env.HTTP = &awsenv.HTTPClient{Transport: &answering{status: 200}}
	if _, err := New(env).Call(t.Context(), "Query", nil); !errors.Is(err, awsenv.ErrNoCredentials) {
		t.Errorf("got %v, want %v", err, awsenv.ErrNoCredentials)
	}
}

const expired = `{"__type":"com.amazon.coral.service#InvalidSignatureException",` +
	`"message":"Signature expired: 1 is now earlier than 2 (3 - 5 min.)"}`

// An environment whose clock is wrong signs for DynamoDB's time after it was
// refused once.
func TestAWrongClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	theirs := now.Add(17 * time.Minute)
	a := &answering{status: 400, body: expired, header: http.Header{"Date": {theirs.Format(http.TimeFormat)}}}
	c := client(t, a)
	c.Now = func() time.Time { return now }
	call := func() string {
		t.Helper()
		if _, err := c.Call(t.Context(), "PutItem", []byte(`{}`)); err == nil {
			t.Fatal("the call is not refused")
		}
		return a.request.Header.Get("X-Amz-Date")
	}
	if got := call(); got != "20261122T100000Z" {
		t.Errorf("signed for %s, want the own time", got)
	}
	if got := call(); got != "20261122T101700Z" {
		t.Errorf("signed for %s after the refusal, want DynamoDB's time", got)
	}
	// The clock is corrected meanwhile.
	now = theirs
	call()
	if got := call(); got != "20261122T101700Z" {
		t.Errorf("signed for %s, want the own time again", got)
	}
	// Other refusals, and answers without a date, change nothing.
	a.header = nil
	if got := call(); got != "20261122T101700Z" {
		t.Errorf("signed for %s after an answer without a date", got)
	}
}

// A freeze between request and answer makes the signature too old, and the
// answer's time a bygone one: the clock is not at fault.
func TestAFreezeIsNoWrongClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	a := &answering{status: 400, body: expired, header: http.Header{"Date": {now.Format(http.TimeFormat)}}}
	c := client(t, a)
	c.Now = func() time.Time { return now }
	a.during = func() { now = now.Add(7 * time.Minute) }
	_, _ = c.Call(t.Context(), "PutItem", []byte(`{}`))
	a.during, a.header = nil, http.Header{"Date": {now.Format(http.TimeFormat)}}
	_, _ = c.Call(t.Context(), "PutItem", []byte(`{}`))
	if got := a.request.Header.Get("X-Amz-Date"); got != "20261122T100700Z" {
		t.Errorf("signed for %s after a freeze, want the own time", got)
	}
	// A cache's answer has an old date.
	a.header = http.Header{"Date": {now.Add(-time.Hour).Format(http.TimeFormat)}, "Age": {"3600"}}
	_, _ = c.Call(t.Context(), "PutItem", []byte(`{}`))
	_, _ = c.Call(t.Context(), "PutItem", []byte(`{}`))
	if got := a.request.Header.Get("X-Amz-Date"); got != "20261122T100700Z" {
		t.Errorf("signed for %s after a cache's answer, want the own time", got)
	}
}

func TestWarmNeedsNoCredentials(t *testing.T) {
	env := load(t, map[string]string{"AWS_REGION": "eu-central-1"})
	a := &answering{status: 200, body: "healthy: dynamodb.eu-central-1.amazonaws.com"}
	env.HTTP = &awsenv.HTTPClient{Transport: a}
	New(env).Warm(t.Context())
	if a.request == nil || a.request.Method != http.MethodGet || a.request.URL.Path != "/" ||
		a.request.Header.Get("Authorization") != "" || a.request.Header.Get("User-Agent") != "logtable/devel" {
		t.Errorf("got %+v, want a plain GET of /", a.request)
	}
	a.err = errors.New("no network")
	New(env).Warm(t.Context()) // reports nothing
}

// A Call has a bounded price: the SDK's client makes some 310 allocations for
// the same.
func TestACallIsCheap(t *testing.T) {
	a := &answering{status: 200, body: `{"UnprocessedItems":{}}`}
	c := client(t, a)
	body := bytes.Repeat([]byte("x"), 5000)
	n := testing.AllocsPerRun(100, func() {
		if _, err := c.Call(t.Context(), "BatchWriteItem", body); err != nil {
			t.Fatal(err)
		}
	})
	if n > 90 {
		t.Errorf("%.0f allocations a call, at most 90 are wanted", n)
	}
}

func FuzzFailureOf(f *testing.F) {
	f.Add(400, "", `{"__type":"a#b:c","message":"x"}`)
	f.Add(500, "x#y", `{"__type":`)
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"X-Amzn-Errortype": {header}}}
		if got := failureOf(resp, []byte(body)); len(got.Code) > 64 || strings.ContainsAny(got.Code, "#:\n") {
			t.Errorf("the code %q may not be quoted", got.Code)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	a := &answering{status: 200, body: `{"UnprocessedItems":{}}`}
	c := client(b, a)
	body := bytes.Repeat([]byte("x"), 5000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Call(b.Context(), "BatchWriteItem", body); err != nil {
			b.Fatal(err)
		}
	}
}
