package awsenv

import (
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrNoRegion is returned by Load if neither a region is set nor an endpoint
// that needs none. Lambda always sets one.
var ErrNoRegion = errors.New("cannot write to DynamoDB without a region: set AWS_REGION")

// An Environment is what is needed to make requests to AWS.
type Environment struct {
	Region      string // where the function runs; us-east-1 where only an endpoint is set
	Credentials aws.CredentialsProvider
	// Refresh has the credentials asked for again with the next request.
	Refresh func()
	HTTP    *HTTPClient
	// DynamoDB is the endpoint that is set for DynamoDB; "" for AWS's own.
	DynamoDB  string
	FIPS      bool // requests go to FIPS endpoints
	DualStack bool // requests go to endpoints that have IPv6, too

	getenv func(string) string
}

// Load reads the settings that Lambda and the function's owner put into the
// environment:
//
//   - AWS_REGION, else AWS_DEFAULT_REGION;
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else
//     AWS_CONTAINER_CREDENTIALS_FULL_URI with
//     AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or else
//     AWS_CONTAINER_AUTHORIZATION_TOKEN (as under SnapStart); asked for with
//     the first request, and again with the first one in the minute before
//     they expire;
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
// warn is called for a setting that is refused and replaced, with what to do
// about it. The Environment is never nil; with an error, nothing can be sent
// from it.
func Load(getenv func(string) string, warn func(message, advice string)) (*Environment, error) {
	e := &Environment{
		Region:    getenv("AWS_REGION"),
		HTTP:      newHTTPClient(getenv("AWS_CA_BUNDLE"), warn),
		FIPS:      isTrue(getenv("AWS_USE_FIPS_ENDPOINT")),
		DualStack: isTrue(getenv("AWS_USE_DUALSTACK_ENDPOINT")),
		getenv:    getenv,
	}
	e.Credentials, e.Refresh = credentials(getenv)
	e.DynamoDB = e.Endpoint("AWS_ENDPOINT_URL_DYNAMODB", func(name, value string) {
		warn(name+"="+quote(value)+" is not a URL; using DynamoDB's regional endpoint", EndpointAdvice(name))
	})
	if e.Region == "" {
		e.Region = getenv("AWS_DEFAULT_REGION")
	}
	switch {
	case e.Region != "":
	case e.DynamoDB != "":
		e.Region = "us-east-1" // signs, but leads nowhere
	default:
		return e, ErrNoRegion
	}
	return e, nil
}

// Endpoint returns the endpoint that is set for a service, in the order that
// AWS documents for its SDKs: the service's own variable, else
// AWS_ENDPOINT_URL, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true; "" for
// AWS's own. refused is called for each that is not a URL.
func (e *Environment) Endpoint(variable string, refused func(name, value string)) string {
	if isTrue(e.getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
		return ""
	}
	for _, name := range []string{variable, "AWS_ENDPOINT_URL"} {
		value := e.getenv(name)
		switch {
		case value == "":
		case IsEndpoint(value):
			return value
		default:
			refused(name, value)
		}
	}
	return ""
}

// IsEndpoint reports whether s is the URL of an endpoint,
// http://127.0.0.1:8000.
func IsEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// EndpointAdvice says what to do about a variable that Endpoint refuses.
func EndpointAdvice(variable string) string {
	return "write " + variable + " as https://host:port or remove it"
}

func isTrue(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "true") }
