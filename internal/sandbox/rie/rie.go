// Package rie runs a function and its extension in AWS's own Lambda emulator,
// the Runtime Interface Emulator, for tests: what holds in a local Lambda of
// our making must hold in AWS's.
//
// The emulator is not part of this repository. It is taken from where
// LOGTABLE_TEST_RIE says, as aws-lambda-rie from the PATH (AWS's base images
// have it in /usr/local/bin), or built from the module proxy: its state of 2
// January 2026, the first with managed instances, against which these tests
// were written.
//
// It starts what lies in /opt/extensions and /var/task, as another user and on
// fixed ports. Therefore it runs in namespaces of its own (mounts, processes,
// network), for which Linux and root are needed, together with a local DynamoDB
// and whoever invokes it: a test binary that is started again, see [Main].
//
// What the emulator does otherwise than Lambda, and what a test must stay clear
// of: bursts near the subscription's maxItems and answers that are slow
// dead-lock its telemetry; a line over 64 KiB ends the reading of the
// function's output; a crash may lose the last batch.
package rie

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// Switch set to "1" in a test binary's environment makes it the inside of Run:
//
//	if os.Getenv(rie.Switch) == "1" {
//		rie.Main()
//	}
const Switch = "LOGTABLE_RIE_INSIDE"

// runTimeout bounds one Run; the runs of our tests take about two seconds.
const runTimeout = time.Minute

// A Scenario is one life of the emulator.
type Scenario struct {
	// Concurrency is how many invocations may run at a time: that makes the
	// emulator one of managed instances. 0 is its on-demand mode.
	Concurrency int
	// Extension is the path of the extension's binary; it may need libraries of
	// the system, but nothing below /opt, /var and /tmp.
	Extension string
	// Hide is a variable of the emulator's that the extension does not get; ""
	// for none.
	Hide string
	// Function is the path of a program that speaks the Runtime API.
	Function string
	// Env is what function and extension have in their environment, beside a
	// region, credentials and the endpoint of the local DynamoDB.
	Env map[string]string
	// Rounds are invocations; those of one round begin together, and a round
	// when the one before is over.
	Rounds [][]Invocation
}

// An Invocation is a payload and the request ID it has in managed mode.
// On-demand mode makes its own.
type Invocation struct {
	ID      string
	Payload json.RawMessage
}

// A Result is what became of a Scenario.
type Result struct {
	Answers [][]Answer // as Rounds
	// Rows are the items of the tables logtable-info and logtable-errors after
	// the end, in the order of their keys; attributes by name, numbers as text.
	Info, Errors []map[string]string
	// Output is what the emulator printed: its own log, and what function and
	// extension wrote.
	Output string
	// Exit is the emulator's exit code after SIGTERM, and Ending the time
	// from the one to the other.
	Exit   int
	Ending time.Duration
}

// An Answer is the emulator's answer to an invocation.
type Answer struct {
	Status int
	Body   string
	Took   time.Duration
}

// Run plays a scenario and ends the emulator with SIGTERM. Where the emulator
// or the rights that it needs are missing, the test is skipped and names them.
// Not every module proxy hands the emulator out, so that not even CI can be
// held to have it; one that hands it out, and it cannot be built, is a failure
// there.
func Run(t testing.TB, s Scenario) Result {
	t.Helper()
	emulator, err := find()
	missing := testkit.Component
	if errors.Is(err, errNotServed) {
		missing = testkit.Offered
	}
	missing(t, "AWS's Lambda emulator (aws-lambda-rie)", err)
	testkit.Offered(t, "root and namespaces, for AWS's Lambda emulator", possible())
	result, err := run(t.Context(), emulator, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the emulator's output:\n%s", result.Output)
		}
	})
	return result
}

// find returns the emulator's path.
func find() (string, error) {
	if path := os.Getenv("LOGTABLE_TEST_RIE"); path != "" {
		_, err := os.Stat(path)
		return path, err
	}
	if path, err := exec.LookPath("aws-lambda-rie"); err == nil {
		return path, nil
	}
	return installed()
}

// The emulator's tags are not versions to Go, hence the pseudo-version.
const (
	module  = "github.com/aws/aws-lambda-runtime-interface-emulator"
	version = "v0.0.0-20260102185807-4fa215715260"
)

// errNotServed means that nothing on this machine can change it.
var errNotServed = errors.New("the module proxy does not hand it out: see `go mod download " + module + "@" +
	version + "`")

var installed = sync.OnceValues(install)

// install builds the emulator, once for a machine. Go checks what it downloads
// against the checksum database.
func install() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot keep the emulator: %w", err)
	}
	dir := filepath.Join(cache, "logtable", "rie-"+version)
	path := filepath.Join(dir, "aws-lambda-rie")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	golang := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = os.TempDir() // away from this module
		cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
		}
		return nil
	}
	if golang("mod", "download", module+"@"+version) != nil {
		return "", errNotServed
	}
	if err := golang("install", module+"/cmd/aws-lambda-rie@"+version); err != nil {
		return "", fmt.Errorf("cannot build it: %w", err)
	}
	return path, nil
}

// job is what the process inside is told, and product what it answers.
type (
	job struct {
		Emulator string
		Scenario Scenario
	}
	product struct {
		Result Result
		Error  string
	}
)

func run(ctx context.Context, emulator string, s Scenario) (Result, error) {
	self, err := os.Executable()
	if err != nil {
		return Result{}, fmt.Errorf("cannot find the test binary: %w", err)
	}
	told, err := json.Marshal(job{emulator, s})
	if err != nil {
		return Result{}, fmt.Errorf("cannot encode the scenario: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), Switch+"=1")
	cmd.Stdin = bytes.NewReader(told)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	apart(cmd)
	if err := cmd.Run(); err != nil {
		return Result{}, fmt.Errorf("cannot run the emulator in its namespaces: %w\n%s", err, problems.Bytes())
	}
	var p product
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		return Result{}, fmt.Errorf("cannot decode what the inside says: %w\n%s%s", err, out.Bytes(), problems.Bytes())
	}
	if p.Error != "" {
		return p.Result, fmt.Errorf("cannot play the scenario: %w\n%s", errors.New(p.Error), p.Result.Output)
	}
	return p.Result, nil
}

// Main is the inside of Run. It never returns.
func Main() {
	var j job
	var p product
	err := json.NewDecoder(os.Stdin).Decode(&j)
	if err == nil {
		p.Result, err = inside(j)
	}
	if err != nil {
		p.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
