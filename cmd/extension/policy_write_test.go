package main_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

// says fails a test with what is reported.
type says struct{ t *testing.T }

func (s says) Fail(key, message, advice string, args ...any) bool {
	s.t.Errorf("%s: %s: %s %v", key, message, advice, args)
	return true
}
func (says) Recover(string, string) {}

// pigeons count messages.
type pigeons struct{ atomic.Int64 }

func (*pigeons) Fits(alert.Message) bool { return true }
func (p *pigeons) Publish(context.Context, alert.Message) error {
	p.Add(1)
	return nil
}

// TestTheLayerWritesUnderItsPolicies: every kind of key that rows and alerts
// have, in both layouts, over all shards and in every zone, is allowed by the
// template's documents.
func TestTheLayerWritesUnderItsPolicies(t *testing.T) {
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "logtable-info", "logtable-errors"); err != nil {
		t.Fatal(err)
	}
	if err := enforce(server, "orders"); err != nil {
		t.Fatal(err)
	}
	topic, err := alert.ParseTopic(topicPrefix + "oncall")
	if err != nil {
		t.Fatal(err)
	}
	birds, alerts := &pigeons{}, 0
	for n := range 24 {
		client := server.Client()
		zone := time.FixedZone("", (n-12)*3600)
		s := store.New(store.Config{
			Client: dynamotest.Over(client), InfoTable: "logtable-info", ErrorsTable: "logtable-errors",
			TTL: time.Hour, Zone: zone, MaxBytes: 64 << 20,
			Report: says{t}, Attempt: time.Minute,
			Layout: store.Layout{Packed: n%2 == 0, Shards: []int{0, 7, 256}[n%3],
				ErrorShards: []int{256, 0, 7}[n%3], Function: "orders"},
		})
		l := &lock.Table{Client: dynamotest.Over(client), Name: "logtable-info", Function: "orders",
			Window: time.Minute, Max: 1000, Now: time.Now}
		if n%4 > 1 {
			l.Name = "arn:aws:dynamodb:us-east-1:000000000000:table/logtable-info"
		}
		sender := alert.New(alert.Config{
			Topics: []alert.Topic{topic}, Window: time.Minute, Max: 1000, Channel: birds, Lock: l, Report: says{t},
			Source: alert.Source{Function: "orders", Zone: time.UTC},
			Issue:  func(_ *alert.Alert, _ bool, text string) { t.Error(text) },
		})
		for i := range 3 {
			e := store.Entry{Time: time.Now().Add(-time.Duration(i) * 24 * time.Hour), Level: "INFO", Locator: "1",
				Module: "m", Message: "INFO: (1) x", ExceptionAt: -1}
			s.Add(e)
			e.Error, e.Level, e.Message = true, "ERROR", "ERROR: (1) x"
			e.Kept = sender.Expect(&alert.Alert{Time: e.Time, Level: "ERROR", Module: "m", Locator: fmt.Sprint(n, i),
				Text: "x", Configured: true})
			s.Add(e)
			alerts++
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := s.Flush(ctx); err != nil {
			t.Errorf("%v", err)
		}
		// Errors are spread from now on.
		s.Add(store.Entry{Time: time.Now(), Error: true, Level: "ERROR", Locator: "1", Module: "m",
			Message: "ERROR: (1) y", ExceptionAt: -1})
		if err := s.Flush(ctx); err != nil {
			t.Errorf("%v", err)
		}
		sender.Flush(ctx)
		sender.Close(ctx)
		cancel()
	}
	if birds.Load() != int64(alerts) {
		t.Errorf("%d of %d alerts were sent", birds.Load(), alerts)
	}
	kinds := map[string]bool{}
	for _, item := range append(server.Items("logtable-info"), server.Items("logtable-errors")...) {
		kind, _, sharded := strings.Cut(item.Str("date"), "#")
		switch {
		case kind == "alert", kind == "shards":
		case sharded:
			kind = "shard of " + item.Str("level")
		default:
			kind = "day"
		}
		kinds[kind] = true
	}
	if len(kinds) != 5 {
		t.Errorf("the rows have keys of the kinds %v, want days, shards of both tables, alerts and what says that "+
			"there are shards", kinds)
	}
}
