package logsapi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimits has a row for every limit of this package: its value, why it is
// there, and what fails without it. Time is synctest's, the network net.Pipe's.
func TestLimits(t *testing.T) {
	for _, limit := range []struct {
		name, value, why string
		holds            func(*testing.T)
	}{
		{"maxConns", "64", "the process has 1,024 descriptors, and needs some for DynamoDB and /tmp", connections},
		{"maxConns, all with the token", "64", "not even Lambda's may be more", provenConnections},
		{"chance", "10 ms", "what was sent at once with a connection is read, however many connect", everybodysChance},
		{"headerTimeout", "5 s", "a connection that says nothing goes", silentConnection},
		{"maxHeader", "8 KiB + net/http's 4", "64 connections' headers wait in memory", longHeader},
		{"readTimeout", "5 s", "a body at a byte a second is not read for ever", slowBody},
		{"no body of a refused post", "0 bytes", "who is refused costs nothing more", refusedBody},
		{"no connection of a refused post", "1 s", "a stranger's connection is not kept", refusedConnection},
		{"maxBody", "4 MiB", "memory", func(t *testing.T) { longBody(t, true, 4<<20) }},
		{"maxUnproven", "1 MiB", "memory, for who may be anybody", func(t *testing.T) { longBody(t, false, 1<<20) }},
		{"memory of a body", "maxBody", "a buffer that is doubled without a bound takes twice as much", bodyMemory},
		{"maxReading", "2", "so many bodies of maxBody may be in memory", readAtOnce},
		{"maxStrangers", "2", "so many of maxUnproven, and the next does not wait", strangersAtOnce},
		{"no other path than /", "-", "before the token, too, a stranger must not guess", otherPaths},
		{"no other machine", "-", "an emulator that drops the path runs on ours", otherMachines},
		{"slots of their own", "-", "what may be anybody's does not delay Lambda's first post", lambdasSlot},
		{"maxSpares, maxSpare", "2 of 300 KiB", "memory that waits for the next bodies", spareMemory},
		{"remembered", "64", "memory of digests", rememberedBodies},
		{"maxPending", "2 MiB", "memory of bodies that wait for the intake: beyond, Lambda keeps them", backPressure},
		{"maxPending, a body beyond it", "2 MiB", "the largest body is twice that, and must pass", largerThanTheRoom},
		{"maxPending, after a panic", "-", "Lambda must get its answer", roomAfterAPanic},
		{"maxPending, after Close", "-", "what was read is handled", roomAfterClose},
		{"maxResyncs", "64", "each attempt may read to the body's end", resyncs},
		{"subscribeTries, subscribeTime", "3 of 2 s", "the subscription must not hold init", subscribeTime},
		{"maxAnswer", "4 KiB", "memory, and a diagnostic of that length", longAnswer},
	} {
		t.Run(limit.name, func(t *testing.T) {
			t.Logf("%s: %s", limit.value, limit.why)
			synctest.Test(t, limit.holds)
		})
	}
}

