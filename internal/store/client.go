package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// ErrNoRegion is returned by NewClient where neither AWS_REGION nor
// AWS_DEFAULT_REGION is set. Lambda always sets both.
var ErrNoRegion = errors.New("cannot write to DynamoDB without a region: set AWS_REGION")

// NewClient returns a DynamoDB client from the settings that Lambda and the
// function's owner put into the environment:
//
//   - AWS_REGION, else AWS_DEFAULT_REGION;
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else
//     AWS_CONTAINER_CREDENTIALS_FULL_URI with
//     AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or else
//     AWS_CONTAINER_AUTHORIZATION_TOKEN (as under SnapStart); asked for with the
//     first request, and again with the first one in the minute before they expire;
//   - AWS_ENDPOINT_URL_DYNAMODB, else AWS_ENDPOINT_URL, unless
//     AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true;
//   - AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_CA_BUNDLE, without
//     which Go itself honours SSL_CERT_FILE and SSL_CERT_DIR;
//   - HTTP_PROXY, HTTPS_PROXY, NO_PROXY (never for loopback addresses).
//
// AWS_PROFILE and AWS_MAX_ATTEMPTS are meant for the function and ignored:
// a profile has no files here, and the Store retries by itself because only
// it knows the deadline. The SDK's config package would honour them, and fail
// over them; it also costs 2 MB and a millisecond of every cold start.
//
// Nothing is read from the network or from a file before the first request.
// warn is called for a setting that is refused and replaced. refresh, which is
// returned, has the credentials asked for again with the next request.
func NewClient(getenv func(string) string, warn func(message, advice string)) (client *dynamodb.Client, refresh func(), err error) {
	provider, refresh := credentials(getenv)
	o := dynamodb.Options{
		Region: firstOf(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
		// One attempt: the Store retries.
		Retryer:               aws.NopRetryer{},
		Credentials:           provider,
		HTTPClient:            newHTTPClient(getenv("AWS_CA_BUNDLE"), warn),
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	}
	if endpoint := endpointURL(getenv, warn); endpoint != "" {
		o.BaseEndpoint = aws.String(endpoint)
		if o.Region == "" {
			o.Region = "us-east-1" // signs, but leads nowhere
		}
	}
	if o.Region == "" {
		return nil, nil, ErrNoRegion
	}
	if isTrue(getenv("AWS_USE_FIPS_ENDPOINT")) {
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if isTrue(getenv("AWS_USE_DUALSTACK_ENDPOINT")) {
		o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	return dynamodb.New(o), refresh, nil
}

// warmTimeout bounds Warm.
const warmTimeout = 3 * time.Second

// Warm opens a connection to the client's endpoint and leaves it to the first
// request, which then needs no name, no TCP and no TLS handshake. It asks for /,
// which DynamoDB answers to anybody with a word on its health; what comes back
// does not matter. It needs no credentials and tells nobody of a failure: the
// first request will.
func Warm(ctx context.Context, client *dynamodb.Client) {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	o := client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint.URI.String(), nil)
	if err != nil {
		return
	}
	resp, err := o.HTTPClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // read to its end, or the connection is closed
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func isTrue(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "true") }

// endpointURL reads the endpoint in the order that AWS documents for its SDKs.
func endpointURL(getenv func(string) string, warn func(message, advice string)) string {
	if isTrue(getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
		return ""
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"} {
		v := getenv(name)
		if v == "" {
			continue
		}
		u, err := url.Parse(v)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			return v
		}
		warn(fmt.Sprintf("%s=%q is not a URL; using DynamoDB's regional endpoint", name, cut(v, 80)),
			"write "+name+" as https://host:port or remove it")
	}
	return ""
}

// newHTTPClient is tuned for a process that is frozen between requests:
// connections idle for longer than any wait within an invocation are not used
// again (Go compares by wall clock, so this works across a freeze), and no
// step may block for long.
func newHTTPClient(bundle string, warn func(message, advice string)) *httpClient {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: -1}).DialContext,
		TLSHandshakeTimeout: 2 * time.Second,
		IdleConnTimeout:     5 * time.Second,
		MaxIdleConnsPerHost: maxWriters,
		// A request of 25 usual lines (15 KB) is one write: see httpClient.Do.
		WriteBufferSize: 32 << 10,
	}
	if bundle != "" {
		return &httpClient{&bundleTransport{transport: t, bundle: bundle, warn: warn}}
	}
	return &httpClient{t}
}

// An httpClient does what net/http's does for us, without the rest: redirects
// (DynamoDB does not redirect, and whoever does shall not get our rows), cookies
// and copies of the headers.
type httpClient struct{ transport http.RoundTripper }

// bodyKey finds a request's body in its context: see inMemory.
type bodyKey struct{}

// inMemory says of a request that is made with ctx that this is its body.
func inMemory(ctx context.Context, body []byte) context.Context {
	return context.WithValue(ctx, bodyKey{}, body)
}

// Do implements aws.HTTPClient. The SDK hides a body behind a type of its own,
// from which net/http cannot tell that it is in memory: it would send the header
// alone, and copy the body through a buffer of its size.
func (c *httpClient) Do(req *http.Request) (*http.Response, error) {
	body, ok := req.Context().Value(bodyKey{}).([]byte)
	if ok && req.ContentLength == int64(len(body)) && req.Body != nil {
		req.Body.Close()
		// With it, a connection that turns out to be dead before anything was
		// written on it costs a dial and no failure.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
	}
	return c.transport.RoundTrip(req)
}

// bundleTransport trusts the certificates of AWS_CA_BUNDLE instead of the
// system's, as the SDKs do. The file is read with the first request that
// needs it, because parsing the usual bundle takes 5 ms of every cold start.
type bundleTransport struct {
	transport *http.Transport
	bundle    string
	warn      func(message, advice string)
	once      sync.Once
}

func (b *bundleTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "https" {
		b.once.Do(b.load)
	}
	return b.transport.RoundTrip(req)
}

func (b *bundleTransport) load() {
	pem, err := os.ReadFile(b.bundle)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		b.warn(fmt.Sprintf("AWS_CA_BUNDLE=%q cannot be read as a file of PEM certificates; using the system's certificates", cut(b.bundle, 80)),
			"correct the path, or remove AWS_CA_BUNDLE")
		return
	}
	b.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
}
