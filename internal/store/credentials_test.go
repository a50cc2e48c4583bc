package store

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// credentialsEndpoint plays the endpoint that exchanges credentials: each answer
// has a key of its own.
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
	key, refresh := provide(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"})
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
		"AWS_ACCESS_KEY_ID": "OWN", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
	})
	wantKey(t, key, "OWN")
	key, _ = provide(t, nil)
	if _, err := key(); err == nil {
		t.Error("no error without credentials")
	}
}
