package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// startWeb runs logtable web against tables, and returns the link that it
// prints and what stops it. sh may change what it knows of its process.
func startWeb(t *testing.T, s *rowStore, args ...string) (link string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var stderr strings.Builder
	ended := make(chan int, 1)
	env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors", "USER": "ada"}
	go func() {
		args := append([]string{"web", "--port", "0", "--endpoint-url", s.server.URL()}, args...)
		ended <- run(ctx, args, func(name string) string { return env[name] }, strings.NewReader(""), in, &stderr)
		in.Close()
	}()
	stop = func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("it ends with %d: %s", code, stderr.String())
		}
		ended <- exitOK
	}
	t.Cleanup(stop)
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		stop()
		t.Fatalf("no link: %s", stderr.String())
	}
	go io.Copy(io.Discard, out)
	return lines.Text(), stop
}

// putSequence tells apart rows of one millisecond.
var putSequence atomic.Uint32

// putAgo puts a row of so long ago.
func (s *rowStore) putAgo(table string, ago time.Duration, module, level, locator, line string, more ...string) {
	at := time.Now().UTC().Add(-ago)
	stamp := fmt.Sprintf("%d.%03d%04d", at.Unix(), at.Nanosecond()/1e6, putSequence.Add(1))
	message := fmt.Sprintf("%s: (%s) %s", level, locator, line)
	item := attributes{
		"date":      text(at.Format(time.DateOnly)),
		"stamp_mod": text(stamp + "+" + module + "+2p4thtomb9"),
		"level":     text(level), "locator": text(locator),
	}
	for i := 0; i < len(more); i += 2 {
		if item[more[i]] = text(more[i+1]); more[i] == "exception" {
			delete(item, more[i])
			item["exception_at"] = numeral(fmt.Sprint(len(message) + 1))
			message += " " + more[i+1]
		}
	}
	item["message"] = text(message)
	s.put(table, item)
}

// TestThePageInABrowser runs internal/web/browser/page_test.mjs, which says
// what holds.
func TestThePageInABrowser(t *testing.T) {
	testkit.Slow(t)
	node, chromium := testkit.Program(t, "node"), testkit.Program(t, "chromium")
	modules, err := filepath.Abs(cmp.Or(os.Getenv("LOGTABLE_TEST_PLAYWRIGHT"), "../../build/tools/browser"))
	if err == nil {
		_, err = os.Stat(filepath.Join(modules, "node_modules/playwright-core"))
	}
	testkit.Component(t, "playwright-core (npm install --prefix build/tools/browser playwright-core)", err)

	s := newRowStore(t)
	pears := func() {
		s.putAgo("errors", 0, "orders", "ERROR", "7", "cannot count the pears", "exception", "KeyError: 'pears'",
			"fields", `{"order":12345678901234567890}`)
	}
	fillPage(s)
	pears()
	link, stop := startWeb(t, s, "--allow-resolve")
	tables := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/pears":
			pears()
		case "/new":
			s.putAgo("info", 0, "orders", "INFO", "2", "just now", "request_id", "7f3a9c12-1111-4222-8333-444455556666")
		case "/stop":
			stop()
		}
	}))
	defer tables.Close()
	const file = "../../internal/web/browser/page_test.mjs"
	script := exec.CommandContext(t.Context(), node, file, modules+"/", link, tables.URL)
	script.Env = append(os.Environ(), "CHROMIUM="+chromium)
	if out, err := script.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// fillPage puts what there is to see.
func fillPage(s *rowStore) {
	const request, trace = "7f3a9c12-1111-4222-8333-444455556666", "6352a70e1e2c2db1583c0d1f5e7a9b3c"
	for i := range 120 {
		s.putAgo("info", time.Duration(i)*20*time.Second, "orders", "INFO", "1", fmt.Sprint("received ", i))
	}
	s.putAgo("info", 3*time.Minute, "orders", "WARN", "3", "the last pears")
	s.putAgo("info", 2*time.Minute, "orders", "INFO", "1", "taken", "request_id", request, "trace_id", trace)
	s.putAgo("info", 2*time.Minute, "bill", "INFO", "1", "charged", "request_id", "9b1c2d3e-1", "trace_id", trace)
	s.putAgo("errors", time.Minute, "bill", "ERROR", "9", "no carrier", "exception", "Error: x\n    at y (z.js:1)")
	for i, text := range []string{
		"<img src=x onerror=alert(1)><script>pwned=1</script><b>", "\u202eevil\u2066 \x1b[2J \x00 \x7f",
		"مرحبا بالعالم",
		strings.Repeat("A", 395_000), "line\nline\r\n\ttab", "javascript:pwned=1",
	} {
		s.putAgo("info", time.Duration(i+1)*time.Millisecond, "hostile", "INFO", "<b>\u202e", text,
			"fields", `{"<b>x</b>":"</script><img src=x onerror=pwned=1>","__proto__":{"a":1}}`)
	}
}
