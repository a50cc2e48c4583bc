// Package pipe holds the benchmarks of the whole way of a line: from the POST
// of telemetry through listener, parser, agent and store to DynamoDB's HTTP
// endpoint. Producer and table are another process, so that the processor time
// measured is the extension's.
package pipe
