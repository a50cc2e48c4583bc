package parse_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/parse"
)

// linkTexts are the texts of a line's links.
func linkTexts(l *parse.Links) []string {
	if l == nil {
		return nil
	}
	return []string{l.TraceID, l.OtherTraceID, l.TenantID, l.Execution, l.Operation}
}

// checkLinks compares a line's links with what the rules say.
func checkLinks(t *testing.T, text []byte, line parse.Line, want parse.Links) {
	t.Helper()
	var got parse.Links
	if line.Links != nil {
		if got = *line.Links; got == (parse.Links{}) {
			t.Fatalf("%q: links without a link", text)
		}
	}
	if got != want {
		t.Fatalf("%q: links: -want +got\n%s", text, cmp.Diff(want, got))
	}
}

var (
	bareTrace   = regexp.MustCompile(`^(?:1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})|([0-9a-fA-F]{32}))$`)
	traceparent = regexp.MustCompile(`^00-([0-9a-fA-F]{32})-[0-9a-fA-F]{16}-[0-9a-fA-F]{2}$`)
	traceHeader = regexp.MustCompile(`(?:^|;)\s*Root=([^;]*?)\s*(?:;|$)`)
	execution   = regexp.MustCompile(
		`^arn:(?:[^:]*:)*lambda:(?:[^:]*:)*function:[^:]*:[^:/]*/durable-execution/([A-Za-z0-9_-]{1,256})/([A-Za-z0-9_-]{1,256})$`)
	wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)

	traceNames = map[string]bool{"xray_trace_id": true, "trace_id": true, "traceId": true, "TraceId": true,
		"trace.id": true, "trace": true, "traceparent": true}
	tenantNames    = map[string]bool{"tenant_id": true, "tenantId": true, "tenant.id": true, "tenant": true}
	executionNames = map[string]bool{"executionArn": true, "durableExecutionArn": true, "execution_arn": true}
)

// referTrace is the trace that a text names; bare: it is that.
func referTrace(text string) (id string, bare bool) {
	f := bareTrace.FindStringSubmatch(text)
	bare = f != nil
	if f == nil {
		inner := ""
		if p := traceparent.FindStringSubmatch(text); p != nil {
			inner = p[1]
		} else if h := traceHeader.FindStringSubmatch(text); h != nil {
			inner = h[1]
		}
		if f = bareTrace.FindStringSubmatch(inner); f == nil {
			return "", false
		}
	}
	id = strings.ToLower(f[1] + f[2] + f[3])
	if strings.Trim(id, "0") == "" {
		return "", false
	}
	return id, bare
}

// identified is what a member says of what it is called like.
func identified(m member) (text string, whole bool) {
	if isString(m.Value) {
		return unquoteRaw(m.Value), true
	}
	if m.Name == "trace" || m.Name == "tenant" || strings.HasPrefix(m.Name, "t") || m.Name == "xray_trace_id" ||
		m.Name == "TraceId" {
		all, _ := members([]byte(m.Value))
		for _, inner := range all {
			if inner.Name == "id" && isString(inner.Value) {
				return unquoteRaw(inner.Value), len(all) == 1
			} else if inner.Name == "id" {
				break
			}
		}
	}
	return "", false
}

// referLinks takes the links out of what remains of an object.
func referLinks(all []member) (rest []member, l parse.Links) {
	operationID := ""
	for _, m := range all {
		text, _ := identified(m)
		text2 := text
		if len(m.Value) > 2<<10 {
			continue
		}
		clean := strings.ReplaceAll(text2, "\x00", "\u2400")
		switch {
		case traceNames[m.Name]:
			id, _ := referTrace(text)
			switch {
			case id == "" || id == l.TraceID:
			case l.TraceID == "":
				l.TraceID = id
			case m.Name == "xray_trace_id":
				l.TraceID, l.OtherTraceID = id, l.TraceID
			case l.OtherTraceID == "":
				l.OtherTraceID = id
			}
		case tenantNames[m.Name] && l.TenantID == "" && len(text) <= 256:
			l.TenantID = clean
		case executionNames[m.Name] && l.Execution == "":
			if f := execution.FindStringSubmatch(text); f != nil {
				l.Execution = f[1] + "/" + f[2]
			}
		case m.Name == "operationName" && l.Operation == "" && len(text) <= 256:
			l.Operation = clean
		case m.Name == "operationId" && operationID == "" && len(text) <= 256:
			operationID = clean
		case m.Name == "attempt" && l.Attempt == 0 && wholeNumber.MatchString(m.Value):
			if n, err := strconv.ParseInt(m.Value, 10, 32); err == nil {
				l.Attempt = n
			}
		}
	}
	if l.Execution == "" {
		l.Operation, l.Attempt = "", 0
	} else if l.Operation == "" {
		l.Operation = operationID
	}
	for _, m := range all {
		if !saidBy(m, l) {
			rest = append(rest, m)
		}
	}
	return rest, l
}

