package extapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/extapi"
)

// serve starts a server that answers with fixed text, written from AWS's
// documentation, and records the requests.
func serve(t *testing.T, h http.HandlerFunc) *extapi.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return extapi.New(strings.TrimPrefix(srv.URL, "http://"), "logtable")
}

func TestRegisterThenNext(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // the runtime API never goes through a proxy
	var calls []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, fmt.Sprintf("%s %s name=%s id=%s %s", r.Method, r.URL.Path,
			r.Header.Get("Lambda-Extension-Name"), r.Header.Get("Lambda-Extension-Identifier"), body))
		switch r.URL.Path {
		case "/2020-01-01/extension/register":
			w.Header().Set("Lambda-Extension-Identifier", "id-1")
			io.WriteString(w, `{"functionName":"orders","functionVersion":"$LATEST","handler":"h.f"}`)
		case "/2020-01-01/extension/event/next":
			io.WriteString(w, `{"eventType":"INVOKE","deadlineMs":1795343965131,"requestId":"r1",`+
				`"invokedFunctionArn":"arn:aws:lambda:eu-west-1:1:function:orders",`+
				`"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-6352a70e-1e2c"}}`)
		}
	})
	reg, err := c.Register(context.Background(), extapi.Invoke, extapi.Shutdown)
	if err != nil {
		t.Fatal(err)
	}
	if want := (extapi.Registration{ID: "id-1", FunctionName: "orders", FunctionVersion: "$LATEST"}); reg != want {
		t.Errorf("registration %+v, want %+v", reg, want)
	}
	ev, err := c.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if ev.Tracing != "Root=1-6352a70e-1e2c" {
		t.Errorf("tracing %q", ev.Tracing)
	}
	if ev.Type != extapi.Invoke || ev.RequestID != "r1" || !ev.Deadline.Equal(time.UnixMilli(1795343965131)) {
		t.Errorf("event %+v", ev)
	}
	want := []string{
		`POST /2020-01-01/extension/register name=logtable id= {"events":["INVOKE","SHUTDOWN"]}`,
		`GET /2020-01-01/extension/event/next name= id=id-1 `,
	}
	if strings.Join(calls, "\n") != strings.Join(want, "\n") {
		t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
}

func TestShutdownReasonsOfAnyCase(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"eventType":"SHUTDOWN","deadlineMs":1795343965131,"shutdownReason":"SPINDOWN"}`)
	})
	ev, err := c.Next(context.Background())
	if err != nil || ev.Type != extapi.Shutdown || ev.ShutdownReason != "spindown" {
		t.Errorf("%+v, %v", ev, err)
	}
}

func TestOddTracingSaysNothing(t *testing.T) {
	for _, tracing := range []string{`"Root=1"`, "17", "null", "[]", "{}", `{"value":7}`, `{"value":null}`} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"eventType":"INVOKE","requestId":"r","tracing":%s}`, tracing)
		})
		if ev, err := c.Next(context.Background()); err != nil || ev.RequestID != "r" || ev.Tracing != "" {
			t.Errorf("tracing %s: %+v, %v", tracing, ev, err)
		}
	}
}

func TestOddDeadlinesAreNoDeadlines(t *testing.T) {
	for _, ms := range []string{"0", "-5", "1.5e300", "17.25", "null", `"soon"`} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"eventType":"INVOKE","deadlineMs":%s,"requestId":"r"}`, ms)
		})
		ev, err := c.Next(context.Background())
		if err != nil || !ev.Deadline.IsZero() || ev.RequestID != "r" {
			t.Errorf("deadlineMs %s: %+v, %v", ms, ev, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		status     int
		invalid    bool
		fatal      bool
		text       string
	}{
		{"managed instances",
			`{"errorMessage":"INVOKE: ErrorInvalidEventType","errorType":"Extension.InvalidEventType"}`,
			403, true, false, "Extension.InvalidEventType"},
		{"state", `{"errorMessage":"m","errorType":"Extension.InvalidExtensionState"}`, 403, false, false,
			"InvalidExtensionState"},
		{"container error", `{"errorMessage":"Container error","errorType":"x"}`, 500, false, true, "HTTP 500"},
		{"no JSON", `<html>`, 502, false, false, "Bad Gateway"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			_, err := c.Next(context.Background())
			var e *extapi.Error
			if !errors.As(err, &e) || e.Status != tc.status {
				t.Fatalf("error %v", err)
			}
			if extapi.InvalidEventType(err) != tc.invalid || extapi.Fatal(err) != tc.fatal ||
				!strings.Contains(err.Error(), tc.text) {
				t.Errorf("invalid %v, fatal %v, %q", extapi.InvalidEventType(err), extapi.Fatal(err), err)
			}
		})
	}
}

func TestAnswersThatAreNoEvents(t *testing.T) {
	for _, body := range []string{"", "OK", "[]", "null", `{"eventType":7,"functionName":7}`, `{"eventType":"INVOKE"`} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		if ev, err := c.Next(context.Background()); err == nil {
			t.Errorf("answer %q became the event %+v", body, ev)
		}
		if _, err := c.Register(context.Background(), extapi.Shutdown); err == nil {
			t.Errorf("answer %q became a registration", body)
		}
	}
}
