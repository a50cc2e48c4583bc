package main_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/logtable/logtable/layer/build"
)

// TestTheLayerLinksOnlyWhatItNeeds keeps out of the layer what has no business
// there, each for a reason.
func TestTheLayerLinksOnlyWhatItNeeds(t *testing.T) {
	forbidden := map[string]string{
		"github.com/logtable/logtable/internal/sandbox": "the local Lambda and DynamoDB are for tests and the demo",
		"github.com/logtable/logtable/internal/testkit": "tests",
		"github.com/logtable/logtable/internal/read":    "the layer never reads tables",
		"testing":                                  "test code",
		"github.com/rogpeppe/go-internal":          "test code",
		"github.com/google/go-cmp":                 "test code",
		"github.com/spf13/cobra":                   "the command-line tool's",
		"github.com/aws/aws-sdk-go-v2/config":      "2 MB, a millisecond of every cold start, and it fails over the function's settings",
		"github.com/aws/aws-lambda-go":             "sample functions",
		"github.com/aws/aws-sdk-go-v2/service/sns": "120 KB of the layer for one call: internal/alert/sns makes it",
		"net/http/pprof":                           "an open door",
	}
	out, err := exec.Command("go", "list", "-deps", "-tags", build.Tags, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("go list found only %d packages", len(deps))
	}
	for _, dep := range deps {
		for path, reason := range forbidden {
			if dep == path || strings.HasPrefix(dep, path+"/") {
				t.Errorf("the layer links %s: %s", dep, reason)
			}
		}
	}
}
