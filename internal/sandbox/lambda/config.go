package lambda

import (
	"io"
	"path/filepath"
	"time"
)

// Config describes a function, its extension and how the platform treats
// them. Only Function is required.
type Config struct {
	// Extension is the path of the external extension's binary. Its base
	// name is the name it has to register under. Empty: no extension.
	Extension string
	Extensions
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

	FunctionName string // default "function"
	Identity

	// Timeout is the function's time-out, which bounds an invocation with the
	// extension's part of it. Default 3 s, as Lambda's.
	Timeout time.Duration
	Lifecycle
	Logging
	Output

	Telemetry Telemetry
	Hooks     Hooks
}

// Extensions is what few environments have of extensions.
type Extensions struct {
	// ExtensionArgs are the extension's arguments. Lambda gives none: they are
	// for a program that is an extension only with them.
	ExtensionArgs []string
	// Others are further extensions, as further layers would bring them. Their
	// output is kept with the extension's.
	Others []string
}

// Identity is what a function is told of itself.
type Identity struct {
	FunctionVersion string // default "$LATEST"
	Handler         string // default "index.handler"
	Region          string // default "eu-central-1"
	AccountID       string // default "123456789012"
	MemoryMB        int    // default 128; reported, not enforced
}

// Lifecycle is when processes start, stop and end.
type Lifecycle struct {
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

	// InitTimeout bounds the init phase. Default 10 s, as Lambda's.
	InitTimeout time.Duration
	// ShutdownBudget is the time from the beginning of a shutdown to SIGKILL.
	// Default 2 s, as Lambda's with an external extension.
	ShutdownBudget time.Duration

	// Freeze stops both processes (SIGSTOP) between invocations. No telemetry
	// is delivered meanwhile.
	Freeze bool
}

// Logging is what becomes of the lines that the function prints.
type Logging struct {
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
}

// Telemetry is how the Telemetry API treats its subscribers.
type Telemetry struct {
	// Unsupported answers subscriptions with 202 and delivers
	// nothing, as AWS's emulator does in on-demand mode.
	Unsupported bool
	// DropsPath posts to "/" whatever path the subscription named,
	// as AWS's emulator does in managed-instances mode.
	DropsPath bool
	// Buffer is how many bytes of events are kept for a subscriber
	// that does not take them; what exceeds it is dropped and reported as
	// platform.logsDropped. Default 16 MiB. AWS does not document the size.
	Buffer int
	// Backoff is the wait before the second attempt to deliver a
	// batch; it doubles up to 1 s. Default 20 ms. AWS does not document it.
	Backoff time.Duration
}

// Output is where the processes' output goes besides telemetry.
type Output struct {
	// Stderr receives what the extension writes to stdout and stderr, line by
	// line. It is kept for Environment.ExtensionOutput in any case.
	Stderr io.Writer
	// FunctionOutput, if set, receives what the function writes to stdout and
	// stderr, line by line.
	FunctionOutput io.Writer
	// Forget has the environment keep no output, no calls and no batches, for
	// one that lives for hours: Requests, Telemetry, ExtensionOutput and
	// FunctionOutput are empty then. Violations are kept.
	Forget bool
}

func (c Config) functionARN() string {
	return "arn:aws:lambda:" + c.Region + ":" + c.AccountID + ":function:" + c.FunctionName
}

func (c Config) extensionName() string { return filepath.Base(c.Extension) }
