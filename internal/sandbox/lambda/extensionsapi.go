package lambda

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The Extensions API's limits and error types (all answered with 403).
const (
	maxExtensions = 10

	errInvalidExtensionName       = "Extension.InvalidExtensionName"
	errMissingExtensionIdentifier = "Extension.MissingExtensionIdentifier"
	errInvalidExtensionIdentifier = "Extension.InvalidExtensionIdentifier"
	errUnknownExtensionIdentifier = "Extension.UnknownExtensionIdentifier"
	errInvalidExtensionState      = "Extension.InvalidExtensionState"
	errMissingHeader              = "Extension.MissingHeader"
	errTooManyExtensions          = "Extension.TooManyExtensions"
	errInvalidEventType           = "Extension.InvalidEventType"
	errRegistrationClosed         = "Extension.RegistrationClosed"
	errInvalidRequestFormat       = "InvalidRequestFormat"
)

// A client whose calls of next are refused is held to wait between them: more
// than loopRefusals refusals within loopWindow is a tight loop, which eats the
// function's CPU.
const (
	loopRefusals = 10
	loopWindow   = time.Second
)

const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

// extension is one that was launched (external), or that registered from
// within the runtime (internal). Its fields are guarded by the instance's
// board.
type extension struct {
	name string
	proc *process // nil if internal

	enrolment
	readyAt    time.Time   // first next
	waiting    bool        // in next
	pending    *nextAnswer // the event next has to deliver
	nextAt     time.Time   // latest call of next
	failed     bool        // reported an error: nothing succeeds any more
	mayExit    bool        // Lambda told it to go, or will not have it
	sentenced  bool        // SIGKILL is on its way from us
	shutdownAt time.Time   // when SHUTDOWN was delivered
	subscribed bool

	refusals []time.Time // of next, within loopWindow
	loopTold bool
}

// enrolment is an extension's registration; zero before it.
type enrolment struct {
	id           string
	registeredAt time.Time
	events       []string
}

// nextAnswer is an event for next.
type nextAnswer struct {
	event     any
	eventType string
}

type invokeEvent struct {
	EventType          string   `json:"eventType"`
	DeadlineMs         int64    `json:"deadlineMs"`
	RequestID          string   `json:"requestId"`
	InvokedFunctionARN string   `json:"invokedFunctionArn"`
	Tracing            *tracing `json:"tracing,omitempty"`
}

type shutdownEvent struct {
	EventType      string `json:"eventType"`
	DeadlineMs     int64  `json:"deadlineMs"`
	ShutdownReason string `json:"shutdownReason"`
}

func (x *extension) wants(eventType string) bool {
	return x.id != "" && slices.Contains(x.events, eventType)
}

// idle means that it has called next and has been given nothing since.
func (x *extension) idle() bool { return x.waiting && x.pending == nil }

// newUUID makes identifiers of the form AWS uses.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

type registration struct {
	Events            []string `json:"events"`
	ConfigurationKeys []string `json:"configurationKeys"`
}

func (in *instance) register(c *call) answer {
	name := c.Header.Get("Lambda-Extension-Name")
	if a, hooked := in.hook(c, "register", in.env.cfg.Hooks.Register); hooked {
		in.update(func() {
			if x := in.extensions[name]; x != nil {
				x.mayExit = true
			}
		})
		return a
	}
	if name == "" {
		return in.refuse(c, http.StatusForbidden, errInvalidExtensionName, "Lambda-Extension-Name is missing")
	}
	var reg registration
	if err := c.decode(&reg); err != nil {
		return in.refuse(c, http.StatusForbidden, errInvalidRequestFormat, "body is no registration: %v", err)
	}
	if len(reg.ConfigurationKeys) > 0 {
		return in.refuse(c, http.StatusForbidden, errInvalidRequestFormat, "configurationKeys are not allowed")
	}
	for _, ev := range reg.Events {
		if ev != eventInvoke && ev != eventShutdown || ev == eventInvoke && in.env.cfg.managed() {
			return in.refuse(c, http.StatusForbidden, errInvalidEventType, "%s: ErrorInvalidEventType", ev)
		}
	}
	return in.enroll(c, name, reg)
}

