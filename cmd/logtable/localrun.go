package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/local"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// localRun is a `logtable local` under way.
type localRun struct {
	sh      *shell
	flags   *localFlags
	work    string // for what is made, removed at the end
	command []string
	handler string
	payload []byte // of --event; nil for none
	tables  string // the URL of DynamoDB
	ln      net.Listener
	console *localConsole
	rig     *local.Rig
}

func runLocal(ctx context.Context, sh *shell, f *localFlags) (err error) {
	r := &localRun{sh: sh, flags: f}
	if err := r.check(); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "logtable-local-"); err != nil {
		return fmt.Errorf("cannot make a directory to work in: %w", err)
	}
	defer os.RemoveAll(r.work)
	if r.command, r.handler, err = f.handler.command(r.work); err != nil {
		return err
	}
	if r.console, err = newLocalConsole(sh, &f.look); err != nil {
		return err
	}
	if r.ln, err = local.Listen(f.port, "--port"); err != nil {
		return err
	}
	defer r.ln.Close()
	closeTables, err := r.openTables(ctx)
	if err != nil {
		return err
	}
	defer closeTables()
	return r.run(ctx)
}

// check looks at what was asked for, before anything is made.
func (r *localRun) check() error {
	f := r.flags
	switch {
	case runtime.GOOS == "windows":
		return errors.New("the local Lambda needs Linux or macOS: on Windows, run it in WSL")
	case f.function.timeout < 1 || f.function.timeout > 900:
		return usagef("--timeout %d is not a time-out of Lambda's: write 1 to 900 seconds", f.function.timeout)
	case f.function.memory < 128 || f.function.memory > 10240:
		return usagef("--memory %d is not a size of Lambda's: write 128 to 10240 MB", f.function.memory)
	case f.noLogtable && len(f.extensions) == 0:
		return usagef("--no-logtable leaves no extension: name one with --extension")
	case f.event.once && f.event.file == "":
		return usagef("--once ends after the invocation with --event: write --event FILE, too")
	case f.event.once && f.event.reload:
		return usagef("--once and --reload exclude each other: leave out one of them")
	}
	if f.function.name == "" {
		f.function.name = local.Name(f.handler.dir)
	}
	if f.event.file == "" {
		return nil
	}
	var err error
	r.payload, err = readEvent(r.sh.stdin, f.event.file)
	return err
}

// openTables has the rows go to the embedded tables, or to those that were
// named, and the console read them from there.
func (r *localRun) openTables(ctx context.Context) (closeTables func(), err error) {
	f := r.flags
	var cfg lambda.Config
	if err := r.setVariables(&cfg); err != nil {
		return nil, err
	}
	info, ofErrors := (&tableFlags{}).names(&shell{getenv: func(name string) string { return cfg.Env[name] }})
	o := read.Options{InfoTable: info, ErrorsTable: ofErrors}
	if f.endpointURL != "" {
		account, err := connect(ctx, r.sh, &accountFlags{endpointURL: f.endpointURL})
		if err != nil {
			return nil, err
		}
		r.tables = f.endpointURL
		r.console.follow(ctx, account.reader(ctx), account.explain, o)
		return func() {}, nil
	}
	tables, err := table.Listen(fmt.Sprintf("127.0.0.1:%d", f.tablesPort))
	if err != nil {
		return nil, local.InUse(err, f.tablesPort, "--tables-port")
	}
	if err := tables.CreateLogTables(ctx, info, ofErrors); err != nil {
		tables.Close()
		return nil, err
	}
	r.tables = tables.URL()
	explain := func(err error) error { return err }
	r.console.follow(ctx, read.New(tables.Client()), explain, o)
	return tables.Close, nil
}

// run runs the function until it was interrupted or, with --once, invoked.
func (r *localRun) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	now, kill := context.WithCancel(context.Background()) // done when everything must go at once
	defer kill()
	defer onSignals(func() { stop(errInterrupted) }, kill)()

	r.rig = local.New(r.console.started, r.console.ended)
	go r.console.keepReading(ctx)
	failed := make(chan error, 2)
	go func() {
		if err := r.start(); err != nil {
			failed <- err
			return
		}
		r.console.banner(r)
		go func() { failed <- r.rig.Serve(ctx, r.ln, r.flags.function.name) }()
		failed <- r.serveEvents(ctx)
	}()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	stop(nil)
	if closing := r.rig.Close(now); err == nil {
		err = closing
	}
	r.console.last()
	if errors.Is(err, errInterrupted) || ctx.Err() != nil && errors.Is(err, local.ErrClosed) {
		fmt.Fprintln(r.sh.stderr, "logtable: interrupted")
		return exitStatus(exitInterrupted)
	}
	return err
}

