package parse

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/traceid"
)

// Links say what a line belongs to beside its request: what lines of other
// requests and functions may belong to as well. They are the line's own words,
// or else those of the runtime's envelope around it. Empty is what neither
// says.
type Links struct {
	// TraceID is a trace's, as package traceid reads it: X-Ray's if the line
	// says which that is. OtherTraceID is another one that is named.
	TraceID, OtherTraceID string
	// TenantID is whose request it was, at most MaxTenantID bytes.
	TenantID string
	// Execution is a durable function's: <name>/<id>. Operation is the name in
	// it, or else the ID, and Attempt counts from 1 on; 0 is none.
	Execution, Operation string
	Attempt              int64
}

// MaxTenantID is Lambda's limit, in bytes.
const MaxTenantID = 256

const (
	// maxLink is how long the printed value of a member may be, in bytes, that
	// is looked at for a link.
	maxLink = 2 << 10
	// maxExecution bounds the name and the ID of an execution, and the name of
	// an operation, in bytes each.
	maxExecution = 256
)

// A link is what a member may say. The first that a line has counts.
type link uint8

const (
	noLink link = iota
	linkXRay
	linkTrace
	linkTenant
	linkExecution
	linkOperation
	linkOperationID
	linkAttempt
)

// linkOf is what a member with the name would say: the names of AWS's runtimes
// and its SDKs, Powertools, OpenTelemetry, the Elastic Common Schema and W3C.
func linkOf(name []byte) link {
	switch string(name) {
	case "xray_trace_id":
		return linkXRay
	case "trace_id", "traceId", "TraceId", "trace.id", "trace", "traceparent":
		return linkTrace
	case "tenant_id", "tenantId", "tenant.id", "tenant":
		return linkTenant
	case "executionArn", "durableExecutionArn", "execution_arn":
		return linkExecution
	case "operationName":
		return linkOperation
	case "operationId":
		return linkOperationID
	case "attempt":
		return linkAttempt
	}
	return noLink
}

// linked is an object's remaining members, as scan has collected them, on their
// way to become links.
type linked struct {
	Links
	operationID string
	envelope    bool // the object is a runtime's envelope
}

// takeLinks finds what a layer's object says of links, and takes the members
// out of its fields that say nothing else.
func (p *Parser) takeLinks(l *layer) *Links {
	k := linked{}
	p.eachField(l, func(name, value []byte) { p.note(&k, name, value) })
	k.settle()
	p.dropFields(l, func(name, value []byte) bool { return p.repeatsLink(&k, name, value) })
	return p.keepLinks(&k.Links)
}

// keepLinks returns links that are good until the next record is read; nil for
// none.
func (p *Parser) keepLinks(links *Links) *Links {
	if *links == (Links{}) {
		return nil
	}
	p.links = append(p.links, *links)
	return &p.links[len(p.links)-1]
}

// settle ends what has been noted. An operation and an attempt without an
// execution are something else's.
func (k *linked) settle() {
	switch {
	case k.Execution == "":
		k.Operation, k.operationID, k.Attempt = "", "", 0
	case k.Operation == "":
		k.Operation = k.operationID
	}
}

// note notes what a member says.
func (p *Parser) note(k *linked, name, value []byte) {
	is, text, _ := p.linkText(name, value)
	switch is {
	case linkXRay, linkTrace:
		if id := p.traceID(text); id != "" {
			k.addTrace(id, is == linkXRay)
		}
	case linkTenant:
		if k.TenantID == "" {
			k.TenantID = p.kept(text, MaxTenantID)
		}
	case linkExecution:
		if k.Execution == "" {
			k.Execution = p.execution(text)
		}
	case linkOperation:
		if k.Operation == "" {
			k.Operation = p.kept(text, maxExecution)
		}
	case linkOperationID:
		if k.operationID == "" {
			k.operationID = p.kept(text, maxExecution)
		}
	case linkAttempt:
		if k.Attempt == 0 {
			k.Attempt = attemptOf(value)
		}
	}
}

