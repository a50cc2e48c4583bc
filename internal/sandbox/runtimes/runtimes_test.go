package runtimes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

const requestID = "7f3a9c12-1111-4222-8333-444455556666"

// runtimeAPI hands out one invocation and keeps what is posted back.
type runtimeAPI struct {
	event  string
	given  bool
	posted chan posted
}

type posted struct {
	path string
	body string
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime")
	switch {
	case path != "/invocation/next":
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		a.posted <- posted{path, string(body)}
	case a.given: // no other invocation comes
		<-r.Context().Done()
	default:
		a.given = true // clients ask one after the other
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", requestID)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, a.event)
	}
}

// invoke runs a function for one invocation and returns what it posted and
// what it printed, stdout and stderr. A function that exits posts nothing.
func invoke(t *testing.T, command []string, event string, env ...string) (posted, string) {
	t.Helper()
	api := &runtimeAPI{event: event, posted: make(chan posted, 1)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // far more than any of them needs
	defer stop()
	server := &http.Server{Handler: api, BaseContext: func(net.Listener) context.Context { return ctx }}
	go server.Serve(listener)
	defer server.Close()

	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String(), "http_proxy=http://127.0.0.1:1")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = time.Second // a child such as curl may hold the output open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	var got posted
	select {
	case got = <-api.posted:
		cmd.Process.Kill()
		<-exited
	case <-exited:
		select {
		case got = <-api.posted: // posted and exited
		default:
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("the function neither answers nor exits; it printed:\n%s", output.String())
	}
	return got, output.String()
}

// handler writes a function's source into a directory of its own and returns
// the environment that names it.
func handler(t *testing.T, file, source string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"LAMBDA_TASK_ROOT=" + dir, "_HANDLER=" + strings.TrimSuffix(file, filepath.Ext(file)) + ".handler"}
}

