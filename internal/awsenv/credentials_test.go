package awsenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// credentialsEndpoint plays the endpoint that exchanges credentials: each
// answer has a key of its own.
type credentialsEndpoint struct {
	life  time.Duration
	token string

	mu      sync.Mutex
	answers int
}

func (e *credentialsEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Header.Get("Authorization") != e.token {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	e.answers++
	json.NewEncoder(w).Encode(map[string]string{
		"AccessKeyId": fmt.Sprint("KEY", e.answers), "SecretAccessKey": "secret", "Token": "session",
		"Expiration": time.Now().Add(e.life).UTC().Format(time.RFC3339),
	})
}

func (e *credentialsEndpoint) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// provide returns a function that asks the provider of an environment for the
// access key, and the provider's refresh.
func provide(t *testing.T, env map[string]string) (key func() (string, error), refresh func()) {
	provider, refresh := credentials(func(name string) string { return env[name] })
	return func() (string, error) {
		c, err := provider.Retrieve(t.Context())
		return c.AccessKeyID, err
	}, refresh
}

func wantKey(t *testing.T, key func() (string, error), want string) {
	t.Helper()
	if got, err := key(); got != want || err != nil {
		t.Errorf("access key %q, %v; want %s", got, err, want)
	}
}

func TestCredentialsAreKeptUntilAMinuteBeforeTheyExpire(t *testing.T) {
	e := &credentialsEndpoint{life: time.Hour, token: "t"}
	server := httptest.NewServer(e)
	defer server.Close()
	key, refresh := provide(t, map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t",
	})
	if e.answers != 0 {
		t.Error("credentials were asked for before the first request")
	}
	wantKey(t, key, "KEY1")
	wantKey(t, key, "KEY1")
	refresh() // DynamoDB has said that they have expired
	e.set(func() { e.life = 30 * time.Second })
	wantKey(t, key, "KEY2")
	wantKey(t, key, "KEY3") // the last minute has begun
}

// The token of the request for credentials is exchanged, too, where it is in a
// file.
func TestTheTokenFileIsReadAgain(t *testing.T) {
	e := &credentialsEndpoint{life: 30 * time.Second, token: "first"}
	server := httptest.NewServer(e)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, _ := provide(t, map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "out of date",
	})
	if _, err := key(); err == nil {
		t.Error("no error without the file")
	}
	write("first\n")
	wantKey(t, key, "KEY1")
	write("second")
	e.set(func() { e.token = "second" })
	wantKey(t, key, "KEY2")
}

func TestKeysInTheEnvironmentGoFirst(t *testing.T) {
	key, _ := provide(t, map[string]string{
		"AWS_ACCESS_KEY_ID": "OWN", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
	})
	wantKey(t, key, "OWN")
	key, _ = provide(t, nil)
	if _, err := key(); err == nil {
		t.Error("no error without credentials")
	}
}

// answers is an endpoint that says the same to every question, and counts them.
type answers struct {
	status int
	body   string

	asked atomic.Int32
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if a.status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

const someCredentials = `{"AccessKeyId":"K","SecretAccessKey":"s","Token":"t"}`

// Whatever the endpoint says, it is asked once, and what is wrong is said of
// the credentials and not of DynamoDB.
func TestWhatTheCredentialsEndpointMaySay(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		says   string // "" if there are credentials
	}{
		"good":             {200, someCredentials, ""},
		"expired":          {200, `{"AccessKeyId":"K","SecretAccessKey":"s","Expiration":"2001-01-01T00:00:00Z"}`, ""},
		"500":              {500, `{"code":"InternalError","message":"x"}`, "HTTP 500"},
		"throttled":        {429, `slow down`, "HTTP 429"},
		"denied":           {403, `{"code":"AccessDenied","message":"not authorized to perform"}`, "HTTP 403"},
		"wrong path":       {404, ``, "HTTP 404"},
		"moved":            {302, someCredentials, "HTTP 302"},
		"an error of null": {403, `null`, "HTTP 403"},
		"HTML":             {200, `<html>sign in</html>`, "is not JSON with credentials"},
		"empty":            {200, ``, "is not JSON with credentials"},
		"no keys":          {200, `{}`, "contains no credentials"},
		"null":             {200, `null`, "is not JSON with credentials"},
		"an array":         {200, `[]`, "is not JSON with credentials"},
		"no expiration":    {200, `{"AccessKeyId":"K","SecretAccessKey":"s","Token":null,"Expiration":null}`, ""},
		"another type":     {200, `{"AccessKeyId":7}`, "is not JSON with credentials"},
		"not a time": {200, `{"AccessKeyId":"K","SecretAccessKey":"s","Expiration":"soon"}`, "is not JSON with " +
			"credentials"},
		"half of an answer": {200, someCredentials[:20], "is not JSON with credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &answers{status: c.status, body: c.body}
			server := httptest.NewServer(e)
			defer server.Close()
			key, _ := provide(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL})
			got, err := key()
			if n := e.asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if c.says == "" {
				if got != "K" || err != nil {
					t.Errorf("access key %q, %v", got, err)
				}
				return
			}
			aboutCredentials(t, err, c.says, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
		})
	}
}