// addTrace adds a trace's ID: X-Ray's goes first.
func (l *Links) addTrace(id string, xray bool) {
	switch {
	case l.TraceID == "":
		l.TraceID = id
	case l.TraceID == id:
	case xray:
		l.TraceID, l.OtherTraceID = id, l.TraceID
	case l.OtherTraceID == "":
		l.OtherTraceID = id
	}
}

// linkText returns what a member may say, and the text that says it: a string,
// or the id of an object that is called like what it identifies. only reports
// whether the member has nothing else. The text is valid until the next call.
func (p *Parser) linkText(name, value []byte) (is link, text []byte, only bool) {
	is = linkOf(p.plainName(name))
	switch {
	case is == noLink || len(value) > maxLink || p.masks != nil && p.masks(memberText(name, value)):
		return noLink, nil, false
	case value[0] == '"':
		return is, p.memberName(value), true
	case value[0] != '{' || is != linkTrace && is != linkTenant:
		return is, nil, is == linkAttempt
	}
	n := 0
	for range jsonscan.Object(value).Members {
		n++
	}
	inner := jsonscan.Object(value).Find(`"id"`)
	if kind(inner) != '"' {
		return noLink, nil, false
	}
	return is, p.memberName(inner), n == 1
}

// memberText is an object of one member.
func memberText(name, value []byte) string {
	return "{" + string(name) + ":" + string(value) + "}"
}

// repeatsLink reports whether a member says nothing that is not among the
// links.
func (p *Parser) repeatsLink(k *linked, name, value []byte) bool {
	is, text, only := p.linkText(name, value)
	switch is {
	case linkXRay, linkTrace:
		id, pure, ok := traceid.Append(p.scratch[:0], text)
		p.scratch = id
		return ok && only && (pure || k.envelope) && (string(id) == k.TraceID || string(id) == k.OtherTraceID)
	case linkTenant:
		return only && repeats(text, k.TenantID)
	case linkExecution:
		name, id, ok := executionOf(text)
		before, after, _ := strings.Cut(k.Execution, "/")
		return ok && repeats(name, before) && repeats(id, after)
	case linkOperation, linkOperationID:
		return repeats(text, k.Operation)
	case linkAttempt:
		return k.Attempt != 0 && attemptOf(value) == k.Attempt
	}
	return false
}

func repeats(text []byte, said string) bool { return said != "" && string(text) == said }

// traceID keeps the ID of a trace that a text names; "" for none.
func (p *Parser) traceID(text []byte) string {
	from := len(p.arena)
	p.arena, _, _ = traceid.Append(p.arena, text)
	return p.view(span{from, len(p.arena)})
}

// kept keeps a text as a string, "" for one that is longer than most bytes.
func (p *Parser) kept(text []byte, most int) string {
	if len(text) > most {
		return ""
	}
	return p.printed(text)
}

// execution keeps what an execution's ARN says; "" for another text.
func (p *Parser) execution(arn []byte) string {
	name, id, ok := executionOf(arn)
	if !ok {
		return ""
	}
	b := builder{p: p}
	from := b.raw(name)
	p.arena = append(p.arena, '/')
	return p.view(span{from.from, b.raw(id).to})
}

// executionOf reads the ARN of a durable function's execution:
// arn:<partition>:lambda:<region>:<account>:function:<name>:<version>
// and then /durable-execution/<name>/<id>.
func executionOf(arn []byte) (name, id []byte, ok bool) {
	function, rest, _ := bytes.Cut(arn, []byte("/durable-execution/"))
	name, id, _ = bytes.Cut(rest, []byte("/"))
	const parts = 8
	parted := bytes.Count(function, []byte(":")) == parts-1 && bytes.HasPrefix(function, []byte("arn:")) &&
		bytes.Contains(function, []byte(":lambda:")) && bytes.Contains(function, []byte(":function:"))
	return name, id, parted && isExecutionName(name) && isExecutionName(id)
}

