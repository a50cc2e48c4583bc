package extension

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/extapi"
)

// TestLimits has a row for every limit of the process that can be seen within
// it: its value, why it is there, and what fails without it.
// TestNoThreadIsLeft, TestAStandardErrorThatNobodyReads and
// TestBurstOverAHangingTable hold those that only the whole process shows
// (threads, stderrTime, memory).
func TestLimits(t *testing.T) {
	for _, limit := range []struct {
		name, value, why string
		holds            func(*testing.T)
	}{
		{"registerTime, nobody answers", "9.5 s", "Lambda gives init 10 s, and the log must still say why",
			func(t *testing.T) {
				registration(t, nobody, "does not answer")
			}},
		{"registerTime, an answer that never comes", "9.5 s", "the same", func(t *testing.T) {
			registration(t, func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}, "does not answer")
		}},
		{"registerTime, a refusal", "9.5 s", "the same", func(t *testing.T) {
			registration(t, refusal("InvalidExtensionName"), "Lambda refused")
		}},
		{"maxRegisterPause", "0.5 s", "a proxy that opens is found soon, and refusals are no load", registerPauses},
		{"memoryBase", "12 MiB", "the collector's work would let the heap grow", memoryLimit},
		{"threads", "8 with two processors", "each costs processor time at the start", spareThreadsCount},
	} {
		t.Run(limit.name, func(t *testing.T) {
			t.Logf("%s: %s", limit.value, limit.why)
			synctest.Test(t, limit.holds)
		})
	}
}

// api is Lambda's API.
type api func(*http.Request) (*http.Response, error)

func (f api) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string) api {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{},
			Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func nobody(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// refusal is Lambda's answer of a type.
func refusal(kind string) api {
	return answer(403, `{"errorType":"Extension.`+kind+`","errorMessage":"m"}`)
}

func registration(t *testing.T, f api, message string) {
	client := extapi.New("127.0.0.1:9001", "logtable")
	client.HTTP().Transport = f
	begin := time.Now()
	_, err := register(t.Context(), client)
	if took := time.Since(begin); err == nil || took < 9*time.Second || took > 9900*time.Millisecond {
		t.Errorf("%v after %v", err, took)
	}
	if m, _ := unregistered(err, "127.0.0.1:9001"); !strings.Contains(m, message) {
		t.Errorf("%v: %q", err, m)
	}
}

func registerPauses(t *testing.T) {
	client := extapi.New("127.0.0.1:9001", "logtable")
	var at []time.Time
	client.HTTP().Transport = api(func(*http.Request) (*http.Response, error) {
		at = append(at, time.Now())
		return nil, errors.New("connection refused")
	})
	if _, err := register(t.Context(), client); err == nil {
		t.Error("registered")
	}
	if len(at) < 15 || len(at) > 40 {
		t.Errorf("%d attempts", len(at))
	}
	for i := 1; i < len(at); i++ {
		if pause := at[i].Sub(at[i-1]); pause > time.Second {
			t.Errorf("a pause of %v", pause)
		}
	}
}

func memoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	limitMemory(2 << 20)
	if n := debug.SetMemoryLimit(-1); n != 16<<20 {
		t.Errorf("limited to %d bytes with a buffer of 2 MiB", n)
	}
}

func spareThreadsCount(t *testing.T) {
	for processors := 1; processors <= 6; processors++ { // Lambda has up to 6
		if n := threads(processors); n < 7 || n > 16 {
			t.Errorf("%d processors: %d threads", processors, n)
		}
	}
}

// TestUnregistered: who reads the log finds the cause, and what to do.
func TestUnregistered(t *testing.T) {
	for _, tc := range []struct {
		name            string
		f               api
		message, advice string
	}{
		{"nobody there", nobody, "does not answer", "AWS_LAMBDA_RUNTIME_API is 127.0.0.1:9001"},
		{"wrong name", refusal("InvalidExtensionName"), "Lambda refused", "name of the file"},
		{"an internal one", refusal("InvalidEventType"),
			"Lambda refused", "name of the file"},
		{"too many", refusal("TooManyExtensions"), "too many", "remove one"},
		{"twice", refusal("InvalidExtensionState"), "already registered", "only once"},
		{"a proxy without its goal", answer(502, `<html>`), "returns errors", "proxy"},
		{"container error", answer(500, `{"errorType":"x","errorMessage":"m"}`), "returns errors", "proxy"},
		{"a web page", answer(200, `<html>`), "is not Lambda's", "proxy"},
		{"no identifier", answer(200, `{}`), "is not Lambda's", "proxy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := extapi.New("127.0.0.1:9001", "logtable")
			client.HTTP().Transport = tc.f
			_, err := client.Register(context.Background(), extapi.Shutdown)
			if err == nil {
				t.Fatal("registered")
			}
			if m, a := unregistered(err, "127.0.0.1:9001"); !strings.Contains(m, tc.message) ||
				!strings.Contains(a, tc.advice) {
				t.Errorf("%v: %q, %q", err, m, a)
			}
		})
	}
}