// errInterrupted is that a signal ends the command.
var errInterrupted = errors.New("interrupted")

// onSignals calls first for the first signal that asks to end, and second for
// the second one. The returned function ends that.
func onSignals(first, second func()) (end func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for _, f := range []func(){first, second} {
			select {
			case <-signals:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// start starts the function as the flags and .env are now.
func (r *localRun) start() error {
	cfg, err := r.config()
	if err != nil {
		return err
	}
	return r.rig.Start(cfg)
}

// config is the function's, with its extensions.
func (r *localRun) config() (lambda.Config, error) {
	f := r.flags
	cfg := lambda.Config{
		Function: r.command, Dir: f.handler.dir, FunctionName: f.function.name,
		Identity:  lambda.Identity{Handler: r.handler, MemoryMB: f.function.memory},
		Timeout:   seconds(f.function.timeout),
		Lifecycle: lambda.Lifecycle{Freeze: true},
		Logging:   lambda.Logging{LogFormat: f.function.logFormat},
		Output: lambda.Output{
			FunctionOutput: writerFunc(r.console.line), Stderr: writerFunc(r.console.extensionLine), Forget: true,
		},
	}
	if err := r.setVariables(&cfg); err != nil {
		return cfg, err
	}
	cfg.ExtensionEnv["AWS_ENDPOINT_URL_DYNAMODB"] = r.tables
	if cfg.Env["LOGTABLE_SPILL_DIR"] == "" {
		cfg.ExtensionEnv["LOGTABLE_SPILL_DIR"] = filepath.Join(r.work, "spill")
	}
	if cfg.Env["LOGTABLE_HINTS"] == "" { // what they say is said of each line here
		cfg.ExtensionEnv["LOGTABLE_HINTS"] = "off"
	}
	if !f.noLogtable {
		r.console.judgeBy(&cfg)
	}
	return cfg, r.attach(&cfg)
}

// setVariables sets the function's variables as the flags and .env have them.
func (r *localRun) setVariables(cfg *lambda.Config) error {
	f := r.flags
	f.variables.Dotenv = filepath.Join(f.handler.dir, ".env")
	left, err := f.variables.Put(cfg, os.LookupEnv)
	if len(left) > 0 && !f.toldLeft {
		f.toldLeft = true
		fmt.Fprintf(r.sh.stderr, "logtable: .env: %s left out, because Lambda lets nobody set a variable of this "+
			"name; --pass-env passes on those of this shell\n", strings.Join(left, ", "))
	}
	return err
}

// attach attaches Logtable and the extensions that were named.
func (r *localRun) attach(cfg *lambda.Config) error {
	var all []string
	for _, path := range r.flags.extensions {
		path, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		all = append(all, path)
	}
	if !r.flags.noLogtable {
		link, err := linkExtension(r.work)
		if err != nil {
			return err
		}
		cfg.Extension, cfg.ExtensionArgs, cfg.Others = link, []string{extensionCommand}, all
		return nil
	}
	cfg.Extension, cfg.Others = all[0], all[1:]
	return nil
}

// serveEvents invokes with --event and watches for changes, as asked for. It
// returns when the command is to end.
func (r *localRun) serveEvents(ctx context.Context) error {
	result, err := r.invoke(ctx)
	if r.flags.event.once {
		if err == nil && result.FunctionError != "" {
			err = fmt.Errorf("the function failed: %s", result.FunctionError)
		}
		return err
	}
	if r.flags.event.reload {
		err := local.Watch(ctx, r.flags.handler.dir, func(path string) {
			r.console.reloading(path)
			if err := r.start(); err != nil && !errors.Is(err, local.ErrClosed) {
				r.console.say("cannot start the function: %v", err)
				return
			}
			_, _ = r.invoke(ctx) // told by the console
		})
		if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// invoke invokes with --event, if there is one.
func (r *localRun) invoke(ctx context.Context) (lambda.Result, error) {
	if r.payload == nil {
		return lambda.Result{}, nil
	}
	result, err := r.rig.InvokeAs(ctx, lambda.Caller{}, r.payload)
	if err == nil {
		r.console.response(result)
	}
	return result, err
}

type writerFunc func(line []byte)

func (f writerFunc) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

// readEvent reads an event, which must be JSON.
func readEvent(stdin io.Reader, file string) (event []byte, err error) {
	if file == "-" {
		event, err = io.ReadAll(stdin)
	} else {
		event, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the event: %w", err)
	}
	return checkEvent(event, file)
}
