package causeitem_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/sandbox/table"
)

var (
	ctx = context.Background()
	id  = cause.ID{Module: "shop", Locator: "7"}
)

func newTable(t *testing.T) *causeitem.Table {
	t.Helper()
	api := table.Start(t).Client()
	if err := table.CreateLogTables(ctx, api, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	return &causeitem.Table{API: api, Name: "errors"}
}

// TestNobodysWordIsLost has ten people say something at once, of a cause of
// which nobody has said anything before.
func TestNobodysWordIsLost(t *testing.T) {
	tab := newTable(t)
	const people = 10
	told := make([]int, people)
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			c := cause.Change{State: cause.Resolved, By: fmt.Sprint("p", i), At: time.Now()}
			_, meanwhile, err := tab.Say(ctx, id, causeitem.AnyRev, c, []string{"41"})
			if err != nil {
				t.Error(err)
			}
			told[i] = len(meanwhile)
		})
	}
	all.Wait()
	s, err := tab.Get(ctx, id)
	if err != nil || s.Rev != people {
		t.Fatalf("rev %d, %v; want %d", s.Rev, err, people)
	}
	said := map[string]bool{s.By: true}
	for i, c := range s.History {
		said[c.By] = true
		if c.Rev != int64(people-1-i) {
			t.Errorf("%d. of history has rev %d", i, c.Rev)
		}
	}
	if len(said) != people {
		t.Errorf("the words of %d people are there: %v; %v times somebody was faster", len(said), said, told)
	}
}

func TestWhoHasSeenAnotherStateIsTold(t *testing.T) {
	tab := newTable(t)
	say := func(rev int64, c cause.Change) (cause.State, error) {
		s, _, err := tab.Say(ctx, id, rev, c, nil)
		return s, err
	}
	if _, err := say(0, cause.Change{State: cause.Resolved, By: "ada", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, err := say(0, cause.Change{State: cause.Open, By: "bob", At: time.Now()})
	var raced *causeitem.RacedError
	if !errors.As(err, &raced) || raced.Now.By != "ada" || !strings.Contains(err.Error(), "resolved by ada") {
		t.Errorf("bob is told %v", err)
	}
	if s, err := say(1, cause.Change{State: cause.Open, By: "bob", At: time.Now()}); err != nil || s.Rev != 2 {
		t.Errorf("rev %d, %v", s.Rev, err)
	}
}

func TestNotesAreCleanedMaskedAndBounded(t *testing.T) {
	tab := newTable(t)
	tab.Redact, _ = redact.New("")
	note := "see\x1b[2J\nAKIA" + "IOSFODNN7EXAMPLE"
	s, _, err := tab.Say(ctx, id, 0, cause.Change{State: cause.Resolved, By: "a\nda", Note: note, At: time.Now()}, nil)
	if err != nil || s.By != "a da" || !strings.HasPrefix(s.Note, "see [2J [redacted") {
		t.Errorf("stored by %q: %q, %v", s.By, s.Note, err)
	}
	for _, c := range []cause.Change{
		{State: cause.Resolved, Note: strings.Repeat("é", 257)},
		{State: cause.Resolved, By: strings.Repeat("x", 65)},
	} {
		var long *causeitem.TextError
		if _, _, err := tab.Say(ctx, id, 1, c, nil); !errors.As(err, &long) {
			t.Errorf("%d bytes: %v", len(c.Note)+len(c.By), err)
		}
	}
}

func TestTheLargestStateFits(t *testing.T) {
	tab := newTable(t)
	versions := make([]string, cause.MaxVersions)
	for i := range versions {
		versions[i] = strings.Repeat("v", cause.MaxVersion)
	}
	long := cause.Of(strings.Repeat("m", 200), strings.Repeat("l", 1<<20), "", "")
	var s cause.State
	for range 25 {
		c := cause.Change{
			State: cause.Resolved, By: strings.Repeat("b", cause.MaxBy), Note: strings.Repeat("n", cause.MaxNote),
			At: time.Now(),
		}
		var err error
		if s, _, err = tab.Say(ctx, long, causeitem.AnyRev, c, versions); err != nil {
			t.Fatal(err)
		}
	}
	if _, expires := causeitem.Of(&s)["expiry"]; expires {
		t.Error("it expires")
	}
	got, err := tab.Get(ctx, long)
	if err != nil || got.Rev != 25 || len(got.History) != cause.MaxHistory {
		t.Errorf("rev %d, %d of history, %v", got.Rev, len(got.History), err)
	}
}

func TestAForeignItemIsNotOverwritten(t *testing.T) {
	tab := newTable(t)
	item := causeitem.Key(id)
	item["mine"] = &types.AttributeValueMemberBOOL{Value: true}
	api := tab.API.(*dynamodb.Client)
	if _, err := api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &tab.Name, Item: item}); err != nil {
		t.Fatal(err)
	}
	_, _, err := tab.Say(ctx, id, causeitem.AnyRev, cause.Change{State: cause.Open, At: time.Now()}, nil)
	if err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("got %v", err)
	}
}

// contested is a table in which somebody else is always faster.
type contested struct {
	causeitem.API
	rev int64
}

func (c *contested) PutItem(
	_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	c.rev++
	s := cause.State{ID: id, Change: cause.Change{State: cause.Open, Rev: c.rev, By: "bob", At: time.Now()}}
	return nil, &types.ConditionalCheckFailedException{Item: causeitem.Of(&s)}
}

func TestNobodyTriesForEver(t *testing.T) {
	tab := newTable(t)
	api := &contested{API: tab.API}
	tab.API = api
	_, meanwhile, err := tab.Say(ctx, id, causeitem.AnyRev, cause.Change{State: cause.Resolved, At: time.Now()}, nil)
	var raced *causeitem.RacedError
	if !errors.As(err, &raced) || raced.Now.By != "bob" || api.rev != 20 || len(meanwhile) != 20 {
		t.Errorf("after %d tries: %v", api.rev, err)
	}
}
