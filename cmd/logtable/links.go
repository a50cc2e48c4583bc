package main

import (
	"fmt"
	"strings"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/traceid"
)

// parseTrace reads the ID of a trace in any spelling: X-Ray's, W3C's, or the
// header of either. what names where it was given.
func parseTrace(what, text string) (string, error) {
	id, ok := traceid.Parse(strings.TrimSpace(text))
	if !ok {
		return "", usagef("%s %q is not a trace ID: write it whole, as X-Ray does "+
			"(1-6b02cb30-0123456789abcdef01234567) or as 32 hexadecimal digits", what, text)
	}
	return id, nil
}

// executionARN stands before an execution's name in its ARN.
const executionARN = "/durable-execution/"

// parseExecution reads a durable function's execution: <name>/<id>, or its ARN.
func parseExecution(what, text string) (string, error) {
	execution := strings.TrimSpace(text)
	if _, after, ok := strings.Cut(execution, executionARN); ok {
		execution = after
	}
	name, id, _ := strings.Cut(execution, "/")
	if name == "" || id == "" || strings.Contains(id, "/") {
		return "", usagef("%s %q is not an execution: write <name>/<id>, or its ARN", what, text)
	}
	return execution, nil
}

// resolve adds to a filter what is not taken as it was written.
func (f *linkFlags) resolve(filter *read.Filter) (err error) {
	if f.trace != "" {
		id, err := parseTrace("--trace", f.trace)
		if err != nil {
			return err
		}
		filter.TraceIDs = []string{id}
	}
	if f.execution != "" {
		filter.Execution, err = parseExecution("--execution", f.execution)
	}
	return err
}

// linkDetails is what -v says of what a row belongs to, on up to three lines.
func linkDetails(row *shown) (lines []string) {
	add := func(parts ...string) {
		var known []string
		for i := 0; i < len(parts); i += 2 {
			if parts[i+1] != "" {
				known = append(known, parts[i]+" "+visible(parts[i+1]))
			}
		}
		if len(known) > 0 {
			lines = append(lines, strings.Join(known, ", "))
		}
	}
	attempt := ""
	if row.Attempt > 0 {
		attempt = fmt.Sprint(row.Attempt)
	}
	add("request", row.RequestID)
	add("trace", traceid.XRay(row.TraceID), "trace of the line", traceid.XRay(row.TraceIDLine))
	add("tenant", row.TenantID, "execution", row.Execution, "operation", row.Operation, "attempt", attempt,
		"version", row.Version)
	return lines
}

// jsonLinks is what -o jsonl says of it.
type jsonLinks struct {
	TraceID     string `json:"trace_id,omitempty"`
	TraceIDLine string `json:"trace_id_line,omitempty"`
	TenantID    string `json:"tenant_id,omitempty"`
	Execution   string `json:"execution,omitempty"`
	Operation   string `json:"operation,omitempty"`
	Attempt     int64  `json:"attempt,omitempty"`
	Version     string `json:"version,omitempty"`
}