func command(t *testing.T, language string) []string {
	t.Helper()
	place := map[string]func(string) ([]string, error){"python3": Python, "node": Node}[language]
	testkit.Program(t, language)
	argv, err := place(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return argv
}

// What the runtimes make of a function's logging; TS is a time and RID the
// request ID.
func TestLogForms(t *testing.T) {
	const pythonSource = `
import logging
logging.root.setLevel("INFO")
logging.info("in init")
def handler(event, context):
    print('{"n": 1}')
    logging.info('{"n": 1}')
    logging.warning("two\nlines")
    return [context.aws_request_id, context.get_remaining_time_in_millis() > 0, event]
`
	const nodeSource = `
console.log("in init");
export const handler = async (event, context) => {
  process.stdout.write('{"n":1}\n');
  console.log('{"n":1}');
  console.log("at %d", 7, { n: 1 });
  console.warn("two\nlines");
  console.error({ n: 1 });
  return [context.awsRequestId, context.getRemainingTimeInMillis() > 0, event];
};
`
	tests := []struct {
		language, file, source, format string
		want                           []string
	}{
		{"python3", "app.py", pythonSource, "Text", []string{
			"[INFO]\tTS\t\tin init", `{"n": 1}`, "[INFO]\tTS\tRID\t" + `{"n": 1}`, "[WARNING]\tTS\tRID\ttwo\rlines"}},
		{"python3", "app.py", pythonSource, "JSON", []string{
			`{"timestamp": "TS", "level": "INFO", "message": "in init", "logger": "root"}`, `{"n": 1}`,
			`{"timestamp": "TS", "level": "INFO", "message": "{\"n\": 1}", "logger": "root", "requestId": "RID"}`,
			`{"timestamp": "TS", "level": "WARNING", "message": "two\nlines", "logger": "root", "requestId": "RID"}`}},
		{"node", "app.mjs", nodeSource, "Text", []string{
			"TS\tundefined\tINFO\tin init", `{"n":1}`, "TS\tRID\tINFO\t" + `{"n":1}`, "TS\tRID\tINFO\tat 7 { n: 1 }",
			"TS\tRID\tWARN\ttwo\rlines", "TS\tRID\tERROR\t{ n: 1 }"}},
		{"node", "app.mjs", nodeSource, "JSON", []string{
			`{"timestamp":"TS","level":"INFO","message":"in init"}`, `{"n":1}`,
			`{"timestamp":"TS","level":"INFO","requestId":"RID","message":"{\"n\":1}"}`,
			`{"timestamp":"TS","level":"INFO","requestId":"RID","message":"at 7 { n: 1 }"}`,
			`{"timestamp":"TS","level":"WARN","requestId":"RID","message":"two\nlines"}`,
			`{"timestamp":"TS","level":"ERROR","requestId":"RID","message":{"n":1}}`}},
	}
	for _, tt := range tests {
		t.Run(tt.language+" "+tt.format, func(t *testing.T) {
			argv := command(t, tt.language)
			env := append(handler(t, tt.file, tt.source), "AWS_LAMBDA_LOG_FORMAT="+tt.format)
			got, output := invoke(t, argv, `{"name":"Ada"}`, env...)
			if got.path != "/invocation/"+requestID+"/response" {
				t.Errorf("posted to %s", got.path)
			}
			if body := strings.ReplaceAll(got.body, " ", ""); body != `["`+requestID+`",true,{"name":"Ada"}]` {
				t.Errorf("the response is %s", got.body)
			}
			if want := strings.Join(tt.want, "\n") + "\n"; normal(output) != want {
				t.Errorf("printed\n%s\nwant\n%s", normal(output), want)
			}
		})
	}
}

var timeStamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z`)

func normal(output string) string {
	return timeStamp.ReplaceAllString(strings.ReplaceAll(output, requestID, "RID"), "TS")
}

// An error that the function does not catch is printed as one entry and told
// to the Runtime API, in an invocation or in init.
func TestUncaughtErrors(t *testing.T) {
	invocation := "/invocation/" + requestID + "/error"
	tests := []struct {
		language, file, source string
		path, printed          string
	}{
		{"python3", "app.py", "def handler(event, context):\n    raise ValueError('no\\nway')\n", invocation,
			`^\[ERROR\] ValueError: no\rway\rTraceback \(most recent call last\):\r  File "[^"]*app\.py", line 2, in ` +
				`handler\r[^\n]*\n$`},
		{"python3", "app.py", "raise ValueError('no way')\n", "/init/error",
			`^\[ERROR\] ValueError: no way\rTraceback[^\n]*\n$`},
		{"node", "app.mjs", "export const handler = async () => { throw new RangeError('no way'); };", invocation,
			`^TS\tRID\tERROR\tInvoke Error \t\{"errorType":"RangeError","errorMessage":"no ` +
				`way","stack":\["RangeError: no way","[^\n]*\]\}\n$`},
		{"node", "app.mjs", "throw new RangeError('no way');", "/init/error",
			`^TS\tundefined\tERROR\tInit Error \t\{"errorType":"RangeError"[^\n]*\n$`},
	}
	for _, tt := range tests {
		t.Run(tt.language+tt.path, func(t *testing.T) {
			argv := command(t, tt.language)
			got, output := invoke(t, argv, `{}`, handler(t, tt.file, tt.source)...)
			var fault struct{ ErrorType, ErrorMessage string }
			if err := json.Unmarshal([]byte(got.body), &fault); err != nil || got.path != tt.path ||
				fault.ErrorType == "" || fault.ErrorMessage == "" {
				t.Errorf("posted %+v, error %v; want an error to %s", got, err, tt.path)
			}
			if !regexp.MustCompile(tt.printed).MatchString(normal(output)) {
				t.Errorf("printed %q, want %s", normal(output), tt.printed)
			}
		})
	}
}

