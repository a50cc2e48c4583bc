package testkit

import "testing"

// Slow skips the running test under -short. It is for what helpers do that
// takes seconds: building programs, starting processes, playing Lambda in real
// time.
func Slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes, or takes its time: not under -short")
	}
}
