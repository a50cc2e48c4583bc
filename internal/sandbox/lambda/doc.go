// Package lambda is a Lambda execution environment on one machine, for tests
// and for the demo. It starts a real extension binary and a real function
// process and gives them the Runtime API, the Extensions API and the
// Telemetry API, with the order of events, the limits and the refusals that
// AWS documents.
//
// It is a referee as much as a stand-in: whatever a client does that Lambda
// would refuse, or that would harm the customer's function, is kept in
// [Environment.Violations]. For that reason it shares no code and no
// constants with the clients it judges (internal/wait, which knows nothing of
// Lambda, apart); platform facts come from AWS's documents ("Lambda runtime
// API", "Lambda Extensions API", "Lambda Telemetry API", "Telemetry schema
// reference") and, where those are silent, from the source of AWS's Runtime
// Interface Emulator.
//
// One [Environment] is one environment, on-demand unless Config says otherwise,
// from its first init to [Environment.Shutdown] or [Environment.Kill]. Between
// a reset (time-out, crash) and the next invocation it has no processes. What
// lives from an init to its reset is an instance: processes, registrations,
// subscriptions and the listener of the APIs. Its init phase is in init.go and
// its end in shutdown.go. What is peculiar to on-demand mode, one invocation at
// a time and the freeze after it, is in invoke.go alone; managed instances have
// a driver of the same instance in managed.go, and what precedes the first
// invocation under SnapStart is in snapstart.go.
//
// Not imitated: TCP destinations of the Telemetry API (refused), runtime hooks
// and clones of SnapStart, and any limit on CPU or memory.
package lambda