func connections(t *testing.T) {
	r := newRig(t)
	lambda := r.post(true, "Content-Length: 2\r\n", "[]")
	if s := lambda.status(time.Second); s != 200 {
		t.Fatalf("Lambda's post: %d", s)
	}
	var strangers []*peer
	for range 200 {
		strangers = append(strangers, r.dial())
		time.Sleep(20 * time.Millisecond)
	}
	if n := open(strangers); n != 63 {
		t.Errorf("%d connections of strangers are open beside Lambda's", n)
	}
	if n := r.Counts().Closed; n != 200-63 {
		t.Errorf("%d connections are counted as closed", n)
	}
	lambda.send("POST /" + r.admission.token + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[1]")
	if b := <-r.bodies; b != "[]" {
		t.Errorf("body %q", b)
	}
	if b := <-r.bodies; b != "[1]" {
		t.Errorf("body %q", b)
	}
}

func provenConnections(t *testing.T) {
	r := newRig(t)
	var all []*peer
	for range 100 {
		all = append(all, r.post(true, "Content-Length: 2\r\n", "[]"))
		time.Sleep(20 * time.Millisecond)
		if s := all[len(all)-1].status(time.Second); s != 200 {
			t.Fatalf("post %d: %d", len(all), s)
		}
	}
	if n := open(all); n != 64 {
		t.Errorf("%d connections are open", n)
	}
}

func everybodysChance(t *testing.T) {
	r := newRig(t)
	var all []*peer
	for range 300 {
		all = append(all, r.dial())
	}
	synctest.Wait()
	if n := r.Counts().Closed; n != 0 {
		t.Errorf("%d connections were closed as soon as they were open", n)
	}
	time.Sleep(time.Second)
	if n := open(all); n != 64 {
		t.Errorf("%d connections are open", n)
	}
}

func silentConnection(t *testing.T) {
	r := newRig(t)
	p, half := r.dial(), r.dial().send("POST / HTTP/1.1\r\nX")
	if p.closed(4900*time.Millisecond) || !p.closed(200*time.Millisecond) || !half.closed(time.Second) {
		t.Error("not closed after 5 s")
	}
}

func longHeader(t *testing.T) {
	r := newRig(t)
	header := func(n int) string { return "Content-Length: 2\r\nX: " + strings.Repeat("x", n) + "\r\n" }
	if s := r.post(true, header(6<<10), "[]").status(time.Second); s != 200 {
		t.Errorf("6 KiB of header: %d", s)
	}
	if s := r.post(true, header(16<<10), "[]").status(time.Second); s != 431 {
		t.Errorf("16 KiB of header: %d", s)
	}
}

func slowBody(t *testing.T) {
	r := newRig(t)
	for _, token := range []bool{false, true} {
		p := r.post(token, "Content-Length: 100\r\n", "[")
		go func() {
			for {
				time.Sleep(time.Second)
				if _, err := io.WriteString(p, " "); err != nil {
					return
				}
			}
		}()
		if s := p.status(4900 * time.Millisecond); s != 0 {
			t.Errorf("answered %d before 5 s", s)
		}
		if s := p.status(200 * time.Millisecond); s != 400 {
			t.Errorf("answered %d after 5 s", s)
		}
		if !p.closed(time.Second) {
			t.Error("not closed")
		}
	}
}

func refusedBody(t *testing.T) {
	r := newRig(t)
	r.admission.locked.Store(true)
	for _, header := range []string{"Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"} {
		p := r.post(false, header, "")
		if s := p.status(time.Millisecond); s != 403 {
			t.Fatalf("answered %d", s)
		}
		time.Sleep(time.Second)
		if n, err := io.WriteString(p, "1\r\nx\r\n"); err == nil {
			t.Errorf("%d bytes of a refused body were read", n)
		}
	}
}

func refusedConnection(t *testing.T) {
	r := newRig(t)
	for name, p := range map[string]*peer{
		"GET":     r.dial().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"OPTIONS": r.dial().send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
		"guessed": r.dial().send("POST /guessed HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
		"anybody": r.post(false, "Content-Length: 2\r\n", "[]"),
	} {
		if s := p.status(time.Second); s <= 0 {
			t.Errorf("%s: answered %d", name, s)
		}
		if !p.closed(time.Second) {
			t.Errorf("%s: the connection is kept", name)
		}
	}
}

// chunked is a body without an announced length.
func chunked(n int) string {
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))
}

func longBody(t *testing.T, token bool, limit int) {
	r := newRig(t)
	for i, body := range []string{chunked(limit + 100), chunked(limit)} {
		p := r.post(token, "Transfer-Encoding: chunked\r\n", body)
		if s := p.status(time.Second); s != 200 {
			t.Errorf("answered %d", s)
		}
		if got := <-r.bodies; len(got) != limit {
			t.Errorf("%d bytes were handed on", len(got))
		}
		if n := r.Counts().CutOff; n != 1 {
			t.Errorf("%d bodies are counted as cut after %d", n, i+1)
		}
	}
}

