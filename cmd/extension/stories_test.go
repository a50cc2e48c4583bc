package main_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/rie"
	"github.com/logtable/logtable/internal/sandbox/sns"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/layer/build"
)

// raceFlag builds the extension with the race detector where the tests run
// with it.
var raceFlag []string

// raceEnv is the extension's environment in that case.
var raceEnv = map[string]string{}

// extension is the path of the real binary, built once.
var extension string

func TestMain(m *testing.M) {
	if os.Getenv(scriptfn.Switch) == "1" {
		scriptfn.Main()
	}
	if os.Getenv(rie.Switch) == "1" {
		rie.Main()
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if flag.Parse(); testing.Short() {
		return m.Run() // without the binary, which testkit.Slow says
	}
	// This machine's settings are not the function's.
	for _, name := range []string{
		"AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY", "GODEBUG",
	} {
		os.Unsetenv(name)
	}
	dir, err := os.MkdirTemp("", "logtable-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	extension = filepath.Join(dir, "logtable")
	args := append([]string{"build", "-tags", build.Tags, "-o", extension}, raceFlag...)
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the extension: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// TestStories runs testdata/*.txtar: the real extension in the local Lambda
// with a local DynamoDB, one story a file. Every story that gives no other
// order ends with a shutdown that must be clean, and with the referee having
// nothing to complain of.
func TestStories(t *testing.T) {
	testkit.Slow(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { env.Values[worldKey{}] = &world{t: t}; return nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lambda":     func(ts *testscript.TestScript, neg bool, args []string) { of(ts).lambda(ts, args) },
			"dynamodb":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts).dynamodb(ts, args) },
			"invoke":     func(ts *testscript.TestScript, neg bool, args []string) { of(ts).invoke(ts, args) },
			"together":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts).together(ts, args) },
			"calls":      func(ts *testscript.TestScript, neg bool, args []string) { of(ts).calls(ts, args) },
			"post":       func(ts *testscript.TestScript, neg bool, args []string) { of(ts).post(ts, args) },
			"shutdown":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts).shutdown(ts, args) },
			"delivered":  func(ts *testscript.TestScript, neg bool, args []string) { of(ts).delivered(ts) },
			"rows":       func(ts *testscript.TestScript, neg bool, args []string) { of(ts).rows(ts, args) },
			"log":        func(ts *testscript.TestScript, neg bool, args []string) { of(ts).log(ts, neg, args) },
			"held":       func(ts *testscript.TestScript, neg bool, args []string) { of(ts).held(ts, args) },
			"lull":       func(ts *testscript.TestScript, neg bool, args []string) { lull() },
			"sns":        func(ts *testscript.TestScript, neg bool, args []string) { of(ts).snsMood(ts, args) },
			"item":       func(ts *testscript.TestScript, neg bool, args []string) { of(ts).item(ts, args) },
			"causes":     func(ts *testscript.TestScript, neg bool, args []string) { of(ts).causes(ts, args) },
			"asked":      func(ts *testscript.TestScript, neg bool, args []string) { of(ts).asked(ts, args) },
			"lock":       func(ts *testscript.TestScript, neg bool, args []string) { of(ts).lock(ts, args) },
			"alerts":     func(ts *testscript.TestScript, neg bool, args []string) { of(ts).alerts(ts, args) },
			"requests":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts).requests(ts, args) },
			"violations": func(ts *testscript.TestScript, neg bool, args []string) { of(ts).violations(ts, args) },
		},
	})
}

type worldKey struct{}