// saidBy reports whether links have all that a member says.
func saidBy(m member, l parse.Links) bool {
	text, whole := identified(m)
	if len(m.Value) > 2<<10 {
		return false
	}
	switch {
	case traceNames[m.Name]:
		id, bare := referTrace(text)
		return id != "" && whole && bare && (id == l.TraceID || id == l.OtherTraceID)
	case tenantNames[m.Name]:
		return text != "" && whole && text == l.TenantID
	case executionNames[m.Name]:
		f := execution.FindStringSubmatch(text)
		return f != nil && f[1]+"/"+f[2] == l.Execution
	case m.Name == "operationName", m.Name == "operationId":
		return l.Operation != "" && isString(m.Value) && text == l.Operation
	case m.Name == "attempt":
		return l.Attempt > 0 && m.Value == strconv.FormatInt(l.Attempt, 10)
	}
	return false
}

// What is put together of several records says of its origin what the first
// one does.
func TestWrapKeepsWhatIsAround(t *testing.T) {
	parser, n := parse.New(parse.Options{}), 0
	for _, s := range samples(t) {
		u, ok := parser.Unwrap(s.Record)
		if !ok {
			continue
		}
		n++
		again := u.Wrap(nil)
		var want, got []want
		parser.Lines(s.Record, func(l parse.Line) { want = append(want, wantOf(l.Clone())) })
		parser.Lines(again, func(l parse.Line) { got = append(got, wantOf(l.Clone())) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s became %s: -want +got\n%s", s.Record, again, diff)
		}
	}
	if n < 20 {
		t.Errorf("only %d records are a text or an envelope", n)
	}
}

// FuzzLinks has anything under the names of links, in a line, in an envelope
// around one and in both, with and without a mapping: nothing of it is lost.
func FuzzLinks(f *testing.F) {
	names := []string{"trace_id", "xray_trace_id", "traceparent", "trace", "tenant_id", "tenant", "executionArn",
		"operationName", "operationId", "attempt", "other"}
	const arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders:7/durable-execution/ship-17/2f1c"
	for i, value := range []string{
		`"6352a70e1e2c2db1583c0d1f5e7a9b3c"`, `"1-6352a70e-1e2c2db1583c0d1f5e7a9b3c"`,
		`"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"`, `{"id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
		`"acme"`, `{"id":"acme","a":[]}`, `"` + arn + `"`, `"charge"`, `"3"`, `2`, `null`, "\"\xff\"", `"\u0000"`,
	} {
		f.Add(byte(i), value, byte(6), `"`+arn+`"`)
		f.Add(byte(0), value, byte(i), value)
	}
	plain, presets := parse.New(parse.Options{}), mapped(f, "powertools;ecs;otel;lambda", parse.Options{})
	f.Fuzz(func(t *testing.T, a byte, av string, b byte, bv string) {
		av, bv = strings.Trim(av, " \t\r\n"), strings.Trim(bv, " \t\r\n")
		first := member{names[int(a)%len(names)], av}
		second := member{names[int(b)%len(names)], bv}
		one, two := `,"`+first.Name+`":`+av, `,"`+second.Name+`":`+bv
		if all, ok := members([]byte(`{"x":1` + one + two + `}`)); !ok || len(all) != 3 || !utf8.ValidString(av+bv) ||
			depth([]byte(`{"x":1`+one+two+`}`)) > 90 {
			return
		}
		const line, around = `{"locator":"1","level":"INFO","text":"x"`, `{"timestamp":"t","message":`
		for _, record := range []string{
			line + one + two + `}`, around + line + `}` + one + two + `}`, around + line + one + `}` + two + `}`,
		} {
			for _, parser := range []*parse.Parser{plain, presets} {
				got, ok := parser.Record([]byte(record))
				if !ok || got.Text != "x" {
					t.Fatalf("%s: %+v", record, got)
				}
				checkLine(t, parser, []byte(record), got)
				var links parse.Links
				if got.Links != nil {
					links = *got.Links
				}
				kept, _ := members([]byte(got.Fields))
				for _, m := range []member{first, second} {
					header, _ := referTrace(unquoteRaw(m.Value))
					said := saidBy(m, links) || strings.HasPrefix(record, around) && header != "" &&
						(header == links.TraceID || header == links.OtherTraceID)
					if !said && !slices.Contains(kept, m) {
						t.Fatalf("%s: %s is lost: %s, %+v", record, m.Name, got.Fields, links)
					}
				}
			}
		}
	})
}

// What is far too long for a link stays among the fields, whole.
func TestLongValuesAreNoLinks(t *testing.T) {
	parser := parse.New(parse.Options{})
	for _, name := range []string{"trace_id", "traceparent", "tenant_id", "executionArn"} {
		long := `{"` + name + `":"` + strings.Repeat("0123456789abcdef", 1<<16) + `"}`
		line, ok := parser.Record([]byte(`{"locator":"1","level":"INFO",` + long[1:]))
		if !ok || line.Links != nil || line.Fields != long {
			t.Errorf("%s: %+v and %d bytes of fields, want %d", name, line.Links, len(line.Fields), len(long))
		}
	}
}
