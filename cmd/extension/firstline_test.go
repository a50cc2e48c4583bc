package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// isFirstLine reports whether a line of the log is the one that every process
// begins with.
func isFirstLine(line string) bool {
	return strings.Contains(line, `"logtable":"started"`) && strings.Contains(line, `"key_sha256":"`)
}

func withoutFirstLines(log string) string {
	var rest strings.Builder
	for line := range strings.Lines(log) {
		if !isFirstLine(line) {
			rest.WriteString(line)
		}
	}
	return rest.String()
}

// inPipe reads what is in a pipe, and does not wait for more.
func inPipe(pipe *os.File) []byte {
	buf, n := make([]byte, 64<<10), 0
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Read(func(fd uintptr) bool {
			n, _ = syscall.Read(int(fd), buf)
			return true
		})
	}
	return buf[:max(n, 0)]
}

// TestTheFirstLine: the process has said which key it will sign with before it
// asks to be registered. Lambda starts the function after the registration, so
// nothing that the function prints can come before.
func TestTheFirstLine(t *testing.T) {
	testkit.Slow(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	registered := make(chan []byte, 1)
	lambda := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/register") {
			select {
			case registered <- inPipe(read):
			default:
			}
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer lambda.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, extension)
	// The tests' own variables would be settings that it does not know.
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LOGTABLE_") })
	cmd.Env = append(environ, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(lambda.URL, "http://"))
	cmd.Stderr = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it is killed
	defer cmd.Process.Kill()
	select {
	case log := <-registered:
		var line struct {
			Time, Level, Logtable, Version string
			Commitment                     string `json:"key_sha256"`
		}
		first, rest, _ := bytes.Cut(log, []byte("\n"))
		if err := json.Unmarshal(first, &line); err != nil || line.Logtable == "" || line.Version != "devel" ||
			line.Level != "INFO" || len(line.Commitment) != 43 || len(rest) > 0 {
			t.Errorf("at the registration the log holds %q: %v", log, err)
		}
		if len(first) > 180 {
			t.Errorf("the first line has %d bytes, which every cold start pays for", len(first))
		}
	case <-ctx.Done():
		t.Fatal("no registration")
	}
}
