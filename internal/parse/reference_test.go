package parse_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// member is a member of a JSON object; its value is as printed.
type member struct{ Name, Value string }

// members reads an object with encoding/json, which shares no code with the
// parser. ok is false if text is not exactly one object.
func members(text []byte) (all []member, ok bool) {
	if !json.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, false
		}
		all = append(all, member{name.(string), string(value)})
	}
	return all, true
}

// reference is what the rules say of an object that nothing is around.
type reference struct {
	ours, valid                      bool // valid: its level is known
	locator, level, text, module, id string
	exception                        string // of a string
	rest                             []member
	links                            parse.Links
}

var idNames = map[string]bool{
	"request_id": true, "requestId": true, "aws_request_id": true,
	"awsRequestId": true, "AWSRequestId": true, "function_request_id": true,
}

var levelNames = map[string]bool{"log_level": true, "severity": true, "levelname": true, "severity_text": true,
	"level_name": true}

// levelNamed is the level that a value names.
func levelNamed(value string) (string, bool) {
	level, known := level.DefaultScale().Find(strings.TrimSpace(unquoteRaw(value)))
	return level.Name, known && isString(value)
}

// isWorse reports whether one level is above another.
func isWorse(value, before string) bool {
	ranks := [2]int{}
	for i, text := range []string{value, before} {
		found, _ := level.DefaultScale().Find(strings.TrimSpace(unquoteRaw(text)))
		ranks[i] = found.Rank
	}
	return ranks[0] > ranks[1]
}

// suits reports whether a value is what a name wants.
func suits(name, value string) bool {
	switch name {
	case "level":
		_, ok := levelNamed(value)
		return ok
	case "locator":
		return isString(value) && strings.TrimSpace(unquoteRaw(value)) != "" || value != "" &&
			strings.Trim(value, "-0123456789") == ""
	}
	return isString(value)
}

// refer applies the rules to an object's members in the plainest way.
func refer(all []member) (r reference) {
	one := map[string]string{}
	other := ""
	for _, m := range all {
		before, again := one[m.Name]
		switch {
		case m.Name == "exception", m.Name == "module":
			one[m.Name] = m.Value
		case m.Name != "locator" && m.Name != "level" && m.Name != "text":
			if idNames[m.Name] && r.id == "" && isString(m.Value) && isID(unquoteRaw(m.Value)) {
				r.id = unquote(m.Value)
				continue
			}
			if level, ok := levelNamed(m.Value); ok && levelNames[m.Name] && other == "" {
				other = level
			}
			r.rest = append(r.rest, m)
		case !again:
			one[m.Name] = m.Value
		case !suits(m.Name, m.Value), suits(m.Name, before) && (m.Name != "level" || !isWorse(m.Value, before)):
			r.rest = append(r.rest, m)
		default:
			r.rest = append(r.rest, member{m.Name, before})
			one[m.Name] = m.Value
		}
	}
	_, hasLocator := one["locator"]
	_, hasLevel := one["level"]
	_, hasText := one["text"]
	_, hasException := one["exception"]
	hasLevel = hasLevel || other != ""
	r.ours = hasLocator && (hasLevel || hasText || hasException) || hasLevel && hasText
	if r.level, r.valid = levelNamed(one["level"]); !r.valid {
		r.level, r.valid = other, other != ""
	}
	r.finish(one)
	return r
}

// finish sets the strings.
func (r *reference) finish(one map[string]string) {
	r.locator = "?"
	switch locator := one["locator"]; {
	case isString(locator):
		if suits("locator", locator) {
			r.locator = unquote(locator)
		}
	case locator != "" && strings.Contains("-0123456789", locator[:1]):
		r.locator = locator
	case locator != "":
		r.rest = append(r.rest, member{"locator", locator})
	}
	switch module := one["module"]; {
	case isString(module):
		r.module = unquote(module)
	case module != "" && module != "null":
		r.rest = append(r.rest, member{"module", module})
	}
	r.rest, r.links = referLinks(r.rest)
	for name, to := range map[string]*string{"text": &r.text, "exception": &r.exception} {
		if value := one[name]; isString(value) {
			*to = unquote(value)
		}
	}
	if text := one["text"]; text != "" && text != "null" && !isString(text) {
		var b bytes.Buffer
		if json.Compact(&b, []byte(text)) == nil {
			r.text = b.String()
		}
	}
}

func isString(value string) bool { return strings.HasPrefix(value, `"`) }

// isID reports whether a member named like a request id is one.
func isID(s string) bool {
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	return s != "" && s != "undefined" && s != "null" && s != "None" && s != "-" && !strings.ContainsFunc(s, odd)
}

func unquote(value string) string {
	return strings.ReplaceAll(unquoteRaw(value), "\x00", "\u2400")
}

// unquoteRaw is unquote with NUL as it is.
func unquoteRaw(value string) string {
	var s string
	if isString(value) {
		if err := json.Unmarshal([]byte(value), &s); err != nil {
			panic(err)
		}
	}
	return s
}

