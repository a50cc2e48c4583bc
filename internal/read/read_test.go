package read

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/table"
)

var (
	ctx = context.Background()
	day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
)

// smallPages makes DynamoDB's answers pages of two items, empty pages among
// them, and counts the questions per partition.
type smallPages struct {
	querier
	mu    sync.Mutex // shards are asked at once
	asked map[string]int
}

func (s *smallPages) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	for alias, v := range in.ExpressionAttributeValues {
		text, ok := v.(*types.AttributeValueMemberS)
		if ok && strings.Contains(*in.KeyConditionExpression, "#date = "+alias+" ") {
			s.mu.Lock()
			s.asked[text.Value]++
			s.mu.Unlock()
		}
	}
	limited := *in
	two := int32(2)
	limited.Limit = &two
	return s.querier.Query(ctx, &limited, o...)
}

// fixture is the two tables with rows in them, and a Client of small pages.
type fixture struct {
	t     *testing.T
	api   *dynamodb.Client
	pages *smallPages
	n     int
}

// newClient is where fixtures have their tables: see
// TestQueriesOnDynamoDBLocal.
var newClient = func(t *testing.T) *dynamodb.Client { return table.Start(t).Client() }

func newFixture(t *testing.T) *fixture {
	api := newClient(t)
	if err := table.CreateLogTables(ctx, api, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, api: api, pages: &smallPages{querier: api, asked: map[string]int{}}}
}

// put stores a row of day's date at an instant; pairs are further attributes.
func (f *fixture) put(tableName string, at time.Time, date, text string, pairs ...any) {
	f.t.Helper()
	f.n++
	level := map[string]string{"info": "INFO", "errors": "ERROR"}[tableName]
	it := item("date", date, "level", level, "locator", "1", "message", level+": (1) "+text,
		"stamp_mod", fmt.Sprintf("%d.%03d%04d+m+env", at.Unix(), at.Nanosecond()/1e6, f.n))
	for name, value := range item(pairs...) {
		it[name] = value
	}
	f.putItem(tableName, it)
}

func (f *fixture) putItem(tableName string, it map[string]types.AttributeValue) {
	f.t.Helper()
	if _, err := f.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &tableName, Item: it}); err != nil {
		f.t.Fatal(err)
	}
}

// texts reads and returns the rows' texts.
func (f *fixture) texts(o Options) []string {
	f.t.Helper()
	if o.From.IsZero() {
		o.From, o.To = day, day.AddDate(0, 0, 1)
	}
	if o.InfoTable == "" && o.ErrorsTable == "" {
		o.InfoTable, o.ErrorsTable = "info", "errors"
	}
	var texts []string
	for row, err := range New(f.pages).Query(ctx, o) {
		if err != nil {
			f.t.Fatal(err)
		}
		texts = append(texts, row.Text)
	}
	return texts
}

func TestQueryMergesBothTablesInTimeOrder(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(7, 7))
	var want []string
	for i := range 60 {
		at := day.Add(time.Duration(i) * 40 * time.Minute) // 40 hours, over midnight
		tableName := []string{"info", "errors"}[random.IntN(2)]
		text := fmt.Sprint("row ", i)
		f.put(tableName, at, at.Format(time.DateOnly), text)
		want = append(want, text)
	}
	o := Options{From: day, To: day.AddDate(0, 0, 3)}
	if diff := cmp.Diff(want, f.texts(o)); diff != "" {
		t.Errorf("oldest first (-want +got):\n%s", diff)
	}
	o.NewestFirst = true
	slices.Reverse(want)
	if diff := cmp.Diff(want, f.texts(o)); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	o.Limit = 7
	if diff := cmp.Diff(want[:7], f.texts(o)); diff != "" {
		t.Errorf("the newest seven (-want +got):\n%s", diff)
	}
}

