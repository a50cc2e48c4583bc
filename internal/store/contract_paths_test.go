package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/store"
)

// contractPaths are the ways into a table other than a first, successful write.
// setUp is contract's.
func contractPaths(
	t *testing.T, client *dynamodb.Client,
	setUp func(*testing.T) (*fixture, func(string) []map[string]types.AttributeValue),
) {
	t.Run("a second write of a row changes nothing", func(t *testing.T) {
		f, read := setUp(t)
		f.add(60, "line")
		records := lastResort(t, f)
		for range 2 {
			for _, r := range records {
				again := *r
				f.AddRecord(&again)
			}
			f.flushed()
		}
		if info, errors := len(read("info")), len(read("errors")); info != 48 || errors != 12 {
			t.Errorf("%d informational rows and %d errors of 48 and 12", info, errors)
		}
	})

	t.Run("what the last resort says is stored as it would have been", func(t *testing.T) {
		f, read := setUp(t)
		f.Add(store.Entry{Time: base, Level: "INFO", Locator: "7", Module: "m", RequestID: "r-1",
			Message: "INFO: (7) größe Boom", ExceptionAt: 19,
			Fields: `{"n":1}`, Issues: "none"})
		records := lastResort(t, f)
		if len(read("info")) > 0 {
			t.Fatal("it is stored already")
		}
		f.AddRecord(records[0])
		f.flushed()
		items := read("info")
		if len(items) != 1 || len(items[0]) != 10 ||
			str(items[0], "message") != "INFO: (7) größe Boom" || str(items[0], "fields") != `{"n":1}` {
			t.Errorf("items %v", items)
		}
	})

	t.Run("a spill is replayed under its keys", func(t *testing.T) {
		f, read := setUp(t)
		dir := filepath.Join(t.TempDir(), "spill")
		names := f.tables
		sp := f.withSpill(dir)
		f.add(200, "line")
		if !f.Persist() || f.Bytes() != 0 {
			t.Fatal("not everything is in the spill")
		}
		sp.Close()
		// A snapshot is taken now, and two clones are made of it.
		for range 2 {
			clone := newFixtureOn(t, nil, client, func(c *store.Config) {
				c.InfoTable, c.ErrorsTable = names[0], names[1]
			})
			clone.withSpill(copyOf(t, dir))
			clone.drained()
		}
		if info, errors := len(read("info")), len(read("errors")); info != 160 || errors != 40 {
			t.Errorf("%d informational rows and %d errors of 160 and 40", info, errors)
		}
	})

	t.Run("a row that no table takes is counted, and takes nobody along", func(t *testing.T) {
		f, read := setUp(t)
		f.add(10, "before")
		f.AddRecord(store.Unstorable(base.Format(time.DateOnly)))
		f.add(30, "after")
		f.flushed()
		if n := len(read("info")) + len(read("errors")); n != 40 {
			t.Errorf("%d rows of 40", n)
		}
		if lost := f.Lost(); lost[store.Loss{Level: "?", Reason: "refused by DynamoDB"}] != 1 || len(lost) != 1 {
			t.Errorf("lost: %v", lost)
		}
	})

	t.Run("a table with another key keeps its rows", func(t *testing.T) {
		f, read := setUp(t)
		wrong := f.tables[0] + "-wrong"
		_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: &wrong, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{
				{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS},
			},
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		names := f.tables
		g := newFixtureOn(t, nil, client, func(c *store.Config) { c.InfoTable, c.ErrorsTable = wrong, names[1] })
		g.add(50, "line")
		if err := g.Flush(t.Context()); !errors.Is(err, store.ErrResting) {
			t.Fatal(err)
		}
		if n := len(read("errors")); n != 10 || g.Waiting() != 40 || len(g.Lost()) > 0 {
			t.Errorf("%d errors of 10 stored, %d of 40 others wait, lost %v", n, g.Waiting(), g.Lost())
		}
		if !strings.Contains(g.reports.text(), "stamp_mod (String)") {
			t.Errorf("no advice on the table: %s", g.reports.text())
		}
	})
}

// lastResort takes everything that waits as last-resort lines, and what is read
// from these.
func lastResort(t *testing.T, f *fixture) (records []*row.Record) {
	t.Helper()
	var log bytes.Buffer
	f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	for line := range bytes.Lines(log.Bytes()) {
		r, found, err := row.ReadLastResort(line)
		if !found || err != nil {
			t.Fatal(found, err)
		}
		records = append(records, r)
	}
	return records
}

// copyOf copies a spill's directory.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "spill")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
