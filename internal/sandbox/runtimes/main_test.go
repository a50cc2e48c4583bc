package runtimes_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/layer/build"
)

var (
	scratch   string // a directory that is removed at the end
	extension string // the path of the real binary
)

func TestMain(m *testing.M) {
	if os.Getenv(scriptfn.Switch) == "1" {
		scriptfn.Main()
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if flag.Parse(); testing.Short() {
		return 0 // all tests here start processes
	}
	var err error
	scratch, err = os.MkdirTemp("", "logtable-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	extension = filepath.Join(scratch, "logtable")
	command := exec.Command("go", "build", "-tags", build.Tags, "-o", extension, "../../../cmd/extension")
	if out, err := command.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the extension: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