func bodyMemory(t *testing.T) {
	for _, n := range []int{1, 100_000, 4<<20 - 1, 4 << 20, 4<<20 + 1, 64 << 20} {
		body, err := readBody(io.LimitReader(zeros{}, int64(n)), nil, maxBody)
		if err != nil || len(body) != min(n, 4<<20+1) || cap(body) > 4<<20+1 {
			t.Errorf("%d bytes: %d are read into %d, %v", n, len(body), cap(body), err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func readAtOnce(t *testing.T) {
	r := newRig(t)
	expect := "Content-Length: 2\r\nExpect: 100-continue\r\n"
	first := r.post(true, expect, "")
	second := r.post(true, expect, "")
	third := r.post(true, expect, "")
	n := 0
	for _, p := range []*peer{first, second, third} {
		if p.status(time.Second) == 100 {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d bodies are read at once", n)
	}
}

func strangersAtOnce(t *testing.T) {
	r := newRig(t)
	first, second := r.post(false, "Content-Length: 100\r\n", "["), r.post(false, "Content-Length: 100\r\n", "[")
	synctest.Wait()
	if s := r.post(false, "Content-Length: 2\r\n", "[]").status(time.Millisecond); s != 503 {
		t.Errorf("the third is answered %d", s)
	}
	if first.status(6*time.Second) != 400 || second.status(time.Second) != 400 {
		t.Error("the first two are not answered 400")
	}
	if s := r.post(false, "Content-Length: 2\r\n", "[]").status(time.Second); s != 200 {
		t.Errorf("after them: %d", s)
	}
}

func otherPaths(t *testing.T) {
	r := newRig(t)
	for path, want := range map[string]int{
		"/": 200, "/telemetry": 403, "//": 403, "/" + strings.ToLower(r.admission.token): 403,
	} {
		p := r.dial().send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
		if s := p.status(time.Second); s != want {
			t.Errorf("%s: answered %d, want %d", path, s, want)
		}
	}
}

func otherMachines(t *testing.T) {
	r := newRig(t)
	for ip, want := range map[string]int{
		"127.0.0.1": 200, "169.254.100.5": 200, "::1": 200, "10.0.0.1": 200, "10.0.0.2": 403, "192.0.2.1": 403,
	} {
		p := r.dialFrom(net.ParseIP(ip)).send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
		if s := p.status(time.Second); s != want {
			t.Errorf("from %s: answered %d, want %d", ip, s, want)
		}
	}
	// Whoever knows the token may come from anywhere.
	far := r.dialFrom(net.ParseIP("192.0.2.1"))
	p := far.send("POST /" + r.admission.token + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
	if s := p.status(time.Second); s != 200 {
		t.Errorf("with the token: answered %d", s)
	}
}

func lambdasSlot(t *testing.T) {
	r := newRig(t)
	for range 10 {
		r.post(false, "Content-Length: 100\r\n", "[")
	}
	synctest.Wait()
	if s := r.post(true, "Content-Length: 2\r\n", "[]").status(time.Millisecond); s != 200 {
		t.Errorf("Lambda's first post is answered %d", s)
	}
}

func spareMemory(t *testing.T) {
	r := newRig(t)
	for i, n := range []int{1000, 200 << 10, 400 << 10, 2 << 20, 250 << 10, 100 << 10, 299 << 10} {
		body := strings.Repeat(fmt.Sprint(i), n)
		if s := r.post(true, fmt.Sprintf("Content-Length: %d\r\n", n), body).status(time.Second); s != 200 {
			t.Fatalf("answered %d", s)
		}
		<-r.bodies
	}
	synctest.Wait()
	r.backlog.mu.Lock()
	defer r.backlog.mu.Unlock()
	if len(r.backlog.spares) != 2 {
		t.Errorf("%d spares", len(r.backlog.spares))
	}
	for _, b := range r.backlog.spares {
		if cap(b) > 300<<10 {
			t.Errorf("a spare of %d bytes", cap(b))
		}
	}
}

func rememberedBodies(t *testing.T) {
	r := newRig(t)
	send := func(i int) {
		body := fmt.Sprintf("[%04d]", i)
		if s := r.post(true, "Content-Length: 6\r\n", body).status(time.Second); s != 200 {
			t.Fatalf("answered %d", s)
		}
	}
	for i := range 65 {
		send(i)
	}
	send(1) // the 64th before
	send(0) // the 65th before
	synctest.Wait()
	if n, repeats := len(r.bodies), r.Counts().Repeats; n != 66 || repeats != 1 {
		t.Errorf("%d bodies were handed on, %d were repeats", n, repeats)
	}
}

// million is a post of a million bytes.
func (r *rig) million(i int) *peer {
	return r.post(true, "Content-Length: 1000000\r\n", fmt.Sprintf("%1000000d", i))
}

func backPressure(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, func(l *Listener) { l.Handle = func([]byte) { <-release } })
	for i := range 2 {
		if s := r.million(i).status(time.Second); s != 200 {
			t.Fatalf("body %d: %d", i, s)
		}
	}
	third := r.million(2)
	if s := third.status(time.Hour); s != 0 {
		t.Errorf("the third million bytes are answered %d while two wait", s)
	}
	release <- struct{}{}
	if s := third.status(time.Second); s != 200 {
		t.Errorf("answered %d when there was room", s)
	}
	close(release)
}

// Bodies that are larger than all the room wait for one another only.
func largerThanTheRoom(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, func(l *Listener) { l.Handle = func([]byte) { <-release } })
	send := func(i int) *peer {
		return r.post(true, "Content-Length: 3000000\r\n", fmt.Sprintf("%3000000d", i))
	}
	if s := send(0).status(time.Second); s != 200 {
		t.Fatalf("answered %d though nothing waits", s)
	}
	second := send(1)
	if s := second.status(time.Hour); s != 0 {
		t.Errorf("answered %d while the first is in hand", s)
	}
	close(release)
	if s := second.status(time.Second); s != 200 {
		t.Errorf("answered %d when there was room", s)
	}
}

// Whoever waits for room is answered when there will be none any more, because
// the handler has panicked.
func roomAfterAPanic(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, func(l *Listener) {
		l.Handle = func([]byte) {
			<-release
			panic("bug")
		}
	})
	var all []*peer
	for i := range 4 { // two wait for room, of which one is read
		all = append(all, r.million(i))
		synctest.Wait()
	}
	close(release)
	for i, p := range all {
		if s := p.status(time.Second); s != 200 {
			t.Errorf("post %d is answered %d after the panic", i, s)
		}
	}
	r.backlog.mu.Lock()
	defer r.backlog.mu.Unlock()
	if n := len(r.backlog.queue); n > 0 {
		t.Errorf("%d bodies wait for nobody", n)
	}
}

// What is put waits for no room, and is handled, once the Listener is closed.
func roomAfterClose(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, func(l *Listener) {
		handle := l.Handle
		l.Handle = func(b []byte) {
			<-release
			handle(b)
		}
		l.Panicked = func(v any) { t.Error("panic: ", v) }
	})
	for i := range 3 {
		r.million(i)
		synctest.Wait()
	}
	r.Close()
	synctest.Wait()
	close(release)
	synctest.Wait()
	if n := len(r.bodies); n != 3 {
		t.Errorf("%d of 3 bodies are handled after Close", n)
	}
}

func resyncs(t *testing.T) {
	for shams, whole := range map[int]int{60: 1, 70: 0} {
		body := `[{"a":"` + strings.Repeat(`,{"time",`, shams) + `,{"time":"t","type":"function","record":"r"}]`
		n := 0
		if err := Events([]byte(body), func(e Event) {
			if !e.Broken {
				n++
			}
		}); err != nil || n != whole {
			t.Errorf("behind %d that only look like one, %d events were found: %v", shams, n, err)
		}
	}
}

// mute is a Telemetry API that never answers.
type mute struct{}

func (mute) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func subscribeTime(t *testing.T) {
	begin := time.Now()
	err := Subscribe(t.Context(), &http.Client{Transport: mute{}}, "x", "id", "http://x", Smallest)
	if took := time.Since(begin); err == nil || took < 5*time.Second || took > 7*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// talkative is a Telemetry API that refuses with many words.
type talkative struct{}

func (talkative) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 403, Body: io.NopCloser(io.LimitReader(zeros{}, 1<<20))}, nil
}

func longAnswer(t *testing.T) {
	err := Subscribe(t.Context(), &http.Client{Transport: talkative{}}, "x", "id", "http://x", Smallest)
	if err == nil || len(err.Error()) > 5<<10 {
		t.Errorf("an error of %d bytes", len(fmt.Sprint(err)))
	}
}
