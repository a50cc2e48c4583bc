package extension

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/dynamo"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

// parts are what an extension is wired from.
type parts struct {
	cfg      config.Config
	env      environment
	client   *extapi.Client
	listener *logsapi.Listener // nil where nothing will ever arrive
	key      *signing.Key      // of the last-resort lines; nil: they are not signed
	log      *diag.Logger
	stderr   *diag.Async
}

// An extension is one that is registered. Without a listener it is in no-op
// mode.
type extension struct {
	parts
	aws      *awsenv.Environment
	dynamodb *dynamo.Client
	store    *store.Store
	agent    *agent.Agent
	mark     []byte // what a process left that did not end properly; nil for none
}

// wire builds an extension. It opens the spill, and otherwise starts nothing:
// no goroutine and no connection.
func wire(p parts) *extension {
	e := &extension{parts: p}
	var err error
	e.aws, err = awsenv.Load(os.Getenv, e.warn)
	if err != nil && e.listener != nil {
		e.log.Say(diag.Error, "Logtable is disabled; the function is not affected", "", "error", err.Error())
		e.listener.Close()
		e.listener = nil
	}
	e.dynamodb = dynamo.New(e.aws)
	e.store = store.New(e.storeConfig())
	e.store.SignWith(e.key)
	cfg := e.agentConfig()
	if err == nil && e.cfg.Alerts.On() {
		cfg.Alerts = e.alerts()
	}
	if e.listener != nil {
		cfg.Receiver = e.listener
		e.useSpill(&cfg)
	}
	e.agent = agent.New(cfg)
	return e
}

func (e *extension) warn(message, advice string) { e.log.Say(diag.Warn, message, advice) }

func (e *extension) storeConfig() store.Config {
	return store.Config{
		Client: e.dynamodb, InfoTable: e.cfg.InfoTable, ErrorsTable: e.cfg.ErrorsTable,
		TTL: e.cfg.TTL, Zone: e.cfg.Zone,
		Layout: e.layout(), MaxBytes: e.cfg.BufferBytes,
		Region: e.aws.Region, Owner: owner(&e.cfg), Report: e.log, Refresh: e.aws.Refresh,
		Panicked: e.panicked("writer"),
		Losses:   func(lost map[store.Loss]int) store.Entry { return e.agent.Losses(lost) },
	}
}

func (e *extension) agentConfig() agent.Config {
	return agent.Config{
		Events: e.client, Store: e.store, Diag: e.log,
		Rows:  Rows(&e.cfg.Lines, e.function(), e.env.FunctionVersion),
		Flush: flush(e.cfg.Flush), FlushTimeout: e.cfg.FlushTimeout, Mark: agent.Mark{Owner: owner(&e.cfg)},
		LastResort: agent.LastResort{Log: e.stderr, MaxBytes: e.cfg.LastResortBytes},
		Concurrent: e.env.managed, Snapshot: e.env.snapStart,
		Hints: agent.Hints{Off: !e.cfg.Hints, Fields: e.cfg.FieldsAsSet},
	}
}

// Rows says what becomes a row by the settings, of a function of that name and
// version.
func Rows(c *config.Lines, function, functionVersion string) agent.Rows {
	return agent.Rows{
		Scale: c.Scale, MinLevel: c.MinLevel, Plain: c.Plain, Mapping: c.Fields,
		Module: cmp.Or(c.Module, function), Version: codeVersion(c.Version, functionVersion),
		MaxLines: c.MaxLines, Platform: platformRows(c.Platform), Redact: c.Masking,
	}
}

// panicked returns what puts the agent into no-op mode after a panic somewhere
// else.
func (e *extension) panicked(where string) func(any) {
	return func(v any) {
		e.log.Panic(where, v)
		e.agent.Disable()
	}
}

// codeVersion is that of the function's code, "" if nobody says.
func codeVersion(set, function string) string {
	function = cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), function)
	if set == "" && function != "$LATEST" {
		return function
	}
	return set
}