func (in *instance) enroll(c *call, name string, reg registration) answer {
	var refusal func() answer
	refuse := func(errorType, format string, args ...any) {
		refusal = func() answer { return in.refuse(c, http.StatusForbidden, errorType, format, args...) }
	}
	id := newUUID()
	in.update(func() {
		x := in.extensions[name]
		switch {
		case x != nil && x.id != "":
			refuse(errInvalidExtensionState, "%s is registered already", name)
		case x == nil && in.initDone:
			refuse(errRegistrationClosed, "registration is closed after init")
		case x == nil && len(in.extensions) >= maxExtensions:
			refuse(errTooManyExtensions, "no more than %d extensions", maxExtensions)
		case x == nil && slices.Contains(reg.Events, eventShutdown):
			// Not the base name of a launched file: taken for an internal one.
			refuse(errInvalidEventType, "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension (no launched "+
				"extension is called %q)", name)
		}
		if refusal != nil {
			return
		}
		if x == nil {
			x = &extension{name: name}
			in.extensions[name] = x
		}
		x.enrolment = enrolment{id: id, registeredAt: time.Now(), events: reg.Events}
		x.mayExit = false
		in.byID[id] = x
	})
	if refusal != nil {
		return refusal()
	}
	return in.registered(c, id)
}

func (in *instance) registered(c *call, id string) answer {
	cfg := in.env.cfg
	body := map[string]string{
		"functionName":    cfg.FunctionName,
		"functionVersion": cfg.FunctionVersion,
		"handler":         cfg.Handler,
	}
	for _, f := range strings.Split(c.Header.Get("Lambda-Extension-Accept-Feature"), ",") {
		if strings.TrimSpace(f) == "accountId" {
			body["accountId"] = cfg.AccountID
		}
	}
	a := ok(body)
	a.header = map[string]string{"Lambda-Extension-Identifier": id}
	return a
}

// identify finds the extension that makes a call.
func (in *instance) identify(c *call) (*extension, *answer) {
	refuse := func(errorType, message string) (*extension, *answer) {
		a := in.refuse(c, http.StatusForbidden, errorType, "%s", message)
		return nil, &a
	}
	id := c.Header.Get("Lambda-Extension-Identifier")
	if id == "" {
		return refuse(errMissingExtensionIdentifier, "Lambda-Extension-Identifier is missing")
	}
	if !uuidForm.MatchString(id) {
		return refuse(errInvalidExtensionIdentifier, "Lambda-Extension-Identifier is no UUID")
	}
	var x *extension
	var failed bool
	in.look(func() {
		if x = in.byID[id]; x != nil {
			failed = x.failed
		}
	})
	if x == nil {
		return refuse(errUnknownExtensionIdentifier, "no extension has this identifier")
	}
	if failed {
		return refuse(errInvalidExtensionState, "the extension has reported an error and should have exited")
	}
	return x, nil
}

// eventNext blocks until there is an event.
func (in *instance) eventNext(c *call) answer {
	x, refusal := in.identify(c)
	if refusal != nil {
		in.policeRefusal(in.theExternal())
		return *refusal
	}
	if a, hooked := in.hook(c, "next", in.env.cfg.Hooks.Next); hooked {
		in.policeRefusal(x)
		if a.status >= http.StatusInternalServerError {
			in.update(func() { x.mayExit = true })
		}
		return a
	}
	if !in.enterNext(c.Context(), x) {
		return in.refuse(c, http.StatusForbidden, errInvalidExtensionState, "next is waiting already")
	}
	return in.awaitEvent(c, x)
}