func isExecutionName(text []byte) bool {
	for _, c := range text {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|' ' < 'a' || c|' ' > 'z') {
			return false
		}
	}
	return len(text) > 0 && len(text) <= maxExecution
}

// attemptOf reads a whole number from 1 on; 0 for anything else.
func attemptOf(value []byte) int64 {
	if kind(value) != '0' || len(value) > len("2147483647") {
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0
	}
	return n
}

// eachField visits a layer's fields.
func (p *Parser) eachField(l *layer, visit func(name, value []byte)) {
	if len(l.fields) == 0 {
		return
	}
	l.fields[0] = '{' // as an object it is not closed, which does not matter here
	jsonscan.Object(l.fields).Members(func(name, value []byte) bool {
		visit(name, value)
		return true
	})
	l.fields[0] = ','
}

// dropFields takes members out of a layer's fields.
func (p *Parser) dropFields(l *layer, drop func(name, value []byte) bool) {
	kept := l.fields[:0]
	p.eachField(l, func(name, value []byte) {
		if !drop(name, value) {
			kept = appendMember(kept, name, value)
		}
	})
	l.fields = kept
}

// besideLines gives the lines in the message of an envelope, the object o of
// layer n, what else the envelope has: its links to all of them, and further
// members to the last one, whose fields they become.
func (p *Parser) besideLines(o *object, lines []Line, n int) {
	if !o.linked && !o.further {
		return
	}
	l := &p.layers[n]
	around := linked{envelope: o.isEnvelope()}
	p.eachField(l, func(name, value []byte) { p.note(&around, name, value) })
	around.settle()
	var whole linked
	for i := range lines {
		whole = linked{envelope: around.envelope}
		if lines[i].Links != nil {
			whole.Links = *lines[i].Links
		}
		whole.fill(&around.Links)
		lines[i].Links = p.keepLinks(&whole.Links)
	}
	p.dropFields(l, func(name, value []byte) bool {
		return p.repeatsLink(&whole, name, value) || saidElsewhere(p.plainName(name))
	})
	if last := &lines[len(lines)-1]; len(l.fields) > 0 {
		p.addFields(last, l.fields)
		last.HasAlert = last.HasAlert || o.alert
	}
}

// remainingAround is remaining for an object that may be around a line.
func (p *Parser) remainingAround(o *object, l *layer) {
	if o.message != nil && (o.linked || o.further) {
		p.remaining(l)
	}
}

// fill adds what is not known yet.
func (l *Links) fill(more *Links) {
	for _, id := range [...]string{more.TraceID, more.OtherTraceID} {
		if id != "" {
			l.addTrace(id, false)
		}
	}
	if l.TenantID == "" {
		l.TenantID = more.TenantID
	}
	if l.Execution == "" {
		l.Execution, l.Operation, l.Attempt = more.Execution, more.Operation, more.Attempt
	}
}

// saidElsewhere reports whether the member of an envelope is in the rows of its
// lines anyway, or of no use there: what AWS's runtimes have around a message.
func saidElsewhere(name []byte) bool {
	switch string(name) {
	case "timestamp", "message", "level", "log_level", "logger", "requestId", "AWSRequestId",
		"errorType", "errorMessage", "stackTrace":
		return true
	}
	return false
}

// addFields adds members, as scan collects them, to a line's fields.
func (p *Parser) addFields(line *Line, members jsontext.Value) {
	from := len(p.arena)
	if line.Fields != "" {
		p.arena = append(p.arena, line.Fields[:len(line.Fields)-len("}")]...)
	} else {
		p.arena, members = append(p.arena, '{'), members[1:] // without the first comma
	}
	p.arena = append(append(p.arena, members...), '}')
	b := builder{p: p}
	line.Fields = p.view(b.clean(from))
}
