// Package extapi is a client of the Lambda Extensions API (version
// 2020-01-01): register, then ask for the next event, for ever.
//
// It knows nothing of init/error and exit/error: either of them fails the
// customer's invocation, which a log shipper has no reason to do.
package extapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/jsonscan"
)

// Event types of the Extensions API.
const (
	Invoke   = "INVOKE"
	Shutdown = "SHUTDOWN"
)

const (
	// maxAnswer bounds what is read of any answer, its header included, in
	// bytes. An INVOKE event carries no payload and stays far below.
	maxAnswer = 1 << 20
	// dialTimeout bounds one attempt to connect: the next may succeed. The
	// kernel's own bound is minutes.
	dialTimeout = 2 * time.Second
)

// An Error is an answer other than 200. Lambda uses 403 for everything that
// it refuses and 500 for "container error, the extension should exit
// promptly".
type Error struct {
	Call    string // "register" or "next"
	Status  int
	Type    string // such as Extension.InvalidEventType
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("Lambda answered %s with HTTP %d %s: %s", e.Call, e.Status, e.Type, e.Message)
}

// InvalidEventType reports whether err is the refusal that Lambda Managed
// Instances answer to a registration for INVOKE (seen in AWS's emulator:
// 403 Extension.InvalidEventType; a second registration for SHUTDOWN alone
// then succeeds).
func InvalidEventType(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusForbidden && e.Type == "Extension.InvalidEventType"
}

// Fatal reports whether err is a 500, after which Lambda's documentation
// tells an extension to exit.
func Fatal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusInternalServerError
}

// A Registration is what Lambda tells a registered extension.
type Registration struct {
	ID              string // for all later calls
	FunctionName    string
	FunctionVersion string
}

// A NextEvent is the answer of next.
type NextEvent struct {
	Type           string    // Invoke, Shutdown, or something newer
	Deadline       time.Time // of the invocation or of the shutdown; zero if Lambda sent none
	RequestID      string    // INVOKE only
	Tracing        string    // INVOKE only: X-Ray's header; "" if Lambda sent none
	ShutdownReason string    // SHUTDOWN only: spindown, timeout, failure, or another word of an emulator
}

// A Client talks to one environment's Extensions API. It is for one
// goroutine.
type Client struct {
	// Asked, if it is set, is called once, in a goroutine of its own, when the
	// first call of Next has been sent: what may be done beside the function's
	// init, and must not delay ours. Must be set before the first Next.
	Asked func()

	base string
	name string
	line *line
	http *http.Client
	id   string
}

// New returns a client for the API at addr, the value of
// AWS_LAMBDA_RUNTIME_API (host:port, no scheme). name must be the base name
// of the extension's file in /opt/extensions: Lambda takes any other name for
// an internal extension and then waits for the external one in vain.
func New(addr, name string) *Client {
	l := new(line)
	return &Client{
		base: "http://" + addr + "/2020-01-01/extension",
		name: name,
		line: l,
		http: &http.Client{Transport: l},
	}
}

// HTTP is the client for Lambda's own endpoints: never through a proxy,
// whatever the function's environment says, and without a time limit, because
// next blocks while the environment is frozen. Like c it is for one goroutine.
func (c *Client) HTTP() *http.Client { return c.http }

// Register registers the extension for the given event types.
func (c *Client) Register(ctx context.Context, events ...string) (Registration, error) {
	body := `{"events":["` + strings.Join(events, `","`) + `"]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/register", strings.NewReader(body))
	if err != nil {
		return Registration{}, fmt.Errorf("cannot register: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Lambda-Extension-Name", c.name)
	var r Registration
	header, _, err := c.do(req, "register", map[string]*string{
		"functionName": &r.FunctionName, "functionVersion": &r.FunctionVersion,
	})
	if err != nil {
		return Registration{}, err
	}
	c.id = header.Get("Lambda-Extension-Identifier")
	if c.id == "" {
		return Registration{}, errors.New("cannot register: Lambda's answer has no Lambda-Extension-Identifier")
	}
	r.ID = c.id
	return r, nil
}

// Registered reports whether Register has succeeded.
func (c *Client) Registered() bool { return c.id != "" }

// Next says that the extension is done with the last event and waits for the
// following one, without a time limit of its own: the process may be frozen
// inside this call for hours. The first call ends the extension's init.
func (c *Client) Next(ctx context.Context) (NextEvent, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/event/next", nil)
	if err != nil {
		return NextEvent{}, fmt.Errorf("cannot ask for the next event: %w", err)
	}
	req.Header.Set("Lambda-Extension-Identifier", c.id)
	if c.Asked != nil {
		c.line.sent, c.Asked = c.Asked, nil
	}
	var ev NextEvent
	_, answer, err := c.do(req, "next", map[string]*string{
		"eventType": &ev.Type, "requestId": &ev.RequestID, "shutdownReason": &ev.ShutdownReason,
	})
	if err != nil {
		return NextEvent{}, err
	}
	ev.Type, ev.ShutdownReason = strings.ToUpper(ev.Type), strings.ToLower(ev.ShutdownReason)
	tracing := jsonscan.Object(answer.Find(`"tracing"`)) // something else says nothing
	ev.Tracing = jsonscan.Text(tracing.Find(`"value"`))
	// An odd deadline (an emulator's) counts as none, but the event is an
	// event all the same.
	if ms, err := strconv.ParseInt(string(answer.Find(`"deadlineMs"`)), 10, 64); err == nil && ms > 0 {
		ev.Deadline = time.UnixMilli(ms)
	}
	return ev, nil
}

// do sends req and reads a 200's body, an object: texts into into.
func (c *Client) do(req *http.Request, call string, into map[string]*string) (http.Header, jsonscan.Object, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot reach Lambda's Extensions API for %s: %w", call, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read Lambda's answer to %s: %w", call, err)
	}
	answer := jsonscan.Whole(body)
	if resp.StatusCode != http.StatusOK {
		e := &Error{Call: call, Status: resp.StatusCode}
		detail := map[string]*string{"errorType": &e.Type, "errorMessage": &e.Message}
		if answer == nil || answer.Strings(detail) != nil {
			e.Type, e.Message = "", http.StatusText(resp.StatusCode)
		}
		return nil, nil, e
	}
	if answer == nil {
		return nil, nil, fmt.Errorf("cannot decode Lambda's answer to %s: it is not a JSON object", call)
	}
	if err := answer.Strings(into); err != nil {
		return nil, nil, fmt.Errorf("cannot decode Lambda's answer to %s: %w", call, err)
	}
	return resp.Header, answer, nil
}
