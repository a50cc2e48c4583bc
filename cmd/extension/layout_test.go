package main_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// The real binary with LOGTABLE_LAYOUT and LOGTABLE_SHARDS: fewer items, the
// same lines.
func TestPackedAndSharded(t *testing.T) {
	env, server := start(t, func(c *lambda.Config) {
		c.Env["LOGTABLE_LAYOUT"] = "packed"
		c.Env["LOGTABLE_SHARDS"] = "16"
	})
	for range 5 {
		invoke(t, env, print(line, 40))
	}
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n > 50 {
		t.Errorf("%d items for 200 lines", n)
	}
	if n := linesOf(t, server); n != 200 {
		t.Errorf("%d lines read of 200\n%s", n, env.ExtensionOutput())
	}
}

// With LOGTABLE_LAYOUT=auto in the smallest function, whose bursts pass through
// /tmp, calm lines and packs are in one table, and all are read.
func TestAutoLayoutIsReadBackWhole(t *testing.T) {
	env, server := start(t, func(c *lambda.Config) {
		c.MemoryMB = 128
		c.Env["LOGTABLE_LAYOUT"] = "auto"
	})
	lines := 0
	for _, n := range []int{10, 20_000, 10} {
		invoke(t, env, print(line, n))
		lines += n
	}
	shutDown(t, env)
	items := len(server.Items("logtable-info"))
	if items > lines/2 {
		t.Errorf("%d items for %d lines", items, lines)
	}
	if n := linesOf(t, server); n != lines {
		t.Errorf("%d lines read of %d\n%s", n, lines, env.ExtensionOutput())
	}
	t.Logf("%d items for %d lines, %d requests", items, lines, server.Stats().Requests["BatchWriteItem"])
}

// linesOf is how many informational lines the tool's reader finds.
func linesOf(t *testing.T, server *table.Server) (n int) {
	t.Helper()
	server.Authorize(nil) // the reader's own permissions are not the function's
	options := server.Client().Options()
	options.Retryer = retry.NewStandard()
	o := read.Options{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), InfoTable: "logtable-info"}
	for _, err := range read.New(dynamodb.New(options)).Query(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
