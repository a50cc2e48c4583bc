package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/logtable/logtable/internal/sandbox/wire"
)

const (
	invokePath  = "/2015-03-31/functions/"
	invocations = "/invocations"
	// maxAsynchronous is Lambda's limit on an asynchronous invocation's event,
	// in bytes (1 MB since October 2025).
	maxAsynchronous = 1 << 20
)

// An Invoker runs invocations, as an Environment does.
type Invoker interface {
	InvokeAs(ctx context.Context, caller Caller, payload []byte) (Result, error)
}

// InvokeAPI answers Lambda's Invoke for the functions that find knows; of
// others it returns the zero value. The invocation has the trace and the tenant
// that the caller passes on. There are no qualifiers, and nobody has to sign,
// but web pages are refused. The answer comes when the invocation is over: the
// extension's part, for which Lambda's callers do not wait, is in it.
//
// An asynchronous invocation (Event) is answered at once. It is not tried
// again if it fails, as Lambda would.
func InvokeAPI[I interface {
	comparable
	Invoker
}](find func(function string) I) http.Handler {
	var nobody I
	return wire.OwnMachine(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, isInvoke := strings.CutPrefix(r.URL.Path, invokePath)
		name, isInvocations := strings.CutSuffix(path, invocations)
		if !isInvoke || !isInvocations || r.Method != http.MethodPost {
			send(w, apiError(http.StatusNotFound, "UnknownOperationException", "only Invoke is known here"))
			return
		}
		function := find(name)
		if function == nobody {
			send(w, apiError(http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+name))
			return
		}
		if a := invokeAnswer(function, w, r); !a.gone {
			send(w, a)
		}
	}))
}

func invokeAnswer(function Invoker, w http.ResponseWriter, r *http.Request) answer {
	payload, refusal := readPayload(w, r)
	if refusal != nil {
		return *refusal
	}
	caller := Caller{Trace: r.Header.Get("X-Amzn-Trace-Id"), Tenant: r.Header.Get("X-Amz-Tenant-Id")}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	case "DryRun":
		return answer{status: http.StatusNoContent}
	case "Event":
		caller.RequestID = newUUID()
		go function.InvokeAs(context.WithoutCancel(r.Context()), caller, payload)
		return answer{
			status: http.StatusAccepted, header: map[string]string{"X-Amzn-Requestid": caller.RequestID},
		}
	default:
		return apiError(http.StatusBadRequest, "InvalidParameterValueException",
			"the invocation type "+kind+" is not RequestResponse, Event or DryRun")
	}
	result, err := function.InvokeAs(r.Context(), caller, payload)
	if err != nil {
		return apiError(http.StatusInternalServerError, "ServiceException", err.Error())
	}
	a := answer{status: http.StatusOK, body: result.Payload, header: map[string]string{
		"X-Amzn-Requestid": result.RequestID, "X-Amz-Executed-Version": "$LATEST",
	}}
	if result.FunctionError != "" {
		a.header["X-Amz-Function-Error"] = "Unhandled"
	}
	return a
}

// readPayload reads an invocation's event, or says why Lambda would not. An
// empty one is an empty object.
func readPayload(w http.ResponseWriter, r *http.Request) (payload []byte, refusal *answer) {
	most := int64(maxResponse)
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		most = maxAsynchronous
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		a := apiError(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("the payload is larger than %d bytes", most))
		return nil, &a
	case err != nil:
		return nil, &answer{gone: true}
	case len(payload) == 0:
		return []byte("{}"), nil
	case !json.Valid(payload):
		a := apiError(http.StatusBadRequest, "InvalidRequestContentException",
			"Could not parse request body into json: the payload must be valid JSON")
		return nil, &a
	}
	return payload, nil
}

// apiError is an error as Lambda's API, unlike those inside of an environment,
// reports it.
func apiError(status int, code, message string) answer {
	return answer{
		status: status, body: encode(map[string]string{"Message": message}),
		header: map[string]string{"X-Amzn-Errortype": code},
	}
}