func TestQueryIncludesTheBeginningAndNotTheEnd(t *testing.T) {
	f := newFixture(t)
	from, to := day.Add(time.Hour), day.Add(2*time.Hour)
	f.put("info", from.Add(-time.Millisecond), "2026-11-22", "too early")
	f.put("info", from, "2026-11-22", "first")
	f.put("errors", to.Add(-time.Millisecond), "2026-11-22", "last")
	f.put("errors", to, "2026-11-22", "too late")
	if diff := cmp.Diff([]string{"first", "last"}, f.texts(Options{From: from, To: to})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A writer in Tokyo and one in Los Angeles put the same hour under different
// dates; a reader who knows of neither zone sees one order.
func TestQueryFindsRowsOfEveryWritersZone(t *testing.T) {
	f := newFixture(t)
	f.put("info", day.Add(1*time.Hour), "2026-11-21", "from Los Angeles")
	f.put("info", day.Add(2*time.Hour), "2026-11-22", "from London")
	f.put("info", day.Add(16*time.Hour), "2026-11-23", "from Tokyo")
	want := []string{"from Los Angeles", "from London", "from Tokyo"}
	if diff := cmp.Diff(want, f.texts(Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQueryReadsTheAncestorsRowsBesideOurs(t *testing.T) {
	f := newFixture(t)
	at := day.Add(time.Hour)
	f.put("info", at.Add(5*time.Millisecond), "2026-11-22", "ours")
	f.putItem("info", item("date", "2026-11-22", "stamp_mod", fmt.Sprintf("%d+old", at.Unix()),
		"message", "WARN: (7+) theirs"))
	f.putItem("errors", item("date", "2026-11-22", "stamp_mod", fmt.Sprintf("%d+old", at.Unix()+1),
		"message", "ALARM: (8) theirs too"))

	for _, tt := range []struct {
		o    Options
		want []string
	}{
		{Options{}, []string{"theirs", "ours", "theirs too"}},
		{Options{Filter: Filter{Levels: []string{"warn", "Alarm"}}}, []string{"theirs", "theirs too"}},
		{Options{Filter: Filter{Locators: []string{"7+"}}}, []string{"theirs"}},
		{Options{Filter: Filter{Modules: []string{"old"}}}, []string{"theirs", "theirs too"}},
		{Options{Filter: Filter{Levels: []string{"INFO"}}}, []string{"ours"}},
	} {
		if diff := cmp.Diff(tt.want, f.texts(tt.o)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.o, diff)
		}
	}
}

func TestQueryFilters(t *testing.T) {
	f := newFixture(t)
	at := day.Add(time.Hour)
	now := at.AddDate(50, 0, 0) // DynamoDB Local deletes what has expired by the real clock
	f.put("info", at, "2026-11-22", "plain")
	f.put("info", at, "2026-11-22", "expired", "expiry", int(now.Unix())-1)
	f.put("info", at, "2026-11-22", "expiring", "expiry", int(now.Unix()))
	f.put("info", at, "2026-11-22", "fresh", "expiry", int(now.Unix())+1)
	f.put("info", at, "2026-11-22", "warned", "level", "WARN", "message", "WARN: (1) warned")
	f.put("info", at, "2026-11-22", "located", "locator", "77", "message", "INFO: (77) located")
	f.put("info", at, "2026-11-22", "requested", "request_id", "7f3a9c12-0000")
	f.put("info", at, "2026-11-22", "with fields", "fields", `{"card":"declined"}`)
	f.put("errors", at, "2026-11-22", "card declined")

	for _, tt := range []struct {
		o    Options
		want []string
	}{
		{Options{}, []string{"plain", "fresh", "warned", "located", "requested", "with fields", "card declined"}},
		{Options{ErrorsTable: "errors"}, []string{"card declined"}},
		{Options{Filter: Filter{Levels: []string{"warn"}}}, []string{"warned"}},
		{Options{Filter: Filter{Levels: []string{"WARN", "ERROR"}}}, []string{"warned", "card declined"}},
		{Options{Filter: Filter{Locators: []string{"77"}}}, []string{"located"}},
		{Options{Filter: Filter{Locators: []string{"7"}}}, nil},
		{Options{Filter: Filter{Modules: []string{"m"}, TextFilter: TextFilter{Contains: "plain"}}},
			[]string{"plain"}},
		{Options{Filter: Filter{Modules: []string{"other"}}}, nil},
		{Options{Filter: Filter{RequestID: "7f3a9c12-0000"}}, []string{"requested"}},
		{Options{Filter: Filter{RequestID: "7f3a9c12"}}, []string{"requested"}},
		{Options{Filter: Filter{RequestID: "f3a9"}}, nil},
		{Options{Filter: Filter{TextFilter: TextFilter{Contains: "declined"}}},
			[]string{"with fields", "card declined"}},
		{Options{Filter: Filter{TextFilter: TextFilter{Contains: "DECLINED"}}}, nil},
		{Options{Filter: Filter{TextFilter: TextFilter{Contains: "card=decl"}}}, []string{"with fields"}},
		{Options{Filter: Filter{TextFilter: TextFilter{Contains: "DECLINED", IgnoreCase: true}}},
			[]string{"with fields", "card declined"}},
		{Options{Limit: 3}, []string{"plain", "fresh", "warned"}},
	} {
		tt.o.Now = now
		if diff := cmp.Diff(tt.want, f.texts(tt.o)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.o, diff)
		}
	}
}

// A long span must not cost questions about days that a limit leaves unread.
func TestQueryAsksNoPartitionBeforeItsTime(t *testing.T) {
	f := newFixture(t)
	f.put("info", day.Add(time.Hour), "2026-11-22", "wanted")
	f.put("info", day.Add(2*time.Hour), "2026-11-22", "not wanted")
	o := Options{From: day, To: day.AddDate(1, 0, 0), Limit: 1}
	if diff := cmp.Diff([]string{"wanted"}, f.texts(o)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for date := range f.pages.asked {
		if date > "2026-11-23" {
			t.Errorf("partition %s was read for a row of 2026-11-22", date)
		}
	}
}

// failing answers the first n questions and refuses the others.
type failing struct {
	querier
	n   int
	err error
	mu  sync.Mutex // guards n
}

func (f *failing) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	f.mu.Lock()
	f.n--
	refuse := f.n < 0
	f.mu.Unlock()
	if refuse {
		return nil, f.err
	}
	return f.querier.Query(ctx, in, o...)
}

func TestQueryYieldsTheErrorLastAndOnce(t *testing.T) {
	f := newFixture(t)
	for i := range 10 {
		f.put("info", day.Add(time.Duration(i)*time.Minute), "2026-11-22", fmt.Sprint(i))
	}
	broken := errors.New("broken")
	client := New(&failing{querier: f.pages, n: 4, err: broken})
	rows, failures := 0, 0
	for _, err := range client.Query(ctx, Options{From: day, To: day.AddDate(0, 0, 1), InfoTable: "info", Shards: 1}) {
		if err == nil {
			if rows++; failures > 0 {
				t.Error("a row after the error")
			}
			continue
		}
		failures++
		var failed *TableError
		if !errors.Is(err, broken) || !errors.As(err, &failed) || failed.Table != "info" {
			t.Errorf("got error %v, want the SDK's, wrapped with the table's name", err)
		}
	}
	if rows == 0 || failures != 1 {
		t.Errorf("got %d rows and %d errors, want some rows, then one error", rows, failures)
	}
}

func TestQueryRefusesWhatCannotBeRead(t *testing.T) {
	for name, o := range map[string]Options{
		"no table":     {From: day, To: day.Add(1)},
		"no span":      {InfoTable: "info"},
		"empty span":   {InfoTable: "info", From: day, To: day},
		"turned round": {InfoTable: "info", From: day, To: day.Add(-1)},
	} {
		n := 0
		for _, err := range New(nil).Query(ctx, o) {
			if n++; err == nil {
				t.Errorf("%s: a row instead of an error", name)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d answers, want one error", name, n)
		}
	}
}