// world is what a story plays in.
type world struct {
	t       *testing.T
	env     *lambda.Environment
	table   *table.Server
	sns     *sns.Server // nil before the command sns
	results []lambda.Result
	over    bool // shut down, or told to leave
	allowed []string
}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// lambda starts the local Lambda and the tables: lambda [option…]
// [NAME=value…].
func (w *world) lambda(ts *testscript.TestScript, args []string) {
	self, err := os.Executable()
	ts.Check(err)
	w.startTable(ts)
	cfg := lambda.Config{
		Extension: extension, Function: []string{self}, FunctionName: "orders", Timeout: time.Minute,
		FunctionEnv: map[string]string{scriptfn.Switch: "1"}, ExtensionEnv: raceEnv,
		Env: map[string]string{
			"AWS_ENDPOINT_URL_DYNAMODB": w.table.URL(),
			"LOGTABLE_SPILL_DIR":        filepath.Join(ts.Getenv("WORK"), "spill"),
		},
	}
	for _, arg := range args {
		option, value, assigned := strings.Cut(arg, "=")
		switch {
		case option == "-timeout":
			cfg.Timeout, err = time.ParseDuration(value)
			ts.Check(err)
		case option == "-managed":
			cfg.Concurrency = number(ts, value)
		case option == "-mode":
			cfg.InitializationType = value
		case option == "-credentials":
			cfg.CredentialsLife, err = time.ParseDuration(value)
			ts.Check(err)
		case option == "-credentials-answers":
			cfg.Hooks.Credentials = credentialsAnswers(ts, value)
		case option == "-init":
			cfg.FunctionEnv[scriptfn.Init] = steps(ts, ts.ReadFile(value))
		case assigned && value == "-":
			delete(cfg.Env, option)
		case assigned && !strings.HasPrefix(option, "-"):
			cfg.Env[option] = strings.NewReplacer(
				"@TABLE", w.table.URL(), "@WORK", ts.Getenv("WORK"), "@SNS", w.snsURL(), "@TOPIC", topicPrefix,
			).Replace(value)
		default:
			w.option(ts, &cfg, arg)
		}
	}
	w.env, err = lambda.Start(context.Background(), cfg)
	ts.Check(err)
	ts.Defer(func() { w.end(ts) })
}

// options are the oddities that a story can ask for.
var options = map[string]func(*lambda.Config){
	// The variable does not say that it is a managed instance: the refusal
	// does.
	"-unnamed-mode": func(c *lambda.Config) {
		c.ExtensionEnv = maps.Clone(c.ExtensionEnv)
		c.ExtensionEnv["AWS_LAMBDA_INITIALIZATION_TYPE"] = ""
	},
	"-json":          func(c *lambda.Config) { c.LogFormat = "JSON" },
	"-freeze":        func(c *lambda.Config) { c.Freeze = true },
	"-no-telemetry":  func(c *lambda.Config) { c.Telemetry.Unsupported = true },
	"-drops-path":    func(c *lambda.Config) { c.Telemetry.DropsPath = true },
	"-refuse-invoke": func(c *lambda.Config) { c.Hooks.Register = lambda.RefuseInvoke() },
	"-old-schema":    func(c *lambda.Config) { c.Hooks.Subscribe = lambda.RefuseSchema("2025-01-29") },
	"-busy-register": func(c *lambda.Config) {
		c.Hooks.Register = lambda.Answers(2, lambda.Answer{Status: 500, ErrorType: "x", Message: "busy"})
	},
	"-broken-subscribe": func(c *lambda.Config) {
		c.Hooks.Subscribe = lambda.Answers(1000, lambda.Answer{Status: 500, ErrorType: "x", Message: "broken"})
	},
	"-busy-subscribe": func(c *lambda.Config) {
		c.Hooks.Subscribe = lambda.Answers(1, lambda.Answer{Reset: true})
	},
	"-refused-next": func(c *lambda.Config) {
		c.Hooks.Next = lambda.Answers(3, lambda.Answer{Status: 403, ErrorType: "Extension.InvalidExtensionState",
			Message: "not yet"})
	},
	"-reset-next": func(c *lambda.Config) { c.Hooks.Next = lambda.Answers(2, lambda.Answer{Reset: true}) },
	"-untraced-start": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool {
			if e.Type == "platform.start" {
				e.Record = regexp.MustCompile(`"tracing":\{[^}]*\},?`).ReplaceAll(e.Record, nil)
				e.Record = bytes.ReplaceAll(e.Record, []byte(",}"), []byte("}"))
			}
			return true
		}
	},
	"-never-done": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool { return e.Type != "platform.runtimeDone" }
	},
	"-first-never-done": func(c *lambda.Config) {
		first := true
		c.Hooks.Emit = func(e *lambda.Event) bool {
			swallow := first && e.Type == "platform.runtimeDone"
			first = first && !swallow
			return !swallow
		}
	},
	"-out-of-memory": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool {
			e.Record = json.RawMessage(strings.Replace(string(e.Record), "Runtime.ExitError", "Runtime.OutOfMemory", 1))
			return true
		}
	},
	"-clock-jumps": func(c *lambda.Config) {
		starts := 0
		c.Hooks.Emit = func(e *lambda.Event) bool {
			if e.Type == "platform.start" {
				starts++
			}
			if starts == 2 {
				e.Time = e.Time.Add(-time.Hour)
			}
			return true
		}
	},
	// The platform says error where the runtime handled an exception, too.
	"-handled-errors": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool {
			if e.Type == "platform.runtimeDone" {
				e.Record = json.RawMessage(strings.Replace(string(e.Record), `"status":"success"`,
					`"status":"error","errorType":"Function.ValueError"`, 1))
			}
			return true
		}
	},
	// The report says that all memory was used.
	"-all-memory": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool {
			e.Record = json.RawMessage(strings.Replace(string(e.Record), `"maxMemoryUsedMB":64`,
				`"maxMemoryUsedMB":128`, 1))
			return true
		}
	},
	// Of invocations nothing is told, though telemetry is subscribed to.
	"-mute": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool { return !strings.HasPrefix(e.Type, "platform.") }
	},
	// The end of an invocation is told by SHUTDOWN's reason only.
	"-no-ends": func(c *lambda.Config) {
		c.Hooks.Emit = func(e *lambda.Event) bool {
			return e.Type != "platform.runtimeDone" && e.Type != "platform.report"
		}
	},
	"-late":      func(c *lambda.Config) { c.Hooks.Late = func(lambda.Event) bool { return true } },
	"-redeliver": func(c *lambda.Config) { c.Hooks.Redeliver = func(lambda.Batch) int { return 2 } },
	"-past-deadline": func(c *lambda.Config) {
		c.Hooks.Deadline = func(string, int64) int64 { return 1 }
	},
	"-no-deadline": func(c *lambda.Config) {
		c.Hooks.Deadline = func(string, int64) int64 { return 0 }
	},
	"-far-deadline": func(c *lambda.Config) {
		c.Hooks.Deadline = func(_ string, ms int64) int64 { return ms + 1e12 }
	},
}

