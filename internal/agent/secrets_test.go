package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// A secret is printed as text; value is what nobody may read, nor most of it.
type secret struct {
	name, setting string
	text, value   string
}

const (
	alnum     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	base64    = alnum + "+/"
	base64URL = alnum + "-_"
	capitals  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	digits    = "0123456789"
)

func pick(r *rand.Rand, from string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.Intn(len(from))]
	}
	return string(b)
}

// secretKey is a secret access key, which holds what escapes are written for.
// No key of a million lacks a digit, so none here does.
func secretKey(r *rand.Rand) string { return pick(r, alnum, 8) + "+7/xZ" + pick(r, base64, 27) }

func sessionToken(r *rand.Rand) string {
	return "IQoJb3JpZ2luX2VjE" + pick(r, base64, 30) + "//////////wEaDH" + pick(r, base64, 150+r.Intn(200)) + "=="
}

// cardNumber is a Visa number with the right check digit.
func cardNumber(r *rand.Rand) string {
	for {
		n, sum := "4"+pick(r, digits, 15), 0
		for i, c := range n {
			d := int(c - '0')
			if i%2 == 0 {
				d *= 2
			}
			sum += d/10 + d%10
		}
		if sum%10 == 0 {
			return n
		}
	}
}

// secrets are the forms that the setting knows, with other values for each r.
func secrets(r *rand.Rand) []secret {
	key, token, jwt := secretKey(r), sessionToken(r),
		"eyJ"+pick(r, base64URL, 30)+".eyJ"+pick(r, base64URL, 40)+"."+pick(r, base64URL, 43)
	id, opaque, card := "AKIA"+pick(r, capitals, 16), pick(r, alnum, 20)+"7a", cardNumber(r)
	mail := pick(r, capitals, 9) + ".zoe@mail.example.com"
	return []secret{
		{"key ID", "secrets", id, id},
		{"secret key", "secrets", "SecretAccessKey=" + key, key},
		{"secret key, env", "secrets", "AWS_SECRET_ACCESS_KEY = " + key + "\nPATH=/bin", key},
		{"secret key, JSON", "secrets", `{"secretAccessKey" : "` + key + `","region":"x"}`, key},
		{"secret key, XML", "secrets", "<SecretAccessKey>" + key + "</SecretAccessKey>", key},
		{"secret key, DynamoDB", "secrets", `{"SecretAccessKey":{"S":"` + key + `"},"n":{"N":"1"}}`, key},
		{"secret key, DynamoDB in Java", "secrets",
			`{SecretAccessKey=AttributeValue(S=` + key + `), n=AttributeValue(N=1)}`, key},
		{"secret key, pair", "secrets", `{"name":"SecretAccessKey","value":"` + key + `"}`, key},
		{"secret key, pair of capitals", "secrets",
			`[{"Key":"aws_secret_access_key","Type":"String","Value":"` + key + `"},{"Key":"x"}]`, key},
		{"secret key, pair turned round", "secrets", `{"value":"` + key + `","name":"SecretAccessKey"}`, key},
		{"secret key, pair in Python", "secrets", `[('SecretAccessKey', '` + key + `')]`, key},
		{"secret key, pair in JavaScript", "secrets", `{ name: 'SecretAccessKey', value: '` + key + `' }`, key},
		{"session token", "secrets", "aws_session_token=" + token, token},
		{"session token, header", "secrets", `{"X-Amz-Security-Token":["` + token + `"]}`, token},
		{"session token, pair", "secrets", `{"key":"x-amz-security-token","value":"` + token + `"}`, token},
		{"JWT", "secrets", jwt, jwt},
		{"bearer", "secrets", "Authorization: Bearer " + opaque, opaque},
		{"bearer, DynamoDB", "secrets", `{"authorization":{"S":"Bearer ` + opaque + `"}}`, opaque},
		{"beside an expression", "internal-\\d+", id, id},
		{"card", "all", "card " + card, card},
		{"card in groups", "all", "card " + card[:4] + " " + card[4:8] + " " + card[8:12] + " " + card[12:],
			card[:4] + " " + card[4:8] + " " + card[8:12]},
		{"e-mail", "all", "<" + mail + ">", mail},
		{"expression", `off;(?i)password\W+\w+`, `password="Hunter` + key[:6] + key[14:22] + `"`,
			"Hunter" + key[:6] + key[14:22]},
		{"expression, number", `\b\d{13}\b`, card[:13], card[:13]},
	}
}

