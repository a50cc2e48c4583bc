package main_test

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// item puts an item into the errors table, as a person's tool does or a
// stranger could: item FILE. Each line of the file is an attribute's name, its
// type (S, N or L) and its value. In that, @-72h is the epoch millisecond of
// three days ago, and @x1000 a thousand letters.
func (w *world) item(ts *testscript.TestScript, args []string) {
	w.startTable(ts)
	item := map[string]types.AttributeValue{}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		kind, value, _ := strings.Cut(rest, " ")
		if span, ok := strings.CutPrefix(value, "@x"); ok {
			value = strings.Repeat("x", number(ts, span))
		} else if span, ok := strings.CutPrefix(value, "@"); ok {
			ago, err := time.ParseDuration(span)
			ts.Check(err)
			value = strconv.FormatInt(time.Now().Add(ago).UnixMilli(), 10)
		}
		switch kind {
		case "S":
			item[name] = &types.AttributeValueMemberS{Value: value}
		case "N":
			item[name] = &types.AttributeValueMemberN{Value: value}
		case "L":
			list := &types.AttributeValueMemberL{}
			for _, element := range strings.Split(value, ",") {
				list.Value = append(list.Value, &types.AttributeValueMemberS{Value: element})
			}
			item[name] = list
		default:
			ts.Fatalf("%q is not a line of an item", line)
		}
	}
	name := "logtable-errors"
	// A person's rights are not the function's.
	w.table.Authorize(nil)
	_, err := w.table.Client().PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &name, Item: item})
	ts.Check(err)
	ts.Check(enforce(w.table, "orders"))
}

// causes sets the mood of the table as far as alerts ask it about causes:
// causes MOOD.
func (w *world) causes(ts *testscript.TestScript, args []string) {
	w.startTable(ts)
	moods := map[string]table.FaultFunc{
		"well": nil, "denies": table.AccessDenied(), "throttles": table.Throttle(1, 1),
		"hangs": table.Latency(5 * time.Second), "resets": table.ResetBefore(1, 1),
	}
	f, ok := moods[args[0]]
	if !ok {
		ts.Fatalf("unknown mood %s of causes", args[0])
	}
	if f != nil {
		f = table.Only(f, "GetItem")
	}
	w.table.OnRequest(f)
}

// asked checks how often the table was asked about causes: asked N.
func (w *world) asked(ts *testscript.TestScript, args []string) {
	if n := w.table.Stats().Requests["GetItem"]; n != number(ts, args[0]) {
		ts.Fatalf("%d questions about causes, want %s", n, args[0])
	}
}

// isState reports whether an item of the errors table is not a row but what
// somebody has said of a cause.
func isState(item table.Item) bool { return strings.HasPrefix(item.Str("date"), "cause#") }