func (e *extension) layout() store.Layout {
	return store.Layout{
		Packed: e.cfg.Layout == "packed", Auto: e.cfg.Layout == "auto",
		Shards: e.cfg.Shards, ErrorShards: e.cfg.ErrorShards, Function: e.function(),
	}
}

// function is the function's name.
func (e *extension) function() string {
	return cmp.Or(e.env.FunctionName, os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "function")
}

func flush(word string) agent.Flush {
	switch word {
	case "adaptive":
		return agent.FlushAdaptive
	case "background":
		return agent.FlushBackground
	}
	return agent.FlushEnd
}

func platformRows(word string) agent.Platform {
	switch word {
	case "all":
		return agent.PlatformAll
	case "none":
		return agent.PlatformNone
	}
	return agent.PlatformErrors
}

// start starts what works beside the agent's loop, which is to run next.
func (e *extension) start(cpus int) {
	e.stderr.Grow(e.cfg.LastResortBytes)
	if e.listener == nil {
		return
	}
	e.client.Asked = func() { e.besideInit(cpus) }
	e.agent.AlertsRefused(e.cfg.Alerts.Refused)
	if e.mark != nil {
		e.agent.Unclean(e.mark)
	}
	e.listener.Handle, e.listener.Arrived = e.agent.Intake, e.agent.Arrived
	e.listener.Panicked = e.panicked("listener")
	go e.listener.Serve()
}

// besideInit is done beside the function's own init, which has more processor
// time than its invocations.
func (e *extension) besideInit(cpus int) {
	defer e.log.Guard("started", nil)
	runtime.GOMAXPROCS(cpus)
	e.agent.Started()
	if !e.env.snapStart {
		e.dynamodb.Warm(context.Background())
	}
}

// useSpill gives the store its spill, and the agent what marks the process in
// it. Where there is none, what DynamoDB does not take waits in memory, which
// is given more room for it.
func (e *extension) useSpill(cfg *agent.Config) {
	sp, found := openSpill(&e.cfg, e.log)
	if sp == nil {
		e.store.Bound(e.cfg.BufferAlone)
		limitMemory(e.cfg.BufferAlone)
		return
	}
	cfg.Mark.Marker, e.mark = e.store.UseSpill(sp), found.Mark
}

// openSpill opens the spill. An unusable directory costs the spill, not the
// function: then there is none.
func openSpill(cfg *config.Config, log *diag.Logger) (*spill.Spill, spill.Found) {
	if cfg.SpillBytes == 0 {
		return nil, spill.Found{}
	}
	sp, found, err := spill.Open(spill.Config{Dir: cfg.SpillDir, MaxBytes: int64(max(cfg.SpillBytes, 0))})
	if err != nil {
		log.Say(diag.Warn,
			"cannot use /tmp: rows that DynamoDB does not accept wait in memory only",
			"check LOGTABLE_SPILL_DIR", "error", err.Error())
		return nil, found
	}
	if dir := sp.Dir(); dir != filepath.Clean(cfg.SpillDir) {
		log.Say(diag.Info,
			"LOGTABLE_SPILL_DIR is shared with others; Logtable uses its own directory inside it",
			"to choose the directory, name one that does not exist yet", "folder", dir)
	}
	if found.Damaged+found.Refused > 0 {
		log.Say(diag.Warn, "some of the rows that an earlier process kept in /tmp cannot be read", "",
			"damaged records", found.Damaged, "strange files", found.Refused)
	}
	return sp, found
}

// owner is the same for all processes of a function that write to the same
// tables, and of no others.
func owner(cfg *config.Config) string {
	h := fnv.New64a()
	for _, part := range []string{
		os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), os.Getenv("AWS_REGION"), cfg.InfoTable, cfg.ErrorsTable,
		os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"), os.Getenv("AWS_ENDPOINT_URL"),
	} {
		fmt.Fprintf(h, "%s\n", part)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
