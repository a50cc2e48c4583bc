package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Limit is one limit of a package. It is an alias so that a list may leave
// its names out.
type Limit = struct {
	Name  string
	Value any
	Want  any    // what the list says that Value is
	Why   string // it is there
	Test  string // that fails without it
}

// Limits checks the list of a package's limits, which is for people: that each
// has the value that the list gives, and that its test is there.
func Limits(t *testing.T, limits []Limit) {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for _, l := range limits {
		if fmt.Sprint(l.Value) != fmt.Sprint(l.Want) {
			t.Errorf("%s is %v, this list says %v: does %s still hold?", l.Name, l.Value, l.Want, l.Test)
		}
		if !strings.Contains(tests.String(), "func "+l.Test+"(") {
			t.Errorf("%s: there is no %s", l.Name, l.Test)
		}
	}
}