// enterNext notes that x has called next, unless a call of it is waiting.
func (in *instance) enterNext(ctx context.Context, x *extension) bool {
	// A client that gave up its call may be back before the end of the old
	// connection has been seen, hence the grace.
	const grace = time.Second
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	called := time.Now()
	err := in.await(ctx, func() bool { return !x.waiting })
	if err != nil {
		return false
	}
	entered := false
	in.update(func() {
		if x.waiting {
			return
		}
		entered = true
		x.waiting, x.nextAt = true, called
		if x.readyAt.IsZero() {
			x.readyAt = called
		}
	})
	return entered
}

func (in *instance) awaitEvent(c *call, x *extension) answer {
	var ev *nextAnswer
	err := in.await(c.Context(), func() bool {
		if x.pending == nil {
			return false
		}
		ev, x.pending, x.waiting = x.pending, nil, false
		if ev.eventType == eventShutdown {
			x.shutdownAt = time.Now()
		}
		return true
	})
	if err != nil {
		in.update(func() { x.waiting = false })
		in.policeAbandon(x)
		return answer{gone: true}
	}
	a := ok(ev.event)
	if ev.eventType == eventInvoke {
		a.header = map[string]string{"Lambda-Extension-Event-Identifier": newUUID()}
	}
	return a
}

// policeAbandon notes a client that gives up waiting: next has no time-out.
func (in *instance) policeAbandon(x *extension) {
	// The connection of a process that ends is closed before its end can be
	// seen, hence the grace.
	const grace = 500 * time.Millisecond
	if in.ctx.Err() != nil || (x.proc != nil && x.proc.awaitExit(grace)) || in.ctx.Err() != nil {
		return
	}
	in.env.log.violation("%s: gave up waiting in event/next; the call must have no time-out, the process may be "+
		"frozen in it", x.name)
}

// policeRefusal notes a tight loop.
func (in *instance) policeRefusal(x *extension) {
	if x == nil {
		return
	}
	loop := false
	in.update(func() {
		now := time.Now()
		x.refusals = append(x.refusals, now)
		x.refusals = slices.DeleteFunc(x.refusals, func(t time.Time) bool { return now.Sub(t) > loopWindow })
		if len(x.refusals) > loopRefusals && !x.loopTold {
			x.loopTold, loop = true, true
		}
	})
	if loop {
		in.env.log.violation("%s: calls event/next in a tight loop: refused more than %d times within %v", x.name,
			loopRefusals, loopWindow)
	}
}

// theExternal is the first launched extension, to blame for calls that do not
// say whose they are.
func (in *instance) theExternal() (x *extension) {
	in.look(func() { x = in.extensions[in.env.cfg.extensionName()] })
	return x
}

// extensionError takes POST init/error and exit/error. Either makes the
// function fail.
func (in *instance) extensionError(c *call, phase string) answer {
	x, refusal := in.identify(c)
	if refusal != nil {
		return *refusal
	}
	errorType := c.Header.Get("Lambda-Extension-Function-Error-Type")
	if errorType == "" {
		return in.refuse(c, http.StatusForbidden, errMissingHeader, "Lambda-Extension-Function-Error-Type is missing")
	}
	late := false
	in.update(func() {
		if late = phase == "init" && !x.readyAt.IsZero(); !late {
			x.failed, x.mayExit = true, true
		}
	})
	if late {
		return in.refuse(c, http.StatusForbidden, errInvalidExtensionState, "init/error after next")
	}
	in.env.log.violation("%s: reported %s to %s/error, which makes the customer's function fail", x.name,
		errorType, phase)
	fallback := map[string]string{"init": "Extension.InitError", "exit": "Extension.ExitError"}[phase]
	in.fail(&fault{errorType: extensionErrorType(errorType, fallback), message: x.name + " reported an error"})
	return accepted()
}

var extensionErrorForm = regexp.MustCompile(`^Extension\.[A-Z][a-zA-Z]+$`)

func extensionErrorType(reported, fallback string) string {
	if extensionErrorForm.MatchString(reported) {
		return reported
	}
	return fallback
}