// An encoding prints a text in another one.
type encoding struct {
	name   string
	encode func(string) string
}

var encodings = []encoding{
	{"as it is", func(s string) string { return s }},
	{"JSON", func(s string) string { return `{"a":` + jsonString(s) + `}` }},
	{"JSON with escaped signs", func(s string) string { return `{"a":"` + escapeJSON(s, false) + `"}` }},
	{"JSON with escaped letters", func(s string) string { return `{"a":"` + escapeJSON(s, true) + `"}` }},
	{"JSON with escaped slashes", func(s string) string {
		return `{"a":` +
			strings.ReplaceAll(jsonString(s), "/", `\/`) + `}`
	}},
	{"URL", func(s string) string { return "https://x.example/?a=" + percent(s) + "&b=1" }},
	{"Python", func(s string) string {
		return "{'a': '" + strings.NewReplacer("+", `\x2b`, "=", `\x3d`, "/", `\x2f`, "'", `\'`, "\n",
			`\n`).Replace(s) + "'}"
	}},
	{"object", func(s string) string { return `Error: {"config":{"list":[1,` + jsonString(s) + `]}}` }},
}

func jsonString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func escapeJSON(s string, letters bool) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 0x80 && (letters || !strings.ContainsRune(alnum+" _.", rune(c))) {
			fmt.Fprintf(&b, `\u%04X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.ContainsRune(base64URL+".~", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// A place is where in a line a text may stand. Its line is given the text as a
// JSON string. A place is one of the parts of parse.Line, or goes into several.
type place struct {
	part    string
	line    func(text string) string
	plain   bool   // the text itself is the line
	mapping string // LOGTABLE_FIELDS
}

// places has every part of a line: TestEveryPartHasAPlace.
var places = []place{
	{part: "Locator", line: func(s string) string { return `{"locator":` + s + `,"level":"error","text":"x"}` }},
	{part: "Text", line: func(s string) string { return `{"locator":"1","level":"error","text":` + s + `}` }},
	{part: "Exception", line: func(s string) string { return `{"locator":"1","level":"error","exception":` + s + `}` }},
	{part: "Exception", line: func(s string) string {
		return `{"locator":"1","level":"error","exception":{"type":"E","message":` + s + `,"stack":["at x"]}}`
	}},
	{part: "Exception", line: func(s string) string {
		return `{"locator":"1","level":"error","exception":{"type":"E","message":"m","config":{"b":[` + s + `]}}}`
	}},
	{part: "Module", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","module":` + s +
			`}`
	}},
	{part: "RequestID", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","request_id":` +
			s + `}`
	}},
	{part: "Fields", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","note":` + s +
			`}`
	}},
	{part: "Fields", line: func(s string) string { return `{"locator":"1","level":"error","text":"x",` + s + `:1}` }},
	{part: "Fields", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","a":{"b":[0,{"c":` + s + `}]}}`
	}},
	{part: "Fields", line: func(s string) string {
		return `{"locator":"1","level":"info","text":"x","alert":{"channel":"sns","topic_arns":["` + topicARN +
			`"],"message":` + s + `}}`
	}},
	{part: "Links", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","tenant_id":` + s + `}`
	}},
	{part: "Links", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","executionArn":"arn:aws:lambda:eu-central-1:123456789012:` +
			`function:orders:7/durable-execution/a/b","operationName":` + s + `}`
	}},
	{part: "Raw", line: func(s string) string { return `{"locator":"1","level":"no such level","text":` + s + `}` }},
	{part: "Raw", line: func(s string) string { return `{"locator":"1","level":"error","text":` + s + `,"cut` }},
	{part: "Raw", line: func(s string) string { return `{"some":` + s + `,"other":"logger"}` }},
	{part: "Raw", plain: true},
	{part: "Issues", line: func(s string) string { return `{"locator":"1","level":` + s + `,"text":"x"}` }},
	{part: "Issues", line: func(s string) string {
		return `{"locator":"1","level":"info","text":"x"} behind it: ` +
			s
	}},
	{part: "Issues", line: func(s string) string {
		return `before it: ` + s +
			` and {"locator":"1","level":"info","text":"x"}`
	}},
	// What is repaired, put together, or left in the fields because it is of no
	// use.
	{part: "Text", line: func(s string) string { return `{"locator":"1","level":"error","n":NaN,"text":` + s + `}` }},
	{part: "Text", line: func(s string) string {
		return `{"locator":"1","level":"error","text":["a",{"b":` + s +
			`}]}`
	}},
	{part: "Fields", line: func(s string) string { return `{"locator":{"b":` + s + `},"level":"error","text":"x"}` }},
	{part: "Fields", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","text":` + s +
			`}`
	}},
	{part: "Fields", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x","module":[` + s +
			`]}`
	}},
	{part: "Fields", line: func(s string) string {
		return `[ERROR] {"locator":"1","level":` + s + `,"text":"x"}`
	}},
	{part: "Exception", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"x"}` +
			"\nTraceback (most recent call last):\n  File \"app.py\", line 3\nE: " + s
	}},
	{part: "Exception", line: func(s string) string {
		return `{"timestamp":"2026-11-22T10:52:00Z","level":"ERROR","message":` +
			`{"locator":"1","level":"error","text":"x"},"errorType":"E","errorMessage":` + s + `}`
	}},
	// Where an issue and a last line are cut.
	{part: "Issues", line: func(s string) string {
		return `{"locator":"1","level":"info","text":"x"} ` + strings.Repeat("x ", 240-min(len(s)/3, 200)) + s
	}},
	{part: "Issues", line: func(s string) string { return `{"locator":"1","level":"aaaaa ` + s[1:] + `,"text":"x"}` }},
	{part: "Text", line: func(s string) string {
		return `{"locator":"1","level":"error","text":"` + strings.Repeat("x ", 240-min(len(s)/4, 200)) + s[1:] + `}`
	}},
}

