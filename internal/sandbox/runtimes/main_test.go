package runtimes_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// extension is the path of the real binary, built once.
var extension string

func TestMain(m *testing.M) {
	if os.Getenv(scriptfn.Switch) == "1" {
		scriptfn.Main()
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "logtable-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	extension = filepath.Join(dir, "logtable")
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-o", extension, "../../../cmd/extension")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the extension: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
