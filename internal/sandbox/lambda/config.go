package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config describes a function, its extension and how the platform treats
// them. Only Function is required.
type Config struct {
	// Extension is the path of the external extension's binary. Its base
	// name is the name it has to register under. Empty: no extension.
	Extension string
	// Others are further extensions, as further layers would bring them. Their
	// output is kept with the extension's.
	Others []string
	// Function is the command that starts the function: a program that
	// speaks the Runtime API, and its arguments.
	Function []string
	// Dir is the function's working directory and LAMBDA_TASK_ROOT. Default:
	// the current directory.
	Dir string

	// Env is the customer's configuration: both processes see it. Names
	// Lambda reserves, names not starting with a letter and more than 4 KB in
	// all are refused, as Lambda refuses them.
	Env map[string]string
	// ExtensionEnv and FunctionEnv are set for one of the processes only and
	// may replace anything. Lambda knows no such thing; tests whose function
	// and extension are the same program need it.
	ExtensionEnv, FunctionEnv map[string]string

	FunctionName    string // default "function"
	FunctionVersion string // default "$LATEST"
	Handler         string // default "index.handler"
	Region          string // default "eu-central-1"
	AccountID       string // default "123456789012"
	MemoryMB        int    // default 128; reported, not enforced

	// Timeout is the function's time-out, which bounds an invocation with the
	// extension's part of it. Default 3 s, as Lambda's.
	Timeout time.Duration
	// InitTimeout bounds the init phase. Default 10 s, as Lambda's.
	InitTimeout time.Duration
	// ShutdownBudget is the time from the beginning of a shutdown to SIGKILL.
	// Default 2 s, as Lambda's with an external extension.
	ShutdownBudget time.Duration

	// InitializationType is what Lambda calls the mode: "on-demand" (default),
	// "provisioned-concurrency", "snap-start" or "lambda-managed-instances"
	// (the default where Concurrency is set). Under SnapStart all processes
	// are stopped after init and go on with the first invocation.
	InitializationType string
	// Concurrency makes a managed instance of the environment: so many
	// invocations run at a time, each in a worker of the one function process.
	Concurrency int
	// CredentialsLife has the processes ask for credentials, which live that
	// long, at an endpoint (AWS_CONTAINER_CREDENTIALS_FULL_URI) instead of
	// having them in their environment. 0: the latter, except under SnapStart,
	// where it is an hour.
	CredentialsLife time.Duration

	// LogFormat is "Text" (default) or "JSON" (the default and the only one of
	// managed instances), as in the function's logging configuration.
	LogFormat string
	// LogFrames gives the function the channel that AWS's managed runtimes log
	// through besides stdout and stderr, on which a message of several lines
	// stays one record. Functions in container images do not have it.
	LogFrames bool
	// MaxRecord is the length in bytes at which an output line is cut, the
	// rest following as a record of its own. Default 262,118 (256 KiB less
	// 26), CloudWatch's long-time event limit, at which cuts have been seen.
	MaxRecord int
	// Unordered lets an invocation's lines arrive after its
	// platform.runtimeDone whenever the scheduler has it so. By default the
	// lines that were written before come before, which Lambda does not
	// promise but which makes tests repeatable; see Hooks.Late for the
	// opposite, equally repeatable.
	Unordered bool

	// Freeze stops both processes (SIGSTOP) between invocations. No telemetry
	// is delivered meanwhile.
	Freeze bool

	// TelemetryUnsupported answers subscriptions with 202 and delivers
	// nothing, as AWS's emulator does in on-demand mode.
	TelemetryUnsupported bool
	// TelemetryDropsPath posts to "/" whatever path the subscription named,
	// as AWS's emulator does in managed-instances mode.
	TelemetryDropsPath bool
	// TelemetryBuffer is how many bytes of events are kept for a subscriber
	// that does not take them; what exceeds it is dropped and reported as
	// platform.logsDropped. Default 16 MiB. AWS does not document the size.
	TelemetryBuffer int
	// TelemetryBackoff is the wait before the second attempt to deliver a
	// batch; it doubles up to 1 s. Default 20 ms. AWS does not document it.
	TelemetryBackoff time.Duration

	// Stderr receives what the extension writes to stdout and stderr, line by
	// line. It is kept for Environment.ExtensionOutput in any case.
	Stderr io.Writer
	// FunctionOutput, if set, receives what the function writes to stdout and
	// stderr, line by line.
	FunctionOutput io.Writer

	Hooks Hooks
}

