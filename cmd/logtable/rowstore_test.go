package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sandbox/iam"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// A store of rows is two tables, and the program run against them.
type rowStore struct {
	t      *testing.T
	server *table.Server
}

func newRowStore(t *testing.T) *rowStore {
	t.Helper()
	isolate(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "3") // as by default
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	return &rowStore{t, server}
}

func (s *rowStore) put(tableName string, item attributes) {
	s.t.Helper()
	in := &dynamodb.PutItemInput{TableName: &tableName, Item: item}
	if _, err := s.server.Client().PutItem(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
}

func (s *rowStore) run(args ...string) result {
	s.t.Helper()
	env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors"}
	return logtable(s.t, env, append(args, "--endpoint-url", s.server.URL())...)
}

// under has the tables allow what a policy of the template does, and no more.
func (s *rowStore) under(policy string) {
	s.t.Helper()
	text, err := os.ReadFile("../../layer/template.yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	template, err := iam.ReadTemplate(text)
	if err != nil {
		s.t.Fatal(err)
	}
	const base = "arn:aws:dynamodb:us-east-1:000000000000:table/"
	tables := map[string]any{"InfoTable.Arn": base + "info", "ErrorsTable.Arn": base + "errors"}
	p, err := template.Policy(policy, tables)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.Authorize(func(action, arn string, keys []string) bool {
		return iam.Allowed([]iam.Policy{p}, iam.Request{Action: action, Resource: arn,
			Keys: map[string][]string{"dynamodb:LeadingKeys": keys}})
	})
}

func text(s string) types.AttributeValue    { return &types.AttributeValueMemberS{Value: s} }
func numeral(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

// anyItem is a row as Logtable, the ancestor or anybody else may have written
// it: whatever DynamoDB takes.
func anyItem(r *rand.Rand, n int, isError bool) attributes {
	texts := []string{"plain", "Ünïcode 日本 👩\u200d👧", "\x00\x01\x1b[2J\x7f\u202e\ufeff", "line\nline\r\n\ttab",
		"<a> & \"b\" \\", strings.Repeat("\x01", 100), "\u2028\u2029", `{"a": 1}`, "null", "a: (b) c"}
	pick := func() string { return texts[r.IntN(len(texts))] }
	stamp := fmt.Sprintf("%d.%03d%04d+orders+2p4thtomb9", 1795345200+n, r.IntN(1000), n)
	item := attributes{"date": text("2026-11-22"), "stamp_mod": text(stamp)}
	level := []string{"INFO", "ERROR", "", "x y"}[r.IntN(4)]
	exception := pick()
	message := level + ": (1) " + pick() + " " + exception
	if r.IntN(8) > 0 {
		item["message"] = text(message)
	}
	if !isError {
		item["expiry"] = numeral(fmt.Sprint(4000000000 + n))
	}
	optional := map[string]func() types.AttributeValue{
		"level":      func() types.AttributeValue { return text(level + "L") },
		"locator":    func() types.AttributeValue { return text("1") },
		"request_id": func() types.AttributeValue { return text(pick()) },
		"trace_id":   func() types.AttributeValue { return text(pick()) },
		"attempt":    func() types.AttributeValue { return numeral([]string{"0", "1", "-3", "1E+30"}[r.IntN(4)]) },
		"version":    func() types.AttributeValue { return text(pick()) },
		"issues":     func() types.AttributeValue { return text(pick()) },
		"fields": func() types.AttributeValue {
			return text([]string{`{"a":1,"b":[1, 2]}`, `{"a": "` + "\u200b" + `"}`, `{broken`, `[]`, ` {"n":1.50} `,
				`{"n":1,"n":2}`, `"\ud800"`}[r.IntN(7)])
		},
		"exception_at": func() types.AttributeValue {
			return numeral(fmt.Sprint([]int{len(message) - len(exception), 3, 1 << 20, -1}[r.IntN(4)]))
		},
		"truncated": func() types.AttributeValue { return numeral([]string{"17", "-1", "0.5"}[r.IntN(3)]) },
		"color":     func() types.AttributeValue { return text(pick()) },
		"text":      func() types.AttributeValue { return text("another's attribute of a member's name") },
		"module":    func() types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: true} },
		"stored":    func() types.AttributeValue { return &types.AttributeValueMemberNULL{Value: true} },
		"category":  func() types.AttributeValue { return text("errors") },
		"bytes":     func() types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte{0, 255, 10}} },
		"lines":     func() types.AttributeValue { return text("not a number") },
		"sets": func() types.AttributeValue {
			return &types.AttributeValueMemberM{Value: attributes{
				"ss": &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
				"ns": &types.AttributeValueMemberNS{Value: []string{"1", "-2.5"}},
				"bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
				"l":  &types.AttributeValueMemberL{Value: []types.AttributeValue{text(""), numeral("1"), text(pick())}},
				"m":  &types.AttributeValueMemberM{Value: attributes{}},
			}}
		},
	}
	for _, name := range slices.Sorted(maps.Keys(optional)) {
		if r.IntN(3) == 0 {
			item[name] = optional[name]()
		}
	}
	return item
}
