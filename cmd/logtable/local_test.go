package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// localProcess is `logtable local`, the real program, at work.
type localProcess struct {
	t              *testing.T
	cmd            *exec.Cmd
	tmp            string
	stderr         *bytes.Buffer
	lines          chan string
	said           strings.Builder // all lines that were read
	api, tables    string          // URLs
	apiLn, dynamos string          // their ports
}

// files are written into a directory of their own.
func files(t *testing.T, content map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startLocal is launchLocal, and waits until it is ready.
func startLocal(t *testing.T, dir string, env map[string]string, args ...string) *localProcess {
	t.Helper()
	p := launchLocal(t, dir, env, args...)
	p.await("Ctrl-C stops it.")
	for _, url := range regexp.MustCompile(`http://127\.0\.0\.1:(\d+)`).FindAllStringSubmatch(p.said.String(), -1) {
		if p.api == "" {
			p.api, p.apiLn = url[0], url[1]
		}
		p.tables, p.dynamos = url[0], url[1]
	}
	return p
}

// launchLocal starts the program in dir on free ports.
func launchLocal(t *testing.T, dir string, env map[string]string, args ...string) *localProcess {
	t.Helper()
	args = append([]string{"local", "--port", "0", "--tables-port", "0"}, args...)
	cmd, stderr := toolCommand(t, env, args...)
	p := &localProcess{t: t, cmd: cmd, tmp: t.TempDir(), stderr: stderr, lines: make(chan string, 10_000)}
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"), "TMPDIR="+p.tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		if t.Failed() {
			t.Logf("it said:\n%s\nstderr:\n%s", lastOf(p.said.String()), stderr)
		}
	})
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
	return p
}

// lastOf is the end of a long text.
func lastOf(text string) string { return text[max(len(text)-4000, 0):] }

// await reads on until a line has the text, and returns what was read.
func (p *localProcess) await(text string) string {
	p.t.Helper()
	began := p.said.Len()
	deadline := time.After(60 * time.Second)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("it ended before it said %q", text)
			}
			fmt.Fprintln(&p.said, line)
			if strings.Contains(line, text) {
				return p.said.String()[began:]
			}
		case <-deadline:
			p.t.Fatalf("it has not said %q", text)
		}
	}
}

// post invokes the function.
func (p *localProcess) post(event string) string {
	p.t.Helper()
	resp, err := http.Post(p.api+"/", "application/json", strings.NewReader(event))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}

