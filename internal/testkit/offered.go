package testkit

import (
	"fmt"
	"os"
	"testing"
)

// Offered is Component for what the registries of this machine do not hand out,
// so that not even CI can install it: whoever has it gets the tests that need
// it. A missing one is named with the other missing components, and never makes
// a test fail.
func Offered(t testing.TB, name string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	note(t, name, err)
	t.Skipf("not offered here: %s: %v", name, err)
}

// note appends a missing component to the file that `make test` prints last.
func note(t testing.TB, name string, err error) {
	path := os.Getenv("LOGTABLE_TEST_MISSING")
	if path == "" {
		return
	}
	if f, ferr := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); ferr == nil {
		fmt.Fprintf(f, "%s (%s: %v)\n", name, t.Name(), err)
		f.Close()
	}
}
