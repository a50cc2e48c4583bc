// Command extension is Logtable, an AWS Lambda external extension. In a layer
// it is the file extensions/logtable; Lambda starts it beside the function.
//
// It receives the lines that the function prints and writes them to two
// DynamoDB tables. See README for the settings, all of them environment
// variables, and DESIGN.md for what is promised when.
package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata" // minimal images have no zoneinfo

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

func main() {
	ownProcess()
	addr := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if addr == "" {
		fmt.Fprintln(os.Stderr, "logtable is an AWS Lambda extension and cannot run by itself: attach it to a function as a layer, or try it with `logtable demo`.")
		os.Exit(2)
	}
	stderr := diag.NewAsync(os.Stderr, maxStderr)
	code := run(context.Background(), addr, extapi.New(addr, filepath.Base(os.Args[0])), stderr)
	stderr.Flush(stderrTime)
	os.Exit(code)
}

const (
	// maxStderr bounds what waits for a standard error that is slow to read,
	// in bytes, beside the last-resort lines.
	maxStderr = 1 << 20
	// stderrTime is how long the exit waits for it.
	stderrTime = 100 * time.Millisecond
)

// run is the life of the extension; it returns the exit code. A panic makes a
// silent guest of it.
func run(ctx context.Context, addr string, client *extapi.Client, stderr *diag.Async) (code int) {
	log := diag.New(stderr)
	defer log.Guard("main", func() { code = guest(ctx, client) })
	return live(ctx, addr, client, log, stderr)
}

// guest keeps Lambda satisfied and does nothing else.
func guest(ctx context.Context, client *extapi.Client) int {
	if !client.Registered() {
		if _, _, err := register(ctx, client); err != nil {
			return 1
		}
	}
	for pause := registerPause; ; {
		switch ev, err := client.Next(ctx); {
		case err == nil && ev.Type == extapi.Shutdown:
			return 0
		case extapi.Fatal(err):
			return 1
		case err != nil:
			time.Sleep(pause)
			pause = min(2*pause, 5*time.Second)
		default:
			pause = registerPause
		}
	}
}

func live(ctx context.Context, addr string, client *extapi.Client, log *diag.Logger, stderr *diag.Async) int {
	cfg, ok := settings(log)
	claimed, key := claims(addr, ok, log, stderr)
	threads := make(chan struct{})
	go func() {
		defer close(threads)
		spareThreads()
	}()
	reg, concurrent, err := register(ctx, client)
	if err != nil {
		message, advice := unregistered(err, addr)
		log.Say(slog.LevelError, message+": Logtable exits", advice, "error", err.Error())
		return 1
	}
	own := <-claimed
	defer own.release()
	listener := own.listener
	buffering := logsapi.Smallest
	if concurrent {
		buffering = logsapi.Relaxed
	}
	if listener != nil && !subscribe(ctx, client, addr, reg.ID, listener, buffering, log) {
		listener.Close()
		listener = nil
	}
	stderr.Grow(cfg.LastResortBytes)
	a := wire(cfg, client, listener, reg, concurrent, log, stderr, key)
	<-threads
	if err := a.Run(ctx); errors.Is(err, agent.ErrLost) {
		return 1
	}
	return 0
}

// settings reads the settings and says what is wrong with them. ok is false
// if Logtable must stay a silent guest.
func settings(log *diag.Logger) (cfg config.Config, ok bool) {
	cfg, problems := config.Load(os.Getenv, os.Environ())
	log.Mask(cfg.Masking.JSON)
	ok = true
	for _, p := range problems {
		log.Say(slog.LevelWarn, p.Message, p.Advice, "variable", p.Variable)
		if cfg.Strict && !p.Harmless {
			ok = false
		}
	}
	if !ok {
		log.Say(slog.LevelError, "LOGTABLE_STRICT is set and a setting is bad: Logtable does nothing, the function is not affected", "correct the settings named above")
	}
	limitMemory(cfg.BufferBytes)
	return cfg, ok
}

