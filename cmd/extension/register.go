package main

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
	"github.com/logtable/logtable/internal/signing"
)

const (
	// registerTime bounds the attempts to register. Lambda gives init 10 s, and
	// an extension that gives up sooner fails it; the rest is for the log to say
	// why.
	registerTime = 9500 * time.Millisecond
	// registerPause is the pause after a first failure; it doubles up to
	// maxRegisterPause.
	registerPause    = 50 * time.Millisecond
	maxRegisterPause = 500 * time.Millisecond

	initializationType = "AWS_LAMBDA_INITIALIZATION_TYPE"
	managed            = "lambda-managed-instances"
	snapStart          = "snap-start"
)

// register registers for what the platform offers, and tries as long as init
// lasts: behind AWS_LAMBDA_RUNTIME_API may be another layer's proxy, which opens
// late. concurrent is true on Lambda Managed Instances, which have no INVOKE and
// refuse to be asked for it.
func register(ctx context.Context, client *extapi.Client) (reg extapi.Registration, concurrent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	concurrent = os.Getenv(initializationType) == managed
	for pause := registerPause; ; pause = min(2*pause, maxRegisterPause) {
		events := []string{extapi.Invoke, extapi.Shutdown}
		if concurrent {
			events = events[1:]
		}
		if reg, err = client.Register(ctx, events...); err == nil {
			return reg, concurrent, nil
		}
		if !concurrent && extapi.InvalidEventType(err) {
			concurrent = true
			continue // asked again at once
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return reg, concurrent, err
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
		return "Lambda refuses the registration: this extension is registered already", "start it once only, and by Lambda"
	case errors.As(err, &refusal) && strings.HasPrefix(refusal.Type, "Extension."):
		return "Lambda refuses the registration", "check that the file's name in /opt/extensions is the extension's"
	case errors.As(err, &refusal):
		return "what answers for Lambda's Extensions API fails", proxy
	case errors.As(err, &unreachable):
		return "nobody answers for Lambda's Extensions API", proxy
	}
	return "what answers for Lambda's Extensions API is something else", proxy
}

// A claim is what a process has that is the only Logtable of its environment.
type claim struct {
	listener *logsapi.Listener // nil where nothing is to be received
	release  func()
}

// claims makes the claim of this process beside its registration, which must
// not wait: the runtime does not start before every extension is registered.
// ok is false if Logtable must stay a silent guest.
//
// The key of the last-resort lines is nil if the claim cannot be made at once:
// what is committed to after the registration is not believed.
func claims(addr string, ok bool, log *diag.Logger, stderr *diag.Async) (<-chan claim, *signing.Key) {
	made := make(chan claim, 1)
	release, alone := takeName(addr)
	var key *signing.Key
	if ok && alone {
		key = firstLine(stderr)
	}
	go func() {
		c := claim{release: func() {}}
		defer func() { made <- c }()
		defer log.Guard("claim", func() {})
		if !alone {
			release, alone = only(addr)
		}
		c.release = release
		switch {
		case !alone:
			log.Say(slog.LevelWarn, "another Logtable runs in this environment: this one does nothing",
				"attach one only, as a layer or in the image")
		case ok:
			c.listener = listen(log)
		}
	}()
	return made, key
}

func listen(log *diag.Logger) *logsapi.Listener {
	l, err := logsapi.Listen()
	if err != nil {
		log.Say(slog.LevelError, "Logtable receives nothing and does nothing, the function is not affected", "",
			"error", err.Error())
		return nil
	}
	return l
}

// subscribe asks for telemetry and reports whether any will come. Without it
// nothing is ever waited for.
func subscribe(ctx context.Context, client *extapi.Client, addr, id string, l *logsapi.Listener,
	buffering logsapi.Buffering, log *diag.Logger) bool {
	err := logsapi.Subscribe(ctx, client.HTTP(), addr, id, l.URI(), buffering)
	switch {
	case err == nil:
		return true
	case errors.Is(err, logsapi.ErrNotDelivering):
		log.Say(slog.LevelInfo, "nothing can be stored here: "+err.Error(),
			"to see Logtable work on a laptop, run `logtable demo`")
	default:
		log.Say(slog.LevelError, "nothing can be stored in this environment, the function is not affected", "",
			"error", err.Error())
	}
	return false
}
