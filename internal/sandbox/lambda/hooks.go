package lambda

import (
	"context"
	"strings"
)

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
		return &Answer{Status: 400, ErrorType: "ValidationError",
			Message: "schemaVersion " + version + " is not supported"}
	}
}
