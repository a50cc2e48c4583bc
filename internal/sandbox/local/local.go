// Package local runs one function in the local Lambda for as long as somebody
// works on it: it serves Lambda's Invoke API for it, starts it again when its
// files change, and ends it with nothing left behind. It is the engine of
// `logtable local`, which prints what the function does.
package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// ErrClosed is returned once the function is being ended.
var ErrClosed = errors.New("the local Lambda is stopping")

// A Rig is a function with its extensions. Its methods may be called from
// several goroutines; invocations run one after the other.
type Rig struct {
	onStart func(*lambda.Environment)
	onEnd   func(lambda.Result, error)
	turn    chan struct{} // holds a token of who invokes or replaces the environment
	ctx     context.Context
	stop    context.CancelFunc

	mu  sync.Mutex
	env *lambda.Environment // guarded by mu; nil before the start
}

// New makes a Rig. Start starts the function. onStart is told of each
// environment when its init phase is over, onEnd of each invocation when it and
// its extensions' part are over, before whoever invoked is answered. They are
// called one at a time.
func New(onStart func(*lambda.Environment), onEnd func(lambda.Result, error)) *Rig {
	r := &Rig{onStart: onStart, onEnd: onEnd, turn: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// enter waits until nobody invokes, unless ctx ends or the Rig is closed.
func (r *Rig) enter(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ctx.Done():
		return ErrClosed
	}
	if r.ctx.Err() != nil {
		r.leave()
		return ErrClosed
	}
	return nil
}

func (r *Rig) leave() { <-r.turn }

// Start starts the function as cfg has it, after ending the one that is
// running: SHUTDOWN comes when the invocation under way is over. It returns an
// error only if cfg is wrong or the Rig is closed: an init that fails is told
// to onStart, and the next invocation tries again, as in Lambda.
func (r *Rig) Start(cfg lambda.Config) error {
	if err := r.enter(r.ctx); err != nil {
		return ErrClosed
	}
	defer r.leave()
	if old := r.environment(); old != nil {
		if _, err := old.Shutdown(context.Background()); err != nil && !errors.Is(err, lambda.ErrClosed) {
			return err
		}
		r.use(nil)
	}
	env, err := lambda.Start(r.ctx, cfg)
	switch {
	case r.ctx.Err() != nil && err != nil:
		return ErrClosed
	case err != nil:
		return err
	}
	r.use(env)
	r.onStart(env)
	return nil
}

func (r *Rig) environment() *lambda.Environment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.env
}

func (r *Rig) use(env *lambda.Environment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.env = env
}

// InvokeAs invokes the function: see [lambda.Environment.InvokeAs]. A caller
// that goes away does not end the invocation, as in Lambda: ctx is not looked
// at once it has begun.
func (r *Rig) InvokeAs(ctx context.Context, caller lambda.Caller, payload []byte) (lambda.Result, error) {
	if err := r.enter(ctx); err != nil {
		return lambda.Result{}, err
	}
	defer r.leave()
	env := r.environment()
	if env == nil {
		return lambda.Result{}, errors.New("the function could not be started: correct it and save it")
	}
	result, err := env.InvokeAs(context.WithoutCancel(ctx), caller, payload)
	r.onEnd(result, err)
	return result, err
}

// Close aborts the invocation under way and performs the SHUTDOWN phase. What
// has not ended when ctx does is killed. Afterwards nothing of the function is
// left.
func (r *Rig) Close(ctx context.Context) error {
	r.stop()
	defer context.AfterFunc(ctx, r.kill)()
	if env := r.environment(); env != nil {
		env.Abort()
	}
	r.turn <- struct{}{} // for good
	env := r.environment()
	if env == nil {
		return nil
	}
	if _, err := env.Shutdown(ctx); err != nil && !errors.Is(err, lambda.ErrClosed) {
		return err
	}
	return nil
}

func (r *Rig) kill() {
	if env := r.environment(); env != nil {
		env.Kill()
	}
}

// Serve answers Lambda's Invoke API on ln until ctx is done, for a function of
// this name. A POST to / invokes it as well, which is less to type.
func (r *Rig) Serve(ctx context.Context, ln net.Listener, name string) error {
	srv := &http.Server{Handler: r.handler(name), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot take invocations: %w", err)
	}
	return nil
}

func (r *Rig) handler(name string) http.Handler {
	api := lambda.InvokeAPI(func(asked string) *Rig {
		if isFunction(asked, name) {
			return r
		}
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/" && req.Method == http.MethodPost {
			req.URL.Path = "/2015-03-31/functions/" + name + "/invocations"
		}
		api.ServeHTTP(w, req)
	})
}

// isFunction reports whether an Invoke asks for the function of this name: by
// the name, by "function", as with AWS's emulator, or by an ARN, each with or
// without a version or an alias.
func isFunction(asked, name string) bool {
	if _, arn, ok := strings.Cut(asked, ":function:"); ok {
		asked = arn
	}
	asked, _, _ = strings.Cut(asked, ":")
	return asked == name || asked == "function"
}

// Listen opens a port of this machine for the flag that chooses another one.
// Port 0 is any free one.
func Listen(port int, flag string) (net.Listener, error) {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, InUse(err, port, flag)
	}
	return ln, nil
}

// InUse explains why a port cannot be listened on.
func InUse(err error, port int, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is in use, perhaps by another `logtable local`: end that, or choose another port "+
			"with %s", port, flag)
	}
	return fmt.Errorf("cannot listen on port %d (choose another with %s): %w", port, flag, err)
}
