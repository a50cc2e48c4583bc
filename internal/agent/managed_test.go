package agent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/store"
)

// ledger is a DynamoDB that keeps whole rows, by key.
type ledger struct {
	mu    sync.Mutex
	calls int
	rows  map[string]map[string]types.AttributeValue
}

func (l *ledger) BatchWriteItem(
	_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows = map[string]map[string]types.AttributeValue{}
	}
	l.calls++
	for table, requests := range in.RequestItems {
		for _, r := range requests {
			item := r.PutRequest.Item
			l.rows[table+" "+text(item, "date")+" "+text(item, "stamp_mod")] = item
		}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

func text(item map[string]types.AttributeValue, name string) string {
	v, _ := item[name].(*types.AttributeValueMemberS)
	if v == nil {
		return ""
	}
	return v.Value
}

// requests says of each message whose it is.
func (l *ledger) requests() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]string{}
	for _, item := range l.rows {
		_, message, _ := strings.Cut(text(item, "message"), ") ")
		all[message] = text(item, "request_id")
	}
	return all
}

// writesTo has an agent's rows go to l.
func (l *ledger) writesTo(cfg *agent.Config) {
	cfg.Store = store.New(storeConfig(l, cfg.Diag))
}

func concurrent(cfg *agent.Config) { cfg.Concurrent = true }

func report(id string) string {
	return event("platform.report", fmt.Sprintf(`{"requestId":%q,"status":"success","metrics":{"durationMs":1.5}}`, id))
}

func begin(id string) string { return event("platform.start", fmt.Sprintf(`{"requestId":%q}`, id)) }

func TestOnManagedInstancesNoLineWaitsForLong(t *testing.T) {
	play(t, concurrent, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.post(begin("a"), line("x"))
		time.Sleep(499 * time.Millisecond)
		if c.stored() != 0 {
			t.Error("a line was sent alone, though others may follow within half a second")
		}
		time.Sleep(2 * time.Millisecond)
		if c.stored() != 1 {
			t.Errorf("%d rows half a second later, and no report came", c.stored())
		}
		// Days later the timer still works.
		time.Sleep(50 * time.Hour)
		c.post(line("y"))
		time.Sleep(501 * time.Millisecond)
		if c.stored() != 2 {
			t.Errorf("%d of 2 rows after days of idleness", c.stored())
		}
	})
}

func TestOnManagedInstancesManyLinesLeaveAtOnce(t *testing.T) {
	play(t, concurrent, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.post(begin("a"), strings.Repeat(line("x")+",", 149)+line("x"))
		synctest.Wait()
		if c.stored() < 100 {
			t.Errorf("%d of 150 rows without waiting", c.stored())
		}
	})
}

// Several reports come in one body. Their rows leave together: 20 requests for
// 20 rows would cost the function's processor time.
func TestOnManagedInstancesTheRowsOfABodyLeaveTogether(t *testing.T) {
	var l ledger
	play(t, func(cfg *agent.Config) {
		concurrent(cfg)
		l.writesTo(cfg)
	}, func(c *cloud, _ <-chan error) {
		<-c.asked
		var body []string
		for i := range 20 {
			id := fmt.Sprint(i)
			body = append(body, begin(id), line(id), report(id))
		}
		c.post(body...)
		synctest.Wait()
		if l.calls != 1 || len(l.rows) != 20 {
			t.Errorf("%d rows in %d requests; want 20 in one", len(l.rows), l.calls)
		}
	})
}

// DynamoDB is tried again though nothing further arrives.
func TestOnManagedInstancesAnOutageIsOutlasted(t *testing.T) {
	play(t, concurrent, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.set(func() { c.broken = errors.New("down") })
		c.post(begin("a"), line("x"), report("a"))
		time.Sleep(time.Hour)
		c.set(func() { c.broken = nil })
		time.Sleep(15 * time.Second)
		if c.stored() != 1 {
			t.Errorf("%d of 1 rows: the line is not tried again", c.stored())
		}
	})
}

func TestOnManagedInstancesALineKeepsItsRequest(t *testing.T) {
	own := func(text, id string) string {
		return event("function", fmt.Sprintf(`{"locator":"1","level":"info","text":%q,"request_id":%q}`, text, id))
	}
	var l ledger
	play(t, func(cfg *agent.Config) {
		concurrent(cfg)
		l.writesTo(cfg)
	}, func(c *cloud, _ <-chan error) {
		<-c.asked
		c.post(begin("a"), begin("b"))
		c.post(own("a while both run", "a"), line("one of both"))
		c.post(report("a"), own("a after its report", "a"), line("b or a, late"), own("b", "b"))
		time.Sleep(time.Second)
		c.post(line("surely b"))
		c.post(report("b"), own("b after its report", "b"), line("late, nobody's for sure"))
		time.Sleep(2 * time.Second)
	})
	want := map[string]string{
		"a while both run": "a", "one of both": "", "a after its report": "a", "b or a, late": "", "b": "b",
		"surely b":           "b",
		"b after its report": "b", "late, nobody's for sure": "",
	}
	if diff := cmp.Diff(want, l.requests()); diff != "" {
		t.Errorf("whose line is it (-want +got):\n%s", diff)
	}
}

// An alert that could not be sent is tried again though nothing further
// arrives: no INVOKE is the occasion here, and SHUTDOWN may be days away.
func TestOnManagedInstancesAnAlertIsTriedAgain(t *testing.T) {
	p := &phone{hangs: true}
	play(t, func(cfg *agent.Config) {
		concurrent(cfg)
		alerting(p)(cfg)
	}, func(c *cloud, _ <-chan error) {
		p.c = c
		<-c.asked
		c.post(begin("a"), severe("1"), report("a"))
		time.Sleep(time.Minute)
		if c.stored() == 0 {
			t.Error("the row waits for its alert")
		}
		c.set(func() { p.hangs = false })
		time.Sleep(5 * time.Minute)
		if n := c.get(func() bool { return len(p.messages) == 1 }); !n {
			t.Errorf("messages %q", p.messages)
		}
	})
}
