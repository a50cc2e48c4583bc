package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/sandbox/wire"
)

const (
	// maxResponse is Lambda's limit on a buffered response.
	maxResponse = 6 << 20
	// maxStreamed is Lambda's documented default limit on a streamed one.
	maxStreamed = 200 << 20
)

// call is an API call with its body read.
type call struct {
	*http.Request
	path      string
	body      []byte
	bodyErr   error     // the client went away, or sent more than maxStreamed
	firstByte time.Time // when the body began to arrive
	lastByte  time.Time
	hooked    bool // the answer came from a hook
}

// answer is what the platform says.
type answer struct {
	status int
	header map[string]string
	body   []byte
	reset  bool
	gone   bool // the client is gone: no answer
}

func ok(body any) answer { return answer{status: http.StatusOK, body: encode(body)} }

func accepted() answer {
	return answer{status: http.StatusAccepted, body: encode(map[string]string{"status": "OK"})}
}

func errorAnswer(status int, errorType, message string) answer {
	return answer{status: status, body: encode(map[string]string{"errorMessage": message, "errorType": errorType})}
}

// refuse answers as Lambda does, and takes a note of it.
func (in *instance) refuse(c *call, status int, errorType, format string, args ...any) answer {
	message := fmt.Sprintf(format, args...)
	in.env.log.violation("%s: %s %s: %d %s: %s", in.caller(c), c.Method, c.path, status, errorType, message)
	return errorAnswer(status, errorType, message)
}

// hook gives a hook the chance to answer.
func (in *instance) hook(c *call, kind string, f func(Call) *Answer) (answer, bool) {
	if f == nil {
		return answer{}, false
	}
	a := f(Call{Number: in.env.log.count(kind), Init: in.number, Body: string(c.body)})
	if a == nil {
		return answer{}, false
	}
	c.hooked = true
	switch {
	case a.Hang:
		<-c.Context().Done()
		return answer{gone: true}, true
	case a.Reset:
		return answer{reset: true}, true
	case a.Body != "":
		return answer{status: a.Status, body: []byte(a.Body)}, true
	}
	return errorAnswer(a.Status, a.ErrorType, a.Message), true
}

// ServeHTTP notes the call, has it answered and sends the answer.
func (in *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, path: r.URL.Path}
	arrived := time.Now()
	c.readBody(http.MaxBytesReader(w, r.Body, maxStreamed))
	note := &Request{
		Time: arrived, Init: in.number, Caller: in.caller(c),
		Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: c.body,
	}
	in.env.log.request(note)
	a := in.route(c)
	if a.gone {
		return
	}
	if a.reset {
		wire.Cut(w)
		return
	}
	in.env.log.answered(note, a.status)
	send(w, a)
}

func send(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	for name, value := range a.header {
		w.Header()[name] = []string{value}
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// readBody notes when the body began and ended, for the spans of a response.
func (c *call) readBody(body io.Reader) {
	var b bytes.Buffer
	first := make([]byte, 1)
	n, err := io.ReadFull(body, first)
	c.firstByte = time.Now()
	b.Write(first[:n])
	if err == nil {
		_, err = b.ReadFrom(body)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.bodyErr = err
	}
	c.lastByte = time.Now()
	c.body = b.Bytes()
}

// decode reads the JSON body into v and allows no field v does not know.
func (c *call) decode(v any) error {
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

const (
	pathRegister   = "/2020-01-01/extension/register"
	pathEventNext  = "/2020-01-01/extension/event/next"
	pathInitError  = "/2020-01-01/extension/init/error"
	pathExitError  = "/2020-01-01/extension/exit/error"
	pathTelemetry  = "/2022-07-01/telemetry"
	pathRuntime    = "/2018-06-01/runtime/"
	pathInvocation = pathRuntime + "invocation/"
)

func (in *instance) route(c *call) answer {
	if strings.HasPrefix(c.path, pathRuntime) {
		return in.routeRuntime(c)
	}
	switch c.Method + " " + c.path {
	case "POST " + pathRegister:
		return in.register(c)
	case "GET " + pathEventNext:
		return in.eventNext(c)
	case "POST " + pathInitError:
		return in.extensionError(c, "init")
	case "POST " + pathExitError:
		return in.extensionError(c, "exit")
	case "PUT " + pathTelemetry:
		return in.subscribe(c)
	case "GET " + pathCredentials:
		return in.credentials(c)
	}
	if c.path == pathTelemetry || c.path == pathEventNext || c.path == pathRegister {
		return in.refuse(c, http.StatusMethodNotAllowed, "MethodNotAllowed", "wrong method")
	}
	return in.unknown(c)
}

// routeRuntime is route for the Runtime API.
func (in *instance) routeRuntime(c *call) answer {
	switch c.Method + " " + c.path {
	case "GET " + pathInvocation + "next":
		return in.invocationNext(c)
	case "POST " + pathRuntime + "init/error":
		return in.runtimeInitError(c)
	}
	rest, isInvocation := strings.CutPrefix(c.path, pathInvocation)
	id, verb, _ := strings.Cut(rest, "/")
	if isInvocation && c.Method == http.MethodPost {
		switch verb {
		case "response":
			return in.invocationResponse(c, id)
		case "error":
			return in.invocationError(c, id)
		}
	}
	return in.unknown(c)
}

func (in *instance) unknown(c *call) answer {
	return in.refuse(c, http.StatusNotFound, "NotFound", "the platform has no such API")
}

// caller names who made a call, as far as can be told.
func (in *instance) caller(c *call) string {
	if strings.HasPrefix(c.path, pathRuntime) {
		return "runtime"
	}
	if name := c.Header.Get("Lambda-Extension-Name"); name != "" {
		return name
	}
	name := "extension"
	in.look(func() {
		if x := in.byID[c.Header.Get("Lambda-Extension-Identifier")]; x != nil {
			name = x.name
		}
	})
	return name
}