// aboutCredentials checks that an error, which the SDK has wrapped, is about
// the credentials and not about DynamoDB.
func aboutCredentials(t *testing.T, err error, says, advises string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	var about *CredentialsError
	if !errors.As(fmt.Errorf("operation error DynamoDB: BatchWriteItem, get identity: %w", err), &about) {
		t.Fatalf("%v is not about the credentials", err)
	}
	why, advice := about.Error(), about.Advice
	if !strings.HasPrefix(why, "cannot get credentials: ") || !strings.Contains(why, says) ||
		!strings.Contains(advice, advises) || strings.Contains(why+advice, "DynamoDB") ||
		strings.Contains(advice, "BatchWriteItem") {
		t.Errorf("%q, do %q", why, advice)
	}
}

func TestCredentialsThatCannotBeAskedFor(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct {
		env           map[string]string
		says, advises string
	}{
		"nobody listens": {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": gone.URL}, "no connection to the " +
			"endpoint", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		"not a URL": {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "::"}, "is not a URL",
			"AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		"no host": {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "credentials"}, "is not a URL",
			"AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		"no token file": {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": gone.URL,
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/token"},
			"cannot read the token file", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
		"two lines": {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": gone.URL,
			"AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nb: c"},
			"more than one line", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			key, _ := provide(t, c.env)
			_, err := key()
			aboutCredentials(t, err, c.says, c.advises)
		})
	}
}

// A roundTrip is an HTTP transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A question to an endpoint that hangs has an end, whether or not the endpoint
// has begun to answer, and so has a request whose own time is shorter.
func TestAQuestionForCredentialsIsBounded(t *testing.T) {
	stuck := func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() }
	for name, transport := range map[string]roundTrip{
		"before the answer": func(r *http.Request) (*http.Response, error) { return nil, stuck(r) },
		"within the answer": func(r *http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(`{"AccessKeyId":`), readerFunc(func([]byte) (int, error) {
				return 0,
					stuck(r)
			}))
			return &http.Response{StatusCode: 200, Body: io.NopCloser(body), Header: http.Header{}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newContainerCredentials("http://169.254.170.2/credentials", func(string) string { return "" })
				c.client.Transport = transport
				began := time.Now()
				_, err := c.Retrieve(context.Background())
				if took := time.Since(began); took != time.Second {
					t.Errorf("a question took %v", took)
				}
				aboutCredentials(t, err, "did not answer in time", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
				ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
				defer cancel()
				_, err = namedErrors{aws.NewCredentialsCache(c)}.Retrieve(ctx)
				aboutCredentials(t, err, "did not answer in time", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is not a time-out", err)
				}
				time.Sleep(time.Second) // the cache goes on asking
			})
		})
	}
}

// Nor does an endpoint that would talk another protocol hold anybody: no
// context ends the reading of a connection that it has handed over.
func TestTheCredentialsEndpointSwitchesNoProtocol(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is not closed: %v", err)
		}
	}))
	defer server.Close()
	key, _ := provide(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL})
	_, err := key()
	aboutCredentials(t, err, "the endpoint answered HTTP 101", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// No more is read of an answer, or of a token's file, than the real ones have.
func TestWhatIsReadForCredentialsIsBounded(t *testing.T) {
	read := 0
	endless := readerFunc(func(p []byte) (int, error) { // within reason, for a test that fails
		if read > 4<<20 {
			return 0, io.EOF
		}
		read += len(p)
		for i := range p {
			p[i] = ' '
		}
		return len(p), nil
	})
	for _, status := range []int{200, 500} {
		c := newContainerCredentials("http://169.254.170.2/credentials", func(string) string { return "" })
		c.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(endless), Header: http.Header{}}, nil
		})
		read = 0
		if _, err := c.Retrieve(t.Context()); err == nil || read > 1<<20 {
			t.Errorf("HTTP %d: %d bytes read, %v", status, read, err)
		}
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newContainerCredentials("http://169.254.170.2/credentials",
		func(name string) string { return map[string]string{credentialsFile: file}[name] })
	if token, err := c.authorization(); err != nil || len(token) > 1<<20 {
		t.Errorf("a token of %d bytes, %v", len(token), err)
	}
}
