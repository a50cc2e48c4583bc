package extension

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/wait"
)

const (
	// registerTime bounds the attempts to register. Lambda gives init 10 s, and
	// an extension that gives up sooner fails it; the rest is for the log to
	// say why.
	registerTime = 9500 * time.Millisecond
	// registerPause is the pause after a first failure; it doubles up to
	// maxRegisterPause.
	registerPause    = 50 * time.Millisecond
	maxRegisterPause = 500 * time.Millisecond

	initializationType = "AWS_LAMBDA_INITIALIZATION_TYPE"
	managedInstances   = "lambda-managed-instances"
	snapStart          = "snap-start"
)

// An environment is what the registration has told of it.
type environment struct {
	extapi.Registration
	// managed says that it is one of Lambda Managed Instances, which have no
	// INVOKE: several invocations run at a time, and nothing is ever frozen.
	managed bool
	// snapStart says that the process is cloned between its init and the first
	// INVOKE.
	snapStart bool
}

// register registers for what the platform offers, and tries as long as init
// lasts: behind AWS_LAMBDA_RUNTIME_API may be another layer's proxy, which
// opens late. Managed instances refuse to be asked for INVOKE, even where no
// variable says that it is one.
func register(ctx context.Context, client *extapi.Client) (environment, error) {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	mode := os.Getenv(initializationType)
	env := environment{managed: mode == managedInstances, snapStart: mode == snapStart}
	for failures := 0; ; {
		events := []string{extapi.Invoke, extapi.Shutdown}
		if env.managed {
			events = events[1:]
		}
		var err error
		if env.Registration, err = client.Register(ctx, events...); err == nil {
			return env, nil
		}
		if !env.managed && extapi.InvalidEventType(err) {
			env.managed = true
			continue // asked again at once
		}
		failures++
		if wait.Sleep(ctx, wait.Backoff(registerPause, maxRegisterPause, failures)) != nil {
			return env, err
		}
	}
}

// unregistered says why there is no registration, and what to do: addr is what
// AWS_LAMBDA_RUNTIME_API names.
func unregistered(err error, addr string) (message, advice string) {
	proxy := "AWS_LAMBDA_RUNTIME_API is " + addr +
		": if another layer or the function points it at a proxy, the proxy must answer before init ends"
	var refusal *extapi.Error
	var unreachable *url.Error
	switch {
	case errors.As(err, &refusal) && refusal.Type == "Extension.TooManyExtensions":
		return "Lambda refused the registration: there are too many extensions", "a function can have at most 10: " +
			"remove one"
	case errors.As(err, &refusal) && refusal.Type == "Extension.InvalidExtensionState":
		return "Lambda refused the registration: this extension is already registered",
			"only Lambda may start it, and only once"
	case errors.As(err, &refusal) && strings.HasPrefix(refusal.Type, "Extension."):
		return "Lambda refused the registration", "check the name of the file in /opt/extensions: it must be the " +
			"extension's name"
	case errors.As(err, &refusal):
		return "Lambda's Extensions API returns errors", proxy
	case errors.As(err, &unreachable):
		return "Lambda's Extensions API does not answer", proxy
	}
	return "the server that answers is not Lambda's Extensions API", proxy
}

// subscribe asks for telemetry and returns the listener that it will come to.
// Where none will come it is closed and nil: then nothing is ever waited for.
func subscribe(
	ctx context.Context, client *extapi.Client, addr string, env environment, l *logsapi.Listener, log *diag.Logger,
) *logsapi.Listener {
	if l == nil {
		return nil
	}
	buffering := logsapi.Smallest
	if env.managed {
		buffering = logsapi.Relaxed
	}
	err := logsapi.Subscribe(ctx, client.HTTP(), addr, env.ID, l.URI(), buffering)
	switch {
	case err == nil:
		return l
	case errors.Is(err, logsapi.ErrNotDelivering):
		log.Say(diag.Info, "nothing can be stored here: "+err.Error(),
			"to try Logtable on your own machine, run `logtable demo`")
	default:
		log.Say(diag.Error, "nothing can be stored in this environment; the function is not affected", "",
			"error", err.Error())
	}
	l.Close()
	return nil
}
