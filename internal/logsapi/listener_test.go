package logsapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/logsapi"
)

// listen starts a Listener whose bodies arrive on the channel.
func listen(t *testing.T, change ...func(*logsapi.Listener)) (*logsapi.Listener, string, <-chan string) {
	t.Helper()
	l, err := logsapi.Listen()
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(chan string, 1000)
	l.Handle = func(body []byte) { bodies <- string(body) }
	for _, f := range change {
		f(l)
	}
	go l.Serve()
	t.Cleanup(l.Close)
	u, err := url.Parse(l.URI())
	if err != nil || u.Hostname() != "sandbox.localdomain" {
		t.Fatalf("%s: %v", l.URI(), err)
	}
	return l, "http://127.0.0.1:" + u.Port() + u.Path, bodies
}

func post(t *testing.T, method, to, body string) int {
	t.Helper()
	req, err := http.NewRequest(method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode
}

func TestEveryBodyIsAnsweredAndHandedOnInOrder(t *testing.T) {
	_, to, bodies := listen(t)
	sent := []string{`[{"a":1}]`, ``, `no JSON`, "\x00\xff", `[`, strings.Repeat("x", 600<<10), `{"a":`}
	for i, body := range sent {
		if status := post(t, []string{"POST", "PUT"}[i%2], to, body); status != 200 {
			t.Errorf("body %d: %d", i, status)
		}
	}
	for i, want := range sent {
		if got := <-bodies; got != want {
			t.Errorf("body %d is %.40q, want %.40q", i, got, want)
		}
	}
}

func TestTheAnswerDoesNotWaitForTheHandler(t *testing.T) {
	release := make(chan struct{})
	_, to, _ := listen(t, func(l *logsapi.Listener) { l.Handle = func([]byte) { <-release } })
	for i := range 10 {
		if status := post(t, "POST", to, fmt.Sprint("[", i, "]")); status != 200 {
			t.Error(status)
		}
	}
	close(release)
}

func TestRepeatsAreDroppedAndCounted(t *testing.T) {
	l, to, bodies := listen(t)
	for i := range 5 {
		for range 3 {
			post(t, "POST", to, fmt.Sprintf(`[{"time":"2026-11-22T10:00:00.000Z","type":"function","record":"%d"}]`, i))
		}
	}
	post(t, "POST", to, "[]")
	n := 0
	for body := range bodies {
		if body == "[]" {
			break
		}
		n++
	}
	if n != 5 || l.Counts().Repeats != 10 {
		t.Errorf("%d bodies of 5, %d repeats", n, l.Counts().Repeats)
	}
}

func TestAFullBodyOfOneMillisecondIsNoRepeat(t *testing.T) {
	// A tight loop prints one line: two bodies within a millisecond are equal.
	one := `{"time":"2026-11-22T10:00:00.000Z","type":"function","record":"again"}`
	body := "[" + one + strings.Repeat(","+one, 3000) + "]"
	_, to, bodies := listen(t)
	post(t, "POST", to, body)
	post(t, "POST", to, body)
	<-bodies
	<-bodies
	// Where time passes within the body, the second is a redelivery.
	later := strings.Replace(body, "10:00:00.000Z", "10:00:00.001Z", 1)
	l, to, bodies := listen(t)
	post(t, "POST", to, later)
	post(t, "POST", to, later)
	post(t, "POST", to, "[]")
	<-bodies
	if got := <-bodies; got != "[]" || l.Counts().Repeats != 1 {
		t.Errorf("the redelivery was handed on; %+v", l.Counts())
	}
}

func TestATimeOfTheFunctionsOwnIsNotTheEvents(t *testing.T) {
	// In the JSON log format a line is an object, and its `time` (zerolog's, in
	// seconds) may differ though all was printed within one millisecond.
	line := func(time string) string {
		return `{"time":"2026-11-22T10:00:00.000Z","type":"function","record":{"time":"` + time +
			`","level":"info","message":"again"}}`
	}
	body := "[" + line("2026-11-22T09:59:59Z") + strings.Repeat(","+line("2026-11-22T10:00:00Z"), 2000) + "]"
	l, to, bodies := listen(t)
	post(t, "POST", to, body)
	post(t, "POST", to, body)
	post(t, "POST", to, "[]")
	<-bodies
	if got := <-bodies; got != body || l.Counts().Repeats != 0 {
		t.Errorf("the second body was taken for a repeat of the first: %.40q, %+v", got, l.Counts())
	}
}

func TestOtherPathsAreRefusedOnceTheSecretOneIsKnown(t *testing.T) {
	l, to, bodies := listen(t)
	other := to[:strings.LastIndex(to, "/")] + "/"
	if status := post(t, "POST", other, "[1]"); status != 200 {
		t.Errorf("before: %d", status)
	}
	if status := post(t, "POST", to, "[2]"); status != 200 {
		t.Errorf("the secret path: %d", status)
	}
	if status := post(t, "POST", other, "[3]"); status != 403 {
		t.Errorf("after: %d", status)
	}
	if status := post(t, "GET", to, ""); status != 405 {
		t.Errorf("GET: %d", status)
	}
	if a, b := <-bodies, <-bodies; a != "[1]" || b != "[2]" || l.Counts().Refused != 1 {
		t.Errorf("%q, %q, %+v", a, b, l.Counts())
	}
}

func TestTooLongABodyIsCut(t *testing.T) {
	l, to, bodies := listen(t)
	big := bytes.Repeat([]byte("x"), 5<<20)
	resp, err := http.Post(to, "application/json", bytes.NewReader(big))
	if err == nil {
		if resp.StatusCode != 200 {
			t.Errorf("%d", resp.StatusCode)
		}
		resp.Body.Close()
	}
	if got := <-bodies; len(got) != 4<<20 || l.Counts().CutOff != 1 {
		t.Errorf("%d bytes; %+v", len(got), l.Counts())
	}
}

func TestABodyThatBreaksOffIsNotHandedOn(t *testing.T) {
	_, to, bodies := listen(t)
	u, _ := url.Parse(to)
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[half", u.Path)
	conn.Close()
	post(t, "POST", to, "[whole]")
	if got := <-bodies; got != "[whole]" {
		t.Errorf("handed on: %q", got)
	}
}

func TestAPanicOfTheHandlerIsContained(t *testing.T) {
	caught := make(chan any, 1)
	_, to, _ := listen(t, func(l *logsapi.Listener) {
		l.Handle = func([]byte) { panic("bug") }
		l.Panicked = func(v any) { caught <- v }
	})
	post(t, "POST", to, "[]")
	if v := <-caught; v != "bug" {
		t.Error(v)
	}
	// Lambda still gets its answers, or it would deliver again for ever.
	for i := range 100 {
		if status := post(t, "POST", to, fmt.Sprint(i)); status != 200 {
			t.Fatal(status)
		}
	}
}

func TestClosedBeforeServe(t *testing.T) {
	l, err := logsapi.Listen()
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(l.URI())
	l.Close()
	if conn, err := net.DialTimeout("tcp", "127.0.0.1:"+u.Port(), time.Second); err == nil {
		conn.Close()
		t.Error("the port is still open, and nobody answers there")
	}
}

func TestTheEndBehindABacklogIsAnnounced(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	l, to, _ := listen(t, func(l *logsapi.Listener) {
		l.Handle = func([]byte) { <-release }
		l.Arrived = func() { arrived <- struct{}{} }
	})
	post(t, "POST", to, `["first"]`)
	// The second as in the JSON log format.
	post(t, "POST", to, `[{"type":"function","record":"\"platform.runtimeDone\""}]`)
	post(t, "POST", to, `[{"type":"function","record":{"type":"platform.runtimeDone"}},{"record":["platform.runtimeDone"],"type":"function"}]`)
	if _, ok := l.DoneWaiting(); ok {
		t.Error("a function's text was taken for the end of an invocation")
	}
	before := time.Now()
	post(t, "POST", to, `[{"type":"platform.runtimeDone"}]`)
	<-arrived
	if len(arrived) > 0 {
		t.Error("announced twice")
	}
	if since, ok := l.DoneWaiting(); !ok || since.Before(before) {
		t.Errorf("waits since %v: %v", since, ok)
	}
	close(release)
}

// subscriptions is a Telemetry API that answers by the schema's version.
type subscriptions struct {
	mu      sync.Mutex
	answers map[string][]int // by schema, one after the other; the last stays
	seen    []string
}

func (s *subscriptions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, schema := range []string{"2025-01-29", "2022-12-13", "2022-07-01"} {
		if strings.Contains(string(body), `"schemaVersion":"`+schema+`"`) {
			s.seen = append(s.seen, schema)
			answers := s.answers[schema]
			if len(answers) > 1 {
				s.answers[schema] = answers[1:]
			}
			w.WriteHeader(answers[0])
		}
	}
}

func TestSubscribe(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers map[string][]int
		seen    string
		err     error // nil, ErrNotDelivering, or any other
	}{
		{"newest schema", map[string][]int{"2025-01-29": {200}}, "2025-01-29", nil},
		{"falls back on 400", map[string][]int{"2025-01-29": {400}, "2022-12-13": {400}, "2022-07-01": {200}},
			"2025-01-29 2022-12-13 2022-07-01", nil},
		{"busy", map[string][]int{"2025-01-29": {500, 503, 200}}, "2025-01-29 2025-01-29 2025-01-29", nil},
		{"broken", map[string][]int{"2025-01-29": {500}}, "2025-01-29 2025-01-29 2025-01-29", io.EOF},
		{"a local emulator", map[string][]int{"2025-01-29": {202}}, "2025-01-29", logsapi.ErrNotDelivering},
		{"refused", map[string][]int{"2025-01-29": {403}}, "2025-01-29", io.EOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			api := &subscriptions{answers: tc.answers}
			srv := httptest.NewServer(api)
			defer srv.Close()
			err := logsapi.Subscribe(context.Background(), http.DefaultClient, strings.TrimPrefix(srv.URL, "http://"),
				"id", "http://sandbox.localdomain:1/x", logsapi.Smallest)
			if (err == nil) != (tc.err == nil) || tc.err == logsapi.ErrNotDelivering && !errors.Is(err, tc.err) {
				t.Errorf("error %v", err)
			}
			if seen := strings.Join(api.seen, " "); seen != tc.seen {
				t.Errorf("asked with %s, want %s", seen, tc.seen)
			}
		})
	}
}
