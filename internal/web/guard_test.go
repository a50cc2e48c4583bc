package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const address = "127.0.0.1:9002"

// ask asks a server as a browser does that is at its page.
func ask(s *Server, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = address
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func server(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	return New(address, c)
}

func TestWhoIsNotAnswered(t *testing.T) {
	s := server(Config{})
	key := []string{keyHeader, s.guard.key}
	for _, test := range []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"the page", "GET", "/", nil, 200},
		{"the page, from a link in a mail", "GET", "/", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"its script", "GET", "/main.js", nil, 200},
		{"another host's name that leads here", "GET", "/", []string{"Host", "evil.example"}, 403},
		{"with our port", "GET", "/", []string{"Host", "evil.example:9002"}, 403},
		{"localhost", "GET", "/", []string{"Host", "localhost:9002"}, 403},
		{"another port", "GET", "/", []string{"Host", "127.0.0.1:9003"}, 403},
		{"no host", "GET", "/", []string{"Host", ""}, 403},
		{"a page of another origin", "GET", "/api/about", append(key, "Origin", "http://evil.example"), 403},
		{"a page of another port", "GET", "/api/about", append(key, "Origin", "http://127.0.0.1:9003"), 403},
		{"a file, a sandbox", "GET", "/api/about", append(key, "Origin", "null"), 403},
		{"an origin that begins like ours", "GET", "/api/about", append(key, "Origin", "http://127.0.0.1:90021"), 403},
		{"what asks before it sends a header", "OPTIONS", "/api/about", []string{"Origin", "http://evil.example"}, 403},
		{"a picture on another site", "GET", "/api/about", append(key, "Sec-Fetch-Site", "cross-site"), 403},
		{"another port of this host", "GET", "/api/about", append(key, "Sec-Fetch-Site", "same-site"), 403},
		{"ourselves", "GET", "/api/about",
			append(key, "Origin", "http://"+address, "Sec-Fetch-Site", "same-origin"), 200},
		{"no key", "GET", "/api/about", nil, 401},
		{"another key", "GET", "/api/about", []string{keyHeader, s.guard.key[1:] + "A"}, 401},
		{"a part of the key", "GET", "/api/about", []string{keyHeader, s.guard.key[:8]}, 401},
		{"a key in a cookie", "GET", "/api/about", []string{"Cookie", keyHeader + "=" + s.guard.key}, 401},
		{"a key in the address", "GET", "/api/about?" + keyHeader + "=" + s.guard.key, nil, 401},
		{"what is not there, without a key", "GET", "/api/nothing", nil, 401},
		{"what is not there", "GET", "/api/nothing", key, 404},
		{"a file that is not there", "GET", "/guard.go", nil, 404},
		{"another method", "POST", "/api/about", key, 405},
		{"another method at the page", "POST", "/", key, 405},
		{"deleting", "DELETE", "/api/cause", key, 405},
		{"a form of another site", "POST", "/api/key", []string{"Content-Type", "text/plain"}, 400},
	} {
		w := ask(s, test.method, test.path, "{}", test.header...)
		if w.Code != test.want {
			t.Errorf("%s: %d, want %d: %s", test.name, w.Code, test.want, w.Body)
		}
		for name, value := range headers {
			if name == "Cache-Control" && w.Code == 404 {
				continue // net/http takes it back
			}
			if got := w.Header().Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s: %s is %q", test.name, name, got)
			}
		}
		if w.Header().Get("Set-Cookie") != "" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: the answer has a cookie, or lets others read it", test.name)
		}
	}
}

// A route that is forgotten here answers somebody without a key.
func TestEveryRouteNeedsTheKey(t *testing.T) {
	s := server(Config{})
	for _, route := range []string{"GET about", "POST link", "GET rows", "GET tail", "GET row", "GET story",
		"GET export", "GET causes", "GET cause", "POST cause"} {
		method, path, _ := strings.Cut(route, " ")
		if w := ask(s, method, "/api/"+path, "{}"); w.Code != 401 || strings.Contains(w.Body.String(), s.guard.key) {
			t.Errorf("%s: %d without a key", route, w.Code)
		}
	}
}

func TestATokenWorksOnce(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	s := server(Config{Now: func() time.Time { return now }})
	before, token, ok := strings.Cut(s.Link(), "#token=")
	if !ok || before != "http://"+address+"/" || len(token) < 20 {
		t.Fatalf("the link is %s#token=%s", before, token)
	}
	trade := func(token string) int { return ask(s, "POST", "/api/key", `{"token":"`+token+`"}`).Code }
	for name, wrong := range map[string]string{"none": "", "another": token[1:] + "A", "a part": token[:10]} {
		if code := trade(wrong); code != 401 {
			t.Errorf("%s: %d", name, code)
		}
	}
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if trade(token) == 200 {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("the token was taken %d times", taken.Load())
	}
	_, old, _ := strings.Cut(s.Link(), "#token=")
	now = now.Add(time.Hour)
	if code := trade(old); code != 401 {
		t.Errorf("after an hour: %d", code)
	}
	_, first, _ := strings.Cut(s.Link(), "#token=")
	for range maxTokens {
		s.Link()
	}
	if code := trade(first); code != 401 || len(s.guard.tokens) != maxTokens {
		t.Errorf("with %d tokens: %d", len(s.guard.tokens), code)
	}
}

func TestTheKeyIsGivenForAToken(t *testing.T) {
	s := server(Config{})
	_, token, _ := strings.Cut(s.Link(), "#token=")
	got := ask(s, "POST", "/api/key", `{"token":"`+token+`"}`).Body.String()
	if want := `{"key":"` + s.guard.key + `"}` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// And another one by who has the key, for another tab.
	body := ask(s, "POST", "/api/link", "{}", keyHeader, s.guard.key).Body.String()
	if got := ask(s, "POST", "/api/key", body); got.Code != 200 {
		t.Errorf("the token %s of a link: %d", body, got.Code)
	}
}

func TestWhatASenderMaySend(t *testing.T) {
	s := server(Config{})
	long := `{"token":"` + strings.Repeat("a", maxBody) + `"}`
	if w := ask(s, "POST", "/api/key", long); w.Code != 400 || !strings.Contains(w.Body.String(), "too large") {
		t.Errorf("a body of %d bytes: %d %s", len(long), w.Code, w.Body)
	}
}

func TestThePageIsReadOnly(t *testing.T) {
	for _, s := range []*Server{server(Config{}), server(Config{About: About{Resolve: true}})} {
		body := `{"module":"m","locator":"7","state":"resolved"}`
		if w := ask(s, "POST", "/api/cause", body, keyHeader, s.guard.key); w.Code != http.StatusForbidden {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
