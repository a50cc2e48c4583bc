package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
)

// The contract is run against the embedded endpoint and against AWS's
// DynamoDB Local, so that what holds on ours holds on theirs.
func TestContractOnTheEmbeddedEndpoint(t *testing.T) { contract(t, table.Start(t).Client()) }

func TestContractOnDynamoDBLocal(t *testing.T) { contract(t, ddblocal.Client(t)) }

func contract(t *testing.T, client *dynamodb.Client) {
	n := 0
	setUp := func(t *testing.T) (*fixture, func(name string) []map[string]types.AttributeValue) {
		n++
		info, errors := fmt.Sprintf("info-%d", n), fmt.Sprintf("errors-%d", n)
		if err := table.CreateLogTables(context.Background(), client, info, errors); err != nil {
			t.Fatal(err)
		}
		f := newFixtureOn(t, nil, client, func(c *store.Config) { c.InfoTable, c.ErrorsTable = info, errors })
		return f, func(name string) []map[string]types.AttributeValue {
			if name == "info" {
				return ancestorRead(t, client, info)
			}
			return ancestorRead(t, client, errors)
		}
	}

	contractPaths(t, client, setUp)

	t.Run("rows of both kinds, in order", func(t *testing.T) {
		f, read := setUp(t)
		f.add(312, "line")
		f.flushed()
		last := -1
		for _, item := range read("info") {
			var i int
			if _, err := fmt.Sscanf(str(item, "message"), "INFO: (1) line %d", &i); err != nil || i <= last {
				t.Fatalf("%q after line %d", str(item, "message"), last)
			}
			last = i
		}
		if info, errors := len(read("info")), len(read("errors")); info != 250 || errors != 62 {
			t.Errorf("%d informational rows and %d errors of 250 and 62", info, errors)
		}
	})

	t.Run("every attribute as it was", func(t *testing.T) {
		f, read := setUp(t)
		message := "INFO: (7) größe \x00\x1f\u2028\"\\</script>🙂 Boom"
		f.Add(store.Entry{Time: base.Add(5 * time.Millisecond), Level: "INFO", Locator: "7", Module: "my fn",
			RequestID: "r-1", Message: message,
			ExceptionAt: strings.Index(message, "Boom"), Fields: `{"n":12345678901234567890,"x":null}`, Issues: "none"})
		f.flushed()
		items := read("info")
		if len(items) != 1 {
			t.Fatalf("%d items", len(items))
		}
		item := items[0]
		for name, want := range map[string]string{
			"date": "2026-11-22", "message": message, "level": "INFO", "locator": "7", "request_id": "r-1",
			"fields": `{"n":12345678901234567890,"x":null}`, "issues": "none",
		} {
			if got := str(item, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if s := str(item, "stamp_mod"); !strings.HasPrefix(s, "1795341600.0050000+my_fn+") {
			t.Errorf("stamp_mod %q", s)
		}
		for name, want := range map[string]string{
			"exception_at": fmt.Sprint(strings.Index(message, "Boom")), "expiry": fmt.Sprint(base.Add(ttl).Unix()),
		} {
			if v, ok := item[name].(*types.AttributeValueMemberN); !ok || v.Value != want {
				t.Errorf("%s is %v, want %s", name, item[name], want)
			}
		}
		if len(item) != 10 {
			t.Errorf("%d attributes: %v", len(item), item)
		}
	})

	t.Run("the largest rows fit", func(t *testing.T) {
		f, read := setUp(t)
		for _, s := range []string{"x", "é", "🙂", `"`, "\n"} {
			f.Add(store.Entry{Time: base, Level: "INFO", Locator: "1", Module: strings.Repeat("m", 500),
				Message: "INFO: (1) " + strings.Repeat(s, 700_000/len(s)), ExceptionAt: -1,
				Fields: `{"a":"` + strings.Repeat("f", 100_000) + `"}`})
		}
		f.flushed()
		if n := len(read("info")); n != 5 || len(f.Lost()) > 0 {
			t.Errorf("%d rows of 5, lost %v\n%s", n, f.Lost(), f.reports.text())
		}
	})

	t.Run("both kinds in one table", func(t *testing.T) {
		n++
		name := fmt.Sprintf("both-%d", n)
		if err := table.CreateLogTables(context.Background(), client, name, name+"-unused"); err != nil {
			t.Fatal(err)
		}
		f := newFixtureOn(t, nil, client, func(c *store.Config) { c.InfoTable, c.ErrorsTable = name, name })
		f.add(100, "line")
		f.flushed()
		if n := len(ancestorRead(t, client, name)); n != 100 {
			t.Errorf("%d rows of 100", n)
		}
	})

	t.Run("a missing table harms only itself", func(t *testing.T) {
		setUp(t)
		g := newFixtureOn(t, nil, client, func(c *store.Config) {
			c.InfoTable, c.ErrorsTable = fmt.Sprintf("info-%d", n), "missing"
		})
		g.add(50, "line")
		if err := g.Flush(context.Background()); err != store.ErrResting {
			t.Fatal(err)
		}
		if got := len(ancestorRead(t, client, fmt.Sprintf("info-%d", n))); got != 40 || g.Waiting() != 10 {
			t.Errorf("%d rows stored, %d wait", got, g.Waiting())
		}
	})
}

func str(item map[string]types.AttributeValue, name string) string {
	v, _ := item[name].(*types.AttributeValueMemberS)
	if v == nil {
		return ""
	}
	return v.Value
}

// ancestorRead reads a table as the ancestor's users do: Query by date, in the
// order of stamp_mod.
func ancestorRead(t *testing.T, client *dynamodb.Client, name string) (items []map[string]types.AttributeValue) {
	t.Helper()
	var from map[string]types.AttributeValue
	for {
		out, err := client.Query(context.Background(), &dynamodb.QueryInput{
			TableName: aws.String(name), KeyConditionExpression: aws.String("#d = :day"),
			ExpressionAttributeNames: map[string]string{"#d": "date"},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":day": &types.AttributeValueMemberS{Value: base.Format(time.DateOnly)},
			},
			ExclusiveStartKey: from,
		})
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, out.Items...)
		if from = out.LastEvaluatedKey; from == nil {
			return items
		}
	}
}
