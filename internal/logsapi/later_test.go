package logsapi

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// proven is a connection on which Lambda's first post has been answered.
func (r *rig) proven() *peer {
	r.t.Helper()
	p := r.post(true, "Content-Length: 7\r\n", `["one"]`)
	if s := p.status(time.Second); s != 200 {
		r.t.Fatalf("the first post: %d", s)
	}
	<-r.bodies
	return p
}

// again sends a further post with the token.
func (r *rig) again(p *peer, header, body string) *peer {
	return p.send("POST /" + r.admission.token + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n" + body)
}

// TestLaterPosts: what net/http no longer sees has the bounds of a first post.
func TestLaterPosts(t *testing.T) {
	for name, holds := range map[string]func(*testing.T, *rig, *peer){
		"one after the other": func(t *testing.T, r *rig, p *peer) {
			for i := range 100 {
				want := fmt.Sprintf("[%02d]", i)
				if s := r.again(p, "Content-Length: 4\r\n", want).status(time.Second); s != 200 {
					t.Fatalf("post %d: %d", i, s)
				}
				if got := <-r.bodies; got != want {
					t.Fatalf("body %q, want %q", got, want)
				}
				time.Sleep(time.Hour) // a freeze
			}
		},
		"PUT, chunked": func(t *testing.T, r *rig, p *peer) {
			p.send("PUT /" + r.admission.token + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(100_000))
			if s := p.status(time.Second); s != 200 {
				t.Errorf("answered %d", s)
			}
			if got := <-r.bodies; len(got) != 100_000 {
				t.Errorf("%d bytes", len(got))
			}
		},
		"two at once": func(t *testing.T, r *rig, p *peer) {
			two := "POST /" + r.admission.token + " HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
			p.send(two + "[2]" + two + "[3]")
			for _, want := range []string{"[2]", "[3]"} {
				if s := p.status(time.Second); s != 200 {
					t.Errorf("answered %d", s)
				}
				if got := <-r.bodies; got != want {
					t.Errorf("body %q", got)
				}
			}
		},
		"whoever waits to be told to go on": func(t *testing.T, r *rig, p *peer) {
			r.again(p, "Content-Length: 2\r\nExpect: 100-continue\r\n", "")
			if s := p.status(time.Second); s != 100 {
				t.Errorf("answered %d", s)
			}
			if s := p.send("[]").status(time.Second); s != 200 {
				t.Errorf("answered %d", s)
			}
		},
		"the last one": func(t *testing.T, r *rig, p *peer) {
			if s := r.again(p, "Content-Length: 2\r\nConnection: close\r\n", "[]").status(time.Second); s != 200 {
				t.Errorf("answered %d", s)
			}
			wantClosed(t, p)
		},
		"headerTimeout": func(t *testing.T, r *rig, p *peer) {
			p.send("POST / HTTP/1.1\r\nX")
			if s := p.status(4900 * time.Millisecond); s != 0 {
				t.Errorf("answered %d before 5 s", s)
			}
			if s := p.status(200 * time.Millisecond); s != 400 {
				t.Errorf("answered %d", s)
			}
			wantClosed(t, p)
		},
		"maxHeader": func(t *testing.T, r *rig, p *peer) {
			header := func(n int) string { return "Content-Length: 2\r\nX: " + strings.Repeat("x", n) + "\r\n" }
			if s := r.again(p, header(6<<10), "[]").status(time.Second); s != 200 {
				t.Errorf("6 KiB of header: %d", s)
			}
			if s := r.again(p, header(16<<10), "[]").status(time.Second); s != 400 {
				t.Errorf("16 KiB of header: %d", s)
			}
			wantClosed(t, p)
		},
		"readTimeout": func(t *testing.T, r *rig, p *peer) {
			r.again(p, "Content-Length: 100\r\n", "[")
			if s := p.status(4900 * time.Millisecond); s != 0 {
				t.Errorf("answered %d before 5 s", s)
			}
			if s := p.status(200 * time.Millisecond); s != 400 {
				t.Errorf("answered %d", s)
			}
			wantClosed(t, p)
		},
		"maxBody": func(t *testing.T, r *rig, p *peer) {
			// What is cut off looks like a post, which it is not.
			body := strings.Repeat("x", 4<<20+1) +
				"POST /" + r.admission.token + " HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]"
			if s := r.again(p, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body).status(time.Second); s != 200 {
				t.Errorf("answered %d", s)
			}
			if got := <-r.bodies; len(got) != 4<<20 || r.Counts().CutOff != 1 {
				t.Errorf("%d bytes were handed on, %d bodies cut", len(got), r.Counts().CutOff)
			}
			wantClosed(t, p)
			if len(r.bodies) > 0 {
				t.Errorf("the rest was handed on as a post: %q", <-r.bodies)
			}
		},
		"a body that breaks off": func(t *testing.T, r *rig, p *peer) {
			r.again(p, "Content-Length: 100\r\n", "[")
			synctest.Wait()
			p.Close()
			synctest.Wait()
			if len(r.bodies) > 0 {
				t.Errorf("half a body was handed on: %q", <-r.bodies)
			}
		},
		"another path": func(t *testing.T, r *rig, p *peer) {
			refusedLater(t, r, p, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", 403)
		},
		"another method": func(t *testing.T, r *rig, p *peer) {
			refusedLater(t, r, p, "GET /"+r.admission.token+" HTTP/1.1\r\nHost: x\r\n\r\n", 405)
		},
		"no HTTP": func(t *testing.T, r *rig, p *peer) { refusedLater(t, r, p, "\r\nHELO\r\n\r\n", 400) },
		"Close":   func(t *testing.T, r *rig, p *peer) { r.Close(); wantClosed(t, p) },
		"the connection goes": func(t *testing.T, r *rig, p *peer) {
			p.Close()
			synctest.Wait()
			r.port.mu.Lock()
			defer r.port.mu.Unlock()
			if len(r.port.conns) > 0 {
				t.Errorf("%d connections are counted as open", len(r.port.conns))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				holds(t, r, r.proven())
			})
		})
	}
}

func refusedLater(t *testing.T, r *rig, p *peer, request string, want int) {
	if s := p.send(request).status(time.Second); s != want {
		t.Errorf("answered %d, want %d", s, want)
	}
	wantClosed(t, p)
	if len(r.bodies) > 0 {
		t.Errorf("it was handed on: %q", <-r.bodies)
	}
}

func wantClosed(t *testing.T, p *peer) {
	t.Helper()
	if !p.closed(time.Second) {
		t.Error("the connection is kept")
	}
	if _, err := io.WriteString(p, "x"); err == nil {
		t.Error("more is read")
	}
}

// TestLaterPostsAreReadTwoAtATime: so many bodies of maxBody may be in memory.
func TestLaterPostsAreReadTwoAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var all []*peer
		for i := range 3 {
			p := r.post(true, "Content-Length: 3\r\n", fmt.Sprintf("[%d]", i))
			if s := p.status(time.Second); s != 200 {
				t.Fatalf("answered %d", s)
			}
			all = append(all, p)
		}
		for _, p := range all {
			r.again(p, "Content-Length: 100\r\n", "[")
		}
		synctest.Wait()
		if n := len(r.admission.reading); n != 2 {
			t.Errorf("%d are read", n)
		}
		time.Sleep(11 * time.Second)
		if n := len(r.admission.reading); n != 0 {
			t.Errorf("%d slots are kept", n)
		}
	})
}
