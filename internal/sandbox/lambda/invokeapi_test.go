package lambda

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestInvokeAPI(t *testing.T) {
	env := start(t, Config{FunctionName: "orders"}, "wait-for-done")
	api := httptest.NewServer(InvokeAPI(func(name string) *Environment {
		if name == "orders" {
			return env
		}
		return nil
	}))
	defer api.Close()
	const (
		path  = "/2015-03-31/functions/orders/invocations"
		trace = "Root=1-6b02cb30-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"
	)
	for name, test := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		code               string // X-Amzn-Errortype
	}{
		"a call": {"POST", path, `{}`, http.Header{"X-Amzn-Trace-Id": {trace}}, 200, ""},
		"no such function": {"POST", strings.Replace(path, "orders", "stock", 1), `{}`, nil, 404,
			"ResourceNotFoundException"},
		"not Invoke":   {"GET", path, ``, nil, 404, "UnknownOperationException"},
		"asynchronous": {"POST", path, `{}`, http.Header{"X-Amz-Invocation-Type": {"Event"}}, 202, ""},
		"of another type": {"POST", path, `{}`, http.Header{"X-Amz-Invocation-Type": {"Later"}}, 400,
			"InvalidParameterValueException"},
		"a dry run":  {"POST", path, `{}`, http.Header{"X-Amz-Invocation-Type": {"DryRun"}}, 204, ""},
		"no payload": {"POST", path, ``, nil, 200, ""},
		"no JSON":    {"POST", path, `{'a': 1}`, nil, 400, "InvalidRequestContentException"},
		"a web page": {"POST", path, `{}`, http.Header{"Origin": {"null"}}, 403, "AccessDeniedException"},
		"a large event": {"POST", path, strings.Repeat(" ", 1<<20) + `{}`,
			http.Header{"X-Amz-Invocation-Type": {"Event"}}, 413, "RequestTooLargeException"},
		"too large": {"POST", path, strings.Repeat(" ", 6<<20+1), nil, 413, "RequestTooLargeException"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), test.method, api.URL+test.path,
				strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.header != nil {
				req.Header = test.header
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if code := resp.Header.Get("X-Amzn-Errortype"); resp.StatusCode != test.status || code != test.code {
				t.Errorf("%d %s: %s", resp.StatusCode, code, body)
			}
		})
	}
	// What the invocation's response was not held for is delivered by its end.
	shutdown(t, env)
	root, _, _ := strings.Cut(trace, ";")
	for _, batch := range env.Telemetry() {
		if bytes.Contains(batch.Body, []byte(root)) {
			return
		}
	}
	t.Error("the caller's trace is not in platform.start")
}
