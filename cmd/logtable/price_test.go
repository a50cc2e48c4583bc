package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// manyRows stores 3,000 rows of 1 KB in a day, about 375 read units.
func manyRows(t *testing.T, server *table.Server) {
	t.Helper()
	long := fmt.Sprintf("INFO: (1) %900d", 0)
	var batch []types.WriteRequest
	for i := range 3000 {
		item := map[string]types.AttributeValue{}
		for name, value := range map[string]string{"date": "2026-11-22", "level": "INFO", "message": long,
			"stamp_mod": fmt.Sprintf("%d.0000000+m+2p4thtomb9", 1795305600+i*28), "request_id": "55555555-1"} {
			item[name] = &types.AttributeValueMemberS{Value: value}
		}
		if batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}); len(batch) == 25 {
			in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"info": batch}}
			if _, err := server.Client().BatchWriteItem(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
	}
}

// In a script, what costs more than it may stops with advice; following it
// helps. What costs less is not touched.
func TestAScriptStopsAtTheBound(t *testing.T) {
	server, env := tables(t)
	manyRows(t, server)
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	for _, tc := range []struct {
		args string
		stop bool
	}{
		{"query 2026-11-22", false}, // 5,000 units are the bound
		{"query 2026-11-22 --max-read-units 0", false},
		{"query 2026-11-22 --max-read-units 500", false},
		{"query 2026-11-22 --max-read-units 100", true},
		{"query 2026-11-22 --max-read-units 100 --limit 5", false},
		{"query 2026-11-22 --max-read-units 100 -n 5 --errors", false},
		{"query 2026-11-22 --max-read-units 100 --module nobody", true},
		{"show 55555555 --max-read-units 100", true},
		{"show 55555555", false},
		{"export FILE 2026-11-22 --max-read-units 100", true},
		{"export FILE 2026-11-22 --max-read-units 600", false}, // where it stopped
		{"stats 2026-11-22 --max-read-units 100", true},
		{"stats 2026-11-22", false},
		{"errors --info-table errors --errors-table info --max-read-units 100", true},
		{"errors --info-table errors --errors-table info", false},
	} {
		args := strings.Fields(strings.Replace(tc.args, "FILE", file, 1))
		got := logtableAt(t, showNow, env, append(args, "--endpoint-url", server.URL())...)
		stopped := strings.Contains(got.stderr, "read units of about")
		if stopped != tc.stop || (got.code == exitError) != tc.stop {
			t.Errorf("%s: %d: %s", tc.args, got.code, got.stderr)
		}
		if tc.stop && !strings.Contains(got.stderr, "allow more with --max-read-units ") {
			t.Errorf("%s: %s", tc.args, got.stderr)
		}
	}
	got := logtable(t, env, "query", "--max-read-units", "-1", "--endpoint-url", server.URL())
	if got.code != exitUsage || !strings.Contains(got.stderr, "--max-read-units -1 is negative") {
		t.Errorf("%+v", got)
	}
}

func TestRounded(t *testing.T) {
	for n, want := range map[float64]string{11_960: "12,000", 4: "4", 14.4: "14", 999: "1,000", 0: "0"} {
		if got := price(n); !strings.Contains(got, "about "+want+" read units") {
			t.Errorf("%g: %s", n, got)
		}
	}
	if got := price(12_000); !strings.Contains(got, "(about $0.0015)") {
		t.Error(got)
	}
}
