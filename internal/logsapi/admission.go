package logsapi

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync/atomic"
)

const (
	// maxUnproven is maxBody for a post without the token: an emulator's lines
	// are short.
	maxUnproven = 1 << 20
	// maxReading is how many posts with the token are read at once, and
	// maxStrangers how many without. Lambda sends one after another, so that
	// more are somebody else's: the former wait, the latter are refused.
	maxReading, maxStrangers = 2, 2
)

// An admission decides whose posts are read. The port is open to whoever is in
// the environment; what Lambda posts carries the token.
type admission struct {
	token     string
	locked    atomic.Bool   // a post has carried the token
	refused   atomic.Int64  // posts that are not Lambda's
	reading   chan struct{} // the slots for Lambda's posts: holds a token per post that is read
	strangers chan struct{} // the same for posts that may be anybody's
}

func newAdmission() admission {
	return admission{
		token:   rand.Text(),
		reading: make(chan struct{}, maxReading), strangers: make(chan struct{}, maxStrangers),
	}
}

// admit waits for a slot to read a post's body, of at most limit bytes. When
// that is done, the caller receives from the slot. Or else it says why the post
// is refused.
func (a *admission) admit(r *http.Request) (slot chan struct{}, limit int, refused *refusal) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, 0, notPosted
	}
	switch a.origin(r) {
	case lambdas:
		a.reading <- struct{}{}
		return a.reading, maxBody, nil
	case anybodys:
		select {
		case a.strangers <- struct{}{}:
			return a.strangers, maxUnproven, nil
		default:
			a.refused.Add(1)
			return nil, 0, crowded
		}
	}
	a.refused.Add(1)
	return nil, 0, wrongPath
}

// An origin is whose post a post is.
type origin int

const (
	strangers origin = iota + 1
	anybodys         // may be Lambda's, or not
	lambdas
)

// origin decides by the path. AWS's emulator posts to / whatever the path of
// the subscription, from the same machine: so until the token has been seen
// once, what comes so may be Lambda's. Lambda itself posts as soon as the
// subscription is made, long before the function has its first invocation.
func (a *admission) origin(r *http.Request) origin {
	c, _ := r.Context().Value(connKey{}).(*conn)
	switch {
	case c == nil:
		return strangers
	case subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte("/"+a.token)) == 1:
		a.locked.Store(true)
		c.prove()
		return lambdas
	case !a.locked.Load() && r.URL.Path == "/" && c.local():
		return anybodys
	}
	return strangers
}

// A refusal is an answer to a post whose body is not read.
type refusal struct {
	status int
	why    string
}

var (
	notPosted = &refusal{http.StatusMethodNotAllowed, "use POST or PUT"}
	crowded   = &refusal{http.StatusServiceUnavailable, "too many connections"}
	wrongPath = &refusal{http.StatusForbidden, "this is not the path of the subscription"}
	brokeOff  = &refusal{http.StatusBadRequest, "the body was cut off"}
)

// answer ends the connection with the answer.
func (no *refusal) answer(w http.ResponseWriter, rc *http.ResponseController) {
	if no == notPosted {
		w.Header().Set("Allow", "POST, PUT")
	}
	abandon(w, rc)
	http.Error(w, no.why, no.status)
}
