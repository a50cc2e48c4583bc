package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/sns"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

// toolDir is where tool builds; "" before.
var toolDir string

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(toolDir)
	os.Exit(code)
}

// tool builds the real program, once.
var tool = sync.OnceValues(func() (string, error) {
	var err error
	if toolDir, err = os.MkdirTemp("", "logtable-tool-"); err != nil {
		return "", err
	}
	path := filepath.Join(toolDir, "logtable")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// toolCommand is the real program with an empty environment but for env.
func toolCommand(t *testing.T, env map[string]string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	testkit.Slow(t)
	path, err := tool()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr = exec.CommandContext(t.Context(), path, args...), new(bytes.Buffer)
	nowhere := filepath.Join(t.TempDir(), "none")
	cmd.Env = []string{"HOME=" + nowhere, "TMPDIR=" + t.TempDir(), "AWS_MAX_ATTEMPTS=1",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + nowhere, "AWS_SHARED_CREDENTIALS_FILE=" + nowhere}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = stderr
	return cmd, stderr
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode() // -1 if it was ended by a signal
}

func TestExitCodes(t *testing.T) {
	server, env := tables(t)
	topics, err := sns.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	const topic = "arn:aws:sns:eu-central-1:123456789012:"
	topics.AddTopic(topic+"oncall", 1, 0)
	topics.AddTopic(topic+"empty", 0, 0)
	gone := table.Start(t)
	gone.Close()
	query := func(args ...string) []string {
		return append([]string{"query", "2026-11-22", "--endpoint-url", server.URL()}, args...)
	}
	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		code  int
	}{
		{"rows", query(), "", 0},
		{"no rows", query("--module", "nobody", "--exit-code"), "", 0},
		{"a count", []string{"stats", "2026-11-22", "--endpoint-url", server.URL()}, "", 0},
		{"nothing to count", []string{"stats", "--endpoint-url", server.URL()}, "", 0},
		{"no table to count", []string{"stats", "--endpoint-url", server.URL(), "--info-table", "nope"}, "", 1},
		{"no such group", []string{"stats", "--by", "color"}, "", 2},
		{"a version", []string{"version"}, "", 0},
		{"help", []string{"query", "--help"}, "", 0},
		{"nothing answers", []string{"query", "--endpoint-url", gone.URL()}, "", 1},
		{"no such table", query("--info-table", "nope"), "", 1},
		{"no such log", []string{"replay", "--dry-run", "/nowhere"}, "", 1},
		{"no such flag", query("--colour"), "", 2},
		{"no such command", []string{"qeury"}, "", 2},
		{"no such rate", []string{"import", "-", "--rate", "0"}, "", 2},
		{"rows that are not imported", []string{"import", "--dry-run", "-"}, "hello\n", 3},
		{"an export", []string{"export", "-", "2026-11-22", "--endpoint-url", server.URL()}, "", 0},
		{"rows that were asked about", query("--exit-code"), "", 3},
		{"and as JSON", query("--exit-code", "-o", "jsonl"), "", 3},
		{"records that are not taken", []string{"replay", "--dry-run", "-"}, lastResortLines(), 3},
		{"nothing to replay", []string{"replay", "--dry-run", "-"}, "a log\n", 0},
		{"an alert that somebody gets",
			[]string{"alert", "test", "--topic", topic + "oncall", "--endpoint-url", topics.URL()}, "", 0},
		{"an alert that nobody gets",
			[]string{"alert", "test", "--topic", topic + "empty", "--endpoint-url", topics.URL()}, "", 3},
		{"no such topic", []string{"alert", "test", "--topic", topic + "x", "--endpoint-url", topics.URL()}, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd, stderr := toolCommand(t, env, tc.args...)
			cmd.Stdin = strings.NewReader(tc.stdin)
			if got := exitCode(t, cmd.Run()); got != tc.code {
				t.Errorf("exit code %d, want %d\n%s", got, tc.code, stderr)
			}
		})
	}
}

// An interrupted command ends cleanly and says so, whatever it is waiting for.
func TestExitCodeOfAnInterruption(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		for name, args := range map[string][]string{
			"while a table is read":            {"query", "2026-11-22"},
			"while a table is written":         {"replay", "--info-table", "info", "--errors-table", "errors", "FILE"},
			"while somebody types (not) a log": {"replay", "--dry-run", "-"},
		} {
			t.Run(name+", "+signal.String(), func(t *testing.T) {
				server, env := tables(t)
				file := filepath.Join(t.TempDir(), "log")
				if err := os.WriteFile(file, []byte(signedLog(t, nil, false, entries(5)...)), 0o600); err != nil {
					t.Fatal(err)
				}
				waits := make(chan bool, 100)
				server.OnRequest(func(string, int, []byte) table.Fault {
					waits <- true
					return table.Fault{Delay: time.Minute}
				})
				for i, arg := range args {
					args[i] = strings.Replace(arg, "FILE", file, 1)
				}
				if args[1] != "--dry-run" {
					args = append(args, "--endpoint-url", server.URL())
				}
				cmd, stderr := toolCommand(t, env, args...)
				stdin, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				defer stdin.Close()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if args[1] == "--dry-run" {
					// More than a pipe holds: when all is written, some has
					// been read.
					if _, err := stdin.Write(bytes.Repeat([]byte("a line\n"), 50_000)); err != nil {
						t.Fatal(err)
					}
				} else {
					<-waits
				}
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if got := exitCode(t, cmd.Wait()); got != 130 ||
					!strings.Contains(stderr.String(), "logtable: interrupted\n") {
					t.Errorf("exit code %d, want 130: %s", got, stderr)
				}
			})
		}
	}
}

// Whoever reads the output may leave: that is not a failure, and needs no
// message.
func TestExitCodeOfABrokenPipe(t *testing.T) {
	server, env := tables(t)
	for _, args := range [][]string{{"-o", "jsonl"}, {"-o", "text"}, {"--exit-code"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		query := []string{"query", "2026-11-22", "--endpoint-url", server.URL()}
		cmd, stderr := toolCommand(t, env, append(query, args...)...)
		cmd.Stdout = write
		if got := exitCode(t, cmd.Run()); got != 141 || stderr.Len() > 0 {
			t.Errorf("%v: exit code %d, want 141: %s", args, got, stderr)
		}
		write.Close()
	}
}

// Every help has the table, and the same one.
func TestEveryHelpHasTheExitCodes(t *testing.T) {
	isolate(t)
	for _, command := range []string{
		"", "query", "export", "import", "replay", "alert", "alert test", "demo", "version",
	} {
		args := strings.Fields(command)
		got := logtable(t, nil, append(args, "--help")...)
		if got.code != exitOK || strings.Count(got.stdout, exitCodes) != 1 {
			t.Errorf("logtable %v --help:\n%s", args, got.stdout)
		}
	}
	if got := logtable(t, nil); strings.Count(got.stdout, exitCodes) != 1 {
		t.Errorf("logtable:\n%s", got.stdout)
	}
}
