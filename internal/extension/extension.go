// Package extension is the life of the process that Lambda starts beside a
// function: it reads the settings, makes sure that it is the only Logtable of
// its environment, registers, subscribes to telemetry, wires the parts, starts
// them, and runs the agent until Lambda ends the environment.
//
// Whatever is missing or wrong, the function must not notice. So where nothing
// can be stored the process is in no-op mode: it calls next, as Lambda expects
// of every extension, and does nothing else.
package extension

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/version"
	"github.com/logtable/logtable/internal/wait"
)

const (
	// maxStderr bounds what waits for a standard error that is slow to read,
	// in bytes, beside the last-resort lines.
	maxStderr = 1 << 20
	// stderrTime is how long the exit waits for it.
	stderrTime = 100 * time.Millisecond
)

// Main is the whole process, from the environment variables to the exit code,
// which it returns: 0 after Lambda's SHUTDOWN, 1 where Lambda's API is lost, 2
// where the process was not started by Lambda. With the one argument --version
// it prints the version, whoever started it, and returns 0. The extension
// registers under the base name of the file that was started, as Lambda wants
// it.
//
// From its call on the process is the extension's own: its signals, its memory
// limit and its garbage collector are set, and it may be executed anew.
func Main() int {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("logtable", version.Number(), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		return 0
	}
	addr := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if addr == "" {
		fmt.Fprintln(os.Stderr, "logtable is an AWS Lambda extension and cannot run by itself: attach it to a "+
			"function as a layer, or try it with `logtable demo`.")
		return 2
	}
	ownProcess()
	stderr := diag.NewAsync(os.Stderr, maxStderr)
	defer stderr.Flush(stderrTime)
	return run(context.Background(), addr, extapi.New(addr, filepath.Base(os.Args[0])), stderr)
}

// run is the life of the extension; it returns the exit code. After a panic it
// goes on in no-op mode.
func run(ctx context.Context, addr string, client *extapi.Client, stderr *diag.Async) (code int) {
	log := diag.New(stderr)
	defer log.Guard("main", func() { code = noOp(ctx, client) })

	cfg, usable := settings(log)
	limitMemory(cfg.BufferBytes)
	claimed, key := claim(addr, usable, log, stderr)
	cpus := processors(os.Getenv(functionMemory), runtime.GOMAXPROCS(0))
	var made sync.WaitGroup
	made.Go(func() { spareThreads(threads(cpus)) })

	env, err := register(ctx, client)
	if err != nil {
		message, advice := unregistered(err, addr)
		log.Say(diag.Error, message+"; Logtable exits", advice, "error", err.Error())
		return 1
	}
	own := <-claimed
	defer own.release()
	listener := subscribe(ctx, client, addr, env, own.listener, log)

	ext := wire(parts{
		cfg: cfg, env: env, client: client, listener: listener, key: key, log: log, stderr: stderr,
	})
	made.Wait()
	ext.start(cpus)
	if err := ext.agent.Run(ctx); errors.Is(err, agent.ErrLost) {
		return 1
	}
	return 0
}

// noOp keeps Lambda satisfied until SHUTDOWN and does nothing else; it returns
// the exit code.
func noOp(ctx context.Context, client *extapi.Client) int {
	if !client.Registered() {
		if _, err := register(ctx, client); err != nil {
			return 1
		}
	}
	for failures := 0; ; {
		switch ev, err := client.Next(ctx); {
		case err == nil && ev.Type == extapi.Shutdown:
			return 0
		case extapi.Fatal(err):
			return 1
		case err != nil:
			failures++
			time.Sleep(wait.Backoff(registerPause, 5*time.Second, failures))
		default:
			failures = 0
		}
	}
}

// settings reads the settings and says what is wrong with them. They are not
// usable where LOGTABLE_STRICT is set and one of them is bad: then the process
// must stay in no-op mode.
func settings(log *diag.Logger) (cfg config.Config, usable bool) {
	cfg, problems := config.Load(os.Getenv, os.Environ())
	log.Mask(cfg.Masking.JSON)
	usable = true
	for _, p := range problems {
		log.Say(diag.Warn, p.Message, p.Advice, "variable", p.Variable)
		if cfg.Strict && !p.Harmless {
			usable = false
		}
	}
	if !usable {
		log.Say(diag.Error,
			"LOGTABLE_STRICT is set and a setting is invalid: Logtable is disabled; the function is not affected",
			"correct the settings named above")
	}
	return cfg, usable
}
