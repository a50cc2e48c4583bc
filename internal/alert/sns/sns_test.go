package sns_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/sns"
	"github.com/logtable/logtable/internal/awsenv"
	sandbox "github.com/logtable/logtable/internal/sandbox/sns"
)

const arn = "arn:aws:sns:eu-central-1:123456789012:oncall"

func topic(t *testing.T, arn string) alert.Topic {
	t.Helper()
	topic, err := alert.ParseTopic(arn)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func start(t *testing.T) (*sandbox.Server, *sns.Channel) {
	t.Helper()
	s, err := sandbox.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.VerifySecret("secret")
	s.AddTopic(arn, 1, 0)
	s.AddTopic(arn+".fifo", 1, 0)
	return s, &sns.Channel{
		HTTP: &http.Client{Transport: &http.Transport{}}, Endpoint: s.URL(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
	}
}

// doing is an HTTP client.
type doing func(*http.Request) (*http.Response, error)

func (f doing) Do(r *http.Request) (*http.Response, error) { return f(r) }

func message(t *testing.T) alert.Message {
	return alert.Message{
		Topic: topic(t, arn), Subject: "ERROR orders 12: db time-out",
		Text: "Größe \"x\"\n+&=%", Short: "short", Data: `{"a":"b"}`,
		Level: "ERROR", Module: "orders", Locator: "12", Group: "orders", DeduplicationID: "1",
	}
}

func TestWhatSubscribersGet(t *testing.T) {
	s, c := start(t)
	m := message(t)
	agent := ""
	c.HTTP = doing(func(r *http.Request) (*http.Response, error) {
		agent = r.Header.Get("User-Agent")
		return http.DefaultTransport.RoundTrip(r)
	})
	if err := c.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if agent != "logtable/devel" {
		t.Errorf("the request is from %q", agent)
	}
	got := s.Messages()[0]
	for protocol, want := range map[string]string{
		"default": m.Text, "email": m.Text, "sms": "short", "http": m.Data, "https": m.Data,
	} {
		if got.ByProtocol[protocol] != want {
			t.Errorf("%s gets %q, want %q", protocol, got.ByProtocol[protocol], want)
		}
	}
	if got.Subject != m.Subject || got.Group != "" || got.Attributes["level"] != "ERROR" ||
		got.Attributes["module"] != "orders" || got.Attributes["locator"] != "12" {
		t.Errorf("%+v", got)
	}
	m.Topic = topic(t, arn+".fifo")
	for range 2 {
		if err := c.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Messages(); len(got) != 2 || got[1].Group != "orders" || got[1].Once != "1" {
		t.Errorf("FIFO: %+v", got[1:])
	}
}

// TestOddAttributesAreMadeFit: SNS refuses a message for the sake of an empty
// attribute.
func TestOddAttributesAreMadeFit(t *testing.T) {
	s, c := start(t)
	m := message(t)
	m.Module, m.Locator = "", strings.Repeat("ü", 300)+"\x00"
	if err := c.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := s.Messages()[0].Attributes; len(got) != 2 || len(got["locator"]) > 256 {
		t.Errorf("%v", got)
	}
}

func TestTheLimitIsSNSs(t *testing.T) {
	_, c := start(t)
	m := message(t)
	for _, size := range []int{100, 130_000, 140_000} {
		m.Text = strings.Repeat("x", size)
		err := c.Publish(t.Context(), m)
		if c.Fits(m) != (err == nil) {
			t.Errorf("text of %d: fits %v, but %v", size, c.Fits(m), err)
		}
	}
}

func denied(what string) sandbox.Fault {
	return sandbox.Fault{Err: &sandbox.Error{Status: 403, Code: "AuthorizationError",
		Message: "User: arn:aws:sts::000000000000:assumed-role/function/function " +
			"is not authorized to perform: " + what}}
}

// Without credentials nothing is sent, and SNS is not blamed.
func TestNoCredentials(t *testing.T) {
	s, c := start(t)
	s.OnRequest(func(string, int, url.Values) sandbox.Fault { t.Error("a request"); return sandbox.Fault{} })
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, fmt.Errorf("get: %w", &awsenv.CredentialsError{Why: "the endpoint answered HTTP 403",
			Advice: "ask it nicely"})
	})
	err := c.Publish(t.Context(), message(t))
	if err == nil || err.Error() != "cannot get credentials: the endpoint answered HTTP 403: ask it nicely" {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   sandbox.Fault
		refused bool
		says    string
	}{
		"denied":     {sandbox.AccessDenied, true, "sns:Publish"},
		"no topic":   {sandbox.NoTopic, true, "does not exist"},
		"throttled":  {sandbox.Throttled, false, "Throttled"},
		"down":       {sandbox.Unavailable, false, "ServiceUnavailable"},
		"internal":   {sandbox.Internal, false, "InternalError"},
		"expired":    {sandbox.ExpiredToken, false, "ExpiredToken"},
		"reset":      {sandbox.Fault{ResetBefore: true}, false, "no connection"},
		"lost":       {sandbox.Fault{ResetAfter: true}, false, "no connection"},
		"encryption": {sandbox.Fault{Err: &sandbox.Error{Code: "KMSAccessDenied", Message: "x"}}, true, "kms:"},
		"its key": {denied("kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:1:key/k because no " +
			"identity-based policy allows it"), true,
			`"Action":"kms:GenerateDataKey","Resource":"arn:aws:kms:eu-central-1:1:key/k"`},
		"endpoint": {denied("SNS:Publish on resource: " + strings.Repeat("x", 600) + " with an explicit deny in a " +
			"VPC endpoint policy"), true, "change the VPC endpoint policy"},
		"too long": {denied("SNS:Publish on resource: " + strings.Repeat("x", 5000) + " with an explicit deny in a " +
			"VPC endpoint policy"), true, `"Action":"sns:Publish"`},
		"clock": {sandbox.Fault{Err: &sandbox.Error{Status: 403, Code: "SignatureDoesNotMatch",
			Message: "Signature expired: 20261122T101500Z is now earlier than 20261122T102000Z (20261122T102500Z - 5 " +
				"min.)"}}, false, "clock"},
		"wrong key": {sandbox.Fault{Err: &sandbox.Error{Status: 403, Code: "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match"}}, true, "check the credentials"},
		"no service": {sandbox.Fault{Err: &sandbox.Error{Status: 403, Code: "OptInRequired", Message: "x"}}, true,
			"enable the region"},
	} {
		s, c := start(t)
		refreshed := false
		c.Refresh = func() { refreshed = true }
		s.OnRequest(sandbox.First(1, tc.fault))
		err := c.Publish(t.Context(), message(t))
		var refusal *alert.Refusal
		if err == nil || errors.As(err, &refusal) != tc.refused || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
		if refreshed != (name == "expired") {
			t.Errorf("%s: credentials asked for again: %v", name, refreshed)
		}
		if err := c.Publish(t.Context(), message(t)); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	s, c := start(t)
	s.OnRequest(sandbox.Always(sandbox.Fault{Hang: true}))
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := c.Publish(ctx, message(t)); err == nil || err.Error() != "no answer in time" {
		t.Errorf("hanging: %v", err)
	}
}

// TestEndpointsAreTheSDKs compares with the endpoints of AWS's own client.
func TestEndpointsAreTheSDKs(t *testing.T) {
	for region, name := range map[string]string{
		"us-east-1": "aws", "eu-central-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov",
		"us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e",
		"us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		for _, fips := range []bool{false, true} {
			for _, dual := range []bool{false, true} {
				want, err := sdk.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), sdk.EndpointParameters{
					Region: aws.String(region), UseFIPS: aws.Bool(fips), UseDualStack: aws.Bool(dual),
				})
				if err != nil {
					continue // the partition has no such thing
				}
				asked := ""
				c := &sns.Channel{
					FIPS: fips, DualStack: dual,
					HTTP: doer(func(r *http.Request) (*http.Response, error) {
						asked = r.URL.Host
						return nil, errors.New("no")
					}),
					Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
						return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
					}),
				}
				_ = c.Publish(t.Context(), alert.Message{Topic: topic(t, "arn:"+name+":sns:"+region+":123456789012:x")})
				if asked != want.URI.Host {
					t.Errorf("%s, FIPS %v, dual stack %v: %s, want %s", region, fips, dual, asked, want.URI.Host)
				}
			}
		}
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestEndpointSetting(t *testing.T) {
	endpoint := func(settings map[string]string, warn func(message, advice string)) string {
		settings["AWS_REGION"] = "eu-central-1"
		env, err := awsenv.Load(func(name string) string { return settings[name] }, warn)
		if err != nil {
			t.Fatal(err)
		}
		return sns.New(env, warn).Endpoint
	}
	for want, settings := range map[string]map[string]string{
		"http://a:1":  {"AWS_ENDPOINT_URL_SNS": "http://a:1", "AWS_ENDPOINT_URL": "http://b"},
		"https://b/p": {"AWS_ENDPOINT_URL": "https://b/p"},
		"":            {"AWS_ENDPOINT_URL": "https://b", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
	} {
		if got := endpoint(settings, func(m, _ string) { t.Error(m) }); got != want {
			t.Errorf("%v: %q", settings, got)
		}
	}
	warned := 0
	got := endpoint(map[string]string{"AWS_ENDPOINT_URL_SNS": "nowhere"}, func(string, string) { warned++ })
	if got != "" || warned != 1 {
		t.Errorf("no URL: %q, %d warnings", got, warned)
	}
}