func (w *world) option(ts *testscript.TestScript, cfg *lambda.Config, name string) {
	set, ok := options[name]
	if !ok {
		ts.Fatalf("unknown option %s of lambda", name)
	}
	set(cfg)
}

func (w *world) startTable(ts *testscript.TestScript) {
	if w.table != nil {
		return
	}
	var err error
	w.table, err = table.Listen("127.0.0.1:0")
	ts.Check(err)
	ts.Defer(w.table.Close)
	ts.Check(w.table.CreateLogTables(context.Background(), "logtable-info", "logtable-errors"))
	ts.Check(enforce(w.table, "orders"))
}

// dynamodb sets the local DynamoDB's mood: dynamodb MOOD. One that is slow
// takes 300 ms, or what is said: dynamodb slow 120ms.
func (w *world) dynamodb(ts *testscript.TestScript, args []string) {
	w.startTable(ts)
	latency := 300 * time.Millisecond
	if len(args) > 1 {
		var err error
		latency, err = time.ParseDuration(args[1])
		ts.Check(err)
	}
	faults := map[string]table.FaultFunc{
		"well": nil, "throttles": table.Throttle(0.3, 1), "fails": table.ServerError(500, 1, 1),
		"fails-often": table.ServerError(503, 0.3, 1), "resets-before": table.ResetBefore(0.3, 1),
		"resets-after": table.ResetAfter(0.3, 1), "loses-first-answer": table.First(1, table.ResetAfter(1, 1)),
		"fails-first": table.First(1, table.ServerError(500, 1, 1)),
		"denies":      table.AccessDenied(), "expired": table.First(2, table.ExpiredToken()),
		"slow": table.Latency(latency), "poisoned": table.Poison("POISON"),
		"unprocessed":            table.Unprocessed(0.3, 1),
		"signature-expired-once": table.First(1, table.SignatureExpired()),
		"signature-expired":      table.SignatureExpired(),
		"wrong-key":              table.WrongKey(),
		"key-denied":             table.KeyDenied(),
		"endpoint-denied":        table.EndpointDenied(),
		"not-subscribed": table.Refused("SubscriptionRequiredException", "The AWS Access Key Id needs a subscription "+
			"for the service"),
	}
	switch mood := args[0]; mood {
	case "down":
		w.table.Refuse()
	case "hangs":
		w.table.Hang()
	case "up":
		ts.Check(w.table.Restore())
	default:
		f, ok := faults[mood]
		if !ok {
			ts.Fatalf("unknown mood %s of dynamodb", mood)
		}
		w.table.OnRequest(f)
	}
}

