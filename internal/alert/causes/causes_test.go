package causes_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/causes"
	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

type (
	item = map[string]types.AttributeValue
	s    = types.AttributeValueMemberS
	n    = types.AttributeValueMemberN
	list = types.AttributeValueMemberL
)

func start(t *testing.T) (*table.Server, *causes.Table) {
	t.Helper()
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	return server, &causes.Table{Client: dynamotest.Client(server.URL()), Name: "errors"}
}

func put(t *testing.T, server *table.Server, i item) {
	t.Helper()
	name := "errors"
	if _, err := server.Client().PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: i}); err != nil {
		t.Fatal(err)
	}
}

// wide is an attribute of nearly all that an item may have.
var wide = strings.Repeat("x\u202e\x00\n", 66_000)

// What somebody has said is read, without its history; what others have put in
// its place does no harm.
func TestState(t *testing.T) {
	server, causes := start(t)
	at := time.Date(2026, 11, 22, 10, 0, 0, 5e6, time.UTC)
	put(t, server, item{"date": &s{Value: "cause#shop"}, "stamp_mod": &s{Value: "7"},
		"message": &s{Value: "CAUSE: (7) resolved by ada: fixed in 41"}, "state": &s{Value: "resolved"},
		"rev": &n{Value: "3"}, "by": &s{Value: "ada"}, "at": &n{Value: "1795341600005"},
		"note":     &s{Value: "fixed in 41"},
		"versions": &list{Value: []types.AttributeValue{&s{Value: "39"}, &s{Value: "40"}}},
		"history":  &list{Value: []types.AttributeValue{&s{Value: strings.Repeat("x", 300_000)}}}})
	put(t, server, item{"date": &s{Value: "cause#shop"}, "stamp_mod": &s{Value: "types"},
		"state": &n{Value: "1"}, "rev": &s{Value: "x"}, "until": &s{Value: "now"}, "by": &list{},
		"note": &n{Value: "1"}})
	put(t, server, item{"date": &s{Value: "cause#shop"}, "stamp_mod": &s{Value: "wide"},
		"state": &s{Value: "resolved"}, "rev": &n{Value: "1"}, "at": &n{Value: "-1e100"}, "note": &s{Value: wide}})
	for locator, want := range map[string]cause.State{
		"7": {ID: cause.Named("shop", "7"), Versions: []string{"39", "40"},
			Change: cause.Change{State: cause.Resolved, Rev: 3, By: "ada", At: at, Note: "fixed in 41"}},
		"types": {}, "nobody": {},
	} {
		got, err := causes.State(t.Context(), cause.Named("shop", locator))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", locator, err, diff)
		}
	}
	got, err := causes.State(t.Context(), cause.Named("shop", "wide"))
	if err != nil || got.State != cause.Resolved || got.Note == "" || len(got.Note) > cause.MaxNote ||
		strings.ContainsAny(got.Note, "\u202e\x00\n") {
		t.Errorf("%v, a note of %d bytes", err, len(got.Note))
	}
}

// Only what will fail again is withheld; the rest may pass.
func TestWhatIsWithheld(t *testing.T) {
	server, causes := start(t)
	for name, tc := range map[string]struct {
		fault    table.FaultFunc
		withheld bool
	}{
		"denied": {table.AccessDenied(), true}, "no table": {table.MissingTable(), true},
		"throttled": {table.Throttle(1, 1), false}, "broken": {table.ServerError(500, 1, 1), false},
		"reset": {table.ResetBefore(1, 1), false}, "expired": {table.ExpiredToken(), false},
	} {
		server.OnRequest(tc.fault)
		if _, err := causes.State(t.Context(), cause.Named("shop", "7")); err == nil ||
			errors.Is(err, alert.ErrWithheld) != tc.withheld {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.OnRequest(table.Latency(time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := causes.State(ctx, cause.Named("shop", "7")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