// end sends signals and holds that nothing is left.
func (p *localProcess) end(signals ...syscall.Signal) {
	p.t.Helper()
	for i, s := range signals {
		if i > 0 {
			p.await("said of SHUTDOWN")
		}
		if err := p.cmd.Process.Signal(s); err != nil {
			p.t.Fatal(err)
		}
	}
	for line := range p.lines {
		fmt.Fprintln(&p.said, line)
	}
	if code := exitCode(p.t, p.cmd.Wait()); code != exitInterrupted {
		p.t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	p.nothingLeft()
}

// nothingLeft holds that neither a file nor a process is left of it.
func (p *localProcess) nothingLeft() {
	p.t.Helper()
	left, err := os.ReadDir(p.tmp)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range left {
		p.t.Errorf("%s is left in the directory for temporary files", file.Name())
	}
	for _, file := range p.processes() {
		p.t.Errorf("the process of %s is left", file)
	}
}

// processes are the files of those that the program has started, as far as
// there are such files. The function's have its directory in their
// environment, the extension's that for temporary files.
func (p *localProcess) processes() (all []string) {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environs {
		text, _ := os.ReadFile(file) // nothing of what has ended since
		if bytes.Contains(text, []byte("="+p.cmd.Dir+"\x00")) || bytes.Contains(text, []byte("="+p.tmp+"/")) {
			all = append(all, file)
		}
	}
	return all
}

const greeter = `import json, os
def handler(event, context):
    print(json.dumps({"locator": "1", "level": "INFO", "text": "hello " + event["name"] + " " + os.environ["STAGE"]}))
    print({"locator": "2", "level": "INFO"})
    print("SECRET" in os.environ, os.environ["HOME"], os.environ["AWS_ACCESS_KEY_ID"], os.environ["LEFT"])
    return [context.function_name, context.memory_limit_in_mb, context.get_remaining_time_in_millis() > 3000]
`

const dotenv = "LEFT=over\nAWS_REGION=x\nSTAGE=of the file\nLOGTABLE_INFO_TABLE=info\n"

// A function is run, invoked, changed and ended, and its rows are read.
func TestLocal(t *testing.T) {
	testkit.Program(t, "python3")
	dir := files(t, map[string]string{"handler.py": greeter, ".env": dotenv})
	p := startLocal(t, dir, map[string]string{
		"SECRET": "s", "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real", "LOGTABLE_FIELDS": "pino",
	}, "--python", "handler.handler", "--reload", "--name", "greeter", "--timeout", "30", "--memory", "256",
		"-e", "STAGE=test")
	if got, want := p.post(`{"name":"Ada"}`), `["greeter", "256", true]`; got != want {
		t.Errorf("the response is %s, want %s", got, want)
	}
	said := p.await("REPORT")
	for _, want := range []string{
		`  | {"locator": "1"`, "hello Ada test", "    no row: a Python dict: json.dumps it", "success in ",
		"INFO", "  greeter  (1)  hello Ada test", "  | False ", "SANDBOXACCESSKEY0000 over",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if got := logtable(t, nil, "query", "--since", "1h", "--info-table", "info",
		"--endpoint-url", p.tables); got.code != exitOK ||
		strings.Count(got.stdout, "hello Ada test") != 1 {
		t.Errorf("%+v", got)
	}

	for _, url := range []string{p.api, p.tables} {
		for name, value := range map[string]string{"Origin": "http://127.0.0.1:8080", "Host": "rebound.example.com"} {
			body := strings.NewReader(`{"name":"Eve"}`)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", body)
			if err != nil {
				t.Fatal(err)
			}
			if req.Header.Set(name, value); name == "Host" {
				req.Host = value
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with the %s %s: %s", url, name, value, resp.Status)
			}
		}
	}

	changed := strings.Replace(greeter, "hello", "good morning", 1)
	if err := os.WriteFile(filepath.Join(dir, "handler.py"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	p.await("RELOAD  handler.py changed")
	p.await("INIT ")
	p.post(`{"name":"Bob"}`)
	said = p.await("REPORT")
	if !strings.Contains(said, "(1)  good morning Bob test") || strings.Contains(said, "Eve") {
		t.Errorf("the change is not seen:\n%s", said)
	}
	p.end(syscall.SIGINT)
	if got := p.stderr.String(); !strings.Contains(got, ".env: AWS_REGION left out") ||
		!strings.HasSuffix(got, "logtable: interrupted\n") {
		t.Errorf("standard error: %s", got)
	}
}

const villain = `import json, os, signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handler(event, context):
    print(json.dumps({"locator": "1", "level": "INFO", "text": event["do"]}))
    if event["do"] == "listen":
        for port in event["ports"]:
            socket.create_server(("127.0.0.1", port))
    if event["do"] == "fork":
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                while True:
                    time.sleep(60)
    while event["do"] == "flood":
        print("x" * 100)
    while event["do"] == "hang":
        time.sleep(60)
`

// What a function may do to the rig costs it an error, and nothing is left.
func TestLocalVillains(t *testing.T) {
	testkit.Program(t, "python3")
	p := startLocal(t, files(t, map[string]string{"handler.py": villain}), nil,
		"--python", "handler.handler", "--timeout", "2", "--log-format", "JSON")
	expect := func(event, report string) {
		t.Helper()
		p.post(event)
		if said := p.await("REPORT"); !strings.Contains(said, report) || !strings.Contains(said, "(1) ") {
			t.Errorf("%s: %s", event, said)
		}
	}
	ports := `{"do":"listen","ports":[%s]}`
	expect(fmt.Sprintf(ports, p.apiLn), "Address already in use")
	expect(fmt.Sprintf(ports, p.dynamos), "Address already in use")
	expect(`{"do":"fork"}`, "success")
	p.post(`{"do":"flood"}`)
	if said := p.await("REPORT"); !strings.Contains(said, " more lines") ||
		!strings.Contains(said, "Task timed out after 2.00 seconds") || strings.Count(said, "\n") > 2*shownLines {
		t.Errorf("a flood: %d lines, the last of them %s", strings.Count(said, "\n"), lastOf(said))
	}
	expect(`{"do":"fork"}`, "success")
	go http.Post(p.api+"/", "", strings.NewReader(`{"do":"hang"}`))
	p.await(`"text": "hang"`)
	p.end(syscall.SIGHUP)
	if said := p.said.String(); !regexp.MustCompile(`\(1\) +hang\b`).MatchString(said) {
		t.Errorf("the row of the last line is not seen:\n%s", lastOf(said))
	}
}

// It can be ended while the function starts, and killed with no process left.
func TestLocalEndsAtAnyTime(t *testing.T) {
	testkit.Program(t, "python3")
	dir := files(t, map[string]string{
		"slow.py":    "import time\nprint('loading', flush=True)\ntime.sleep(60)\n",
		"handler.py": "def handler(event, context):\n    pass\n",
	})
	p := launchLocal(t, dir, nil, "--python", "slow.handler")
	p.await("  | loading")
	p.end(syscall.SIGINT)

	if runtime.GOOS != "linux" {
		return
	}
	p = startLocal(t, dir, nil, "--python", "handler.handler", "--event", "/dev/stdin")
	p.await("REPORT") // everything is frozen
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.cmd.Wait()
	for deadline := time.Now().Add(30 * time.Second); len(p.processes()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("what was started by a killed program is left: %v", p.processes())
		}
	}
}

// An extension that does not go at SHUTDOWN goes with the second signal.
const stubborn = `#!/usr/bin/env bash
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
id=$(curl -sS --noproxy '*' -D - -o /dev/null -H "Lambda-Extension-Name: $(basename "$0")" \
  -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" |
  tr -d '\r' | sed -n 's/^Lambda-Extension-Identifier: //Ip')
while :; do
  event=$(curl -sS --noproxy '*' -H "Lambda-Extension-Identifier: $id" "$api/event/next")
  case $event in
    *SHUTDOWN*) echo said of SHUTDOWN; sleep 60 ;;
    *) echo said of INVOKE ;;
  esac
done
`

// --event invokes, --once ends, other extensions run beside Logtable or instead
// of it.
func TestLocalExtensions(t *testing.T) {
	for _, program := range []string{"python3", "bash", "curl"} {
		testkit.Program(t, program)
	}
	dir := files(t, map[string]string{
		"handler.py": "def handler(event, context):\n    return event['n'] / 2\n", "stubborn": stubborn,
		"good.json": `{"n": 2}`, "bad.json": `{}`,
	})
	p := startLocal(t, dir, nil, "--python", "handler.handler", "--event", "good.json",
		"--extension", "stubborn", "--no-logtable")
	if said := p.await("RESPONSE"); !strings.Contains(said, "RESPONSE 1.0") ||
		!strings.Contains(said, "  extension | said of INVOKE") {
		t.Errorf("%s", said)
	}
	p.end(syscall.SIGTERM, syscall.SIGTERM)

	for file, want := range map[string]int{"good.json": exitOK, "bad.json": exitError} {
		cmd, stderr := toolCommand(t, nil, "local", "--port", "0", "--tables-port", "0", "--python", "handler.handler",
			"--event", file, "--once", "--extension", "stubborn")
		cmd.Dir, p.tmp = dir, t.TempDir()
		cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"), "TMPDIR="+p.tmp)
		out, err := cmd.Output()
		if !strings.Contains(string(out), "Lambda does not allow: stubborn: killed: still running") {
			t.Errorf("%s: not said what Lambda does not allow:\n%s", file, out)
		}
		if code := exitCode(t, err); code != want || want == exitError &&
			!strings.Contains(stderr.String(), "logtable: the function failed: Function.KeyError") {
			t.Errorf("%s: exit code %d, want %d; %s\n%s", file, code, want, stderr, out)
		}
		p.nothingLeft()
	}
}

func TestLocalUsage(t *testing.T) {
	python := files(t, map[string]string{"lambda_function.py": ""})
	custom := files(t, map[string]string{"bootstrap": ""})
	if err := os.WriteFile(filepath.Join(custom, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"write logtable local --python lambda_function.lambda_handler " + python, []string{python}},
		{"There is bootstrap: write logtable local " + custom + " -- ./bootstrap", []string{custom}},
		{"Write --python FILE.FUNCTION, --node FILE.FUNCTION or ", []string{t.TempDir()}},
		{"nowhere is not a directory", []string{"nowhere", "--python", "a.b"}},
		{"exclude each other", []string{"--python", "a.b", "--node", "a.b"}},
		{"2 arguments are too many", []string{"a", "b", "--python", "a.b"}},
		{"--timeout 901 is not", []string{"--python", "a.b", "--timeout", "901"}},
		{"--memory 64 is not", []string{"--python", "a.b", "--memory", "64"}},
		{"--no-logtable leaves no extension", []string{"--python", "a.b", "--no-logtable"}},
		{"write --event FILE, too", []string{"--python", "a.b", "--once"}},
		{"--once and --reload exclude",
			[]string{"--python", "a.b", "--once", "--reload", "--event", "x"}},
		{"plain is not executable: chmod +x", []string{custom, "--", "./plain"}},
		{"cannot find the function's command", []string{custom, "--", "./nothing"}},
		{"a file in DIR is ./bootstrap", []string{custom, "--", "bootstrap"}},
		{"cannot read the event", []string{"--python", "a.b", "--event", "nowhere.json"}},
		{"the event - is not valid JSON", []string{"--python", "a.b", "--event", "-"}},
		{"-e AWS_REGION: Lambda lets nobody", []string{custom, "-e", "AWS_REGION=x", "--", "./bootstrap"}},
		{"--pass-env NOPE: there is no", []string{custom, "--pass-env", "NOPE", "--", "./bootstrap"}},
		{`--endpoint-url "x" is not a valid URL`, []string{custom, "--endpoint-url", "x", "--", "./bootstrap"}},
		{"cannot use another extension",
			[]string{custom, "--extension", "/nowhere/at", "--", "./bootstrap"}},
	} {
		t.Setenv("TMPDIR", t.TempDir())
		var stdout, stderr bytes.Buffer
		want, args := tc.want, append([]string{"local", "--port", "0", "--tables-port", "0"}, tc.args...)
		nothing := func(string) string { return "" }
		code := run(t.Context(), args, nothing, strings.NewReader("{'a': 1}"), &stdout, &stderr)
		if code == exitOK || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, %s%s, want %q", args, code, &stdout, &stderr, want)
		}
		if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
			t.Errorf("%q leaves %v, %v", args, left, err)
		}
	}
}

// --local goes to the endpoint, whatever account the environment names.
func TestLocalAccount(t *testing.T) {
	sh := &shell{getenv: func(string) string { return "" }}
	t.Setenv("AWS_PROFILE", "nowhere")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	a, err := connect(t.Context(), sh, &accountFlags{local: true})
	if err != nil || a.where() != "at http://127.0.0.1:9001" || a.profile != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	keys, err := a.client.Options().Credentials.Retrieve(t.Context())
	if err != nil || keys.AccessKeyID != "local" {
		t.Errorf("%+v, %v", keys, err)
	}
	for _, f := range []accountFlags{{endpointURL: "http://127.0.0.1:1"}, {profile: "p"}, {region: "r"}} {
		f.local = true
		_, err := connect(t.Context(), sh, &f)
		if err == nil || !strings.Contains(err.Error(), "--local names an endpoint") {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
