package awsenv

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// MaxConnections is how many idle connections the HTTP client keeps to one
// host: as many as the Store has requests on the wire at once.
const MaxConnections = 4

// newHTTPClient is tuned for a process that is frozen between requests:
// connections idle for longer than any wait within an invocation are not used
// again (Go compares by wall clock, so this works across a freeze), and no
// step may block for long.
func newHTTPClient(bundle string, warn func(message, advice string)) *HTTPClient {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: -1}).DialContext,
		TLSHandshakeTimeout: 2 * time.Second,
		IdleConnTimeout:     5 * time.Second,
		MaxIdleConnsPerHost: MaxConnections,
		// A request of 25 usual lines (15 KB) is one write.
		WriteBufferSize: 32 << 10,
	}
	if bundle != "" {
		return &HTTPClient{&bundleTransport{transport: t, bundle: bundle, warn: warn}}
	}
	return &HTTPClient{t}
}

// An HTTPClient does what net/http's does for us, without the rest: redirects
// (DynamoDB does not redirect, and whoever does shall not get our rows),
// cookies and copies of the headers.
type HTTPClient struct{ Transport http.RoundTripper }

// Do implements aws.HTTPClient.
func (c *HTTPClient) Do(req *http.Request) (*http.Response, error) {
	return answersOnly{c.Transport}.RoundTrip(req)
}

// answersOnly is a transport that gives nobody its connections. To an answer of
// 101, which nobody asks for, net/http adds the connection itself in place of a
// body, and no context ends the reading of it.
type answersOnly struct{ http.RoundTripper }

func (a answersOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	return resp, err
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
		b.warn("AWS_CA_BUNDLE="+quote(b.bundle)+
			" cannot be read as a file of PEM certificates; using the system's certificates",
			"correct the path, or remove AWS_CA_BUNDLE")
		return
	}
	b.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
}

// NetworkError returns the innermost cause of an error in short, which names
// addresses at the most.
func NetworkError(err error) string {
	const most = 160 // bytes
	for {
		inner := errors.Unwrap(err)
		if op, ok := err.(*net.OpError); ok && op.Addr != nil {
			return head(fmt.Sprintf("%s %s: %v", op.Op, op.Addr, op.Err), most) // without our own port
		}
		if inner == nil {
			return head(err.Error(), most)
		}
		err = inner
	}
}

// quote quotes a setting's value, or the head of a long one.
func quote(value string) string { return strconv.Quote(head(value, 80)) }

// head returns the first n bytes of s or a little less, without splitting a
// character.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
