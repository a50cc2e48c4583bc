package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/layer/build"
)

// builtExtension builds the extension as the layer has it.
func builtExtension(t *testing.T) string {
	t.Helper()
	testkit.Slow(t)
	path := filepath.Join(t.TempDir(), "logtable")
	cmd := exec.Command("go", "build", "-tags", build.Tags, "-o", path, "../extension")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the extension: %v\n%s", err, out)
	}
	return path
}

// The real program, which is the extension, too.
func TestDemoShowsEveryLanguageAndLosesNothing(t *testing.T) {
	for _, language := range []string{"python3", "node", "curl"} {
		testkit.Program(t, language)
	}
	cmd, stderr := toolCommand(t, nil, "demo", "--examples", "../../examples")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v, stderr:\n%s\nstdout:\n%s", err, stderr, &stdout)
	}
	for _, want := range []string{
		"hello Ada, from Go", "hello Ada, from Python", "hello Ada, from Node.js", "hello Ada, from bash",
		"KeyError: 'pears'", "TypeError: ", "No such file or directory", `parsing "seven"`,
		"the last line before the time-out", "the last line before the crash",
		"26 lines printed, 26 rows stored (15 informational, 11 errors): nothing lost",
		"2 more rows record how the failing functions ended",
		"platform.timeout", "platform.crash", "Last lines:",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the demo does not show %q:\n%s", want, &stdout)
		}
	}
	inOrder := regexp.MustCompile(`(?s)  go  .*  python .*  node .*  bash .*  timeout .*  crash ` +
		`.*hello Ada, from Go.*hello Ada, from Python.*hello Ada, from Node.js.*hello Ada, from bash`)
	if !inOrder.MatchString(stdout.String()) {
		t.Errorf("the samples, or their rows, are in another order:\n%s", &stdout)
	}
	oneStory := regexp.MustCompile(`(?s)3 invocations of 3 functions, 9 rows, 1 error, .*--> story-node .*order taken` +
		`.*--> story-python .*parcel queued.*<-- story-python .*3 items reserved.*<-- story-node ` +
		`.*--> story-go .*parcel packed.*cannot ship.*no carrier on Sundays.*<-- story-go `)
	if !oneStory.MatchString(stdout.String()) {
		t.Errorf("the three functions do not tell one story:\n%s", &stdout)
	}
}

func TestDemoOnAMachineWithoutTheLanguages(t *testing.T) {
	goTool := testkit.Program(t, "go")
	extension := builtExtension(t)
	bin := t.TempDir()
	if err := os.Symlink(goTool, filepath.Join(bin, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" -buildvcs=false") // no git there either
	t.Setenv("CGO_ENABLED", "0")
	var stdout, stderr bytes.Buffer
	args := []string{"demo", "--extension", extension, "--examples", "../../examples"}
	code := run(t.Context(), args, os.Getenv, nil, &stdout, &stderr)
	if code != 0 {
		t.Fatalf("exit code %d, stderr:\n%s\nstdout:\n%s", code, &stderr, &stdout)
	}
	for _, want := range []string{
		"skipped: python3 is not installed", "skipped: node is not installed", "hello Ada, from Go",
		"the last line before the crash", "nothing lost",
		"a request through 3 functions  skipped: node is not installed",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the demo does not say %q:\n%s", want, &stdout)
		}
	}
}

func TestDemoKeptRunningIsInvokedByHand(t *testing.T) {
	goTool := testkit.Program(t, "go")
	bin := t.TempDir()
	extension := builtExtension(t)
	if err := os.Symlink(goTool, filepath.Join(bin, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin) // Go alone: quicker
	t.Setenv("CGO_ENABLED", "0")
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		args := []string{"demo", "--keep", "--extension", extension, "--examples", "../../examples"}
		ended <- run(ctx, args, os.Getenv, nil, w, io.Discard)
		w.Close()
	}()
	var invoke, endpoint string
	lines := bufio.NewScanner(r)
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C") {
		if m := regexp.MustCompile(`(http://\S+/go)$`).FindStringSubmatch(lines.Text()); m != nil {
			invoke = m[1]
		}
		if m := regexp.MustCompile(`--endpoint-url (\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			endpoint = m[1]
		}
	}
	go io.Copy(io.Discard, r)
	if invoke == "" || endpoint == "" {
		t.Fatalf("invoke at %q, tables at %q", invoke, endpoint)
	}
	resp, err := http.Post(invoke, "application/json", strings.NewReader(`{"name":"Margaret"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.HasPrefix(string(answer), `"hello Margaret"`) {
		t.Errorf("answer %q", answer)
	}
	var stdout, stderr bytes.Buffer
	noEnv := func(string) string { return "" }
	code := run(ctx, []string{"query", "--endpoint-url", endpoint}, noEnv, nil, &stdout, &stderr)
	if code != 0 || !strings.Contains(stdout.String(), "hello Margaret, from Go") {
		t.Errorf("query: %d\n%s%s", code, &stdout, &stderr)
	}
	for _, refused := range []struct{ path, body string }{{"/nobody", "{}"}, {"/go", "no JSON"}} {
		resp, err := http.Post(strings.TrimSuffix(invoke, "/go")+refused.path, "", strings.NewReader(refused.body))
		if err != nil || resp.StatusCode < 400 {
			t.Errorf("%v: %v, %v", refused, resp, err)
		}
	}
	stop()
	if code := <-ended; code > 1 {
		t.Errorf("exit code %d", code)
	}
}

func TestDemoSaysWhatIsMissing(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"demo", "--extension", "/nowhere"}, os.Getenv, nil, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "make demo") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// The extension says the same, with the same exit code, as the layer's binary.
func TestExtensionIsNotForThePrompt(t *testing.T) {
	cmd, stderr := toolCommand(t, nil, "extension")
	if code := exitCode(t, cmd.Run()); code != 2 || !strings.Contains(stderr.String(), "cannot run by itself") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
