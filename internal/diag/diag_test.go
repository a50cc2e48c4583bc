package diag_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
)

// lines decodes what a Logger wrote; every line must be one JSON object.
func lines(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("diagnostic is no JSON line: %q: %v", line, err)
		}
		out = append(out, m)
	}
	return out
}

// TestLinesAreMasked in all that they hold, and stay lines.
func TestLinesAreMasked(t *testing.T) {
	var b bytes.Buffer
	l := diag.New(&b)
	l.Say(diag.Info, "before, secret", "")
	l.Mask(func(object string) string { return strings.ReplaceAll(object, "secret", "***") })
	l.Say(diag.Info, "a secret", "a secret", "text", "secret", "error", fmt.Errorf("secret"), "secret", 1)
	l.Fail("secret", "a secret", "")
	l.Recover("secret", "no secret")
	if got := b.String(); strings.Count(got, "secret") != 1 || strings.Count(got, "***") != 7 ||
		len(lines(t, &b)) != 4 {
		t.Error(got)
	}
	var none *diag.Logger
	none.Mask(nil)
}

func TestFailureIsSaidOnceAndItsEndOnce(t *testing.T) {
	var b bytes.Buffer
	l := diag.New(&b)
	for range 100 {
		l.Fail("dynamodb", "cannot write", "create the table")
	}
	l.Fail("other", "something else", "")
	l.Recover("dynamodb", "writing again")
	l.Recover("dynamodb", "writing again")
	l.Recover("never failed", "writing again")

	got := lines(t, &b)
	if len(got) != 3 {
		t.Fatalf("want 3 lines, got %d: %v", len(got), got)
	}
	if got[0]["logtable"] != "cannot write" || got[0]["do"] != "create the table" || got[0]["level"] != "WARN" {
		t.Errorf("first line: %v", got[0])
	}
	if got[2]["logtable"] != "writing again" || got[2]["failures"] != float64(100) {
		t.Errorf("line of the end: %v", got[2])
	}
	if l.Fail("dynamodb", "cannot write", ""); len(lines(t, &b)) != 4 {
		t.Error("a failure that begins again was not said")
	}
}

func TestOwnLinesAreBounded(t *testing.T) {
	var b bytes.Buffer
	l := diag.New(&b)
	for range 10_000 {
		l.Say(diag.Info, "chatter", "")
	}
	if n := len(lines(t, &b)); n > 200 {
		t.Errorf("%d lines written", n)
	}
}

func TestGuardHidesWhatThePanicCarried(t *testing.T) {
	var b bytes.Buffer
	l := diag.New(&b)
	called := false
	func() {
		defer l.Guard("intake", func() { called = true })
		panic("secret of a customer\nin two lines")
	}()
	func() {
		defer l.Guard("writer", nil)
		var s []int
		_ = s[len(b.Bytes())]
	}()
	if !called {
		t.Error("the goroutine's guard did not call its follow-up")
	}
	if strings.Contains(b.String(), "secret") {
		t.Errorf("a panic's value reached the diagnostics: %s", b.String())
	}
	got := lines(t, &b)
	if len(got) != 2 || !strings.Contains(got[1]["panic"].(string), "index out of range") {
		t.Errorf("lines: %v", got)
	}
	if got[0]["version"] != "devel" || !strings.Contains(got[0]["do"].(string), "https://github.com/logtable/") {
		t.Errorf("nobody knows of which version this is, and where to report it: %v", got[0])
	}
	if !strings.Contains(got[0]["stack"].(string), "diag_test.go") {
		t.Errorf("the stack does not lead to the place: %v", got[0]["stack"])
	}
}

func TestNilLoggerIsSilent(t *testing.T) {
	var l *diag.Logger
	l.Say(diag.Info, "x", "")
	l.Fail("k", "x", "")
	l.Recover("k", "x")
}

// stuck is a standard error that nobody reads.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.release
	return len(p), nil
}

func TestAStuckStandardErrorHoldsNobody(t *testing.T) {
	s := stuck{make(chan struct{})}
	a := diag.NewAsync(s, 1000)
	l := diag.New(a)
	for range 1000 {
		l.Say(diag.Info, "nobody reads this", "")
	}
	a.Flush(time.Millisecond)
	if n := diag.Held(a); n > 1000 {
		t.Errorf("%d bytes wait, 1,000 are allowed", n)
	}
	close(s.release)
	a.Flush(time.Minute)
}

func TestAsyncKeepsTheOrder(t *testing.T) {
	var b bytes.Buffer
	a := diag.NewAsync(&b, 1<<20)
	for i := range 1000 {
		fmt.Fprintln(a, i)
	}
	a.Flush(time.Minute)
	for i, line := range strings.Fields(b.String()) {
		if line != strconv.Itoa(i) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 1000 {
		t.Errorf("%d lines", n)
	}
}
