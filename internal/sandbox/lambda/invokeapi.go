package lambda

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	invokePath  = "/2015-03-31/functions/"
	invocations = "/invocations"
)

// InvokeAPI answers Lambda's Invoke for the functions that find knows, with the
// trace and the tenant that the caller passes on. It serves functions that
// invoke each other, so it takes no qualifier and always waits for the response
// (RequestResponse); nobody has to sign. The answer comes when the invocation
// is over: the extension's part, for which Lambda's callers do not wait, is in
// it.
func InvokeAPI(find func(function string) *Environment) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		send(w, invokeAnswer(r.Context(), find, w, r))
	})
}

func invokeAnswer(ctx context.Context, find func(string) *Environment, w http.ResponseWriter, r *http.Request) answer {
	path, isInvoke := strings.CutPrefix(r.URL.Path, invokePath)
	name, isInvocations := strings.CutSuffix(path, invocations)
	if !isInvoke || !isInvocations || r.Method != http.MethodPost {
		return apiError(http.StatusNotFound, "UnknownOperationException", "only Invoke is known here")
	}
	env := find(name)
	if env == nil {
		return apiError(http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+name)
	}
	if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		return apiError(http.StatusBadRequest, "InvalidParameterValueException",
			"the local Lambda waits for responses: leave out the invocation type "+kind)
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return apiError(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			"the payload is larger than 6 MB")
	case err != nil:
		return answer{gone: true}
	}
	result, err := env.InvokeAs(ctx, Caller{
		Trace: r.Header.Get("X-Amzn-Trace-Id"), Tenant: r.Header.Get("X-Amz-Tenant-Id"),
	}, payload)
	if err != nil {
		return apiError(http.StatusInternalServerError, "ServiceException", err.Error())
	}
	a := answer{status: http.StatusOK, body: result.Payload, header: map[string]string{
		"X-Amzn-Requestid": result.RequestID, "X-Amz-Executed-Version": env.cfg.FunctionVersion,
	}}
	if result.FunctionError != "" {
		a.header["X-Amz-Function-Error"] = "Unhandled"
	}
	return a
}

// apiError is an error as Lambda's API, unlike those inside of an environment,
// reports it.
func apiError(status int, code, message string) answer {
	return answer{
		status: status, body: encode(map[string]string{"Message": message}),
		header: map[string]string{"X-Amzn-Errortype": code},
	}
}
