// Package ddblocal starts AWS's own DynamoDB Local for tests.
//
// Maven resolves it from Maven Central by its official coordinates, on the
// machine that runs the tests: its licence is for the use by holders of an AWS
// account and forbids handing it on, so it is never part of this repository or
// of anything built from it. It is kept in the user's cache directory.
package ddblocal

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/sandbox/daemon"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

const (
	group    = "software.amazon.dynamodb"
	artifact = "DynamoDBLocal"
	version  = "3.1.0"

	mainClass = "software.amazon.dynamodb.services.local.main.ServerRunner"

	// resolveTimeout bounds the first use on a machine: about 50 MB in 80
	// files.
	resolveTimeout = 5 * time.Minute
)

// Start returns the base endpoint of a DynamoDB Local that all tests of this
// test binary share; the first call starts it, which takes a few seconds. It
// takes any credentials whose access key is alphanumeric, and each access key
// and region has tables of its own. The process ends with the test binary,
// however that ends.
//
// Java 17 or Maven missing, or Maven unable to resolve the artifact, is a
// missing component (see testkit.Component).
func Start(t testing.TB) (endpoint string) {
	t.Helper()
	testkit.Slow(t)
	endpoint, err := shared.start()
	testkit.Component(t, "AWS DynamoDB Local (Java 17, Maven)", err)
	t.Cleanup(shared.release)
	return endpoint
}

// Client starts DynamoDB Local if need be and returns an SDK client with an
// access key of its own, so that no other test's tables are in its way.
func Client(t testing.TB) *dynamodb.Client {
	t.Helper()
	key := rand.Text()
	return table.ClientFor(Start(t), func(o *dynamodb.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: key}, nil
		})
	})
}

// shared is the one process of this test binary.
var shared process

type process struct {
	mu       sync.Mutex
	users    int
	cmd      *exec.Cmd
	endpoint string
	err      error // of an attempt that failed; it is not repeated
}

func (p *process) start() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && p.cmd == nil {
		p.cmd, p.endpoint, p.err = launch()
	}
	if p.err != nil {
		return "", p.err
	}
	p.users++
	return p.endpoint, nil
}

// release ends the process after its last user where the system would not do
// so when the test binary is gone.
func (p *process) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.users > 0 || daemon.DiesWithParent {
		return
	}
	_ = p.cmd.Process.Kill()
	p.cmd = nil
}

func launch() (*exec.Cmd, string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, "", fmt.Errorf("cannot find java (install a Java 17 runtime): %w", err)
	}
	libraries, err := resolve()
	if err != nil {
		return nil, "", err
	}
	return run(java, libraries)
}

// resolve returns the directory with the artifact and all it needs, and has
// Maven fill it if that was not done before.
func resolve() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the cache directory (set HOME): %w", err)
	}
	base := filepath.Join(cache, "logtable")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", fmt.Errorf("cannot create the cache directory: %w", err)
	}
	libraries := filepath.Join(base, artifact+"-"+version)
	// Test binaries run side by side, and Maven's repository is not made for
	// two Mavens.
	unlock, err := lock(filepath.Join(base, artifact+".lock"))
	if err != nil {
		return "", fmt.Errorf("cannot lock the cache directory: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(libraries); err == nil {
		return libraries, nil
	}
	work, err := os.MkdirTemp(base, "resolving-")
	if err != nil {
		return "", fmt.Errorf("cannot create a directory in the cache: %w", err)
	}
	defer os.RemoveAll(work)
	filled := filepath.Join(work, "lib")
	if err := runMaven(work, filled); err != nil {
		return "", err
	}
	if err := os.Rename(filled, libraries); err != nil {
		return "", fmt.Errorf("cannot keep what Maven resolved: %w", err)
	}
	return libraries, nil
}

func runMaven(work, destination string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("cannot find mvn (install Maven): %w", err)
	}
	pom := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(pom, []byte(project), 0o644); err != nil {
		return fmt.Errorf("cannot write the Maven project: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, maven, "-B", "-q", "-f", pom, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+destination)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot resolve %s:%s:%s (see whether Maven reaches its repository): %w\n%s", group,
			artifact, version, err, out)
	}
	return nil
}

// project is the Maven project whose only dependency is DynamoDB Local.
const project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>logtable</groupId>
  <artifactId>dynamodb-local-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>` + group + `</groupId>
      <artifactId>` + artifact + `</artifactId>
      <version>` + version + `</version>
    </dependency>
  </dependencies>
</project>
`

// run starts the JVM on a free port and returns when it answers.
func run(java, libraries string) (*exec.Cmd, string, error) {
	return daemon.Start("DynamoDB Local", func(port string) *exec.Cmd {
		cmd := exec.Command(java,
			// Compiled once and collected serially it is up in half the time.
			"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx192m", "-Xshare:auto",
			"-Dsqlite4java.library.path="+libraries,
			"-cp", filepath.Join(libraries, "*"), mainClass,
			"-inMemory", "-disableTelemetry", "-port", port)
		// Nothing that is set for the AWS SDK or for other Java programs here
		// may change what it does.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
			"JAVA_HOME=" + os.Getenv("JAVA_HOME"), "TMPDIR=" + os.TempDir()}
		cmd.Dir = os.TempDir()
		return cmd
	})
}
