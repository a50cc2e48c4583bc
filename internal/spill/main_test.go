package spill

import (
	"fmt"
	"os"
	"testing"
)

// childMode names what a re-executed test binary does instead of testing.
const childMode = "LOGTABLE_SPILL_CHILD"

func TestMain(m *testing.M) {
	mode := os.Getenv(childMode)
	if mode == "" {
		os.Exit(m.Run())
	}
	if err := children[mode](os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// children is filled by the files whose tests need a process of their own.
var children = map[string]func(dir string) error{}
