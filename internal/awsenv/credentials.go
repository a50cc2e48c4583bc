package awsenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/logtable/logtable/internal/jsonscan"
)

// CredentialsURI is the variable that names the endpoint at which Lambda
// exchanges credentials.
const CredentialsURI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"

const (
	credentialsFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

	// credentialsTime bounds one question to the credentials endpoint, which is
	// in the same environment: half of what an invocation is held for.
	credentialsTime = time.Second
	// maxCredentials bounds what is read of its answer, in bytes; a usual one
	// has 1 to 3 KB.
	maxCredentials = 64 << 10
	// maxToken bounds the token file, in bytes.
	maxToken = 64 << 10
)

// ErrNoCredentials is what an Environment's credentials provider returns where
// the environment has none.
var ErrNoCredentials = errors.New("the environment has neither AWS_ACCESS_KEY_ID nor " + CredentialsURI)

// A CredentialsError says that no request could be signed, and so none was
// sent: it is never about DynamoDB or SNS, whatever its cause is.
type CredentialsError struct {
	Why    string // without anybody's data: "the endpoint answered HTTP 500"
	Advice string // what to do
	Err    error  // the cause, or nil
}

func (e *CredentialsError) Error() string { return "cannot get credentials: " + e.Why }

func (e *CredentialsError) Unwrap() error { return e.Err }

// credentials returns what requests are signed with. refresh has the next
// request ask for others, where there is somebody to ask.
func credentials(getenv func(string) string) (provider aws.CredentialsProvider, refresh func()) {
	if uri := getenv(CredentialsURI); uri != "" && getenv("AWS_ACCESS_KEY_ID") == "" {
		cache := aws.NewCredentialsCache(newContainerCredentials(uri, getenv), func(o *aws.CredentialsCacheOptions) {
			o.ExpiryWindow = time.Minute
		})
		return namedErrors{cache}, cache.Invalidate
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{
			AccessKeyID:     getenv("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    getenv("AWS_SESSION_TOKEN"),
			Source:          "environment",
		}
		if !c.HasKeys() {
			return c, ErrNoCredentials
		}
		return c, nil
	}), func() {} // fixed for the life of the environment
}

// namedErrors makes a *CredentialsError of every error of the cache,
// which gives up by itself when the request's time is over.
type namedErrors struct{ *aws.CredentialsCache }

func (n namedErrors) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := n.CredentialsCache.Retrieve(ctx)
	var named *CredentialsError
	if err != nil && !errors.As(err, &named) {
		err = credentialsError("the endpoint did not answer in time", err)
	}
	return c, err
}

func credentialsError(why string, err error) error {
	return &CredentialsError{Why: why, Err: err,
		Advice: "if this persists, check " + CredentialsURI + " and its token (used with SnapStart and managed " +
			"instances): Lambda sets them, and the function must neither change them nor block the endpoint"}
}

// containerCredentials asks the endpoint at which Lambda exchanges credentials
// under SnapStart and on managed instances: once per request of ours.
//
// The SDK's own provider asks up to three times, with pauses of up to a second,
// while the Store tries again by itself and knows for how long it may. The
// SDK's also reads answers of any length, and one that is the JSON value null
// ends the process.
type containerCredentials struct {
	uri       string
	token     string
	tokenFile string // goes before token
	client    *http.Client
}

func newContainerCredentials(uri string, getenv func(string) string) *containerCredentials {
	return &containerCredentials{
		uri: uri, token: getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"), tokenFile: getenv(credentialsFile),
		client: &http.Client{
			Timeout: credentialsTime,
			Transport: answersOnly{&http.Transport{Proxy: nil, MaxIdleConnsPerHost: 1,
				IdleConnTimeout: 5 * time.Second}},
			// Whoever redirects shall not have the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Retrieve implements aws.CredentialsProvider. Its errors are
// *CredentialsError.
func (e *containerCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.uri, nil)
	if err != nil || req.URL.Host == "" {
		return aws.Credentials{}, credentialsError(CredentialsURI+" is not a URL", nil)
	}
	token, err := e.authorization()
	if err != nil {
		return aws.Credentials{}, err
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	resp, err := e.client.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return aws.Credentials{}, credentialsError("the endpoint did not answer in time", err)
	case err != nil:
		return aws.Credentials{}, credentialsError("no connection to the endpoint: "+NetworkError(err), nil)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCredentials))
	switch {
	case resp.StatusCode != http.StatusOK:
		return aws.Credentials{}, credentialsError(fmt.Sprintf("the endpoint answered HTTP %d", resp.StatusCode), nil)
	case errors.Is(err, context.DeadlineExceeded):
		return aws.Credentials{}, credentialsError("the endpoint did not answer in time", err)
	case err != nil:
		return aws.Credentials{}, credentialsError("the endpoint's answer was cut off", nil)
	}
	return parseCredentials(body)
}

// authorization is the token that the endpoint wants to see. A file is read
// each time, because the token is exchanged like the credentials.
func (e *containerCredentials) authorization() (string, error) {
	token := e.token
	if e.tokenFile != "" {
		f, err := os.Open(e.tokenFile)
		if err != nil {
			return "", tokenError("cannot read the token file: "+NetworkError(err), err)
		}
		defer f.Close()
		content, err := io.ReadAll(io.LimitReader(f, maxToken))
		if err != nil {
			return "", tokenError("cannot read the token file: "+NetworkError(err), err)
		}
		token = strings.TrimSpace(string(content))
	}
	if strings.ContainsAny(token, "\r\n") {
		return "", tokenError("the token has more than one line", nil)
	}
	return token, nil
}

func tokenError(why string, err error) error {
	return &CredentialsError{Why: why, Err: err,
		Advice: "check " + credentialsFile + ": Lambda sets it, and the function must change neither it nor the file"}
}

// parseCredentials reads the endpoint's answer. Credentials that have expired
// by our clock are credentials: the clock may be wrong, and AWS will say.
func parseCredentials(body []byte) (aws.Credentials, error) {
	c := aws.Credentials{Source: "endpoint"}
	answer := jsonscan.Whole(body)
	err := answer.Strings(map[string]*string{
		"AccessKeyId": &c.AccessKeyID, "SecretAccessKey": &c.SecretAccessKey, "Token": &c.SessionToken,
	})
	if expiration := answer.Find(`"Expiration"`); err == nil && expiration != nil && string(expiration) != "null" {
		c.CanExpire, err = true, c.Expires.UnmarshalJSON(expiration)
	}
	if answer == nil || err != nil {
		return aws.Credentials{}, credentialsError("the endpoint's answer is not JSON with credentials", nil)
	}
	if !c.HasKeys() {
		return aws.Credentials{}, credentialsError("the endpoint's answer contains no credentials", nil)
	}
	return c, nil
}