// steps turns a story's file into a payload for the scripted function: each
// line a verb and its text.
func steps(ts *testscript.TestScript, text string) string {
	var list []map[string]any
	for line := range strings.Lines(text) {
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "":
			continue
		case "print", "stderr", "print_raw":
			list = append(list, map[string]any{verb: rest})
		case "late": // late MS TEXT
			ms, text, _ := strings.Cut(rest, " ")
			list = append(list, map[string]any{"late_print_ms": number(ts, ms), "print": text})
		case "times": // times N TEXT
			n, text, _ := strings.Cut(rest, " ")
			list = append(list, map[string]any{"print": text, "times": number(ts, n), "number": true})
		case "sleep":
			list = append(list, map[string]any{"sleep_ms": number(ts, rest)})
		case "exit":
			list = append(list, map[string]any{"exit": number(ts, rest)})
		case "hang", "kill":
			list = append(list, map[string]any{verb: true})
		case "error", "respond":
			list = append(list, map[string]any{verb: rest})
		default:
			ts.Fatalf("unknown step %q", line)
		}
	}
	return encode(ts, list)
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func encode(ts *testscript.TestScript, v any) string {
	b, err := json.Marshal(v)
	ts.Check(err)
	return string(b)
}

// invoke runs the function on a file of steps: invoke [-again] [-trace=HEADER]
// [-untraced] [-tenant=ID] [-STATUS] FILE…. The status is success unless said
// otherwise. -again repeats the last invocation's request ID, as Lambda's
// retries of asynchronous ones do.
func (w *world) invoke(ts *testscript.TestScript, args []string) {
	want := "success"
	var caller lambda.Caller
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch name, value, _ := strings.Cut(args[0], "="); name {
		case "-again":
			caller.RequestID = w.results[len(w.results)-1].RequestID
		case "-trace":
			caller.Trace = value
		case "-untraced":
			caller.Untraced = true
		case "-tenant":
			caller.Tenant = value
		default:
			want = args[0][1:]
		}
		args = args[1:]
	}
	for _, file := range args {
		payload := `{"steps":` + steps(ts, ts.ReadFile(file)) + `}`
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		r, err := w.env.InvokeAs(ctx, caller, []byte(payload))
		cancel()
		ts.Check(err)
		w.results = append(w.results, r)
		if r.Status != want {
			ts.Fatalf("invocation ended with %s %s, want %s", r.Status, r.FunctionError, want)
		}
	}
}

// together runs an invocation for each of the files, all at once: together
// [-trace] FILE…. Their numbers are in the order of the files. With -trace, so
// are the last digits of their traces: a, b and so on.
func (w *world) together(ts *testscript.TestScript, files []string) {
	traced := files[0] == "-trace"
	if traced {
		files = files[1:]
	}
	results, errs := make([]lambda.Result, len(files)), make([]error, len(files))
	var all sync.WaitGroup
	for i, file := range files {
		payload := `{"steps":` + steps(ts, ts.ReadFile(file)) + `}`
		var caller lambda.Caller
		if traced {
			caller.Trace = fmt.Sprintf("Root=1-6352a70e-%024x", 10+i)
		}
		all.Go(func() { results[i], errs[i] = w.env.InvokeAs(context.Background(), caller, []byte(payload)) })
	}
	all.Wait()
	ts.Check(errors.Join(errs...))
	w.results = append(w.results, results...)
}

// calls checks how often the platform's API was called with a path that ends in
// a text: calls [-more] N TEXT. -more allows more.
func (w *world) calls(ts *testscript.TestScript, args []string) {
	more := args[0] == "-more"
	if more {
		args = args[1:]
	}
	n, want := 0, number(ts, args[0])
	for _, r := range w.env.Requests() {
		if strings.HasSuffix(r.Path, args[1]) {
			n++
		}
	}
	if n < want || n > want && !more {
		ts.Fatalf("%d calls of %s, want %d", n, args[1], want)
	}
}

// post sends a file to the extension's listener: post [-METHOD] [-to PATH]
// [-want STATUS] FILE.
func (w *world) post(ts *testscript.TestScript, args []string) {
	method, path, want := "POST", "", 200
	for len(args) > 1 {
		switch args[0] {
		case "-to":
			path = args[1]
			args = args[2:]
		case "-want":
			want = number(ts, args[1])
			args = args[2:]
		default:
			method = strings.TrimPrefix(args[0], "-")
			args = args[1:]
		}
	}
	status, err := w.env.Post(context.Background(), path, method, []byte(ts.ReadFile(args[0])))
	ts.Check(err)
	if status != want {
		ts.Fatalf("the listener answered %d, want %d", status, want)
	}
}

// delivered waits until the extension has received everything of the last
// invocation, its runtimeDone included.
func (w *world) delivered(ts *testscript.TestScript) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	last := w.results[len(w.results)-1].RequestID
	ts.Check(w.env.Await(ctx, func() bool {
		for _, b := range w.env.Telemetry() {
			if b.Acknowledged && bytes.Contains(b.Body, []byte(`"platform.runtimeDone"`)) &&
				bytes.Contains(b.Body, []byte(last)) {
				return true
			}
		}
		return false
	}))
}