// checkReference compares a line with what encoding/json reads in its object.
func checkReference(t *testing.T, text []byte, line parse.Line, ok bool) {
	t.Helper()
	all, isObject := members(text)
	if !isObject || len(all) > 1_000 || depth(text) > 100 {
		return
	}
	for _, m := range all {
		if m.Name == "message" {
			return // may be an envelope
		}
	}
	r := refer(all)
	if !r.ours {
		if ok {
			t.Fatalf("%q is not ours, got %+v", text, line)
		}
		return
	}
	if !ok || (line.Kind == parse.Ours) != r.valid {
		t.Fatalf("%q: want ours, valid %v; got %v, %+v", text, r.valid, ok, line)
	}
	if line.RequestID != r.id || line.Locator != r.locator {
		t.Fatalf("%q: got %+v; want %+v", text, line, r)
	}
	if !r.valid {
		return
	}
	if line.Level.Name != r.level || replaced(member{"", line.Text}) != replaced(member{"", r.text}) ||
		line.Module != r.module || r.exception != "" && line.Exception != r.exception {
		t.Fatalf("%q: got %+v; want %+v", text, line, r)
	}
	if utf8.Valid(text) {
		checkLinks(t, text, line, r.links)
	} else if line.Links != nil {
		return
	}
	rest, _ := members([]byte(line.Fields))
	if diff := cmp.Diff(r.rest, rest, cmp.Transformer("replaced", replaced)); diff != "" {
		t.Fatalf("%q: fields: -want +got\n%s", text, diff)
	}
}

// replaced makes a run of bytes that are no UTF-8, or of U+FFFD for each of
// them, one U+FFFD: how many stand for a run is nobody's promise.
func replaced(m member) [2]string {
	one := func(s string) string {
		s = strings.ToValidUTF8(s, "\uFFFD")
		for strings.Contains(s, "\uFFFD\uFFFD") {
			s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
		}
		return s
	}
	return [2]string{one(m.Name), one(m.Value)}
}

// depth is how deep valid JSON is nested.
func depth(text []byte) int {
	level, deepest := 0, 0
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			level++
		case json.Delim('}'), json.Delim(']'):
			level--
		}
		deepest = max(deepest, level)
	}
}

// checkLine is what holds for every line.
func checkLine(t *testing.T, p *parse.Parser, input []byte, line parse.Line) {
	t.Helper()
	for _, s := range append([]string{line.Locator, line.Text, line.Exception, line.Module, line.RequestID, line.Fields,
		line.Raw}, append(linkTexts(line.Links), line.Issues...)...) {
		if strings.ToValidUTF8(s, "") != s || strings.Contains(s, "\x00") {
			t.Errorf("%q: %q is no UTF-8 or holds NUL", input, s)
		}
	}
	message, at := message(line)
	if !strings.HasPrefix(message, line.Level.Name+": (") || line.Level.Name == "" {
		t.Errorf("%q: message %q does not begin with level and locator", input, message)
	}
	if (at < 0) != (line.Exception == "") || at >= 0 && message[at:] != line.Exception {
		t.Errorf("%q: exception %q is not at byte %d of %q", input, line.Exception, at, message)
	}
	// An exception's text repeats nothing but short labels.
	if len(line.Exception) > 8*len(input)+64 {
		t.Errorf("%q: exception of %d bytes", input, len(line.Exception))
	}
	if line.Fields != "" {
		if all, ok := members([]byte(line.Fields)); !ok || len(all) == 0 {
			t.Errorf("%q: fields %q are no object with members", input, line.Fields)
		}
	}
	switch line.Kind {
	case parse.Ours:
		if line.Locator == "" || line.Raw != "" {
			t.Errorf("%q: ours, but %+v", input, line)
		}
	case parse.Invalid:
		if len(line.Issues) == 0 || line.Raw == "" || line.Level.Name != "WARN" ||
			line.Text+line.Exception != "" {
			t.Errorf("%q: invalid, but %+v", input, line)
		}
	case parse.Plain:
		if line.Raw == "" || line.Level.Name != "INFO" || line.Locator != "" {
			t.Errorf("%q: plain, but %+v", input, line)
		}
	}
	for _, issue := range line.Issues {
		if len(issue) > 600 {
			t.Errorf("%q: an issue of %d bytes", input, len(issue))
		}
	}
	if len(line.Issues) > 5+1+4 { // of members, of the object; in front, and behind, one for each layer
		t.Errorf("%q: %d issues", input, len(line.Issues))
	}
}

// TestReference compares the parser with encoding/json over the samples and
// over lines made of every pair of interesting members.
func TestReference(t *testing.T) {
	parser := parse.New(parse.Options{})
	try := func(text string) {
		line, ok := parser.Record([]byte(text))
		checkReference(t, []byte(text), line, ok)
	}
	for _, s := range samples(t) {
		text := s.Record
		if isString(string(text)) {
			text = []byte(unquote(string(text)))
		}
		try(string(text))
	}
	values := []string{
		`""`, `"INFO"`, `"error"`, `"12"`, `"a\"b"`, `"\u00e9\ud83d\ude00\n"`, `"\ud800"`, `"\u0000"`, `0`, `-5`,
		`1.50`, `1e3`,
		`12345678901234567890123456789`, `null`, `true`, `{}`, `[]`, `{"locator":"1"}`, `[ 1 , {"a" : "]}"} ]`,
		"\"\xff\"", `"6352a70e1e2c2db1583c0d1f5e7a9b3c"`, `"1-6352a70e-1E2c2db1583c0d1f5e7a9b3d"`, `{"id":"12"}`,
		`"arn:aws:lambda:eu-central-1:123456789012:function:orders:7/durable-execution/ship-17/2f1c"`, `2147483648`,
	}
	names := []string{"locator", "level", "text", "exception", "module", "requestId", "request_id", "other",
		`l\u0065vel`, "Locator", "", "trace_id", "xray_trace_id", "tenant_id", "executionArn", "attempt"}
	bases := []string{``, `"locator":"1","level":"INFO",`, `"level":"INFO","text":"x",`}
	for _, base := range bases {
		for i, name := range names {
			for _, value := range values {
				one := `"` + name + `": ` + value
				other := `"` + names[(i+1)%len(names)] + `":` + value
				try("{" + base + one + "}")
				try("{" + base + one + " , " + other + "}")
				try("{" + other + "," + base + one + "}")
			}
		}
	}
}