// mapped are places in other loggers' lines.
var mapped = []place{
	{part: "Text", mapping: "pino", line: func(s string) string { return `{"level":50,"time":1,"msg":` + s + `}` }},
	{part: "Exception", mapping: "pino", line: func(s string) string {
		return `{"level":50,"time":1,"msg":"m","err":{"type":"E","message":` + s + `,"stack":"E\n at x"}}`
	}},
	{part: "Text", mapping: "text=note", line: func(s string) string {
		return `{"level":"error","note":{"inner":[` + s +
			`]}}`
	}},
	{part: "Locator", mapping: "locator=logger; text=note",
		line: func(s string) string { return `{"level":"error","logger":` + s + `,"note":"x"}` }},
	{part: "Module", mapping: "module=service; text=note", line: func(s string) string {
		return `{"level":"error","service":` + s + `,"note":"x"}`
	}},
	{part: "RequestID", mapping: "request_id=ctx.id; text=note", line: func(s string) string {
		return `{"level":"error","ctx":{"id":` + s + `,"other":` + s + `},"note":"x"}`
	}},
	{part: "Exception", mapping: "text=note; exception=a,b", line: func(s string) string {
		return `{"level":"error","note":"x","a":"A","b":{"name":"E","detail":{"c":` + s + `}}}`
	}},
}

// print is the line for a text, as a function prints it.
func (p place) print(text string) string {
	if p.plain {
		return "plain: " + text
	}
	return p.line(jsonString(text))
}

// A sink is the tables, the topics and the log: whatever leaves.
type sink struct {
	mu       sync.Mutex
	rows     []string // all attributes of a row each
	messages []string // all that people and programs are told
}

