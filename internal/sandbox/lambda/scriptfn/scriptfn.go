// Package scriptfn is a Lambda function whose payload says what it does, so
// that tests can tell a story without another language. It speaks the Runtime
// API by itself and knows nothing of the sandbox.
//
// A test binary becomes the function when it is started again:
//
//	if os.Getenv(scriptfn.Switch) == "1" {
//		scriptfn.Main()
//	}
//
// The payload is {"steps":[…]}, see [Step]. Any other payload is echoed.
package scriptfn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Environment variables that the function heeds.
const (
	// Switch set to "1" makes a test binary the function; see the package.
	Switch = "LOGTABLE_SCRIPT_FUNCTION"
	// Init holds what happens before the first invocation: a JSON array of
	// steps, or text to print as a line. An error step is an init error.
	Init = "LOGTABLE_SCRIPT_INIT"
)

// Step is one thing the function does; the members of one step take effect in
// the order they have here. {request_id} in text becomes the invocation's
// request ID, {trace} its trace header, {n} the count within Times.
type Step struct {
	// SleepMs passes time.
	SleepMs int `json:"sleep_ms"`
	// LatePrintMs has the texts of this step written that much later, by a
	// goroutine that outlives the invocation.
	LatePrintMs *int `json:"late_print_ms"`
	// Print writes a line to stdout, Stderr one to stderr, PrintRaw text
	// without a newline to stdout.
	Print    *string `json:"print"`
	Stderr   *string `json:"stderr"`
	PrintRaw *string `json:"print_raw"`
	// Times repeats the texts. With Number each has its number, from 1, at
	// {n} or at its end.
	Times  int  `json:"times"`
	Number bool `json:"number"`
	// Respond answers the invocation; the steps that follow run before the
	// next one. Without Respond or Error the answer is null, at the end.
	Respond json.RawMessage `json:"respond,omitempty"`
	// Error answers with an error: a message, or an object with errorType
	// and errorMessage.
	Error json.RawMessage `json:"error,omitempty"`
	// Exit ends the process with this code, Kill with SIGKILL, and Hang
	// never comes to an end.
	Exit *int `json:"exit"`
	Kill bool `json:"kill"`
	Hang bool `json:"hang"`
}

type script struct {
	Steps []Step `json:"steps"`
}

// function is the process's state.
type function struct {
	api    string
	client *http.Client
}

// current is the open invocation.
type current struct {
	id       string // empty in init
	trace    string
	answered bool
}

// Main serves invocations and never returns. It exits with 0 when the Runtime
// API is gone.
func Main() {
	f := &function{
		api:    "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/",
		client: &http.Client{Transport: &http.Transport{}}, // no proxy, no time-out
	}
	f.init()
	// On a managed instance several invocations run at a time.
	workers, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
	for range workers - 1 {
		go f.work()
	}
	f.work()
}

func (f *function) work() {
	for {
		f.serve()
	}
}

func (f *function) init() {
	text := os.Getenv(Init)
	if text == "" {
		return
	}
	var steps []Step
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		fmt.Println(text)
		return
	}
	f.run(&current{}, steps)
}

func (f *function) serve() {
	resp, err := f.client.Get(f.api + "invocation/next")
	if err != nil {
		os.Exit(0)
	}
	payload, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		fmt.Fprintf(os.Stderr, "scriptfn: cannot get an invocation: %s %s\n", resp.Status, payload)
		os.Exit(1)
	}
	inv := &current{
		id: resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), trace: resp.Header.Get("Lambda-Runtime-Trace-Id"),
	}
	var s script
	if err := json.Unmarshal(payload, &s); err != nil || s.Steps == nil {
		f.answer(inv, "response", payload, "")
		return
	}
	f.run(inv, s.Steps)
	if !inv.answered {
		f.answer(inv, "response", []byte("null"), "")
	}
}

func (f *function) run(inv *current, steps []Step) {
	for _, s := range steps {
		f.step(inv, s)
	}
}

func (f *function) step(inv *current, s Step) {
	time.Sleep(time.Duration(s.SleepMs) * time.Millisecond)
	if s.LatePrintMs != nil {
		go func() {
			time.Sleep(time.Duration(*s.LatePrintMs) * time.Millisecond)
			s.write(inv)
		}()
	} else {
		s.write(inv)
	}
	switch {
	case s.Respond != nil:
		f.answer(inv, "response", s.Respond, "")
	case s.Error != nil:
		f.fail(inv, s.Error)
	}
	switch {
	case s.Exit != nil:
		os.Exit(*s.Exit)
	case s.Kill:
		killSelf()
	case s.Hang:
		for {
			time.Sleep(time.Hour)
		}
	}
}

// write writes the texts of s, each with one write(2) as most languages do.
func (s Step) write(inv *current) {
	for n := 1; n <= max(s.Times, 1); n++ {
		if s.Print != nil {
			io.WriteString(os.Stdout, s.text(*s.Print, inv, n)+"\n")
		}
		if s.Stderr != nil {
			io.WriteString(os.Stderr, s.text(*s.Stderr, inv, n)+"\n")
		}
		if s.PrintRaw != nil {
			io.WriteString(os.Stdout, s.text(*s.PrintRaw, inv, n))
		}
	}
}

func (s Step) text(t string, inv *current, n int) string {
	t = strings.NewReplacer("{request_id}", inv.id, "{trace}", inv.trace).Replace(t)
	if !s.Number {
		return t
	}
	if !strings.Contains(t, "{n}") {
		return t + " " + strconv.Itoa(n)
	}
	return strings.ReplaceAll(t, "{n}", strconv.Itoa(n))
}

type errorDocument struct {
	ErrorType    string   `json:"errorType"`
	ErrorMessage string   `json:"errorMessage"`
	StackTrace   []string `json:"stackTrace"`
}

// fail reports an error: of the invocation, or of init, which ends the
// process as managed runtimes do.
func (f *function) fail(inv *current, what json.RawMessage) {
	doc := errorDocument{ErrorType: "Function.ScriptedError", StackTrace: []string{}}
	if json.Unmarshal(what, &doc.ErrorMessage) != nil {
		json.Unmarshal(what, &doc)
	}
	body, _ := json.Marshal(doc)
	if inv.id == "" {
		f.post("init/error", body, doc.ErrorType)
		os.Exit(1)
	}
	f.answer(inv, "error", body, doc.ErrorType)
}

func (f *function) answer(inv *current, verb string, body []byte, errorType string) {
	inv.answered = true
	f.post("invocation/"+inv.id+"/"+verb, body, errorType)
}

func (f *function) post(path string, body []byte, errorType string) {
	req, err := http.NewRequest(http.MethodPost, f.api+path, bytes.NewReader(body))
	if err != nil {
		fmt.Fprintln(os.Stderr, "scriptfn: cannot answer:", err)
		os.Exit(1)
	}
	req.Header.Set("Content-Type", "application/json")
	if errorType != "" {
		req.Header.Set("Lambda-Runtime-Function-Error-Type", errorType)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		os.Exit(0)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusAccepted {
		fmt.Fprintf(os.Stderr, "scriptfn: answer refused: %s\n", resp.Status)
	}
}

func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill()
	}
	for { // the signal needs no return to take effect
		time.Sleep(time.Hour)
	}
}
