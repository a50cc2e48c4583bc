package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// TestFromNothingToAttachedAndBack is the whole way: what detach leaves is what
// attach found.
func TestFromNothingToAttachedAndBack(t *testing.T) {
	r := onMoto(t, "eu-central-1")
	r.must("setup", "--yes")
	r.must("publish")
	role := r.role("orders-role")
	r.function("orders", role, func(in *lambda.CreateFunctionInput) {
		in.Layers = []string{r.layer("first"), r.layer("second")}
		in.Environment = &types.Environment{Variables: map[string]string{"DB_PASSWORD": "geheim<&>"}}
		in.Tags = map[string]string{"team": "shop"}
	})
	before := r.state("orders")
	r.must("attach", "orders", "--yes", "-e", "LOGTABLE_FIELDS=pino")
	r.must("detach", "orders", "--yes")
	if diff := cmp.Diff(before, r.state("orders")); diff != "" {
		t.Errorf("detach leaves (-before +after):\n%s", diff)
	}
}
