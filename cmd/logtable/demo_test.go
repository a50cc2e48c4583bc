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

// The real program, which is the extension and has the samples, too: in an
// empty folder.
func TestDemoShowsEveryLanguageAndLosesNothing(t *testing.T) {
	for _, language := range []string{"python3", "node", "curl"} {
		testkit.Program(t, language)
	}
	cmd, stderr := toolCommand(t, nil, "demo")
	cmd.Env, cmd.Dir = append(os.Environ(), "TMPDIR="+t.TempDir()), t.TempDir()
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
		"2 more rows record how the failing functions ended", "examples/python/handler.py",
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
	for _, language := range []string{"go", "python3", "node"} {
		testkit.Program(t, language)
	}
	extension := builtExtension(t)
	t.Setenv("CGO_ENABLED", "0") // quicker
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		args := []string{"demo", "--keep", "--extension", extension, "-e", "LOGTABLE_APP_VERSION=1.4"}
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
	// It has shown the last rows: what comes next is new to it.
	tail := follow(t, nil, "-o", "jsonl", "--endpoint-url", endpoint)
	tail.want("{")
	begin := time.Now()
	resp, err := http.Post(invoke, "application/json", strings.NewReader(`{"name":"Margaret"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.HasPrefix(string(answer), `"hello Margaret"`) {
		t.Errorf("answer %q", answer)
	}
	tail.want("hello Margaret, from Go")
	t.Logf("tail -f shows it %v after the request", time.Since(begin).Round(time.Millisecond))
	tail.stop()
	story := strings.TrimSuffix(invoke, "/go") + "/story-node"
	if resp, err = http.Post(story, "", strings.NewReader(`{"order":18}`)); err != nil {
		t.Fatal(err)
	}
	answer, _ = io.ReadAll(resp.Body)
	resp.Body.Close()
	var stdout, stderr bytes.Buffer
	noEnv := func(string) string { return "" }
	code := run(ctx, []string{"query", "--endpoint-url", endpoint, "-v"}, noEnv, nil, &stdout, &stderr)
	for _, want := range []string{"hello Margaret, from Go", "parcel packed  order=18", "version 1.4"} {
		if code != 0 || !strings.Contains(stdout.String(), want) {
			t.Errorf("query: %d, want %q; the story answered %s\n%s%s", code, want, answer, &stdout, &stderr)
		}
	}
	for _, refused := range []struct{ path, body string }{{"/nobody", "{}"}, {"/go", "no JSON"}} {
		resp, err := http.Post(strings.TrimSuffix(invoke, "/go")+refused.path, "", strings.NewReader(refused.body))
		if err != nil || resp.StatusCode < 400 {
			t.Errorf("%v: %v, %v", refused, resp, err)
		}
	}
	// A web page may not run functions.
	page, err := http.NewRequestWithContext(ctx, http.MethodPost, invoke, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	page.Header.Set("Origin", "https://example.com")
	if resp, err := http.DefaultClient.Do(page); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page: %v, %v", resp, err)
	}
	stop()
	if code := <-ended; code > 1 {
		t.Errorf("exit code %d", code)
	}
}

func TestDemoSaysWhatIsMissing(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"demo", "--extension", "/nowhere"}, os.Getenv, nil, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "name it with --extension, or leave that out") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	stderr.Reset()
	t.Setenv("PATH", t.TempDir())
	code = run(t.Context(), []string{"demo"}, os.Getenv, nil, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "install python3, node, go, or bash and curl") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	code = run(t.Context(), []string{"demo", "-e", "LOGTABLE_FIELDS"}, os.Getenv, nil, &stdout, &stderr)
	if code != 2 || !strings.Contains(stderr.String(), "is not NAME=VALUE") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// A function of one's own, in place of the samples: a line that looks like one
// for the tables and becomes no row is not passed over. The Go tool, which
// cannot build anything here, is no reason to stop.
func TestDemoTellsOfLinesThatBecomeNoRows(t *testing.T) {
	examples, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"bash", "curl", "ls"} {
		if err := os.Symlink(testkit.Program(t, name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	noGo := []byte("#!/bin/sh\necho no network >&2; exit 1\n")
	if err := os.WriteFile(filepath.Join(bin, "go"), noGo, 0o755); err != nil {
		t.Fatal(err)
	}
	bootstrap, err := os.ReadFile("../../examples/bash/bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	dict := regexp.MustCompile(`(?m)printf '{"locator":"2".*$`).
		ReplaceAllString(string(bootstrap), `echo "{'level': 'ERROR'}"`)
	for name, content := range map[string]string{"bash/bootstrap": dict, "go/main.go": "package main"} {
		name = filepath.Join(examples, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd, _ := toolCommand(t, nil, "demo", "--examples", examples)
	cmd.Env = []string{"PATH=" + bin, "TMPDIR=" + t.TempDir()}
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		"skipped: go build: no network", "skipped: there is no folder python",
		"4 lines printed, 2 rows stored (2 informational, 0 errors): 2 lines not stored.",
		"2 × a Python dict: json.dumps it (lines bash:2, bash:4)",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not say %q:\n%s", want, out)
		}
	}
}

// The extension says the same, with the same exit code, as the layer's binary.
func TestExtensionIsNotForThePrompt(t *testing.T) {
	cmd, stderr := toolCommand(t, nil, "extension")
	if code := exitCode(t, cmd.Run()); code != 2 || !strings.Contains(stderr.String(), "cannot run by itself") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
