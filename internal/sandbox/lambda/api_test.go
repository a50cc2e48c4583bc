package lambda

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// referee is an instance that nothing has been started in, for calls by hand.
// An extension called "ext" counts as launched.
func referee(t *testing.T) *instance {
	t.Helper()
	cfg, err := Config{Function: []string{"none"}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	in, err := newInstance(&Environment{cfg: cfg}, 1, "init")
	if err != nil {
		t.Fatal(err)
	}
	in.extensions["ext"] = &extension{name: "ext"}
	t.Cleanup(in.close)
	return in
}

// request is "METHOD path", headers as "Name: value", and the body last.
func request(t *testing.T, in *instance, line string, rest ...string) (status int, answer string, header http.Header) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	body := ""
	h := http.Header{}
	for _, r := range rest {
		if name, value, found := strings.Cut(r, ": "); found && !strings.HasPrefix(r, "{") {
			h.Set(name, value)
		} else {
			body = r
		}
	}
	req, err := http.NewRequestWithContext(testContext(t), method, "http://"+in.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = h
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// registered registers "ext" and returns its identifier header.
func registered(t *testing.T, in *instance) string {
	t.Helper()
	status, answer, h := request(t, in, "POST "+pathRegister, "Lambda-Extension-Name: ext",
		`{"events":["INVOKE","SHUTDOWN"]}`)
	if status != 200 {
		t.Fatalf("register: %d %s", status, answer)
	}
	return "Lambda-Extension-Identifier: " + h.Get("Lambda-Extension-Identifier")
}

func TestRegister(t *testing.T) {
	in := referee(t)
	status, answer, h := request(t, in, "POST "+pathRegister, "Lambda-Extension-Name: ext",
		"Lambda-Extension-Accept-Feature: accountId", `{"events":["INVOKE"]}`)
	want := `{"accountId":"123456789012","functionName":"function","functionVersion":"$LATEST",` +
		`"handler":"index.handler"}`
	if status != 200 || answer != want || !uuidForm.MatchString(h.Get("Lambda-Extension-Identifier")) {
		t.Errorf("%d %s %v", status, answer, h)
	}
	noViolations(t, in.env)
}

func TestRegisterWithoutAccountID(t *testing.T) {
	_, answer, _ := request(t, referee(t), "POST "+pathRegister, "Lambda-Extension-Name: ext", `{"events":["INVOKE"]}`)
	if strings.Contains(answer, "accountId") {
		t.Errorf("account ID without having been asked for: %s", answer)
	}
}

func TestRefusals(t *testing.T) {
	const name, json = "Lambda-Extension-Name: ext", "Content-Type: application/json"
	sub := func(change ...string) string {
		s := `{"schemaVersion":"2025-01-29","types":["platform"],"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/p"}}`
		return strings.NewReplacer(change...).Replace(s)
	}
	put := "PUT " + pathTelemetry
	for _, c := range []struct {
		name    string
		prepare string // "", "register", "init done" (registered), "failed"
		call    []string
		status  int
		want    string
	}{
		{"no name", "", []string{"POST " + pathRegister, `{"events":[]}`}, 403, "Extension.InvalidExtensionName"},
		{"wrong name", "", []string{"POST " + pathRegister, "Lambda-Extension-Name: main", `{"events":["SHUTDOWN"]}`},
			403, "Extension.InvalidEventType"},
		{"no JSON", "", []string{"POST " + pathRegister, name, `{`}, 403, "InvalidRequestFormat"},
		{"configuration keys", "", []string{"POST " + pathRegister, name, `{"events":[],"configurationKeys":["a"]}`},
			403, "InvalidRequestFormat"},
		{"unknown event", "", []string{"POST " + pathRegister, name, `{"events":["FREEZE"]}`}, 403,
			"Extension.InvalidEventType"},
		{"twice", "register", []string{"POST " + pathRegister, name, `{"events":[]}`}, 403,
			"Extension.InvalidExtensionState"},
		{"after init", "init done", []string{"POST " + pathRegister, "Lambda-Extension-Name: inner",
			`{"events":["INVOKE"]}`}, 403, "Extension.RegistrationClosed"},
		{"next without identifier", "", []string{"GET " + pathEventNext}, 403, "Extension.MissingExtensionIdentifier"},
		{"next with a bad one", "", []string{"GET " + pathEventNext, "Lambda-Extension-Identifier: 7"}, 403,
			"Extension.InvalidExtensionIdentifier"},
		{"next with an unknown one", "", []string{"GET " + pathEventNext, "Lambda-Extension-Identifier: " + newUUID()},
			403, "Extension.UnknownExtensionIdentifier"},
		{"next after an error", "failed", []string{"GET " + pathEventNext, "ID"}, 403,
			"Extension.InvalidExtensionState"},
		{"error without type", "register", []string{"POST " + pathInitError, "ID"}, 403, "Extension.MissingHeader"},
		{"init/error after next", "init done",
			[]string{"POST " + pathInitError, "ID", "Lambda-Extension-Function-Error-Type: Extension.X"}, 403,
			"Extension.InvalidExtensionState"},

		{"subscription without identifier", "", []string{put, json, sub()}, 403,
			"Extension.MissingExtensionIdentifier"},
		{"after init", "init done", []string{put, "ID", json, sub()}, 403, "Telemetry.SubscriptionClosed"},
		{"second subscription", "subscribed", []string{put, "ID", json, sub()}, 500, "Telemetry.ServiceError"},
		{"content type", "register", []string{put, "ID", "Content-Type: text/plain", sub()}, 400, "Content-Type"},
		{"no JSON", "register", []string{put, "ID", json, `{`}, 400, "ValidationError"},
		{"unknown member", "register", []string{put, "ID", json, sub(`"types"`, `"kinds":[],"types"`)}, 400, "kinds"},
		{"schema", "register", []string{put, "ID", json, sub("2025-01-29", "2024-01-01")}, 400, "schemaVersion"},
		{"no types", "register", []string{put, "ID", json, sub(`"platform"`, ``)}, 400, "types"},
		{"a type twice", "register", []string{put, "ID", json, sub(`"platform"`, `"platform","platform"`)},
			400, "types"},
		{"unknown type", "register", []string{put, "ID", json, sub("platform", "runtime")}, 400, "types"},
		{"few items", "register", []string{put, "ID", json, sub("1000", "999")}, 400, "maxItems"},
		{"many items", "register", []string{put, "ID", json, sub("1000", "10001")}, 400, "maxItems"},
		{"few bytes", "register", []string{put, "ID", json, sub("262144", "262143")}, 400, "maxBytes"},
		{"many bytes", "register", []string{put, "ID", json, sub("262144", "1048577")}, 400, "maxBytes"},
		{"short time", "register", []string{put, "ID", json, sub(":25}", ":24}")}, 400, "timeoutMs"},
		{"long time", "register", []string{put, "ID", json, sub(":25}", ":30001}")}, 400, "timeoutMs"},
		{"protocol", "register", []string{put, "ID", json, sub("HTTP", "TCP")}, 400, "protocol"},
		{"host", "register", []string{put, "ID", json, sub("sandbox.localdomain", "127.0.0.1")}, 400, "host must be"},
		{"scheme", "register", []string{put, "ID", json, sub("http:", "https:")}, 400, "URI"},
		{"no port", "register", []string{put, "ID", json, sub(":8080", "")}, 400, "port"},
		{"the platform's port", "register", []string{put, "ID", json, sub(":8080", ":9001")}, 400, "port"},

		{"wrong method", "", []string{"POST " + pathTelemetry}, 405, "MethodNotAllowed"},
		{"version in the path", "", []string{"PUT /2025-01-29/telemetry"}, 404, "NotFound"},
		{"Logs API", "", []string{"PUT /2020-08-15/logs"}, 404, "NotFound"},
		{"answer to nothing", "", []string{"POST " + pathInvocation + "x/response", `{}`}, 400, "InvalidRequestID"},
		{"error of nothing", "", []string{"POST " + pathInvocation + "x/error", `{}`}, 400, "InvalidRequestID"},
		{"runtime's init/error after next", "runtime ready", []string{"POST " + pathRuntime + "init/error", `{}`}, 403,
			"InvalidStateTransition"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := referee(t)
			id := ""
			if c.prepare != "" {
				id = registered(t, in)
			}
			switch c.prepare {
			case "init done":
				in.update(func() { in.initDone, in.extensions["ext"].readyAt = true, time.Now() })
			case "failed":
				request(t, in, "POST "+pathInitError, id, "Lambda-Extension-Function-Error-Type: Extension.X")
			case "subscribed":
				if status, answer, _ := request(t, in, put, id, json, sub()); status != 200 || answer != `"OK"` {
					t.Fatalf("subscription: %d %s", status, answer)
				}
			case "runtime ready":
				in.update(func() { in.runtime.readyAt = time.Now() })
			}
			before := len(in.env.Violations())
			for i, part := range c.call {
				if part == "ID" {
					c.call[i] = id
				}
			}
			status, answer, _ := request(t, in, c.call[0], c.call[1:]...)
			if status != c.status || !strings.Contains(answer, c.want) {
				t.Errorf("%d %s; want %d with %s", status, answer, c.status, c.want)
			}
			if got := len(in.env.Violations()) - before; got != 1 {
				t.Errorf("%d violations noted, want 1", got)
			}
		})
	}
}

func TestNextTwice(t *testing.T) {
	in := referee(t)
	id := registered(t, in)
	in.update(func() { in.extensions["ext"].waiting = true })
	if status, answer, _ := request(t, in, "GET "+pathEventNext, id); status != 403 ||
		!strings.Contains(answer, "Extension.InvalidExtensionState") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestTooManyExtensions(t *testing.T) {
	in := referee(t)
	for n := range maxExtensions - 1 {
		status, answer, _ := request(t, in, "POST "+pathRegister, "Lambda-Extension-Name: inner"+string(rune('a'+n)),
			`{"events":["INVOKE"]}`)
		if status != 200 {
			t.Fatalf("internal extension %d: %d %s", n, status, answer)
		}
	}
	status, answer, _ := request(t, in, "POST "+pathRegister, "Lambda-Extension-Name: innerz", `{"events":["INVOKE"]}`)
	if status != 403 || !strings.Contains(answer, "Extension.TooManyExtensions") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAnswers(t *testing.T) {
	in := referee(t)
	inv := in.env.newInvocation(Caller{}, []byte(`{"in":1}`))
	in.update(func() { in.current = inv })
	next := "GET " + pathInvocation + "next"
	status, answer, h := request(t, in, next)
	if status != 200 || answer != `{"in":1}` || h.Get("Lambda-Runtime-Aws-Request-Id") != inv.id ||
		h.Get("Lambda-Runtime-Invoked-Function-Arn") != in.env.cfg.functionARN() ||
		h.Get("Lambda-Runtime-Deadline-Ms") == "" || h.Get("Lambda-Runtime-Trace-Id") == "" {
		t.Errorf("next: %d %s %v", status, answer, h)
	}
	if status, answer, _ := request(t, in, next); status != 403 || !strings.Contains(answer, "InvalidStateTransition") {
		t.Errorf("next before the answer: %d %s", status, answer)
	}
	big := strings.Repeat("x", maxResponse+1)
	post := "POST " + pathInvocation + inv.id
	if status, answer, _ := request(t, in, post+"/response", big); status != 413 {
		t.Errorf("response too large: %d %s", status, answer)
	}
	if status, answer, _ := request(t, in, post+"/error", `{}`); status != 403 ||
		!strings.Contains(answer, "InvalidStateTransition") {
		t.Errorf("second answer: %d %s", status, answer)
	}
	if inv.errorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("error type %q", inv.errorType)
	}
}

// A streamed response may be larger, and may end in an error.
func TestStreamedResponse(t *testing.T) {
	in := referee(t)
	inv := in.env.newInvocation(Caller{}, nil)
	in.update(func() { in.current = inv })
	request(t, in, "GET "+pathInvocation+"next")
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(testContext(t), "POST",
		"http://"+in.address+pathInvocation+inv.id+"/response", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Trailer = http.Header{errorTypeHeader: {"Function.Late"}}
	go func() {
		for range 7 {
			w.Write(make([]byte, 1<<20))
		}
		w.Close()
	}()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 202 || len(inv.response) != 7<<20 || inv.errorType != "Function.Late" {
		t.Errorf("%d, %d bytes, error %q", resp.StatusCode, len(inv.response), inv.errorType)
	}
	noViolations(t, in.env)
}
