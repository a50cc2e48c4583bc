package wire

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOwnMachine(t *testing.T) {
	for _, tc := range []struct {
		host, header, value string
		allowed             bool
	}{
		{host: "127.0.0.1:9000", allowed: true},
		{host: "127.0.0.1", allowed: true},
		{host: "localhost:9000", allowed: true},
		{host: "[::1]:9000", allowed: true},
		{host: "127.0.0.1:9000", header: "Sec-Fetch-Mode", value: "cors", allowed: true}, // Node.js's fetch
		{host: "127.0.0.1:9000", header: "Origin", value: "https://example.com"},
		{host: "127.0.0.1:9000", header: "Origin", value: "null"},
		{host: "127.0.0.1:9000", header: "Origin"},
		{host: "127.0.0.1:9000", header: "Origin", value: "http://127.0.0.1:9000"},
		{host: "127.0.0.1:9000", header: "Sec-Fetch-Site", value: "cross-site"}, // of an image
		{host: "example.com:9000"},
		{host: "127.0.0.1.example.com"},
		{host: "192.168.1.7:9000"},
		{host: "localhost.example.com"},
		{host: ""},
	} {
		reached := false
		h := OwnMachine(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = tc.host
		if tc.header != "" {
			r.Header[tc.header] = []string{tc.value}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if reached != tc.allowed || (w.Code == http.StatusForbidden) == tc.allowed {
			t.Errorf("%+v: reached %v, %d %s", tc, reached, w.Code, w.Body)
		}
	}
}
