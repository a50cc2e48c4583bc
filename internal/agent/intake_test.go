package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// table is a DynamoDB that keeps the strings of its items.
type table struct {
	mu    sync.Mutex
	items []string
}

func (c *table) BatchWriteItem(
	_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, requests := range in.RequestItems {
		for _, r := range requests {
			var item []string
			for _, name := range []string{"message", "level", "locator", "request_id", "fields", "issues"} {
				if s, ok := r.PutRequest.Item[name].(*types.AttributeValueMemberS); ok {
					item = append(item, s.Value)
				}
			}
			c.items = append(c.items, strings.Join(item, " | "))
		}
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

// reading returns an agent that only takes telemetry, and the store behind it.
func reading(change func(*agent.Config)) (*agent.Agent, *store.Store, *table) {
	t := &table{}
	log := diag.New(new(bytes.Buffer))
	cfg := agent.Config{Diag: log, Rows: agent.Rows{Scale: level.DefaultScale(), Module: "orders"},
		FlushTimeout: time.Second}
	cfg.Store = store.New(storeConfig(t, log))
	cfg.Store.Bound(8 << 20)
	cfg.Concurrent = true // or each line would be written at once
	if change != nil {
		change(&cfg)
	}
	return agent.New(cfg), cfg.Store, t
}

// batch is a body of n lines that differ in all their parts, from number from
// on. With beside, each has text behind its object.
func batch(from, n int, beside bool) []byte {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		tail := ""
		if beside {
			tail = fmt.Sprintf(", beside %03d", i)
		}
		fmt.Fprintf(&b, `%c{"time":"2026-11-22T10:52:00.%03dZ","type":"function",`+
			`"record":"{\"locator\":\"l%03d\",\"level\":\"INFO\",\"text\":\"text\\t%03d\",`+
			`\"exception\":\"e%03d\",\"request_id\":\"r%03d\",\"order\":%d}%s\n"}`, "[,"[min(i-from, 1)], i, i, i, i, i,
			100+i, tail)
	}
	return []byte(b.String() + "]")
}

// The parser hands out strings that are parts of its buffers and of the body:
// what is stored must not change with them.
func TestRowsOwnTheirMemory(t *testing.T) {
	masking, err := redact.New("x{9}") // never found: the strings come back as they are
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*agent.Config){
		"as it is":   nil,
		"with a max": func(c *agent.Config) { c.Rows.MaxLines = 100 },
		"redacting":  func(c *agent.Config) { c.Rows.Redact = masking },
	} {
		t.Run(name, func(t *testing.T) {
			a, s, db := reading(change)
			var want []string
			for from := 0; from < 90; from += 30 {
				body := batch(from, 30, true)
				a.Intake(body)
				for i := range body {
					body[i] = '#'
				}
			}
			for i := range 90 {
				want = append(want, fmt.Sprintf(`INFO: (l%03d) text	%03d e%03d | INFO | l%03d | r%03d | `+
					`{"order":%d} | extra text after the JSON object (print the object on its own): beside %03d`,
					i, i, i, i, i, 100+i, i))
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			slices.Sort(db.items)
			if diff := cmp.Diff(want, db.items); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A line that is stored costs the memory of its record, which comes by the
// hundred.
func TestAllocationsOfStoredLines(t *testing.T) {
	// Before a snapshot nothing is sent: a request's memory would count.
	masking, err := redact.New("all")
	if err != nil {
		t.Fatal(err)
	}
	for name, masking := range map[string]*redact.Redactor{"as it is": nil, "redacting": masking, "traced": masking} {
		a, _, _ := reading(func(c *agent.Config) { c.Snapshot, c.Rows.Redact = true, masking })
		const lines = 90
		var bodies [][]byte // different ones: a repeated one may be dropped
		for i := range 8 {
			body := batch(i*lines, lines, false)
			if name == "traced" {
				const ids = `\"trace_id\":\"6352a70e1e2c2db1583c0d1f5e7a9b3c\",\"tenant_id\":\"acme\",\"order\"`
				body = bytes.ReplaceAll(body, []byte(`\"order\"`), []byte(ids))
			}
			bodies = append(bodies, body)
		}
		next := 0
		intake := func() { a.Intake(bodies[next]); next++ }
		intake()
		if n := testing.AllocsPerRun(len(bodies)-2, intake) / lines; n > 0.2 {
			t.Errorf("%s: %v allocations a stored line, want at most 0.2", name, n)
		}
	}
}

// A line that is not stored costs none.
func TestAllocationsOfIntake(t *testing.T) {
	a, _, _ := reading(func(c *agent.Config) { c.Rows.MinLevel = level.DefaultScale().Top() })
	body := batch(0, 900, false)
	a.Intake(body)
	if n := testing.AllocsPerRun(5, func() { a.Intake(body) }) / 900; n > 0.01 {
		t.Errorf("%v allocations an event, want at most 0.01", n)
	}
}
