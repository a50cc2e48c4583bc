package extension

import (
	"context"
	"errors"
	"log/slog"
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
	proxy := "AWS_LAMBDA_RUNTIME_API names " + addr +
		": if another layer or the function has set it to a proxy, that must listen and answer before init ends"
	var refusal *extapi.Error
	var unreachable *url.Error
	switch {
	case errors.As(err, &refusal) && refusal.Type == "Extension.TooManyExtensions":
		return "Lambda refuses the registration: there are too many extensions", "a function may have 10: remove one"
	case errors.As(err, &refusal) && refusal.Type == "Extension.InvalidExtensionState":
		return "Lambda refuses the registration: this extension is registered already",
			"start it once only, and by Lambda"
	case errors.As(err, &refusal) && strings.HasPrefix(refusal.Type, "Extension."):
		return "Lambda refuses the registration", "check that the file's name in /opt/extensions is the extension's"
	case errors.As(err, &refusal):
		return "what answers for Lambda's Extensions API fails", proxy
	case errors.As(err, &unreachable):
		return "nobody answers for Lambda's Extensions API", proxy
	}
	return "what answers for Lambda's Extensions API is something else", proxy
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
		log.Say(slog.LevelInfo, "nothing can be stored here: "+err.Error(),
			"to see Logtable work on a laptop, run `logtable demo`")
	default:
		log.Say(slog.LevelError, "nothing can be stored in this environment, the function is not affected", "",
			"error", err.Error())
	}
	l.Close()
	return nil
}
