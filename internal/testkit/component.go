// Package testkit holds what tests of several packages share.
package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// Component says that the running test needs something a machine may lack: a
// language, Java, a sample outside the repository. With err == nil it does
// nothing.
//
// Otherwise the test is skipped and the component's name is appended to the
// file that LOGTABLE_TEST_MISSING names, which `make test` prints as the last
// thing it says, so that no skip goes unseen. With LOGTABLE_TEST_REQUIRE=all
// (as in CI) a missing component fails the test.
func Component(t testing.TB, name string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("LOGTABLE_TEST_REQUIRE") == "all" {
		t.Fatalf("missing component %s: %v (LOGTABLE_TEST_REQUIRE=all makes this a failure)", name, err)
	}
	note(t, name, err)
	t.Skipf("missing component %s: %v", name, err)
}

// Program is Component for a program that must be on the PATH; it returns the
// program's path.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	Component(t, name, err)
	return path
}
