package main_test

import (
	"slices"
	"strings"
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

// The real binary with both tables in shards, under the template's policy and
// under that of older templates, which allows days only: all rows are found by
// a reader that knows nothing. The template's policy costs no request, the
// older one's one.
func TestShardedTablesUnderEachPolicy(t *testing.T) {
	const mistake = `{"locator":"2","level":"error","text":"mistake {n}"}`
	for name, older := range map[string]bool{"the template's": false, "an older one": true} {
		t.Run(name, func(t *testing.T) {
			env, server := start(t, func(c *lambda.Config) {
				c.Env["LOGTABLE_SHARDS"], c.Env["LOGTABLE_ERROR_SHARDS"] = "16", "8"
			})
			if older {
				server.Authorize(func(_, _ string, keys []string) bool {
					return !slices.ContainsFunc(keys, func(key string) bool { return !strings.HasPrefix(key, "20") })
				})
			}
			for range 5 {
				invoke(t, env, print(line, 4), print(mistake, 2))
			}
			shutDown(t, env)
			var notes, sharded int
			for _, item := range server.Items("logtable-errors") {
				switch date := item.Str("date"); {
				case date == "shards":
					notes++
				case strings.Contains(date, "#"):
					sharded++
				}
			}
			refused := server.Stats().Errors["AccessDeniedException"]
			said := strings.Count(env.ExtensionOutput(), `cannot write the item`)
			if older && (notes+sharded > 0 || refused != 1 || said != 2) || !older && (notes != 1 || refused+said > 0) {
				t.Errorf("%d notes, %d errors in shards, %d requests refused\n%s",
					notes, sharded, refused, env.ExtensionOutput())
			}
			if n := linesOf(t, server); n != 20 {
				t.Errorf("%d lines read of 20", n)
			}
			if rows := len(server.Items("logtable-errors")) - notes; rows != 10 {
				t.Errorf("%d errors of 10", rows)
			}
		})
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
