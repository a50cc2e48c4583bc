package lambda

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The Runtime API's error types.
const (
	errInvalidRequestID       = "InvalidRequestID"
	errInvalidStateTransition = "InvalidStateTransition"
	errResponseTooLarge       = "Function.ResponseSizeTooLarge"

	errorTypeHeader = "Lambda-Runtime-Function-Error-Type"
)

// runtime is the function's process as the Runtime API sees it; guarded by
// the instance's board.
type runtime struct {
	proc    *process
	readyAt time.Time // first next
	waiting bool      // in next
}

// invocation is one from the platform's view; guarded by the board of the
// instance it is given to.
type invocation struct {
	id        string
	payload   []byte
	tracing   *tracing // nil if Lambda says nothing of a trace
	tenant    string
	startedAt time.Time
	deadline  time.Time

	delivered bool // to the runtime
	answered  bool // by response or error
	response  []byte
	errorType string    // of POST error
	firstByte time.Time // of the answer
	lastByte  time.Time
	doneAt    time.Time // when the runtime called next after it
	over      bool      // on a managed instance: its report has been emitted
}

// invocationNext blocks until there is an invocation.
func (in *instance) invocationNext(c *call) answer {
	if in.env.cfg.managed() {
		return in.workerNext(c)
	}
	refusal := ""
	in.update(func() {
		if in.runtime.waiting {
			refusal = "next is waiting already"
			return
		}
		inv := in.current
		if inv != nil && inv.delivered && !inv.answered {
			refusal = "the current invocation has not been answered"
			return
		}
		now := time.Now()
		if in.runtime.readyAt.IsZero() {
			in.runtime.readyAt = now
		}
		if inv != nil && inv.answered && inv.doneAt.IsZero() {
			inv.doneAt = now
		}
		in.runtime.waiting = true
	})
	if refusal != "" {
		return in.refuse(c, http.StatusForbidden, errInvalidStateTransition, "%s", refusal)
	}
	var inv *invocation
	err := in.await(c.Context(), func() bool {
		if in.current == nil || in.current.delivered || in.ending {
			return false
		}
		inv = in.current
		inv.delivered, in.runtime.waiting = true, false
		return true
	})
	if err != nil {
		in.update(func() { in.runtime.waiting = false })
		return answer{gone: true}
	}
	return in.handOut(inv)
}

// handOut is the answer of next that gives an invocation to the runtime.
func (in *instance) handOut(inv *invocation) answer {
	header := map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       inv.id,
		"Lambda-Runtime-Deadline-Ms":          strconv.FormatInt(inv.deadline.UnixMilli(), 10),
		"Lambda-Runtime-Invoked-Function-Arn": in.env.cfg.functionARN(),
	}
	if inv.tracing != nil {
		header["Lambda-Runtime-Trace-Id"] = inv.tracing.Value
	}
	if inv.tenant != "" {
		header["Lambda-Runtime-Aws-Tenant-Id"] = inv.tenant
	}
	return answer{status: http.StatusOK, body: inv.payload, header: header}
}

func (in *instance) invocationResponse(c *call, id string) answer {
	if c.bodyErr != nil {
		return answer{gone: true} // the process died in the middle; its exit says the rest
	}
	streaming := strings.EqualFold(c.Header.Get("Lambda-Runtime-Function-Response-Mode"), "streaming")
	if !streaming && len(c.body) > maxResponse {
		in.finish(c, id, encode(map[string]string{
			"errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
			"errorType":    errResponseTooLarge,
		}), errResponseTooLarge)
		return in.refuse(c, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"response of %d bytes; the limit is %d", len(c.body), maxResponse)
	}
	// A stream that breaks off in an error says so in its trailer.
	return in.finish(c, id, c.body, c.Trailer.Get(errorTypeHeader))
}

func (in *instance) invocationError(c *call, id string) answer {
	if c.bodyErr != nil {
		return answer{gone: true}
	}
	errorType := c.Header.Get(errorTypeHeader)
	if errorType == "" {
		errorType = "Runtime.UnknownReason"
	}
	return in.finish(c, id, c.body, errorType)
}

// finish takes the function's answer; errorType is empty for a response.
func (in *instance) finish(c *call, id string, body []byte, errorType string) answer {
	var refusal func() answer
	in.update(func() {
		inv := in.invocation(id)
		switch {
		case inv != nil && inv.over: // timed out; the code runs on
			refusal = func() answer {
				return errorAnswer(http.StatusBadRequest, errInvalidRequestID, "the invocation has timed out")
			}
		case inv == nil || !inv.delivered:
			refusal = func() answer {
				return in.refuse(c, http.StatusBadRequest, errInvalidRequestID, "no invocation %s is open", id)
			}
		case inv.answered:
			refusal = func() answer {
				return in.refuse(c, http.StatusForbidden, errInvalidStateTransition,
					"invocation %s has been answered", id)
			}
		default:
			inv.answered, inv.response, inv.errorType = true, body, errorType
			inv.firstByte, inv.lastByte = c.firstByte, c.lastByte
		}
	})
	if refusal != nil {
		return refusal()
	}
	return accepted()
}

func (in *instance) runtimeInitError(c *call) answer {
	late := false
	in.look(func() { late = !in.runtime.readyAt.IsZero() })
	if late {
		return in.refuse(c, http.StatusForbidden, errInvalidStateTransition, "init/error after next")
	}
	errorType := c.Header.Get(errorTypeHeader)
	if errorType == "" {
		errorType = "Runtime.UnknownReason"
	}
	in.fail(&fault{errorType: errorType, message: "the function reported an init error", document: c.body})
	return accepted()
}
