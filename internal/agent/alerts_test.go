package agent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

const topicARN = "arn:aws:sns:eu-central-1:123456789012:oncall"

// phone is a Channel that looks at what is stored when a message arrives.
type phone struct {
	c        *cloud
	hangs    bool
	messages []string
}

func (p *phone) Fits(alert.Message) bool { return true }
func (p *phone) Publish(ctx context.Context, m alert.Message) error {
	if p.c.get(func() bool { return p.hangs }) {
		<-ctx.Done()
		return errors.New("no answer in time")
	}
	p.c.set(func() {
		p.messages = append(p.messages, fmt.Sprintf("%s, with %d rows stored", m.Subject, len(p.c.rows)))
	})
	return nil
}

func (c *cloud) get(f func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f()
}

// alerting has severe records told to a phone, without a lock.
func alerting(p *phone) func(*agent.Config) {
	return func(cfg *agent.Config) {
		topic, err := alert.ParseTopic(topicARN)
		if err != nil {
			panic(err)
		}
		alarm, _ := cfg.Rows.Scale.Find("ALARM")
		cfg.Alerts = &agent.Alerts{From: alarm, Send: alert.Config{
			Topics: []alert.Topic{topic}, Window: 5 * time.Minute, Max: 10, Channel: p,
			Source: alert.Source{Function: "orders", Region: "eu-central-1", Zone: time.UTC},
		}}
	}
}

func severe(locator string) string {
	return event("function", fmt.Sprintf(`{"locator":%q,"level":"error","text":"x"}`, locator))
}

// TestTheRowIsStoredBeforePeopleAreTold is the order of duty.
func TestTheRowIsStoredBeforePeopleAreTold(t *testing.T) {
	p := &phone{}
	play(t, alerting(p), func(c *cloud, _ <-chan error) {
		p.c, c.latency = c, 30*time.Millisecond
		c.invoke("a")
		c.post(line("fine"), severe("1"))
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 30*time.Millisecond, 31*time.Millisecond)
		c.invoke("b")
		c.post(done("b", `,"status":"error","errorType":"Function.ValueError"`))
		<-c.asked
		const want = "ERROR orders 1: x, with 2 rows stored; ERROR orders platform.error: " +
			"the invocation ended with an error: Function.ValueError, with 3 rows stored"
		if got := strings.Join(p.messages, "; "); got != want {
			t.Errorf("%s", got)
		}
		c.asked <- time.Now()
	})
}

// TestAlertsDoNotHoldBeyondTheFlush: a channel that hangs costs one hold, and
// within its bound.
func TestAlertsDoNotHoldBeyondTheFlush(t *testing.T) {
	p := &phone{hangs: true}
	play(t, alerting(p), func(c *cloud, _ <-chan error) {
		p.c, c.latency = c, 500*time.Millisecond
		c.invoke("a")
		c.post(severe("1"))
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 1900*time.Millisecond, 2*time.Second)
		c.latency = 0
		time.Sleep(10 * time.Second)
		for range 3 {
			c.invoke("b")
			c.post(severe("2"))
			ended = time.Now()
			c.post(done("b", ""))
			c.nextWithin(ended, 0, 50*time.Millisecond)
			time.Sleep(time.Second)
		}
		c.set(func() { p.hangs = false })
		time.Sleep(time.Minute)
		c.invoke("c")
		synctest.Wait()
		c.post(done("c", ""))
		if len(p.messages) != 2 {
			t.Errorf("%q", p.messages)
		}
	})
}

// TestNothingToTellNothingHeld: with alerts on, an invocation that prints
// nothing severe is not held for them.
func TestNothingToTellNothingHeld(t *testing.T) {
	p := &phone{hangs: true}
	play(t, alerting(p), func(c *cloud, _ <-chan error) {
		p.c = c
		c.invoke("a")
		c.post(line("fine"))
		ended := time.Now()
		c.post(done("a", ""))
		c.nextWithin(ended, 0, 0)
	})
}

// TestATableThatHangsLeavesTimeForTheAlert: the row of a death goes to /tmp
// soon enough at SHUTDOWN for people to be told of it.
func TestATableThatHangsLeavesTimeForTheAlert(t *testing.T) {
	p := &phone{}
	dir := t.TempDir()
	var told time.Duration
	play(t, func(cfg *agent.Config) {
		alerting(p)(cfg)
		sp, _, err := spill.Open(spill.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Store.UseSpill(sp)
	}, func(c *cloud, run <-chan error) {
		p.c, c.latency = c, time.Hour
		c.invoke("a")
		time.Sleep(10 * time.Second)
		began := time.Now()
		c.events <- shutdownEvent("timeout")
		time.Sleep(30 * time.Millisecond)
		c.post(done("a", `,"status":"timeout"`))
		for c.get(func() bool { return len(p.messages) == 0 }) && time.Since(began) < 2*time.Second {
			time.Sleep(10 * time.Millisecond)
		}
		told = time.Since(began)
		<-run
	})
	if told > 400*time.Millisecond || len(p.messages) != 1 {
		t.Errorf("%q after %v", p.messages, told)
	}
}

type everything struct{}

func (everything) BatchWriteItem(
	context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

// BenchmarkIntakeWithAlerts is a body of ten informational lines, without
// alerts, with them, and with what a line may ask for.
func BenchmarkIntakeWithAlerts(b *testing.B) {
	var lines []string
	for i := range 10 {
		record := fmt.Sprintf(`{"locator":"1","level":"info","text":"line %d","order":%d}`, i, i)
		lines = append(lines, event("function", record))
	}
	body := "[" + strings.Join(lines, ",") + "]"
	for _, variant := range []string{"unset", "set", "asked"} {
		b.Run(variant, func(b *testing.B) {
			cfg := agent.Config{
				Diag: diag.New(&strings.Builder{}), FlushTimeout: time.Second,
				Rows: agent.Rows{Scale: level.DefaultScale(), Module: "orders"},
			}
			cfg.Store = store.New(storeConfig(everything{}, cfg.Diag))
			cfg.Store.Bound(1 << 30)
			if variant != "unset" {
				alerting(&phone{})(&cfg)
			}
			if variant == "asked" {
				topic, _ := alert.ParseTopic(topicARN)
				cfg.Alerts.Allow = alert.Allow{topic}
			}
			a := agent.New(cfg)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				// Each body is another one, as Lambda's are.
				a.Intake([]byte(strings.Replace(body, "line 0", fmt.Sprint("line ", n), 1)))
				if n++; n%100 == 0 {
					b.StopTimer()
					_ = cfg.Store.Flush(context.Background())
					b.StartTimer()
				}
			}
		})
	}
}
