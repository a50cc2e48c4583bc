package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

func traceOf(n int) string { return fmt.Sprintf("%032x", n) }

func header(n int) string { return "Root=1-" + traceOf(n)[:8] + "-" + traceOf(n)[8:] + ";Parent=1" }

// Each line has the trace of the attempt that printed it, whatever runs when it
// arrives.
func TestOriginOfAnAttempt(t *testing.T) {
	var tr tracker
	at := func(ms int) time.Time { return time.UnixMilli(1_795_300_000_000 + int64(ms)) }
	begin := func(id string, ms, n int) {
		tr.invoke(id, at(ms))
		tr.start(id, at(ms))
		r := platformRecord{tracing: header(n), tenant: fmt.Sprint("tenant ", n)}
		tr.identify(id, r.origin())
	}
	begin("a", 10, 1)
	tr.end("a", at(20), false, false)
	begin("a", 30, 2) // Lambda tries again
	tr.end("a", at(40), false, false)
	begin("b", 50, 3)
	for _, tc := range []struct {
		id    string
		ms, n int
	}{{"a", 15, 1}, {"a", 20, 1}, {"a", 30, 2}, {"a", 35, 2}, {"a", 55, 2}, {"b", 50, 3}, {"b", 60, 3}} {
		want := origin{traceOf(tc.n), fmt.Sprint("tenant ", tc.n)}
		if got := tr.originOf(tc.id, at(tc.ms)); got != want {
			t.Errorf("%s at %d: %v, want %v", tc.id, tc.ms, got, want)
		}
	}
	if got := tr.originOf("stranger", at(60)); got != (origin{}) {
		t.Errorf("a request that nobody knows: %v", got)
	}
}

// Where platform.start has no trace, INVOKE has one, in whatever order they
// come.
func TestOriginByInvoke(t *testing.T) {
	var tr tracker
	now := time.Now()
	tr.traceInvoke("a", header(1))
	tr.start("a", now)
	if got := tr.originOf("a", now); got.trace != traceOf(1) {
		t.Errorf("before platform.start: %v", got)
	}
	tr.start("b", now)
	tr.traceInvoke("b", header(2))
	if got := tr.originOf("b", now); got.trace != traceOf(2) {
		t.Errorf("after platform.start: %v", got)
	}
	tr.traceInvoke("a", header(3)) // again
	if got := tr.originOf("a", now); got.trace != traceOf(3) {
		t.Errorf("the second time: %v", got)
	}
	for i := range 3 * maxPending {
		tr.traceInvoke(fmt.Sprint("c", i), "Root=nothing")
	}
	if got := tr.originOf("b", now); got.trace != traceOf(2) {
		t.Errorf("after headers without a trace: %v", got)
	}
}

// Nothing that a line says of itself is lost, where Lambda says something else.
func TestBothWordsAreKept(t *testing.T) {
	a := New(Config{Rows: Rows{Scale: level.DefaultScale(), Version: "7"}})
	all := parse.Links{TraceID: traceOf(2), OtherTraceID: traceOf(3), TenantID: `"own"`, Execution: "a/b",
		Operation: "o", Attempt: 2}
	for _, tc := range []struct {
		o      origin
		l      *parse.Links
		fields string
		error  bool
		want   *store.Links
		rest   string
	}{
		{want: nil},
		{error: true, want: &store.Links{Version: "7"}},
		{o: origin{trace: traceOf(1)}, want: &store.Links{TraceID: traceOf(1)}},
		{l: &all, fields: `{"a":1}`, rest: `{"a":1}`, want: &store.Links{TraceID: traceOf(2), TraceIDLine: traceOf(3),
			TenantID: `"own"`, Execution: "a/b", Operation: "o", Attempt: 2}},
		{o: origin{traceOf(3), `"own"`}, l: &all, want: &store.Links{TraceID: traceOf(3), TraceIDLine: traceOf(2),
			TenantID: `"own"`, Execution: "a/b", Operation: "o", Attempt: 2}},
		{o: origin{traceOf(1), "acme"}, l: &all, fields: `{"a":1}`, error: true,
			rest: `{"tenant_id":"\"own\"","trace_id":"` + traceOf(3) + `","a":1}`,
			want: &store.Links{TraceID: traceOf(1), TraceIDLine: traceOf(2), TenantID: "acme", Execution: "a/b",
				Operation: "o", Attempt: 2, Version: "7"}},
	} {
		line := parse.Line{Level: a.cfg.Rows.Scale.Info(), Locator: "1", Fields: tc.fields, Links: tc.l}
		line.Level.Error = tc.error
		r := a.rowOf(line, whose{id: "r", at: time.Now(), origin: tc.o})
		if (r.Links == nil) != (tc.want == nil) || tc.want != nil && *r.Links != *tc.want || r.Fields != tc.rest {
			t.Errorf("%+v, %+v: %+v and %s, want %+v and %s", tc.o, tc.l, r.Links, r.Fields, tc.want, tc.rest)
		}
	}
}

// What Lambda would never send does no harm.
func TestOddOrigins(t *testing.T) {
	for _, record := range []string{
		`{"requestId":"a","tracing":{"value":"` + strings.Repeat("Root=1-;", 1<<17) + `"},"tenantId":"` +
			strings.Repeat("t", 257) + `"}`,
		`{"requestId":"a","tracing":"Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c","tenantId":{"a":1}}`,
		`{"requestId":"a","tracing":{"value":["Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c"]},"tenantId":null}`,
		`{"requestId":"a","tracing":{"value":"Root=1-00000000-000000000000000000000000"}}`,
	} {
		r := readPlatformRecord([]byte(record))
		if o := r.origin(); o != (origin{}) {
			t.Errorf("%.100s: %.100v", record, o)
		}
	}
	r := readPlatformRecord([]byte(`{"requestId":"a","tracing":{"spanId":"1","type":"X-Amzn-Trace-Id","value":"` +
		header(1) + `"},"tenantId":"` + strings.Repeat("t", 256) + `"}`))
	if o := r.origin(); o != (origin{traceOf(1), strings.Repeat("t", 256)}) {
		t.Errorf("%v", o)
	}
}

// A tenant that Lambda names is masked by an expression for what it is called.
func TestLambdasTenantIsMaskedByItsName(t *testing.T) {
	for _, expression := range []string{`"tenant_id":"[^"]+"`, `"tenantId":\s*"[^"]+"`, `Ann Smith`} {
		masking, err := redact.New(expression)
		if err != nil {
			t.Fatal(err)
		}
		a := New(Config{Rows: Rows{Scale: level.DefaultScale(), Redact: masking}})
		line := parse.Line{Level: a.cfg.Rows.Scale.Info(), Locator: "1"}
		r := a.rowOf(line, whose{id: "r", at: time.Now(), origin: origin{tenant: "Ann Smith"}})
		if r.Links.TenantID != "[redacted]" {
			t.Errorf("%s: %q", expression, r.Links.TenantID)
		}
	}
}
