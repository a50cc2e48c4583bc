// Package moto starts moto's server for tests: AWS's control planes (Lambda,
// IAM, DynamoDB, CloudFormation, …) as boto3's testers know them.
//
// `.ci/python` installs it, with the version that the tests were written for.
package moto

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/daemon"
	"github.com/logtable/logtable/internal/testkit"
)

// venv is where .ci/python installs the tests' Python tools, below the
// repository's root.
const venv = "build/tools/venv/bin"

// shared is the one process of this test binary.
var shared struct {
	once     sync.Once
	cmd      *exec.Cmd
	endpoint string
	err      error
}

// Start returns the URL of a moto server that has nothing in it yet. All tests
// of this test binary share the process, and each Start empties it: they run
// one after the other. The process ends with the test binary.
//
// A moto_server that is neither in the repository's environment of Python tools
// nor on the PATH is a missing component (see testkit.Component).
func Start(t testing.TB) (url string) {
	t.Helper()
	testkit.Slow(t)
	shared.once.Do(launch)
	testkit.Component(t, "moto_server (PyPI: moto[server], see .ci/python)", shared.err)
	response, err := http.Post(shared.endpoint+"/moto-api/reset", "", nil)
	if err == nil {
		err = response.Body.Close()
	}
	if err != nil {
		t.Fatalf("cannot empty moto: %v", err)
	}
	return shared.endpoint
}

// URL is where moto is, past any Front.
func URL() string { return shared.endpoint }

func launch() {
	program, err := find()
	if err != nil {
		shared.err = err
		return
	}
	shared.cmd, shared.endpoint, shared.err = daemon.Start("moto", func(port string) *exec.Cmd {
		cmd := exec.Command(program, "-H", "127.0.0.1", "-p", port)
		// AWS's settings on this machine are not moto's.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
			"AWS_DEFAULT_REGION=us-east-1"}
		cmd.Dir = os.TempDir()
		return cmd
	})
}

// find is the path of moto_server.
func find() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	inVenv := filepath.Join(filepath.Dir(here), "../../..", venv, "moto_server")
	if _, err := os.Stat(inVenv); err == nil {
		return inVenv, nil
	}
	path, err := exec.LookPath("moto_server")
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("moto_server is neither in %s nor on the PATH", venv)
	}
	return path, err
}