// wire builds the agent, and starts the listener if there is one.
func wire(cfg config.Config, client *extapi.Client, listener *logsapi.Listener, reg extapi.Registration, concurrent bool,
	log *diag.Logger, stderr io.Writer, key *signing.Key) *agent.Agent {
	warn := func(message, advice string) { log.Say(slog.LevelWarn, message, advice) }
	dynamodb, refresh, err := store.NewClient(os.Getenv, warn)
	if err != nil && listener != nil {
		log.Say(slog.LevelError, "Logtable does nothing, the function is not affected", "", "error", err.Error())
		listener.Close()
		listener = nil
	}
	var a *agent.Agent
	silence := func(where string) func(any) {
		return func(v any) {
			log.Panic(where, v)
			a.Silence()
		}
	}
	rows := store.New(store.Config{
		Client: dynamodb, InfoTable: cfg.InfoTable, ErrorsTable: cfg.ErrorsTable, TTL: cfg.TTL, Zone: cfg.Zone,
		MaxBytes: cfg.BufferBytes, Report: log, Refresh: refresh, Owner: owner(cfg), Panicked: silence("writer"),
		Packed: cfg.Packed, Shards: cfg.Shards, Region: firstOf(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		Losses: func(lost map[store.Loss]int) store.Entry { return a.Losses(lost) },
	})
	rows.SignWith(key)
	c := agent.Config{
		Events: client, Store: rows, Diag: log, Scale: cfg.Scale, MinLevel: cfg.MinLevel, Plain: cfg.Plain, Mapping: cfg.Fields, MaxLines: cfg.MaxLines,
		Platform: platformRows[cfg.Platform], Module: moduleName(cfg.Module, reg.FunctionName), Flush: flushes[cfg.Flush], FlushTimeout: cfg.FlushTimeout,
		Concurrent: concurrent, Snapshot: os.Getenv(initializationType) == snapStart, Owner: owner(cfg), Log: stderr, LastResort: cfg.LastResortBytes,
		Redact: cfg.Masking,
	}
	if dynamodb != nil && cfg.Alerts.On() {
		c.Alerts = alerts(cfg, dynamodb, refresh, reg, warn)
	}
	if listener == nil {
		a = agent.New(c) // a silent guest
		return a
	}
	var mark []byte
	if sp, found := openSpill(cfg, log); sp != nil {
		c.Marker, mark = rows.UseSpill(sp), found.Mark
	} else {
		rows.Bound(cfg.BufferAlone)
		limitMemory(cfg.BufferAlone)
	}
	c.Receiver = listener
	a = agent.New(c)
	// Beside the function's own init, which has more processor time than its
	// invocations.
	client.Asked = func() {
		defer log.Guard("started", func() {})
		a.Started()
		if !c.Snapshot {
			store.Warm(context.Background(), dynamodb)
		}
	}
	a.AlertsRefused(cfg.Alerts.Refused)
	if mark != nil {
		a.Unclean(mark)
	}
	listener.Handle, listener.Arrived, listener.Panicked = a.Intake, a.Arrived, silence("listener")
	go listener.Serve()
	return a
}

var flushes = map[string]agent.Flush{"end": agent.FlushEnd, "adaptive": agent.FlushAdaptive, "background": agent.FlushBackground}

var platformRows = map[string]agent.Platform{"errors": agent.PlatformErrors, "all": agent.PlatformAll, "none": agent.PlatformNone}

// openSpill opens the spill. An unusable directory costs the spill, not the
// function: then there is none, and what DynamoDB does not take waits in memory.
func openSpill(cfg config.Config, log *diag.Logger) (*spill.Spill, spill.Found) {
	if cfg.SpillBytes == 0 {
		return nil, spill.Found{}
	}
	sp, found, err := spill.Open(spill.Config{Dir: cfg.SpillDir, MaxBytes: int64(max(cfg.SpillBytes, 0))})
	if err != nil {
		log.Say(slog.LevelWarn, "nothing is kept on /tmp: what DynamoDB does not take waits in memory only", "see LOGTABLE_SPILL_DIR", "error", err.Error())
		return nil, found
	}
	if dir := sp.Dir(); dir != filepath.Clean(cfg.SpillDir) {
		log.Say(slog.LevelInfo, "LOGTABLE_SPILL_DIR is used by others as well: Logtable keeps to a folder of its own in it",
			"to choose the folder, name one that does not exist yet", "folder", dir)
	}
	if found.Damaged+found.Refused > 0 {
		log.Say(slog.LevelWarn, "parts of what an earlier process kept on /tmp cannot be read", "", "damaged records", found.Damaged, "strange files", found.Refused)
	}
	return sp, found
}

// owner is the same for all processes of a function that write to the same
// tables, and of no others.
func owner(cfg config.Config) string {
	h := fnv.New64a()
	for _, part := range []string{os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), os.Getenv("AWS_REGION"), cfg.InfoTable, cfg.ErrorsTable,
		os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"), os.Getenv("AWS_ENDPOINT_URL")} {
		fmt.Fprintf(h, "%s\n", part)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// moduleName is what stands in the key of a line that names no module.
func moduleName(setting, function string) string {
	for _, name := range []string{setting, function, os.Getenv("AWS_LAMBDA_FUNCTION_NAME")} {
		if name != "" {
			return name
		}
	}
	return "function"
}
