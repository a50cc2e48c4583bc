package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// keyHeader is where requests have the key. A page of another origin cannot
	// set it without asking, which is refused.
	keyHeader = "X-Logtable-Key"
	// tokenLife is how long a token waits to be traded.
	tokenLife = time.Hour
	// maxTokens is how many wait; then the oldest no longer works.
	maxTokens = 32
)

// contentPolicy lets the page load its own files and ask its own server, and
// nothing else; no text becomes markup.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// headers are those of every answer.
var headers = map[string]string{
	"Content-Security-Policy":      contentPolicy,
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// A guard decides who is answered. A name that somebody's DNS points to this
// machine is not our Host; a page of another origin says so, or cannot set the
// key; another user of the machine has neither token nor key.
type guard struct {
	address string // host and port
	key     string
	now     func() time.Time

	mu     sync.Mutex // guards tokens
	tokens []token    // the oldest first
}

// token is one that has not been traded, by its digest.
type token struct {
	digest [sha256.Size]byte
	made   time.Time
}

func newGuard(address string, now func() time.Time) *guard {
	return &guard{address: address, key: rand.Text(), now: now}
}

// token makes one.
func (g *guard) token() string {
	text := rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = append(g.tokens, token{sha256.Sum256([]byte(text)), g.now()})
	g.tokens = g.tokens[max(0, len(g.tokens)-maxTokens):]
	return text
}

// trade takes a token out, and reports whether it was good.
func (g *guard) trade(text string) bool {
	digest := sha256.Sum256([]byte(text))
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, t := range g.tokens {
		if t.digest == digest {
			g.tokens = append(g.tokens[:i:i], g.tokens[i+1:]...)
			return g.now().Sub(t.made) < tokenLife
		}
	}
	return false
}

// check passes on the requests that are answered.
func (g *guard) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if text := g.refusal(r); text != "" {
			fail(w, http.StatusForbidden, Failure{Error: text})
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/api/key" && !g.has(r) {
			fail(w, http.StatusUnauthorized, Failure{
				Error: "this needs a key: open a link that logtable web has printed",
			})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// refusal says why a request is none of ours; "" if it is.
func (g *guard) refusal(r *http.Request) string {
	own := "http://" + g.address
	if r.Host != g.address {
		return "this host is not served: open " + own
	}
	if origins := r.Header.Values("Origin"); len(origins) > 1 || len(origins) == 1 && origins[0] != own {
		return "pages of other origins are not served: open " + own
	}
	// Who follows a link to the page comes from elsewhere; who asks for data
	// does not.
	if site := r.Header.Get("Sec-Fetch-Site"); strings.HasPrefix(r.URL.Path, "/api/") && site != "" &&
		site != "same-origin" {
		return "pages of other sites are not served: open " + own
	}
	return ""
}

// has reports whether a request has the key.
func (g *guard) has(r *http.Request) bool {
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(keyHeader)), []byte(g.key)) == 1
}