// shutdown ends the environment, which must go well: shutdown [killed].
func (w *world) shutdown(ts *testscript.TestScript, args []string) {
	w.over = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := w.env.Shutdown(ctx)
	ts.Check(err)
	if r.Killed || r.ExitCode != 0 {
		ts.Fatalf("shutdown: %+v", r)
	}
}

// links are a row's attributes that say what it belongs to.
var links = []string{"trace_id", "trace_id_line", "tenant_id", "execution", "operation", "attempt", "version"}

// rows prints the rows of a table, in the order of their keys: rows [-links]
// info|errors. A row is its message; what else it has follows on indented
// lines: with -links, what it belongs to as well. Request IDs are named by the
// invocation's number.
func (w *world) rows(ts *testscript.TestScript, args []string) {
	var out bytes.Buffer
	withLinks := args[0] == "-links"
	if withLinks {
		args = args[1:]
	}
	for _, item := range w.table.Items("logtable-" + args[0]) {
		if isLock(item) || isState(item) {
			continue
		}
		fmt.Fprintln(&out, item.Str("message"))
		if id := item.Str("request_id"); id != "" {
			fmt.Fprintln(&out, "  request", w.requestName(id))
		}
		if at := item.Num("exception_at"); at != "" {
			n, err := strconv.Atoi(at)
			ts.Check(err)
			fmt.Fprintln(&out, "  exception", strings.ReplaceAll(item.Str("message")[n:], "\n", "\n    "))
		}
		for _, name := range links {
			if value := cmp.Or(item.Str(name), item.Num(name)); withLinks && value != "" {
				fmt.Fprintln(&out, " ", name, value)
			}
		}
		for _, name := range []string{"fields", "issues"} {
			if item.Has(name) {
				fmt.Fprintln(&out, " ", name, item.Str(name))
			}
		}
		if (args[0] == "info") != item.Has("expiry") {
			ts.Fatalf("expiry in table %s: %v", args[0], item.Num("expiry"))
		}
	}
	_, err := ts.Stdout().Write(out.Bytes())
	ts.Check(err)
}

func (w *world) requestName(id string) string {
	for i, r := range w.results {
		if r.RequestID == id {
			return fmt.Sprint("#", i+1)
		}
	}
	return id
}

// log checks that a line of the extension's own diagnostics holds a text, or
// with ! that none does; without a text, that there are no diagnostics.
// log -times N TEXT wants the text in exactly N lines. Every line must be one
// JSON object. The first line of each process is disregarded: every process
// writes it, so that a story with an empty log is one without any other.
// TestTheFirstLine looks at it.
func (w *world) log(ts *testscript.TestScript, neg bool, args []string) {
	want := -1
	if len(args) > 1 && args[0] == "-times" {
		want, args = number(ts, args[1]), args[2:]
	}
	output, count := w.env.ExtensionOutput(), 0
	for line := range strings.Lines(output) {
		if !json.Valid([]byte(line)) {
			ts.Fatalf("a diagnostic is no JSON line: %s", line)
		}
		if isFirstLine(line) {
			continue
		}
		if len(args) == 0 || strings.Contains(line, args[0]) {
			count++
		}
	}
	if neg && count > 0 || !neg && want < 0 && count == 0 || want >= 0 && count != want {
		ts.Fatalf("%d lines of the extension's log hold %q:\n%s", count, args, output)
	}
}

// held checks how long the last invocation was held after its end: held
// below|above DURATION.
func (w *world) held(ts *testscript.TestScript, args []string) {
	bound, err := time.ParseDuration(args[1])
	ts.Check(err)
	held := w.results[len(w.results)-1].Held
	if (args[0] == "below") != (held < bound) {
		ts.Fatalf("held for %v, want %s %v", held, args[0], bound)
	}
}

// lull lets the time pass after which traffic is thin again.
func lull() { time.Sleep(1200 * time.Millisecond) }

// violations says what the referee may have seen: violations TEXT….
func (w *world) violations(_ *testscript.TestScript, args []string) { w.allowed = args }

// end is run when the story is over.
func (w *world) end(ts *testscript.TestScript) {
	if !w.over {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if r, err := w.env.Shutdown(ctx); err == nil && (r.Killed || r.ExitCode != 0) {
			w.t.Errorf("%s: shutdown at the end: %+v", ts.Name(), r)
		}
	}
	ts.Logf("extension's log:\n%s", w.env.ExtensionOutput())
	for _, v := range w.env.Violations() {
		if len(w.allowed) == 0 || !strings.Contains(v, w.allowed[0]) {
			w.t.Errorf("%s: the referee saw: %s", ts.Name(), v)
		}
	}
}