// Hooks are the faults a test can provoke. A nil hook changes nothing. Hooks
// are called from several goroutines.
type Hooks struct {
	// Register, Next and Subscribe can answer the extension's call in the
	// platform's place; a nil Answer lets the call through. An answered call
	// changes no state: an event that next would have delivered waits for
	// the following call.
	// Credentials does so for the questions to the credentials endpoint, of
	// both processes (see Config.CredentialsLife), whatever token they bring.
	Register, Next, Subscribe, Credentials func(Call) *Answer

	// Deadline can change the deadlineMs of an event ("INVOKE" or
	// "SHUTDOWN"); the platform itself keeps to the true one.
	Deadline func(eventType string, deadlineMs int64) int64

	// Emit sees every telemetry event before it is buffered. It may change
	// Time and Record, or have the event swallowed by returning false. It
	// must not block.
	Emit func(*Event) bool

	// Late picks function events that are held back until the
	// platform.runtimeDone of their invocation has been emitted, on managed
	// instances the next platform.report.
	Late func(Event) bool

	// Deliver is called before each attempt to deliver a batch (1 for the
	// first) and delays it until it returns. ctx ends with the instance.
	Deliver func(ctx context.Context, attempt int, b Batch)

	// Redeliver says how often a batch is posted again, byte by byte the
	// same, after it was acknowledged, as happens when an answer is lost.
	Redeliver func(Batch) int
}

// Call is one API call as a hook sees it.
type Call struct {
	Number int    // 1 for the first call of this kind in the environment's life
	Init   int    // 1 for the first init, 2 for the init after a reset, …
	Body   string // the request's body
}

// Answer is what a hook has the platform say.
type Answer struct {
	Status    int
	ErrorType string // with Message, the JSON body Lambda sends with an error
	Message   string
	// Body replaces that JSON body.
	Body string
	// Reset ends the connection with a TCP reset instead of an answer, Hang
	// leaves it open without one until the caller gives up.
	Reset, Hang bool
}

// Answers gives a to the first n calls and lets the others through.
func Answers(n int, a Answer) func(Call) *Answer {
	return func(c Call) *Answer {
		if c.Number > n {
			return nil
		}
		return &a
	}
}

// RefuseInvoke is a Register hook that refuses a registration for INVOKE, as
// Lambda does on managed instances.
func RefuseInvoke() func(Call) *Answer {
	return func(c Call) *Answer {
		if !strings.Contains(c.Body, `"INVOKE"`) {
			return nil
		}
		return &Answer{Status: 403, ErrorType: "Extension.InvalidEventType", Message: "INVOKE: ErrorInvalidEventType"}
	}
}

// RefuseSchema is a Subscribe hook that refuses a schema version with 400, as
// an environment does that has not been upgraded.
func RefuseSchema(version string) func(Call) *Answer {
	return func(c Call) *Answer {
		if !strings.Contains(c.Body, `"`+version+`"`) {
			return nil
		}
		return &Answer{Status: 400, ErrorType: "ValidationError", Message: "schemaVersion " + version + " is not supported"}
	}
}

// withDefaults checks c and fills in what is not set.
func (c Config) withDefaults() (Config, error) {
	if len(c.Function) == 0 {
		return c, errors.New("cannot start: Config.Function is empty; give the command that runs the function")
	}
	if c.Extension != "" {
		if err := checkExecutable(c.Extension); err != nil {
			return c, fmt.Errorf("cannot use the extension: %w", err)
		}
	}
	for _, path := range c.Others {
		if err := checkExecutable(path); err != nil {
			return c, fmt.Errorf("cannot use another extension: %w", err)
		}
	}
	if c.managed() {
		setDefault(&c.InitializationType, typeManaged)
		c.LogFormat = "JSON"
	}
	setDefault(&c.InitializationType, typeOnDemand)
	if c.InitializationType == typeSnapStart {
		setDefault(&c.CredentialsLife, time.Hour)
	}
	if err := c.checkMode(); err != nil {
		return c, err
	}
	setDefault(&c.LogFormat, "Text")
	if c.LogFormat != "Text" && c.LogFormat != "JSON" {
		return c, fmt.Errorf("cannot use LogFormat %q: write Text or JSON", c.LogFormat)
	}
	if err := checkCustomerEnv(c.Env); err != nil {
		return c, err
	}
	if c.Dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return c, fmt.Errorf("cannot find the working directory: %w", err)
		}
		c.Dir = wd
	}
	setDefault(&c.FunctionName, "function")
	setDefault(&c.FunctionVersion, "$LATEST")
	setDefault(&c.Handler, "index.handler")
	setDefault(&c.Region, "eu-central-1")
	setDefault(&c.AccountID, "123456789012")
	setDefault(&c.MemoryMB, 128)
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.InitTimeout, 10*time.Second)
	setDefault(&c.ShutdownBudget, 2*time.Second)
	setDefault(&c.MaxRecord, 256<<10-26)
	setDefault(&c.TelemetryBuffer, 16<<20)
	setDefault(&c.TelemetryBackoff, 20*time.Millisecond)
	return c, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// checkExecutable refuses what Lambda's launch of /opt/extensions would fail
// on.
func checkExecutable(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file; build it, or set mode 0755", path)
	}
	return nil
}

func (c Config) functionARN() string {
	return "arn:aws:lambda:" + c.Region + ":" + c.AccountID + ":function:" + c.FunctionName
}

func (c Config) extensionName() string { return filepath.Base(c.Extension) }
