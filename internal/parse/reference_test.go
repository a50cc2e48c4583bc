package parse_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

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
	ours, valid                      bool
	locator, level, text, module, id string
	exception                        string // of a string
	rest                             []member
}

var idNames = map[string]bool{
	"request_id": true, "requestId": true, "aws_request_id": true,
	"awsRequestId": true, "AWSRequestId": true, "function_request_id": true,
}

// refer applies the rules to an object's members in the plainest way.
func refer(all []member) (r reference) {
	last := map[string]string{}
	for _, m := range all {
		switch {
		case m.Name == "locator", m.Name == "level", m.Name == "text", m.Name == "exception", m.Name == "module":
			last[m.Name] = m.Value
		case idNames[m.Name] && r.id == "" && isString(m.Value) && isID(unquoteRaw(m.Value)):
			r.id = unquote(m.Value)
		default:
			r.rest = append(r.rest, m)
		}
	}
	_, hasLocator := last["locator"]
	_, hasLevel := last["level"]
	_, hasText := last["text"]
	r.ours = hasLocator || hasLevel && hasText
	level, known := parse.DefaultScale().Find(strings.TrimSpace(unquoteRaw(last["level"])))
	r.level = level.Name
	r.valid = known && isString(last["level"])
	switch locator := last["locator"]; {
	case isString(locator):
		if strings.TrimSpace(unquote(locator)) != "" {
			r.locator = unquote(locator)
		}
	case locator != "" && strings.Trim(locator, "-0123456789") == "":
		r.locator = locator
	}
	r.valid = r.valid && r.locator != ""
	for name, to := range map[string]*string{"text": &r.text, "module": &r.module, "exception": &r.exception} {
		switch value := last[name]; {
		case value == "" || value == "null":
		case isString(value):
			*to = unquote(value)
		case name == "exception" && (value[0] == '{' || value[0] == '['):
		default:
			r.valid = false
		}
	}
	return r
}

func isString(value string) bool { return strings.HasPrefix(value, `"`) }

// isID says whether a member named like a request id is one.
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
	if line.Level.Name != r.level || line.Text != r.text || line.Module != r.module || r.exception != "" && line.Exception != r.exception {
		t.Fatalf("%q: got %+v; want %+v", text, line, r)
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
	for _, s := range append([]string{line.Locator, line.Text, line.Exception, line.Module, line.RequestID, line.Fields, line.Raw}, line.Issues...) {
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
		if line.Locator == "" || !areBeside(line.Issues) || line.Raw != "" {
			t.Errorf("%q: ours, but %+v", input, line)
		}
	case parse.Invalid:
		if len(line.Issues) == 0 || line.Raw == "" || line.Level.Name != "WARN" || line.Fields+line.Text+line.Exception != "" {
			t.Errorf("%q: invalid, but %+v", input, line)
		}
	case parse.Plain:
		if line.Raw == "" || line.Level.Name != "INFO" || line.Locator != "" {
			t.Errorf("%q: plain, but %+v", input, line)
		}
	}
}

// areBeside says whether all issues are about the text beside an object.
func areBeside(issues []string) bool {
	for _, issue := range issues {
		if !strings.HasPrefix(issue, "other text ") || len(issue) > 600 {
			return false
		}
	}
	return len(issues) <= 1+4 // one in front; behind, one for each layer
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
		`""`, `"INFO"`, `"error"`, `"12"`, `"a\"b"`, `"\u00e9\ud83d\ude00\n"`, `"\ud800"`, `"\u0000"`, `0`, `-5`, `1.50`, `1e3`,
		`12345678901234567890123456789`, `null`, `true`, `{}`, `[]`, `{"locator":"1"}`, `[ 1 , {"a" : "]}"} ]`, "\"\xff\"",
	}
	names := []string{"locator", "level", "text", "exception", "module", "requestId", "request_id", "other", `l\u0065vel`, "Locator", ""}
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
