package testkit

import (
	"os"
	"testing"
)

// Slow skips the running test under -short. It is for what helpers do that
// takes seconds: building programs, starting processes, playing Lambda in real
// time.
func Slow(t testing.TB) {
	t.Helper()
	if !testing.Short() {
		return
	}
	if os.Getenv("LOGTABLE_TEST_REQUIRE") == "all" {
		t.Fatal("-short leaves this out, and LOGTABLE_TEST_REQUIRE=all makes that a failure")
	}
	t.Skip("starts processes, or takes its time: not under -short")
}
