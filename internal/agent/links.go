package agent

import (
	"cmp"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/traceid"
)

// An origin is what Lambda says of where an invocation comes from; empty is
// what it does not say.
type origin struct {
	trace  string // the ID of its trace: see package traceid
	tenant string // whose it is, with tenant isolation
}

func (o origin) or(other origin) origin {
	return origin{cmp.Or(o.trace, other.trace), cmp.Or(o.tenant, other.tenant)}
}

// origin is what a platform event says of its invocation.
func (p *platformRecord) origin() (o origin) {
	o.trace, _ = traceid.Parse(p.tracing)
	if len(p.tenant) <= parse.MaxTenantID {
		o.tenant = p.tenant
	}
	return o
}

// traced is which traces the last INVOKE events were of: they count where
// platform.start has none, or is not there.
type traced struct {
	last [maxPending]struct{ id, trace string }
	next int
}

// traceInvoke notes the tracing header of an INVOKE event.
func (t *tracker) traceInvoke(id, header string) {
	trace, ok := traceid.Parse(header)
	if !ok {
		return
	}
	r := &t.traced
	r.last[r.next].id, r.last[r.next].trace = id, trace
	r.next = (r.next + 1) % len(r.last)
}

// of is the trace of the last INVOKE of a request.
func (r *traced) of(id string) string {
	for i := range r.last {
		// From the newest to the oldest.
		if one := &r.last[(r.next+len(r.last)-1-i)%len(r.last)]; one.id == id {
			return one.trace
		}
	}
	return ""
}

// identify adds to what is known of the open attempt at a request.
func (t *tracker) identify(id string, o origin) {
	if a := t.find(id); a != nil {
		a.origin = a.origin.or(o)
	}
}

// originOf is what is known of the invocation whose line of a time it is, given
// its request: of several attempts at it, the one that ran then.
func (t *tracker) originOf(id string, at time.Time) (o origin) {
	// Nearly every line is of the attempt that is running: the others are
	// looked through only for the rest.
	if open := t.find(id); open != nil && open.runsAt(at) {
		o = open.origin
	} else if e := t.ranUnder(id, at); e != nil {
		o = e.origin
	} else if open != nil {
		o = open.origin
	}
	if o.trace == "" {
		o.trace = t.traced.of(id)
	}
	return o
}

// ranUnder returns the attempt at a request that has ended and was running at a
// time, or else the last one.
func (t *tracker) ranUnder(id string, at time.Time) (e *attempt) {
	for i := range t.done {
		if one := &t.done[i]; one.id == id {
			if e = one; one.ranAt(at) {
				return e
			}
		}
	}
	return e
}

// whose says whose line a row is of, and when it was printed.
type whose struct {
	id string // of the request; "" if nobody knows
	at time.Time
	origin
}

// whose is whose line it is, given its request.
func (a *Agent) whose(id string, at time.Time) whose {
	if id == "" || id == initRequest {
		return whose{id: id, at: at}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return whose{id, at, a.invocations.tracker.originOf(id, at)}
}

// link sets what a row belongs to. What Lambda says goes before the line's own
// words, which stay in the fields where there is no place for both. links are
// memory for it.
func (a *Agent) link(r *row, links *store.Links, line *parse.Line, o origin) {
	*links = store.Links{TraceID: o.trace, TenantID: o.tenant}
	if r.Error {
		links.Version = a.cfg.Rows.Version
	}
	if l := line.Links; l != nil {
		links.Execution, links.Operation, links.Attempt = l.Execution, l.Operation, l.Attempt
		for _, id := range [...]string{l.TraceID, l.OtherTraceID} {
			switch {
			case id == "" || id == links.TraceID:
			case links.TraceID == "":
				links.TraceID = id
			case links.TraceIDLine == "":
				links.TraceIDLine = id
			default:
				r.Fields = withField(r.Fields, "trace_id", id)
			}
		}
		if links.TenantID == "" {
			links.TenantID = l.TenantID
		} else if l.TenantID != "" && l.TenantID != links.TenantID {
			r.Fields = withField(r.Fields, "tenant_id", l.TenantID)
		}
	}
	if *links != (store.Links{}) {
		r.Links = links
	}
}

// withField returns fields, a JSON object or none, with one more in front.
func withField(fields, name, value string) string {
	b, _ := jsontext.AppendQuote([]byte("{"), name)
	b, _ = jsontext.AppendQuote(append(b, ':'), value)
	if fields == "" {
		return string(append(b, '}'))
	}
	return string(append(append(b, ','), fields[len("{"):]...))
}