// Every example prints an informational line and an error, with an exception
// unless it dies of it, as a reader of the documents expects.
func TestExamples(t *testing.T) {
	examples, err := filepath.Abs(filepath.Join("..", "..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	python := func(t *testing.T) []string { return command(t, "python3") }
	tests := []struct {
		name, handler string
		command       func(t *testing.T) []string
		levels        []string
		answers       bool
	}{
		{"go", "bootstrap", buildGo("go"), []string{"INFO", "ERROR"}, true},
		{"python", "handler.handler", python, []string{"INFO", "ERROR"}, true},
		{"node", "index.handler", func(t *testing.T) []string { return command(t, "node") },
			[]string{"INFO", "ERROR"}, true},
		{"bash", "bootstrap", func(t *testing.T) []string {
			testkit.Program(t, "curl")
			return []string{testkit.Program(t, "bash"), filepath.Join(examples, "bash", "bootstrap")}
		}, []string{"INFO", "ERROR"}, true},
		{"crash", "bootstrap", buildGo("crash"), []string{"INFO", "ERROR"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			argv := tt.command(t)
			got, output := invoke(t, argv, `{"name":"Ada"}`, "LAMBDA_TASK_ROOT="+filepath.Join(examples, tt.name),
				"_HANDLER="+tt.handler)
			want := posted{"/invocation/" + requestID + "/response", `"hello Ada"`}
			if answered := got == want; answered != tt.answers {
				t.Errorf("posted %+v", got)
			}
			lines := loggedLines(t, output)
			if len(lines) != len(tt.levels) {
				t.Fatalf("printed %q, want %d lines", output, len(tt.levels))
			}
			if !strings.Contains(lines[0].Text, "Ada") {
				t.Errorf("the event's name is not in %q", lines[0].Text)
			}
			for i, line := range lines {
				if line.Locator == "" || line.Level != tt.levels[i] || line.Text == "" {
					t.Errorf("line %d is %+v, want a locator, level %s and a text", i, line, tt.levels[i])
				}
				if hasException := len(line.Exception) > 0 &&
					string(line.Exception) != "null"; hasException != (line.Level == "ERROR" && tt.answers) {
					t.Errorf("line %d has the exception %s", i, line.Exception)
				}
			}
		})
	}
}

// The time-out example prints its last line and then goes on for ever.
func TestTimeoutExamplePrintsThenHangs(t *testing.T) {
	argv := buildGo("timeout")(t)
	api := &runtimeAPI{event: `{"name":"Ada"}`, posted: make(chan posted, 1)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: api}
	go server.Serve(listener)
	defer server.Close()

	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String(),
		"_HANDLER=bootstrap")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(stdout)
	var output strings.Builder
	for scanner.Scan() && !strings.Contains(scanner.Text(), "last line") {
		output.WriteString(scanner.Text() + "\n")
	}
	output.WriteString(scanner.Text() + "\n")
	cmd.Process.Kill()
	cmd.Wait()
	if lines := loggedLines(t, output.String()); len(lines) != 2 || lines[1].Level != "ERROR" {
		t.Errorf("printed %q", output.String())
	}
	select {
	case got := <-api.posted:
		t.Errorf("it answered: %+v", got)
	default:
	}
}

func buildGo(name string) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		path := filepath.Join(t.TempDir(), "bootstrap")
		output, err := exec.Command("go", "build", "-o", path, "../../../examples/"+name).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		return []string{path}
	}
}

type loggedLine struct {
	Locator, Level, Text string
	Exception            json.RawMessage
}

// loggedLines reads the JSON lines of an output, behind Node's prefix too.
func loggedLines(t *testing.T, output string) []loggedLine {
	t.Helper()
	var lines []loggedLine
	for text := range strings.Lines(output) {
		var line loggedLine
		if i := strings.IndexByte(text, '{'); i < 0 || json.Unmarshal([]byte(text[i:]), &line) != nil {
			t.Errorf("printed a line that is not JSON: %q", text)
			continue
		}
		lines = append(lines, line)
	}
	return lines
}