func (s *sink) BatchWriteItem(
	_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, requests := range in.RequestItems {
		for _, r := range requests {
			var row []string
			for name, v := range r.PutRequest.Item {
				switch v := v.(type) {
				case *types.AttributeValueMemberS:
					row = append(row, name+": "+v.Value)
				case *types.AttributeValueMemberB:
					row = append(row, name+": "+string(v.Value))
				case *types.AttributeValueMemberN:
					row = append(row, name+": "+v.Value)
				}
			}
			slices.Sort(row)
			s.rows = append(s.rows, strings.Join(row, "\n"))
		}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

func (s *sink) Fits(alert.Message) bool { return true }

func (s *sink) Publish(_ context.Context, m alert.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, fmt.Sprintf("%+v", m))
	return nil
}

// leave has an agent read what functions print, each in an invocation that
// dies, in both of Lambda's log formats, and returns all that has left the
// process.
func leave(t *testing.T, setting, mapping string, lines ...string) *sink {
	t.Helper()
	s := &sink{}
	synctest.Test(t, func(t *testing.T) {
		masking, err := redact.New(setting)
		if err != nil {
			t.Fatal(err)
		}
		names, err := parse.ParseMapping(mapping)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cfg := agent.Config{
			Diag: diag.New(&said), FlushTimeout: time.Second, Concurrent: true,
			Rows: agent.Rows{
				Scale: level.DefaultScale(), Module: "orders", Plain: "INFO", Mapping: names, Redact: masking,
			},
		}
		cfg.Diag.Mask(masking.JSON)
		cfg.Store = store.New(storeConfig(s, cfg.Diag))
		cfg.Store.Bound(64 << 20)
		topic, err := alert.ParseTopic(topicARN)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Alerts = &agent.Alerts{From: cfg.Rows.Scale.Warn(), Allow: alert.Allow{topic}, Send: alert.Config{
			Topics: []alert.Topic{topic}, Window: time.Second, Max: 1 << 20, Channel: s,
			Source: alert.Source{Function: "orders", Region: "eu-central-1", Zone: time.UTC},
		}}
		a := agent.New(cfg)
		post := func(events ...string) {
			a.Intake([]byte("[" + strings.Join(events, ",") + "]"))
			time.Sleep(2 * time.Second) // windows pass
			synctest.Wait()
		}
		for i, line := range lines {
			records := []string{jsonString(line + "\n")}
			if json.Valid([]byte(line)) {
				records = append(records, line)
			}
			for k, record := range records {
				id := fmt.Sprintf("request-%d-%d", i, k)
				post(event("platform.start", `{"requestId":"`+id+`"}`), event("function", record),
					event("platform.runtimeDone", `{"requestId":"`+id+`","status":"timeout"}`))
			}
		}
		post(event("function", `{"locator":"0","level":"error","text":"the last"}`))
		post()
		if err := cfg.Store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.rows = append(s.rows, said.String())
	})
	return s
}

// readable is a text with everything decoded that somebody could decode.
func readable(s string) string {
	for range 12 {
		before := s
		s = unicodeEscape.ReplaceAllStringFunc(s, func(e string) string {
			n, _ := strconv.ParseUint(e[strings.LastIndexAny(e, "ux")+1:], 16, 32)
			return string(rune(n))
		})
		s = percentEscape.ReplaceAllStringFunc(s, func(e string) string {
			n, _ := strconv.ParseUint(e[1:], 16, 8)
			return string([]byte{byte(n)})
		})
		s = shortEscape.ReplaceAllString(s, "$1")
		if s == before {
			break
		}
	}
	return s
}

var (
	unicodeEscape = regexp.MustCompile(`\\+(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})`)
	percentEscape = regexp.MustCompile(`%[0-7][0-9a-fA-F]`)
	shortEscape   = regexp.MustCompile(`\\+([/"'])`)
)

// betrays returns a part of the secret's value that can be read in a text,
// which is too long to be left by chance.
func (s secret) betrays(text string) string {
	const enough = 12 // bytes
	for _, form := range []string{text, readable(text)} {
		for i := 0; i+min(enough, len(s.value)) <= len(s.value); i++ {
			if part := s.value[i : i+min(enough, len(s.value))]; strings.Contains(form, part) &&
				strings.Trim(part, "/") != "" {
				return part
			}
		}
	}
	return ""
}
