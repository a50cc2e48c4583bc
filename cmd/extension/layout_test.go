package main_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
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
	server.Authorize(nil) // the reader's own permissions are not the function's
	options := server.Client().Options()
	options.Retryer = retry.NewStandard()
	o := read.Options{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), InfoTable: "logtable-info"}
	n := 0
	for _, err := range read.New(dynamodb.New(options)).Query(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 200 {
		t.Errorf("%d lines read of 200\n%s", n, env.ExtensionOutput())
	}
}
